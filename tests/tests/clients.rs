//! Client libraries that were written for Heroku's Platform API, as their registries have them, against
//! `slugline serve`: heroku3 for Python and heroku-client for Node.js. The scripts are in `clients_kit/`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use slugline_testkit::environment::TestEnvironment;
use slugline_tests::{Inbox, commit};

/// What has to be there for heroku3; it does not say itself that it needs `six`.
const PYTHON: [&str; 2] = ["heroku3==5.2.1", "six==1.17.0"];
const NODE: &str = "heroku-client@3.1.4";

/// An app that serves, and has something to scale beside it.
const PROCFILE: &str =
    "web: touch index.html; exec \"$SLUGLINE_BIN\" static .\nworker: exec sleep 1000\n";

/// Installs what is not there yet into a folder of the target folder, as whoever runs the tests installs
/// packages.
#[track_caller]
fn installed(name: &str, there: &str, install: impl Fn(&Path) -> Command) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !folder.join(there).exists() {
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        let mut command = install(&folder);
        let ran = command.stdin(Stdio::null()).output();
        let ran = ran.map_err(|error| format!("{command:?} cannot be run: {error}"));
        let why = match &ran {
            Ok(ran) if ran.status.success() => String::new(),
            Ok(ran) => String::from_utf8_lossy(&ran.stderr).into_owned(),
            Err(why) => why.clone(),
        };
        assert!(
            why.is_empty(),
            "{name} cannot be installed (scripts/test installs pip and npm): {why}"
        );
    }
    folder
}

/// A machine with the app `shop`, which keeps all of its releases.
fn with_shop() -> TestEnvironment {
    let environment = TestEnvironment::new();
    let _ = environment.run(["apps:create", "shop"]).success();
    let tier = ["addons:add", "releases:advanced", "--app", "shop"];
    let _ = environment.run(tier).success();
    environment
}

fn deploys(environment: &TestEnvironment) {
    environment.write_file("source/Procfile", PROCFILE);
    let commit = commit("8c2a1f0");
    let words = ["deploy", "source", "--commit", &commit, "--app", "shop"];
    let _ = environment.run(words).success();
}

/// What a script prints.
#[track_caller]
fn printed(mut command: Command, script: &str, words: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients_kit")
        .join(script);
    command
        .arg(script)
        .args(words)
        .env("NO_PROXY", "localhost,127.0.0.1");
    let ran = command.output().expect("the script can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&ran.stdout), text(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    out
}

#[test]
fn scripts_with_heroku3_work() {
    let folder = installed("heroku3-5.2.1", "heroku3/__init__.py", |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"]);
        pip.arg(folder).args(PYTHON);
        pip
    });
    let environment = with_shop();
    let _serving = environment.serve();
    deploys(&environment);
    let shown = environment.run(["certs:show"]).success();
    environment.write_file("ca.pem", &shown.stdout);
    let certificate = environment.work().join("ca.pem").display().to_string();
    let url = environment.api_url().replace("127.0.0.1", "localhost");
    let mut python = environment.caller().command("python3");
    python.env("PYTHONPATH", folder);
    let words = [url.as_str(), &environment.token(&[]), &certificate];
    assert_snapshot!(printed(python, "client.py", &words), @r"
    authenticated: True
    account: jim@example.com
    apps: ['shop']
    created: store slugline us jim@example.com
    app: store store
    rename: 422 invalid_params
    deleted: 404 not_found
    config: [('COLOUR', 'red'), ('GREETING', 'hello'), ('SIZE', '1')]
    config: [('GREETING', 'hello')]
    releases: [(1, 'Deploy 8c2a1f0', 'jim@example.com'), (2, 'Config add GREETING', 'jim@example.com'), (3, 'Config add COLOUR, SIZE', 'jim@example.com'), (4, 'Config remove SIZE', 'jim@example.com'), (5, 'Config remove COLOUR', 'jim@example.com')]
    the last two: [5, 4]
    rollback: Rollback to v1
    by number: Rollback to v3
    to none: 422 invalid_params
    addon: deployhooks:http
    addons: ['deployhooks:http', 'releases:advanced']
    services: ['deployhooks', 'memcache', 'postgresql']
    not confirmed: 422 confirmation_required
    another plan: 422 invalid_params
    formation: [('web', 1, 'Standard-1X'), ('worker', 1, 'Standard-1X')]
    scaled: 2 0
    in one: [1, 1]
    resized: 422 invalid_params
    dynos: ['web.1', 'worker.1']
    restarted: True
    domain: www.example.com
    domains: ['shop.localhost', 'www.example.com']
    its kind: custom []
    removed: True
    collaborators: ['ann@example.com', 'jim@example.com']
    removed: True
    maintenance: True False
    feature: False True
    features: ['preboot']
    drain: syslog://127.0.0.1:9
    drains: ['syslog://127.0.0.1:9']
    buildpacks: ['urn:buildpack:Procfile']
    keys: []
    run: ['hello'] run
    detached: run.1
    log: True
    tail: slugline[run.1]: Starting process with command `echo hello`
    authorizations: True
    remaining: True
    ");
}

#[test]
fn scripts_with_heroku_client_work() {
    let folder = installed(
        "heroku-client-3.1.4",
        "node_modules/heroku-client",
        |folder| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-save", "--ignore-scripts", "--prefix"]);
            npm.arg(folder).arg(NODE);
            npm
        },
    );
    let environment = with_shop();
    let _serving = environment
        .caller()
        .with("SLUGLINE_WEBHOOKS", "any")
        .serve();
    deploys(&environment);
    let hook = Inbox::of_forms();
    let mut node = environment.caller().command("node");
    node.env("NODE_PATH", folder.join("node_modules"));
    let (url, token, port) = (
        environment.api_url(),
        environment.token(&[]),
        hook.port.to_string(),
    );
    let words = [url.as_str(), &token, &port];
    assert_snapshot!(printed(node, "client.js", &words), @r#"
    account: "jim@example.com"
    created: "store" "slugline" "jim@example.com"
    apps: ["shop","store"]
    app: "store"
    rename: 422 "invalid_params"
    maintenance: true
    deleted: "store"
    it is gone: 404 "not_found"
    config: {"GREETING":"hello","SIZE":"1"}
    config: {"GREETING":"hello"}
    config: {"GREETING":"hello"}
    releases: ["v1 Deploy 8c2a1f0","v2 Config add GREETING, SIZE","v3 Config remove SIZE"]
    the last two: [3,2]
    in parts of two: [3,2,1]
    release: "jim@example.com"
    rollback: 4 "Rollback to v1"
    to none: 422 "invalid_params"
    addon: "deployhooks:http" "provisioned"
    addons: ["deployhooks:http","releases:advanced"]
    plans: ["releases:advanced","releases:basic"]
    not confirmed: 422 "confirmation_required"
    removed: "deprovisioned"
    formation: [["web",1],["worker",1]]
    scaled: 2
    one: 1
    dynos: ["web.1","worker.1"]
    restarted: {}
    domain: "www.example.com"
    domains: ["shop.localhost","www.example.com"]
    removed: "custom"
    collaborators: ["jim@example.com","ann@example.com"]
    removed: "ann@example.com"
    run: "run" null
    logs: true
    webhook: ["api:release"] "notify"
    webhooks: 1
    removed: ["api:release"]
    remaining: true
    a token that is none: 401 "unauthorized"
    "#);
}
