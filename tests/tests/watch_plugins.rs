//! Plugins judge a release after it took over, each by its own measure.

#![cfg(test)]

use insta::assert_snapshot;
use slugline_testkit::environment::{APP, TestEnvironment, wait_until};
use slugline_tests::{WEB, deploy, story, with_app};

const ERROR_RATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/error-rate");

/// Answers 500 to everything where `FAILS` is set.
const FAILING: &str = r#"import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(500 if os.environ.get("FAILS") else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"#;

/// The lines of the log that tell what Slugline did by itself.
fn told(environment: &TestEnvironment) -> Vec<String> {
    let log = environment.run(["logs", "-n", "1000"]).success();
    let log = log.to_string();
    let own = |line: &str| line.split_once(" slugline: ").map(|it| it.1.to_owned());
    log.lines().filter_map(own).collect()
}

fn install(environment: &TestEnvironment, name: &str, script: &str) {
    install_for(environment, name, "release.watch", script);
}

fn install_for(environment: &TestEnvironment, name: &str, hooks: &str, script: &str) {
    let manifest = format!(
        "name: {name}\nversion: 1.0.0\napi: 1\nsummary: A test.\nentry: init.lua\n\
         hooks: [{hooks}]\n"
    );
    environment.write_file(format!("{name}/plugin.yaml"), manifest);
    environment.write_file(format!("{name}/init.lua"), script);
    let _ = environment
        .run(["plugins:install", name, "--yes"])
        .success();
}

fn set(environment: &TestEnvironment, words: &[&str]) {
    let _ = environment.run(words.iter().copied()).success();
}

/// The text with each number of seconds and requests as `N`: they are not the same each time.
fn uncounted(text: &str) -> String {
    let words = text.split(' ').collect::<Vec<_>>();
    let word = |(place, word): (usize, &&str)| {
        let next = words.get(place + 1).copied().unwrap_or_default();
        let counted = ["of", "requests", "s,"].contains(&next);
        let number = word.parse::<u32>().is_ok();
        if counted && number { "N" } else { *word }.to_owned()
    };
    words
        .iter()
        .enumerate()
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_example_passes_its_tests() {
    let environment = TestEnvironment::new();
    let output = environment.run(["plugins:test", ERROR_RATE]).success();
    assert_snapshot!(output.stdout, @r"
    ok    plugin.yaml and the entry agree
    ok    release.watch: answers a sample
    ok    init_test.lua: a few requests tell nothing
    ok    init_test.lua: a tenth may fail, and not more
    4 passed, 0 failed, 0 skipped
    ");
}

#[test]
fn a_release_that_a_plugin_calls_bad_is_rolled_back_with_its_reason() {
    let environment = with_app(Some("releases:advanced"));
    set(&environment, &["plugins:install", ERROR_RATE, "--yes"]);
    environment.write_file("source/app.py", FAILING);
    deploy(&environment, "web: exec python3 app.py\n", "575bfa8");
    set(&environment, &["watch", "7"]);
    set(&environment, &["config:add", "FAILS=yes"]);
    for _ in 0..40 {
        assert_eq!(environment.http_get(APP, "/").0, 500);
    }
    wait_until("the release before takes over", || {
        told(&environment).len() == 2
    });
    let told = told(&environment).join("\n");
    assert_snapshot!(uncounted(&told), @r"
    v2 went bad: error-rate: N of N requests failed within N s, more than 10 %
    v3 took over: Rollback to v1
    ");
    assert_eq!(environment.http_get(APP, "/").0, 200);
    let info = environment.run(["releases:info", "v2", "--json"]).success();
    let why = info.json()["went_bad"].as_str().unwrap().to_owned();
    assert_snapshot!(uncounted(&why), @"error-rate: N of N requests failed within N s, more than 10 %; v3 took over");
    let history = environment.run(["releases", "--json"]).success().json();
    assert_eq!(history[0]["by"], "slugline");
    assert_eq!(history[0]["change"], "Rollback to v1");
}

#[test]
fn a_plugin_that_fails_undoes_nothing() {
    let environment = with_app(Some("releases:advanced"));
    install(
        &environment,
        "a-wrong",
        "slugline.on('release.watch', function(w) error('oh') end)",
    );
    install(
        &environment,
        "b-late",
        "slugline.on('release.watch', function(w) while true do end end)",
    );
    install(
        &environment,
        "c-odd",
        "slugline.on('release.watch', function(w) return false end)",
    );
    install(
        &environment,
        "d-good",
        "slugline.on('release.watch', function(w) return 'good' end)",
    );
    deploy(&environment, WEB, "575bfa8");
    set(&environment, &["watch", "1"]);
    set(&environment, &["config:add", "A=1"]);
    wait_until("all are asked", || told(&environment).len() == 3);
    assert_snapshot!(told(&environment).join("\n"), @r#"
    the plugin a-wrong failed in release.watch: init.lua:1: oh. That does not make v2 bad.
    the plugin b-late failed in release.watch: took longer than 1 s. That does not make v2 bad.
    the plugin c-odd failed in release.watch: release.watch returns "good" or nothing, and calls a release bad with slugline.deny(reason); it returned something else. That does not make v2 bad.
    "#);
    assert_eq!(environment.http_get(APP, "/").1, " from v2\n");
    let plain = environment.run(["releases:info", "v2", "--json"]).success();
    assert!(plain.json()["went_bad"].is_null());
}

#[test]
fn without_an_approved_plugin_nothing_is_judged_and_it_is_said() {
    let environment = with_app(Some("releases:advanced"));
    let bad = "slugline.on('release.watch', function(w) slugline.deny('never') end)";
    install(&environment, "strict", bad);
    deploy(&environment, WEB, "575bfa8");
    set(&environment, &["watch", "8"]);
    set(&environment, &["config:add", "A=1"]);
    // Whoever writes there is not asked.
    let script = environment.home().join("plugins/strict/init.lua");
    std::fs::write(script, "error('mine')").unwrap();
    wait_until("it is said", || !told(&environment).is_empty());
    let told = story([environment.run(["logs", "-n", "1000", "-s", "slugline"])]);
    assert!(
        told.contains("no plugin is asked about v2: the plugin strict in "),
        "{told}"
    );
    assert_eq!(environment.http_get(APP, "/").1, " from v2\n");
}

#[test]
fn what_is_bad_and_stays_is_undone_by_a_person() {
    let environment = with_app(Some("releases:advanced"));
    let script = "slugline.on('release.watch', function(w) slugline.deny('never') end)\n\
                  slugline.on('rollback.check', function(r)\n\
                  if r.actor == 'slugline' then slugline.deny('ask a person') end end)";
    deploy(&environment, WEB, "575bfa8");
    install_for(
        &environment,
        "strict",
        "release.watch, rollback.check",
        script,
    );
    set(&environment, &["watch", "1"]);
    set(&environment, &["config:add", "A=1"]);
    wait_until("it is said", || told(&environment).len() == 2);
    assert_snapshot!(told(&environment).join("\n"), @r"
    v2 went bad: strict: never
    v2 stays: strict: ask a person
    ");
    assert_snapshot!(environment.run(["rollback"]).success(), @r"
    $ slugline rollback
    Rolled back to v1
    2> v3 now runs, with the code and config of v1. Undo: slugline rollback v2
    ");
}
