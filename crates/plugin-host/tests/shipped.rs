//! The plugins that ship, through the real VM and over real sockets.

#![cfg(test)]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use common::*;
use slugline_core::port::{
    Announcement, ChangePlanRequest, Keep, Policies, ProviderError, Providers, ProvisionRequest,
    RollbackRequest,
};
use slugline_core::release::Version;
use slugline_core::resource::{Options, Provision, Resource, ResourceId};
use slugline_plugin_host::{Limits, PluginHost, Settings, SmtpSecurity, SmtpSettings};

/// A folder with a program called `memcached` in it, as a PATH.
fn path_with_memcached() -> (tempfile::TempDir, String) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("memcached");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("/nonexistent:{}", folder.path().display());
    (folder, path)
}

fn provision(
    host: &PluginHost,
    name: &str,
    options: &[(&str, &str)],
    taken_ports: &[u16],
) -> Result<Provision, ProviderError> {
    let option = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let options: Options = options.iter().map(option).collect();
    host.provision(&ProvisionRequest {
        app: &app(),
        id: &id(),
        plan: &plan(name),
        options: &options,
        taken_ports,
    })
}

#[test]
fn all_are_listed_with_what_they_offer() {
    let host = shipped(settings());
    let shown = host.plugins().into_iter().map(|plugin| {
        format!(
            "{} {} {:?} {:?} {:?} {:?}",
            plugin.name,
            plugin.source,
            plugin.hooks,
            plugin.services,
            plugin.tiers,
            plugin.permissions
        )
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            r#"deployhooks embedded ["release.created"] ["deployhooks"] [] ["http options.url", "smtp"]"#,
            r#"memcache embedded [] ["memcache"] [] ["run memcached"]"#,
            r#"postgresql embedded [] ["postgresql"] [] ["run bash", "run setpriv", "run initdb", "run postgres", "folder"]"#,
            r#"redis embedded [] ["redis"] [] ["run redis-server", "folder"]"#,
            r#"releases embedded [] [] ["releases:advanced", "releases:basic"] []"#,
            r#"webhooks embedded ["release.created", "release.failed", "addon.changed"] ["webhooks"] [] ["http options.url"]"#,
        ]
    );
    let catalogue = host.catalogue();
    let find = |text: &str| catalogue.find(text).map(|found| found.plan.to_string());
    assert_eq!(find("memcache").unwrap(), "memcache:free");
    assert_eq!(find("deployhooks").unwrap(), "deployhooks:http");
    assert_eq!(
        find("releases").unwrap_err().to_string(),
        "releases has no default plan: name one of \
         releases:advanced (free), releases:basic (free)"
    );
    let big = catalogue.find("memcache:100mb").unwrap();
    assert_eq!(big.spec.price.to_string(), "$20/mo");
}

#[test]
fn basic_keeps_two_that_succeeded_and_what_failed_since() {
    let host = shipped(settings());
    let keep = |history: &[(u64, &'static str)]| {
        let entries = || {
            history
                .iter()
                .map(|(version, status)| entry(*version, status))
                .collect()
        };
        match host
            .keep(&plan("releases:basic"), &mut { entries })
            .unwrap()
        {
            Keep::Only(kept) => kept.into_iter().map(Version::number).collect(),
            Keep::All => vec![],
        }
    };
    let ok = "succeeded";
    assert_eq!(keep(&[(3, ok), (2, ok), (1, ok)]), [2, 3]);
    assert_eq!(keep(&[(1, ok)]), [1]);
    assert_eq!(
        keep(&[(5, "failed"), (4, ok), (3, "failed"), (2, ok), (1, ok)]),
        [2, 4, 5]
    );
    assert_eq!(
        keep(&[(5, ok), (4, "failed"), (3, "failed"), (2, ok)]),
        [2, 5]
    );
}

#[test]
fn advanced_keeps_all_and_does_not_even_look() {
    let host = shipped(settings());
    let mut looked = || panic!("the history was fetched");
    assert_eq!(
        host.keep(&plan("releases:advanced"), &mut looked),
        Ok(Keep::All)
    );
}

#[test]
fn basic_rolls_back_one_step_and_advanced_any() {
    let host = shipped(settings());
    let ask = |tier: &str, steps: u64| {
        let (target, current) = (entry(40, "succeeded"), entry(52, "succeeded"));
        let request = RollbackRequest {
            target,
            current,
            steps,
        };
        host.may_rollback(&plan(tier), &request)
            .map_err(|objection| objection.reason)
    };
    assert_eq!(ask("releases:basic", 1), Ok(()));
    assert_eq!(ask("releases:advanced", 12), Ok(()));
    assert_eq!(
        ask("releases:basic", 2).unwrap_err(),
        "releases:advanced is needed to roll back to v40; \
         upgrade with: slugline addons:upgrade releases:advanced"
    );
    assert_eq!(
        ask("releases:gold", 1).unwrap_err(),
        "no plugin backs the tier releases:gold any more; install it again"
    );
}

#[test]
fn memcache_describes_a_server_and_answers_the_same_again() {
    let (_folder, path) = path_with_memcached();
    let with_path = || Settings {
        path: path.clone(),
        ..settings()
    };
    let first = provision(&shipped(with_path()), "memcache:free", &[], &[]).unwrap();
    let again = provision(&shipped(with_path()), "memcache:free", &[], &[]).unwrap();
    assert_eq!(first, again);
    let port = first.port.expect("a port").to_string();
    let expected = [
        "memcached",
        "-p",
        &port,
        "-l",
        "127.0.0.1",
        "-m",
        "25",
        "-U",
        "0",
        "-u",
        "nobody",
    ];
    assert_eq!(first.process.unwrap(), expected);
    let lent: Vec<_> = first
        .config
        .iter()
        .map(|(key, value)| (key.as_str(), value.reveal()))
        .collect();
    assert_eq!(
        lent,
        [("MEMCACHE_SERVERS", format!("127.0.0.1:{port}").as_str())]
    );
    assert_eq!(first.message, "Your cache is empty and ready.");

    let other = provision(
        &shipped(with_path()),
        "memcache:free",
        &[],
        &[first.port.unwrap()],
    );
    assert_ne!(other.unwrap().port, first.port);
}

/// Ends the server with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_memcache_describes_is_a_server_that_answers() {
    let host = shipped(Settings {
        path: std::env::var("PATH").unwrap(),
        ..settings()
    });
    // A resource of its own, since other tests look whether the port of theirs is free.
    let described = host.provision(&ProvisionRequest {
        app: &app(),
        id: &ResourceId::new("fedcba9876543210fedcba9876543210").unwrap(),
        plan: &plan("memcache:free"),
        options: &Options::new(),
        taken_ports: &[],
    });
    let described = described.unwrap();
    let process = described.process.unwrap();
    let child = std::process::Command::new(&process[0])
        .args(&process[1..])
        .spawn();
    let _server = Server(child.unwrap());
    let address = ("127.0.0.1", described.port.unwrap());
    let begun = std::time::Instant::now();
    let mut socket = loop {
        match TcpStream::connect(address) {
            Ok(socket) => break socket,
            Err(_) if begun.elapsed() < std::time::Duration::from_secs(20) => thread::yield_now(),
            Err(error) => panic!("it does not listen: {error}"),
        }
    };
    socket
        .write_all(b"set a 0 0 2\r\nhi\r\nget a\r\nquit\r\n")
        .unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).unwrap();
    assert_eq!(said, "STORED\r\nVALUE a 0 2\r\nhi\r\nEND\r\n");
}

#[test]
fn memcache_keeps_its_port_when_its_plan_changes() {
    let (_folder, path) = path_with_memcached();
    let host = shipped(Settings { path, ..settings() });
    // Its own server listens there, as it does in earnest.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let resource = Resource {
        id: id(),
        plan: plan("memcache:free"),
        options: Options::new(),
        config: [].into(),
        process: None,
        port: Some(port),
    };
    let changed = host.change_plan(&ChangePlanRequest {
        app: &app(),
        resource: &resource,
        plan: &plan("memcache:100mb"),
        taken_ports: &[],
    });
    let changed = changed.unwrap();
    assert_eq!(changed.port, Some(port));
    assert!(changed.process.unwrap().join(" ").contains("-m 100 "));
    assert_eq!(changed.message, "Your cache restarts empty, with 100 MB.");
    assert_eq!(host.deprovision(&app(), &resource), Ok(()));
    assert_eq!(host.deprovision(&app(), &resource), Ok(()));
}

#[test]
fn a_program_that_is_missing_is_the_operators_to_install() {
    let host = shipped(Settings {
        path: "/nonexistent".into(),
        ..settings()
    });
    assert_eq!(
        provision(&host, "memcache:free", &[], &[])
            .unwrap_err()
            .to_string(),
        "memcache: memcached is not installed or not on the PATH; \
         on Debian: apt-get install memcached"
    );
}

#[test]
fn deployhooks_asks_for_what_it_needs() {
    let host = shipped(settings());
    let check = |name: &str, options: &[(&str, &str)], expected: Result<&str, &str>| {
        let answer = provision(&host, name, options, &[]);
        let answer = answer
            .map(|it| it.message)
            .map_err(|error| error.to_string());
        assert_eq!(answer, expected.map(str::to_owned).map_err(str::to_owned));
    };
    check(
        "deployhooks:http",
        &[],
        Err("deployhooks: say where to post: --url=https://example.com/deployed"),
    );
    for bad in [
        "ftp://example.com",
        "example.com",
        "http://",
        "http:///x",
        "http://a b",
    ] {
        let refusal = "deployhooks: --url must begin with http:// or https://, and name a host";
        check("deployhooks:http", &[("url", bad)], Err(refusal));
    }
    check(
        "deployhooks:http",
        &[("url", "https://example.com/x")],
        Ok("Every deploy is posted to https://example.com/x"),
    );
    check(
        "deployhooks:email",
        &[],
        Err("deployhooks: say whom to write to: --recipient=jim@example.com"),
    );
    check(
        "deployhooks:email",
        &[("recipient", "jim")],
        Err("deployhooks: --recipient must be an address, such as jim@example.com"),
    );
    check(
        "deployhooks:email",
        &[("recipient", "jim@example.com")],
        Ok("Every deploy is mailed to jim@example.com\n\
            No mail server is configured yet: set SLUGLINE_SMTP_URL."),
    );
}

/// Serves answers, one a connection, and gives back head and body of each request.
fn serve(answers: Vec<String>) -> (u16, JoinHandle<Vec<(String, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        answers
            .into_iter()
            .map(|answer| {
                let (mut socket, _) = listener.accept().unwrap();
                let request = read_request(&socket);
                socket.write_all(answer.as_bytes()).unwrap();
                request
            })
            .collect()
    };
    (port, thread::spawn(serve))
}

fn read_request(socket: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let length = head.to_lowercase();
    let length = length
        .split("content-length: ")
        .nth(1)
        .map_or("0", |rest| rest.split("\r\n").next().unwrap_or("0"));
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

fn answer(status: &str, more: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n{more}\r\n")
}

fn announce(
    host: &PluginHost,
    deploy: bool,
    name: &str,
    options: &[(&str, &str)],
) -> Result<(), String> {
    let told = host.announce(&Announcement {
        app: &app(),
        event: &created(deploy),
        addons: &[installed("memcache:free", &[]), installed(name, options)],
    });
    told.map_err(|error| error.to_string())
}

const FORM: &str = "app=myapp&git_log=575bfa8+Say+hello+%26+goodbye&head=575bfa8&\
                    head_long=575bfa8c0ffee00000000000000000000000cafe&\
                    prev_head=7c35f770000000000000000000000000000cafe0&release=v10&\
                    url=http%3A%2F%2Fmyapp.localhost%3A8080&user=jim%40example.com";

#[test]
fn a_deploy_is_posted_as_a_form() {
    let host = shipped(settings());
    let (port, server) = serve(vec![answer("200 OK", "")]);
    let url = format!("http://127.0.0.1:{port}/hook?token=1");
    assert_eq!(
        announce(&host, true, "deployhooks:http", &[("url", &url)]),
        Ok(())
    );
    let requests = server.join().unwrap();
    let (head, body) = &requests[0];
    assert!(
        head.starts_with("POST /hook?token=1 HTTP/1.1\r\n"),
        "{head}"
    );
    let head = head.to_lowercase();
    assert!(
        head.contains("content-type: application/x-www-form-urlencoded\r\n"),
        "{head}"
    );
    assert_eq!(body, FORM);
}

#[test]
fn only_a_deploy_is_announced() {
    let host = shipped(settings());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    assert_eq!(
        announce(&host, false, "deployhooks:http", &[("url", &url)]),
        Ok(())
    );
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_receiver_that_fails_is_reported() {
    let host = shipped(settings());
    let (port, server) = serve(vec![answer("500 No", "")]);
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(
        announce(&host, true, "deployhooks:http", &[("url", &url)]).unwrap_err(),
        "the plugin deployhooks failed in release.created: init.lua:65: the receiver answered 500"
    );
    server.join().unwrap();
    // Nobody listens any more. The URL, which may hold a password, is not repeated.
    let told = announce(&host, true, "deployhooks:http", &[("url", &url)]).unwrap_err();
    let begin = "the plugin deployhooks failed in release.created: init.lua:64: \
                 slugline.http.post_form: 127.0.0.1: ";
    assert!(told.starts_with(begin) && !told.contains("token"), "{told}");
}

#[test]
fn a_redirect_is_followed_to_the_same_host_only() {
    let host = shipped(settings());
    let (port, server) = serve(vec![
        answer("307 Moved", "location: /there\r\n"),
        answer("200 OK", ""),
    ]);
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(
        announce(&host, true, "deployhooks:http", &[("url", &url)]),
        Ok(())
    );
    let requests = server.join().unwrap();
    assert!(requests[1].0.starts_with("POST /there "));
    assert_eq!(requests[1].1, FORM);

    let away = answer("302 Moved", "location: http://127.0.0.2:1/\r\n");
    let (port, server) = serve(vec![away]);
    let url = format!("http://127.0.0.1:{port}/");
    let told = announce(&host, true, "deployhooks:http", &[("url", &url)]).unwrap_err();
    let end = "127.0.0.2:1 is not granted under permissions.http in plugin.yaml";
    assert!(told.ends_with(end), "{told}");
    server.join().unwrap();

    let loops = answer("302 Moved", "location: /\r\n");
    let (port, server) = serve(vec![loops; 6]);
    let url = format!("http://127.0.0.1:{port}/");
    let told = announce(&host, true, "deployhooks:http", &[("url", &url)]).unwrap_err();
    assert!(told.ends_with("more than 5 redirects"), "{told}");
    server.join().unwrap();
}

#[test]
fn an_answer_that_is_too_long_is_refused() {
    let host = shipped(settings());
    let long = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}",
        "x".repeat(1_100_000)
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        read_request(&socket);
        // The client hangs up before it has all of it.
        let _ = socket.write_all(long.as_bytes());
    });
    let told = announce(&host, true, "deployhooks:http", &[("url", &url)]).unwrap_err();
    assert!(
        told.ends_with("the answer is longer than 1048576 bytes"),
        "{told}"
    );
    server.join().unwrap();
}

/// Speaks SMTP with one client, and gives back all that it said.
fn mail_server() -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let speak = move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(socket.try_clone().unwrap());
        let mut heard = String::new();
        let mut in_mail = false;
        socket.write_all(b"220 test\r\n").unwrap();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                return heard;
            }
            heard.push_str(&line);
            let reply: &[u8] = match line.trim_end() {
                "." => {
                    in_mail = false;
                    b"250 taken\r\n"
                }
                _ if in_mail => continue,
                "DATA" => {
                    in_mail = true;
                    b"354 go on\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                greeting if greeting.starts_with("EHLO") => b"250-test\r\n250 AUTH PLAIN\r\n",
                login if login.starts_with("AUTH") => b"235 welcome\r\n",
                _ => b"250 ok\r\n",
            };
            socket.write_all(reply).unwrap();
            if line.starts_with("QUIT") {
                return heard;
            }
        }
    };
    (port, thread::spawn(speak))
}

fn with_mail(port: u16, credentials: Option<(String, String)>) -> PluginHost {
    shipped(Settings {
        smtp: Some(SmtpSettings {
            host: "127.0.0.1".into(),
            port,
            security: SmtpSecurity::None,
            from: "Slugline <slugline@example.com>".into(),
            credentials,
        }),
        ..settings()
    })
}

#[test]
fn a_deploy_is_mailed() {
    let (port, server) = mail_server();
    let host = with_mail(port, None);
    let options = [("recipient", "joe@example.com, jim@example.com")];
    assert_eq!(announce(&host, true, "deployhooks:email", &options), Ok(()));
    let heard = server.join().unwrap();
    for line in [
        "MAIL FROM:<slugline@example.com>",
        "RCPT TO:<joe@example.com>",
        "RCPT TO:<jim@example.com>",
        "Subject: [myapp] jim@example.com deployed v10",
        "jim@example.com deployed 575bfa8 of myapp as v10.",
        "575bfa8 Say hello & goodbye",
    ] {
        assert!(heard.contains(line), "{line} is missing in\n{heard}");
    }
    assert!(!heard.contains("AUTH"));
}

#[test]
fn a_mail_may_have_a_subject_of_its_own_but_no_header() {
    let (port, server) = mail_server();
    let host = with_mail(port, Some(("jim".into(), "secret".into())));
    let options = [
        ("recipient", "joe@example.com"),
        ("subject", "{{release}} {{unknown}}\r\nBcc: eve@example.com"),
        ("body", "{{head_long}}\n.\nend"),
    ];
    assert_eq!(announce(&host, true, "deployhooks:email", &options), Ok(()));
    let heard = server.join().unwrap();
    assert!(
        heard.contains("Subject: v10 {{unknown}}  Bcc: eve@example.com\r\n"),
        "{heard}"
    );
    assert!(!heard.contains("RCPT TO:<eve"), "{heard}");
    assert!(
        heard.contains(COMMIT) && heard.contains("AUTH PLAIN"),
        "{heard}"
    );
}

#[test]
fn a_mail_without_a_server_is_an_error() {
    let host = shipped(settings());
    let options = [("recipient", "joe@example.com")];
    let told = announce(&host, true, "deployhooks:email", &options).unwrap_err();
    assert!(
        told.ends_with("no mail server is configured: set SLUGLINE_SMTP_URL"),
        "{told}"
    );
}

#[test]
fn no_history_is_dropped_that_the_tier_did_not_see() {
    let host = shipped(settings());
    let mut none = Vec::new;
    assert_eq!(
        host.keep(&plan("releases:basic"), &mut none),
        Ok(Keep::Only(BTreeSet::new()))
    );
}

#[test]
fn a_hundred_thousand_releases_fit_into_the_memory_of_a_tier() {
    // Memory as it is, and time enough for a busy machine.
    let host = shipped(Settings {
        limits: Limits {
            check: std::time::Duration::from_secs(60),
            ..Limits::default()
        },
        ..settings()
    });
    let newest_first = || (1..=100_000).rev();
    let mut history = || newest_first().map(|n| entry(n, "succeeded")).collect();
    let kept = host.keep(&plan("releases:basic"), &mut history);
    let newest = [Version::new(99_999), Version::new(100_000)];
    assert_eq!(kept, Ok(Keep::Only(newest.into())));
}
