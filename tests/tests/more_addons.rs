//! Add-ons that keep data, with the real servers behind them: what outlives which change, who may
//! read it, and that nothing is left of it once it is removed; and that webhooks are posted.
//!
//! Nothing is deployed where the release is not what is looked at: a server runs without code.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;

use insta::assert_snapshot;
use slugline_testkit::environment::{APP, TestEnvironment, wait_until};
use slugline_tests::{Inbox, QUIET, deploy, story, with_app};

const OTHER: &str = "other";

fn value(environment: &TestEnvironment, app: &str, key: &str) -> String {
    let value = environment.run(["config:get", key, "--app", app]).success();
    value.stdout.trim_end().to_owned()
}

/// What a URL says: the password, and where the server is.
fn parts(url: &str) -> (String, String) {
    let (login, place) = url.split_once("://").unwrap().1.split_once('@').unwrap();
    let password = login.split_once(':').unwrap().1;
    let address = place.split('/').next().unwrap();
    (password.to_owned(), address.to_owned())
}

/// What Redis answers to commands on one connection: the last answer's first line, and for a text
/// the text. While it reads its data it says so, and is asked again.
fn redis(address: &str, password: &str, commands: &[&str]) -> Option<String> {
    let connection = TcpStream::connect(address).ok()?;
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut last = String::new();
    let login = format!("AUTH {password}");
    for command in [login.as_str()].iter().chain(commands) {
        (&connection)
            .write_all(format!("{command}\r\n").as_bytes())
            .ok()?;
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        last = line.trim_end().to_owned();
        if last.starts_with("-LOADING") || last.is_empty() {
            return None;
        }
        if let Some(length) = last
            .strip_prefix('$')
            .and_then(|text| text.parse::<usize>().ok())
        {
            let mut text = vec![0; length + 2];
            reader.read_exact(&mut text).ok()?;
            last = String::from_utf8(text).ok()?.trim_end().to_owned();
        }
    }
    Some(last)
}

/// The same, once it answers.
fn ask_redis(url: &str, commands: &[&str]) -> String {
    let (password, address) = parts(url);
    let mut answer = None;
    wait_until("redis answers", || {
        answer = redis(&address, &password, commands);
        answer.is_some()
    });
    answer.unwrap()
}

/// What psql prints, or what it says went wrong.
fn psql(environment: &TestEnvironment, url: &str, query: &str) -> Result<String, String> {
    let mut psql = environment.caller().command("psql");
    psql.args(["--no-psqlrc", "-At", "-c", query, url]);
    let ran = psql.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    match ran.status.success() {
        true => Ok(text(ran.stdout)),
        false => Err(text(ran.stderr)),
    }
}

/// The same, once the server lets somebody in.
fn ask_postgresql(environment: &TestEnvironment, url: &str, query: &str) -> String {
    let mut answer = Err(String::new());
    wait_until("postgresql answers", || {
        answer = psql(environment, url, query);
        let early = ["starting up", "refused", "shutting down"];
        !matches!(&answer, Err(said) if early.iter().any(|word| said.contains(word)))
    });
    answer.unwrap()
}

/// The first process of this name.
fn process(environment: &TestEnvironment, name: &str) -> serde_json::Value {
    let all = environment.run(["ps", "--json"]).success().json();
    let mut all = all.as_array().unwrap().iter();
    let found = all.find(|process| process["process"] == name);
    found.cloned().unwrap_or_default()
}

fn kill(environment: &TestEnvironment, pid: &str) {
    // A minimal Debian has no program of that name, but every shell has.
    let mut shell = environment.caller().command("sh");
    shell.args(["-c", &format!("kill -9 {pid}")]);
    assert!(shell.status().unwrap().success());
}

/// The folder of the resource of an add-on.
fn folder(environment: &TestEnvironment, addon: &str) -> PathBuf {
    let info = environment.run(["addons:info", addon, "--json"]).success();
    let id = info.json()["resource"].as_str().unwrap().to_owned();
    environment.home().join("resources").join(id)
}

/// That no process of this machine has a text among its arguments.
fn nobody_shows(secret: &str) {
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        assert!(!arguments.contains(secret), "it is shown");
    }
}

/// Changes around an add-on that its data must outlive; `still` looks for it after each.
fn outlive(environment: &TestEnvironment, addon: &str, larger: &str, still: &dyn Fn(&str)) {
    let _ = environment.run(["restart"]).success();
    still("a restart");
    let _ = environment.run(["config:add", "A=1"]).success();
    let _ = environment.run(["config:add", "A=2"]).success();
    let _ = environment.run(["rollback"]).success();
    still("a rollback");
    let _ = environment.run(["addons:upgrade", larger]).success();
    still("an upgrade");
    let free = format!("{addon}:free");
    let _ = environment.run(["addons:downgrade", &free]).success();
    still("a downgrade");
    let _ = environment.run(["serve", "--stop"]).success();
    let _ = environment.run(["restart"]).success();
    still("another daemon");
}

#[test]
fn a_redis_keeps_its_data() {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, QUIET, "575bfa8");
    assert_snapshot!(story([
        environment.run(["addons:add", "redis"]),
        environment.run(["addons:upgrade", "redis:100mb"]),
        environment.run(["addons:downgrade", "redis:free"]),
    ]), @r"
    $ slugline addons:add redis
    Adding redis to myapp... done, v2 (free)
          Your Redis is empty and ready, with 25 MB.

    $ slugline addons:upgrade redis:100mb
    Upgrading redis:100mb on myapp... done, v3 ($20/mo)
          Your Redis restarts with its data, and 100 MB.

    $ slugline addons:downgrade redis:free
    Downgrading redis:free on myapp... done, v4 (free)
          Your Redis restarts with its data, and 25 MB.
    ");
    let url = value(&environment, APP, "REDIS_URL");
    assert_eq!(ask_redis(&url, &["SET key value"]), "+OK");
    outlive(&environment, "redis", "redis:1gb", &|after| {
        assert_eq!(value(&environment, APP, "REDIS_URL"), url);
        assert_eq!(ask_redis(&url, &["GET key"]), "value", "after {after}");
    });

    let before = process(&environment, "redis")["pid"].clone();
    kill(&environment, &before.to_string());
    wait_until("it is up again", || {
        let redis = process(&environment, "redis");
        redis["state"] == "up" && redis["pid"] != before
    });
    assert_eq!(ask_redis(&url, &["GET key"]), "value");

    let folder = folder(&environment, "redis");
    assert!(folder.join("appendonlydir").is_dir());
    let removed = environment.run(["addons:remove", "redis", "--confirm", APP]);
    let _ = removed.success();
    assert!(!folder.exists());
    let (_, address) = parts(&url);
    wait_until("it ends", || TcpStream::connect(&address).is_err());
}

#[test]
fn a_redis_is_one_apps_own_and_within_its_plan() {
    let environment = with_app(None);
    let _ = environment.run(["apps:create", OTHER]).success();
    let _ = environment.run(["addons:add", "redis"]).success();
    let _ = environment
        .run(["addons:add", "redis", "--app", OTHER])
        .success();
    let urls = [APP, OTHER].map(|app| value(&environment, app, "REDIS_URL"));
    let [(mine, address), (theirs, _)] = [&urls[0], &urls[1]].map(|url| parts(url));
    assert_eq!(ask_redis(&urls[0], &["SET key mine"]), "+OK");
    assert_eq!(ask_redis(&urls[1], &["GET key"]), "$-1");
    for wrong in [theirs.as_str(), "wrong"] {
        let said = redis(&address, wrong, &[]).unwrap();
        assert!(said.starts_with("-WRONGPASS"), "{said}");
        let said = redis(&address, wrong, &["GET key"]).unwrap();
        assert!(said.starts_with("-NOAUTH"), "{said}");
    }
    nobody_shows(&mine);
    for forbidden in [
        "CONFIG SET maxmemory 1gb",
        "SHUTDOWN NOSAVE",
        "REPLICAOF NO ONE",
    ] {
        let said = ask_redis(&urls[0], &[forbidden]);
        assert!(said.starts_with("-NOPERM"), "{said}");
    }
    let info = ask_redis(&urls[0], &["INFO memory"]);
    assert!(info.contains("maxmemory:26214400\r\n"), "{info}");
    assert!(info.contains("maxmemory_policy:noeviction\r\n"));
}

#[test]
fn a_database_keeps_its_data() {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, QUIET, "575bfa8");
    assert_snapshot!(story([
        environment.run(["addons:add", "postgresql"]),
        environment.run(["addons:upgrade", "postgresql:standard"]),
        environment.run(["addons:downgrade", "postgresql:free"]),
    ]), @r"
    $ slugline addons:add postgresql
    Adding postgresql to myapp... done, v2 (free)
          Your database is empty and ready, for 20 connections.

    $ slugline addons:upgrade postgresql:standard
    Upgrading postgresql:standard on myapp... done, v3 ($50/mo)
          Your database restarts with its data, for 100 connections.

    $ slugline addons:downgrade postgresql:free
    Downgrading postgresql:free on myapp... done, v4 (free)
          Your database restarts with its data, for 20 connections.
    ");
    let url = value(&environment, APP, "DATABASE_URL");
    let ask = |query: &str| ask_postgresql(&environment, &url, query);
    ask("CREATE TABLE words AS SELECT 'value' AS word");
    outlive(
        &environment,
        "postgresql",
        "postgresql:standard",
        &|after| {
            assert_eq!(value(&environment, APP, "DATABASE_URL"), url);
            assert_eq!(ask("SELECT word FROM words"), "value", "after {after}");
        },
    );

    let folder = folder(&environment, "postgresql");
    let server = || {
        let file = std::fs::read_to_string(folder.join("data/postmaster.pid"));
        let file = file.unwrap_or_default();
        let pid = file.lines().next().unwrap_or_default().to_owned();
        (pid, file.contains("ready"))
    };
    // The server itself, and then the script that the supervisor started.
    for victim in ["server", "script"] {
        let (before, _) = server();
        match victim {
            "server" => kill(&environment, &before),
            _ => kill(
                &environment,
                &process(&environment, "postgresql")["pid"].to_string(),
            ),
        }
        wait_until("another server is up", || {
            let (now, ready) = server();
            ready && now != before
        });
        assert_eq!(ask("SELECT word FROM words"), "value", "{victim}");
    }

    let removed = environment.run(["addons:remove", "postgresql", "--confirm", APP]);
    let _ = removed.success();
    assert!(!folder.exists());
    let (_, address) = parts(&url);
    wait_until("it ends", || TcpStream::connect(&address).is_err());
}

#[test]
fn a_database_is_one_apps_own_and_within_its_plan() {
    let environment = with_app(None);
    let _ = environment.run(["apps:create", OTHER]).success();
    let _ = environment.run(["addons:add", "postgresql"]).success();
    let _ = environment
        .run(["addons:add", "postgresql", "--app", OTHER])
        .success();
    let urls = [APP, OTHER].map(|app| value(&environment, app, "DATABASE_URL"));
    let [(mine, _), (theirs, _)] = [&urls[0], &urls[1]].map(|url| parts(url));
    ask_postgresql(&environment, &urls[0], "CREATE TABLE words (word text)");
    let said = psql(&environment, &urls[1], "SELECT * FROM words").unwrap_err();
    assert!(said.contains("relation \"words\" does not exist"), "{said}");
    let check = |url: &str, expected: &str| {
        let said = psql(&environment, url, "SELECT 1").unwrap_err();
        assert!(said.contains(expected), "{said}");
    };
    for wrong in [theirs.as_str(), "wrong"] {
        check(
            &urls[0].replace(&mine, wrong),
            "password authentication failed",
        );
    }
    check(
        &urls[0].replace("//app:", "//postgres:"),
        "no pg_hba.conf entry",
    );
    check(
        &urls[0].replace("/app", "/postgres"),
        "no pg_hba.conf entry",
    );
    nobody_shows(&mine);
    let ask = |query: &str| ask_postgresql(&environment, &urls[0], query);
    assert_eq!(
        ask("SELECT usesuper FROM pg_user WHERE usename = 'app'"),
        "f"
    );
    let most = "SELECT current_setting('max_connections')::int \
                - current_setting('superuser_reserved_connections')::int";
    assert_eq!(ask(most), "20");
}

#[test]
fn webhooks_hear_of_each_change_of_their_app() {
    let posts = Inbox::of_forms();
    let environment = with_app(Some("releases:advanced"));
    let _ = environment.run(["apps:create", OTHER]).success();
    let url = format!("--url=http://127.0.0.1:{}/hook", posts.port);
    let secret = "--secret=sixteen-letters!";
    assert_snapshot!(story([
        environment.run(["addons:add", "webhooks", "--url=nowhere"]),
        environment.run(["addons:add", "webhooks", &url, secret]),
        environment.run(["addons:info", "webhooks"]).hide("Resource:  ", "ID"),
    ]), @r"
    $ slugline addons:add webhooks --url=nowhere
    Adding webhooks to myapp... failed
    2> Started `slugline serve` in the background: http://localhost:PORT
    2>  !    webhooks: --url must begin with http:// or https://, and name a host
    [exit 1]

    $ slugline addons:add webhooks --url=http://127.0.0.1:PORT/hook '--secret=sixteen-letters!'
    Adding webhooks to myapp... done, v1 (free)
          Every release is posted to http://127.0.0.1:PORT/hook, signed.

    $ slugline addons:info webhooks
    === webhooks:free
    Price:     free
    Options:   secret, url
    Resource:  ID
    ");
    let next = || {
        let post: serde_json::Value = serde_json::from_str(&posts.next()).unwrap();
        let word = |name: &str| post[name].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} v{} {} -> {}",
            word("event"),
            word("app"),
            post["release"]["version"],
            word("before"),
            word("after")
        )
    };
    let _ = environment
        .run(["config:add", "A=1", "--app", OTHER])
        .success();
    let _ = environment.run(["config:add", "A=1"]).success();
    let _ = environment.run(["addons:add", "memcache"]).success();
    deploy(&environment, QUIET, "575bfa8");
    environment.write_file("source/Procfile", "web: exit 1\n");
    let _ = environment.run(["deploy", "source"]).fails(1);
    let all: Vec<_> = (0..7).map(|_| next()).collect();
    assert_snapshot!(all.join("\n"), @r"
    release.created myapp v1 - -> -
    addon.changed myapp v1 - -> webhooks:free
    release.created myapp v2 - -> -
    release.created myapp v3 - -> -
    addon.changed myapp v3 - -> memcache:free
    release.created myapp v4 - -> -
    release.failed myapp v5 - -> -
    ");
    let _ = environment
        .run(["addons:remove", "webhooks", "--confirm", APP])
        .success();
    let _ = environment.run(["config:add", "A=2"]).success();
    assert!(posts.is_empty());
}
