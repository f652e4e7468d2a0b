//! TLS beside plain HTTP on the API's port: with the certificate that the home makes for itself, or with the
//! operator's; and what a public address needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use slugline_testkit::environment::{Caller, TestEnvironment, wait_until};
use slugline_tests::{QUIET, repository};

/// What `curl` has as the status and the error, asking with these words.
fn curl(environment: &TestEnvironment, words: &[&str]) -> String {
    let mut command = environment.caller().command("curl");
    let command = command.args([
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--output",
        "body",
    ]);
    let output = command
        .args(["--write-out", "%{http_code} "])
        .args(words)
        .output();
    let output = output.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let error = text(&output.stderr);
    format!(
        "{} {}",
        text(&output.stdout),
        error.split(':').next().unwrap_or_default()
    )
    .trim()
    .to_owned()
}

/// Starts `serve` with these words, and waits until it says this.
fn serve(caller: &Caller<'_>, words: &[&str], until: &str) -> (std::process::Child, String) {
    let mut command: Command = caller.command("slugline");
    let command = command.arg("serve").args(words).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(until) {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (child, said)
}

#[test]
fn both_are_spoken_on_one_port() {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", "shop"]).success();
    let none = environment.run(["certs:show"]);
    assert_snapshot!(none, @r"
    $ slugline certs:show
    2>  !    The API has no certificate of its own yet: `slugline serve` makes one
    [exit 1]
    ");
    let serving = environment.serve();
    let shown = environment.run(["certs:show"]).success();
    assert!(!shown.stdout.contains("PRIVATE"), "{shown}");
    environment.write_file("ours.pem", &shown.stdout);
    let (digest, told) = shown.stderr.split_once('\n').unwrap();
    assert!(
        digest.len() == 103 && digest.starts_with("SHA-256 "),
        "{digest}"
    );
    assert_snapshot!(told, @r"
    Trust it: slugline certs:show > slugline.pem, and then
      git config --global http.https://HOST:PORT/.sslCAInfo slugline.pem
      export NODE_EXTRA_CA_CERTS=slugline.pem
      curl --cacert slugline.pem https://HOST:PORT/
    ");
    let kept = environment.home().join("api-cert.pem");
    let mode = kept.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let plain = environment.api_url();
    let tls = plain.replace("http://", "https://");
    let named = tls.replace("127.0.0.1", "localhost");
    let all = [
        curl(&environment, &[&plain]),
        curl(&environment, &["--cacert", "ours.pem", &tls]),
        curl(&environment, &["--cacert", "ours.pem", "--http1.1", &named]),
        curl(&environment, &[&tls]),
    ];
    assert_snapshot!(all.join("\n"), @r"
    404
    404
    404
    000 curl
    ");
    let token = environment.token(&[]);
    repository(&environment, QUIET);
    let address = tls.strip_prefix("https://").unwrap();
    let url = format!("https://heroku:{token}@{address}/shop.git");
    let trust = environment.work().join("ours.pem").display().to_string();
    let caller = environment.caller().with("GIT_SSL_CAINFO", &trust);
    let _ = caller.git(["push", "--quiet", &url, "main"]).success();
    drop(serving);
    // It is the same one the next time.
    let before = std::fs::read(&kept).unwrap();
    let _serving = environment.serve();
    assert_eq!(std::fs::read(&kept).unwrap(), before);
    // One that ends soon is made anew, and used, while it serves.
    let text = String::from_utf8(before).unwrap();
    let (_, pem) = text.split_once('\n').unwrap();
    std::fs::write(&kept, format!("# good until 2000-01-01\n{pem}")).unwrap();
    let tls = environment.api_url().replace("http://", "https://");
    wait_until("it is renewed", || {
        let shown = environment.run(["certs:show"]).success();
        environment.write_file("renewed.pem", &shown.stdout);
        !text.contains(shown.stdout.trim())
            && curl(&environment, &["--cacert", "renewed.pem", &tls]) == "404"
    });
    assert_eq!(
        curl(&environment, &["--cacert", "ours.pem", &tls]),
        "000 curl"
    );
}

#[test]
fn the_operators_certificate_is_used_where_there_is_one() {
    let environment = TestEnvironment::new();
    let made = rcgen::generate_simple_self_signed(["api.example.com".to_owned()]).unwrap();
    environment.write_file("cert.pem", made.cert.pem());
    environment.write_file("key.pem", made.signing_key.serialize_pem());
    let words = ["--api-cert", "cert.pem", "--api-key", "key.pem"];
    let (mut child, _) = serve(&environment.caller(), &words, "The API is at");
    let url = environment
        .api_url()
        .replace("http://127.0.0.1", "https://api.example.com");
    let port = url.rsplit_once(':').unwrap().1;
    let resolve = format!("api.example.com:{port}:127.0.0.1");
    let words = ["--cacert", "cert.pem", "--resolve", &resolve, &url];
    assert_eq!(curl(&environment, &words), "404");
    assert!(!environment.home().join("api-cert.pem").exists());
    // Another one that is put in its place is used from then on.
    let next = rcgen::generate_simple_self_signed(["api.example.com".to_owned()]).unwrap();
    environment.write_file("next.pem", next.cert.pem());
    let renewed = ["--cacert", "next.pem", "--resolve", &resolve, &url];
    assert_eq!(curl(&environment, &renewed), "000 curl");
    environment.write_file("cert.pem", next.cert.pem());
    environment.write_file("key.pem", next.signing_key.serialize_pem());
    wait_until("the new one is used", || {
        curl(&environment, &renewed) == "404"
    });
    let _ = environment.run(["serve", "--stop"]).success();
    let _ = child.wait();
}

#[test]
fn a_public_address_needs_a_token() {
    let environment = TestEnvironment::new();
    let caller = environment.caller();
    let words = ["--api", "0.0.0.0:0"];
    let (mut child, said) = serve(&caller, &words, "tokens:create");
    let warned: Vec<_> = said.lines().filter(|line| line.contains('!')).collect();
    assert_snapshot!(warned.join("\n"), @r"
    !    The API does not listen at 0.0.0.0:0: nobody has a token yet
    !    Make one: slugline tokens:create
    ");
    let _ = environment.run(["serve", "--stop"]).success();
    let _ = child.wait();
    let _ = environment.token(&[]);
    let (mut child, said) = serve(&caller, &words, "The API is at");
    assert!(said.contains("The API is at https://0.0.0.0:"), "{said}");
    let shown = environment.run(["certs:show"]).success();
    environment.write_file("ours.pem", &shown.stdout);
    let port = environment.api_url();
    let port = port.rsplit_once(':').unwrap().1;
    let url = |scheme: &str, host: &str| format!("{scheme}://{host}:{port}/");
    let mut all = vec![
        curl(
            &environment,
            &["--cacert", "ours.pem", &url("https", "localhost")],
        ),
        curl(&environment, &[&url("http", "127.0.0.1")]),
    ];
    let _ = environment.run(["apps:create", "shop"]).success();
    let token = format!("Authorization: Bearer {}", environment.token(&[]));
    let shop = format!("{}apps/shop", url("https", "localhost"));
    let asked = curl(&environment, &["--cacert", "ours.pem", "-H", &token, &shop]);
    assert_eq!(asked, "200");
    let told = std::fs::read_to_string(environment.work().join("body")).unwrap();
    let git_url = format!("\"git_url\":\"{}shop.git\"", url("https", "localhost"));
    assert!(told.contains(&git_url), "{told}");
    // From another address of this machine, which is none of the loopback's, where it has one.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let other = socket
        .connect("192.0.2.1:9")
        .and_then(|()| socket.local_addr());
    if let Ok(other) = other
        && !other.ip().is_loopback()
    {
        all.push(curl(&environment, &[&url("http", &other.ip().to_string())]));
        assert_eq!(all.pop().as_deref(), Some("403"));
    }
    assert_snapshot!(all.join("\n"), @r"
    404
    404
    ");
    let _ = environment.run(["serve", "--stop"]).success();
    let _ = child.wait();
}
