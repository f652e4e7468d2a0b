//! Git over HTTP: fetching from and pushing to an app's repository with a token, as git itself does it; and
//! what is refused, what is left by whoever goes away, and who is told to have done it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use insta::assert_snapshot;
use slugline_testkit::environment::{Caller, Output, TestEnvironment, wait_until};
use slugline_tests::{QUIET, WEB, commit_file, repository, story};

const OTHER: &str = "ann@example.com";

/// A daemon's API, an app that jim owns, and a repository with a commit.
fn with_shop(procfile: &str) -> TestEnvironment {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", "shop"]).success();
    let _ = environment
        .run(["addons:add", "releases:basic", "--app", "shop"])
        .success();
    repository(&environment, procfile);
    environment
}

/// Somebody whose git knows this token, and the app's repository as `slug:shop.git`.
fn person<'a>(environment: &'a TestEnvironment, token: &str) -> Caller<'a> {
    let url = environment.api_url();
    let host = url.trim_start_matches("http://");
    let login = format!("url.http://heroku:{token}@{host}/.insteadOf");
    let caller = environment.caller().without("SLUGLINE_ACTOR");
    caller
        .with("GIT_CONFIG_COUNT", "1")
        .with("GIT_CONFIG_KEY_0", &login)
        .with("GIT_CONFIG_VALUE_0", "slug:")
}

fn git(environment: &TestEnvironment, token: &str, words: &[&str]) -> Output {
    let mut output = person(environment, token).git(words);
    let url = environment.api_url();
    let lines = output.stderr.lines().map(str::trim_end);
    let lines = lines.map(|line| format!("{}\n", line.replace(&url, "http://HOST")));
    output.stderr = lines.collect();
    output.hide("Compiled slug size is ", "SIZE")
}

#[test]
fn a_push_deploys_as_the_person_of_the_token() {
    let environment = with_shop(WEB);
    let _serving = environment.serve();
    let _ = environment
        .run(["access:add", OTHER, "--role", "deployer", "--app", "shop"])
        .success();
    let hers = environment.token(&["--user", OTHER, "--scope", "deploy"]);
    let first = git(&environment, &hers, &["push", "slug:shop.git", "main"]);
    assert_snapshot!(first, @r"
    $ git push slug:shop.git main
    2> remote: -----> Procfile app detected
    2> remote: -----> Nothing to compile
    2> remote: -----> Discovering process types
    2> remote:        Procfile declares types -> web
    2> remote: -----> Compiled slug size is SIZE
    2> remote: -----> Launching... done, v1
    2> remote:        http://shop.localhost:PORT deployed to Slugline
    2> To http://HOST/shop.git
    2>  * [new branch]      main -> main
    ");
    assert_eq!(environment.http_get("shop", "/").1, " from v1\n");
    let cloned = git(
        &environment,
        &hers,
        &["clone", "--quiet", "slug:shop.git", "copy"],
    );
    let _ = cloned.success();
    let copied = std::fs::read_to_string(environment.work().join("copy/Procfile"));
    assert_eq!(copied.unwrap(), WEB);
    let audit = environment.run(["audit", "--app", "shop"]).success();
    let audit = audit.hide("1 token ", "ID").hide("request ", "ID").stdout;
    let pushed: Vec<_> = audit.lines().filter(|line| line.contains("api ")).collect();
    assert_snapshot!(pushed.join("\n"), @r"0 seconds ago  shop  ann@example.com  v1 Deploy 12d4c69                           api 127.0.0.1 token ID request ID");
}

#[test]
fn a_push_that_fails_leaves_nothing() {
    let environment = with_shop("web: exit 1\n");
    let _serving = environment.serve();
    let token = environment.token(&[]);
    commit_file(&environment, "Procfile", "no process type\n");
    let failed = git(&environment, &token, &["push", "slug:shop.git", "main"]);
    assert_snapshot!(failed, @r"
    $ git push slug:shop.git main
    2> remote:  !    Procfile line 1: write it as `type: command`, such as `web: python3 app.py`
    2> To http://HOST/shop.git
    2>  ! [remote rejected] main -> main (pre-receive hook declined)
    2> error: failed to push some refs to 'http://HOST/shop.git'
    [exit 1]
    ");
    let topic = git(
        &environment,
        &token,
        &["push", "slug:shop.git", "main:topic"],
    );
    assert_snapshot!(topic, @r"
    $ git push slug:shop.git main:topic
    2> remote:  !    shop is deployed by a push to main or master, not to topic
    2> remote:  !    Deploy what you have checked out: git push slugline HEAD:main
    2> To http://HOST/shop.git
    2>  ! [remote rejected] main -> topic (pre-receive hook declined)
    2> error: failed to push some refs to 'http://HOST/shop.git'
    [exit 1]
    ");
    let none = git(&environment, &token, &["ls-remote", "slug:shop.git"]).success();
    assert_eq!(none.stdout, "");
}

#[test]
fn who_may_not_is_refused_and_that_is_on_record() {
    let environment = with_shop(QUIET);
    let _serving = environment.serve();
    let wrong = format!("slg_{}", "0".repeat(64));
    let reader = environment.token(&["--scope", "read"]);
    let elsewhere = environment.token(&["--user", OTHER]);
    let told = story([
        git(&environment, &wrong, &["push", "slug:shop.git", "main"]),
        git(&environment, &reader, &["push", "slug:shop.git", "main"]),
        git(&environment, &elsewhere, &["push", "slug:shop.git", "main"]),
        git(&environment, &elsewhere, &["ls-remote", "slug:shop.git"]),
        git(&environment, &reader, &["ls-remote", "slug:shop.git"]),
    ]);
    assert_snapshot!(told, @r"
    $ git push slug:shop.git main
    2> remote: Invalid credentials provided.
    2> fatal: Authentication failed for 'http://HOST/shop.git/'
    [exit 128]

    $ git push slug:shop.git main
    2> remote: This token may not be used for that: it is for read.
    2> fatal: unable to access 'http://HOST/shop.git/': The requested URL returned error: 403
    [exit 128]

    $ git push slug:shop.git main
    2> remote: Couldn't find that app.
    2> fatal: repository 'http://HOST/shop.git/' not found
    [exit 128]

    $ git ls-remote slug:shop.git
    2> remote: Couldn't find that app.
    2> fatal: repository 'http://HOST/shop.git/' not found
    [exit 128]

    $ git ls-remote slug:shop.git
    ");
    let api = environment.api();
    let alone = api
        .without("Authorization")
        .get("/shop.git/info/refs?service=git-upload-pack");
    assert_eq!(
        alone.headers["www-authenticate"],
        "Basic realm=\"Slugline\""
    );
    assert_snapshot!(alone, @r"401 Invalid credentials provided.");
    let audit = environment.run(["audit", "--outcome", "refused"]).success();
    assert_snapshot!(audit.hide("1 token ", "ID").hide("request ", "ID"), @r"
    $ slugline audit --outcome refused
    When           App  By               What                                                          From
    -------------  ---  ---------------  ------------------------------------------------------------  ----------------------------------------
    0 seconds ago       jim@example.com  refused: GET /shop.git/info/refs: This token may not be us..  api 127.0.0.1 token ID request ID
    0 seconds ago       ann@example.com  refused: GET /shop.git/info/refs: Couldn't find that app.     api 127.0.0.1 token ID request ID
    ");
}

#[test]
fn nothing_but_repositories_of_apps_is_reached() {
    let environment = with_shop(QUIET);
    let _serving = environment.serve();
    let api = environment.api();
    let service = "info/refs?service=git-upload-pack";
    let answers = [
        format!("/../repositories/shop.git/{service}"),
        format!("/..%2frepositories%2fshop.git/{service}"),
        format!("/shop.git%2f..%2fshop.git/{service}"),
        format!("/.git/{service}"),
        format!("/shop/{service}"),
        format!("/none.git/{service}"),
        "/shop.git/HEAD".to_owned(),
        "/shop.git/config".to_owned(),
        "/shop.git/objects/info/packs".to_owned(),
        "/shop.git/info/refs".to_owned(),
        "/shop.git/info/refs?service=git-upload-archive".to_owned(),
        format!("/shop.git/{service}&service=git-receive-pack"),
    ]
    .map(|path| {
        let answer = api.get(&path);
        format!("{} {path}", answer.status)
    });
    assert_snapshot!(answers.join("\n"), @r"
    404 /../repositories/shop.git/info/refs?service=git-upload-pack
    404 /..%2frepositories%2fshop.git/info/refs?service=git-upload-pack
    404 /shop.git%2f..%2fshop.git/info/refs?service=git-upload-pack
    404 /.git/info/refs?service=git-upload-pack
    404 /shop/info/refs?service=git-upload-pack
    404 /none.git/info/refs?service=git-upload-pack
    404 /shop.git/HEAD
    404 /shop.git/config
    404 /shop.git/objects/info/packs
    403 /shop.git/info/refs
    403 /shop.git/info/refs?service=git-upload-archive
    403 /shop.git/info/refs?service=git-upload-pack&service=git-receive-pack
    ");
    let odd = api
        .with("Git-Protocol", "version=2\u{e9}$(x)")
        .get(&format!("/shop.git/{service}"));
    assert_snapshot!(odd, @r"400 The header git-protocol is none that git sends.");
    let second = api.with("Git-Protocol", "version=2");
    let second = second.get(&format!("/shop.git/{service}")).is(200);
    assert_eq!(
        second.headers["content-type"],
        "application/x-git-upload-pack-advertisement"
    );
    assert!(second.body.contains("version 2"), "{second}");
}

#[test]
fn who_goes_away_half_way_leaves_nothing() {
    let environment = with_shop(QUIET);
    let _serving = environment.serve();
    let token = environment.token(&[]);
    let login = base64(&format!("heroku:{token}"));
    let address = environment.api_url();
    let address = address.strip_prefix("http://").unwrap();
    let quarantines = || {
        let objects = environment.home().join("repositories/shop.git/objects");
        let all = std::fs::read_dir(objects).unwrap().flatten();
        let names = all.map(|one| one.file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("tmp_")).count()
    };
    let mut stream = TcpStream::connect(address).unwrap();
    let zeros = "0".repeat(40);
    let line = format!(
        "{zeros} {} refs/heads/main\0report-status\n",
        "a".repeat(40)
    );
    let mut begun = format!("{:04x}{line}0000PACK", line.len() + 4).into_bytes();
    begun.extend([0, 0, 0, 2, 0, 0, 0, 9]);
    write!(
        stream,
        "POST /shop.git/git-receive-pack HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {login}\r\n\
         Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 100000\r\n\r\n"
    )
    .unwrap();
    stream.write_all(&begun).unwrap();
    wait_until("the pack is being read", || quarantines() == 1);
    drop(stream);
    wait_until("nothing of it is left", || quarantines() == 0);
    let pushed = git(&environment, &token, &["push", "slug:shop.git", "main"]);
    let _ = pushed.success();
    let releases = environment.run(["releases", "--app", "shop", "--json"]);
    assert_eq!(releases.success().json().as_array().unwrap().len(), 1);
}

#[test]
fn what_builds_say_comes_as_they_say_it() {
    let environment = with_shop(QUIET);
    let _serving = environment.serve();
    let token = environment.token(&[]);
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gate.local_addr().unwrap().port();
    let waits = format!(
        "release: echo begun; exec 3<>/dev/tcp/127.0.0.1/{port}; read -r word <&3; echo ended\n"
    );
    commit_file(&environment, "Procfile", waits);
    let mut command = person(&environment, &token).command("git");
    command
        .args(["push", "slug:shop.git", "main"])
        .stderr(std::process::Stdio::piped());
    let mut pushing = command.spawn().unwrap();
    let mut errors = pushing.stderr.take().unwrap();
    let (mut said, mut buffer) = (String::new(), [0; 1000]);
    while !said.contains("begun") {
        let read = errors.read(&mut buffer).unwrap();
        assert!(read > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(!said.contains("ended"), "{said}");
    gate.accept().unwrap().0.write_all(b"go\n").unwrap();
    errors.read_to_string(&mut said).unwrap();
    assert!(pushing.wait().unwrap().success(), "{said}");
    assert!(said.contains("ended"), "{said}");
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let triple = |bytes: &[u8]| {
        let all = [0, 1, 2].map(|place| u32::from(*bytes.get(place).unwrap_or(&0)));
        let number = all[0] << 16 | all[1] << 8 | all[2];
        let digit = |place: usize| match place <= bytes.len() {
            true => char::from(DIGITS[(number >> (18 - 6 * place) & 63) as usize]),
            false => '=',
        };
        [0, 1, 2, 3].map(digit)
    };
    text.as_bytes().chunks(3).flat_map(triple).collect()
}
