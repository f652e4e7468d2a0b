//! A release that goes bad after it took over is undone by itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{WEB, deploy, with_app};

/// An app whose processes end a moment after they have answered, where `MORTAL` is set.
fn mortal() -> String {
    let worker =
        "worker: test -z \"$MORTAL\" || { sleep 0.5; echo the end; exit 4; }; exec sleep 600\n";
    format!("{WEB}{worker}")
}

fn current(environment: &TestEnvironment) -> String {
    let history = environment.run(["releases", "--json"]).success().json();
    history[0]["name"].as_str().unwrap().to_owned()
}

/// The lines of the log that tell what Slugline did by itself.
fn told(environment: &TestEnvironment) -> Vec<String> {
    let log = environment
        .run(["logs", "-n", "1000"])
        .success()
        .to_string();
    let own = |line: &str| line.split_once(" slugline: ").map(|it| it.1.to_owned());
    log.lines().filter_map(own).collect()
}

/// These fields of what is listed, a line each.
fn fields(environment: &TestEnvironment, words: &[&str], names: &[&str]) -> String {
    let listed = environment.run(words).success().json();
    let line = |one: &serde_json::Value| {
        let texts: Vec<_> = names.iter().filter_map(|name| one[name].as_str()).collect();
        texts.join(" | ")
    };
    let lines: Vec<_> = listed.as_array().unwrap().iter().map(line).collect();
    lines.join("\n")
}

/// How long something took is not the same each time.
fn timeless(text: &str) -> String {
    let words = text.split(" within ").collect::<Vec<_>>();
    let rest = |word: &str| word.split_once(" s").map_or("", |it| it.1).to_owned();
    let rests: Vec<_> = words.iter().skip(1).map(|word| rest(word)).collect();
    let first = words.first().copied().unwrap_or_default();
    rests.iter().fold(first.to_owned(), |text, rest| {
        format!("{text} within TIME{rest}")
    })
}

#[test]
fn a_release_that_crashes_again_and_again_is_rolled_back() {
    let environment = with_app(Some("releases:basic"));
    deploy(&environment, &mortal(), "575bfa8");
    let _ = environment.run(["config:add", "MORTAL=yes"]).success();
    wait_until("the release before takes over", || {
        current(&environment) == "v3"
    });
    wait_until("it is told", || told(&environment).len() == 2);
    assert_snapshot!(timeless(&told(&environment).join("\n")), @r"
    v2 went bad: worker.1 exited with status 4, 3 times within TIME
    v3 took over: Rollback to v1
    ");
    let history = ["name", "change", "by", "status"];
    assert_snapshot!(fields(&environment, &["releases", "--json"], &history), @r"
    v3 | Rollback to v1 | slugline | succeeded
    v2 | Config add MORTAL | jim@example.com | succeeded
    ");
    let record = ["outcome", "by", "command", "what"];
    assert_snapshot!(fields(&environment, &["audit", "--json"], &record), @r"
    done | slugline | serve | Rollback to v1
    done | jim@example.com | config:add | Config add MORTAL
    done | jim@example.com | deploy | Deploy 575bfa8
    done | jim@example.com | apps:create | apps:create myapp
    done | jim@example.com | addons:add | addons:add releases:basic
    ");
    let info = environment.run(["releases:info", "v2", "--json"]).success();
    let why = info.json()["went_bad"].as_str().unwrap().to_owned();
    assert_snapshot!(timeless(&why), @"worker.1 exited with status 4, 3 times within TIME; v3 took over");
    assert_eq!(environment.http_get("myapp", "/").1, " from v3\n");
    let found = environment.run(["releases:verify"]).success();
    assert!(!found.to_string().contains("altered"), "{found}");
}

#[test]
fn where_the_rollback_is_refused_the_release_stays_and_it_is_said_why() {
    let environment = with_app(Some("releases:basic"));
    deploy(&environment, &mortal(), "575bfa8");
    let _ = environment.run(["watch", "off"]).success();
    let _ = environment.run(["config:add", "MORTAL=yes"]).success();
    let _ = environment.run(["watch", "60"]).success();
    let _ = environment.run(["addons:add", "memcache"]).success();
    wait_until("it is told", || told(&environment).len() == 2);
    assert_snapshot!(timeless(&told(&environment).join("\n")), @r"
    v3 went bad: worker.1 exited with status 4, 3 times within TIME
    v3 stays: Cannot rollback to a release that had a different set of addons installed + memcache:free
    ");
    let history = ["name", "change", "status"];
    assert_snapshot!(fields(&environment, &["releases", "--json"], &history), @r"
    v3 | Add-on add memcache | succeeded
    v2 | Config add MORTAL | succeeded
    ");
    let refused = ["audit", "--outcome", "refused", "--json"];
    assert_snapshot!(fields(&environment, &refused, &["by", "what"]), @"slugline | rollback of v3, which went bad: Cannot rollback to a release that had a different set of addons installed + memcache:free");
}

#[test]
fn a_rollback_passes_over_what_went_bad_unless_it_is_named() {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, &mortal(), "575bfa8");
    let _ = environment.run(["config:add", "A=2"]).success();
    let _ = environment.run(["config:add", "MORTAL=yes"]).success();
    wait_until("the release before takes over", || {
        current(&environment) == "v4"
    });
    wait_until("it is told", || told(&environment).len() == 2);
    let back = environment.run(["rollback"]).success().to_string();
    assert_snapshot!(timeless(&back), @r"
    $ slugline rollback
    Rolled back to v1
    2>  !    Skipped v3: it went bad (worker.1 exited with status 4, 3 times within TIME; v4 took over)
    2>  !    Skipped v2: it is the same as v4, which runs
    2> v5 now runs, with the code and config of v1. Undo: slugline rollback
    ");
    let _ = environment.run(["watch", "off"]).success();
    let named = environment.run(["rollback", "v3"]).success().to_string();
    assert_snapshot!(timeless(&named), @r"
    $ slugline rollback v3
    Rolled back to v3
    2>  !    v3 went bad after it had taken over: worker.1 exited with status 4, 3 times within TIME; v4 took over
    2> v6 now runs, with the code and config of v3. Undo: slugline rollback
    ");
    let undone = environment.run(["rollback"]).success();
    assert_snapshot!(undone, @r"
    $ slugline rollback
    Rolled back to v5
    2> v7 now runs, with the code and config of v5. Undo: slugline rollback
    ");
}

#[test]
fn where_nothing_else_is_left_a_rollback_names_what_went_bad() {
    let environment = with_app(Some("releases:basic"));
    deploy(&environment, &mortal(), "575bfa8");
    let _ = environment.run(["config:add", "MORTAL=yes"]).success();
    wait_until("the release before takes over", || {
        current(&environment) == "v3"
    });
    wait_until("it is told", || told(&environment).len() == 2);
    let refused = environment.run(["rollback"]);
    assert_snapshot!(timeless(&refused.to_string()), @r"
    $ slugline rollback
    2>  !    There is no earlier release to roll back to
    2>  !    Skipped v2: it went bad (worker.1 exited with status 4, 3 times within TIME; v3 took over)
    2>  !    To go there all the same: slugline rollback v2
    [exit 1]
    ");
}
