//! Rolling back: to the previous release or to any, whole or one half, and each refusal.

use std::net::TcpListener;

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{WEB, deploy, story, with_app};

fn page(environment: &TestEnvironment) -> String {
    let (status, body) = environment.http_get("myapp", "/");
    format!("{status} {}", body.trim_end())
}

/// v1 is code, v2 and v3 are greetings, v4 is new code.
fn app() -> TestEnvironment {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, WEB, "575bfa8");
    let _ = environment.run(["config:add", "GREETING=Hello"]).success();
    let _ = environment
        .run(["config:add", "GREETING=Good morning"])
        .success();
    deploy(&environment, &WEB.replace("from", "out of"), "de63889");
    assert_eq!(page(&environment), "200 Good morning out of v4");
    environment
}

#[test]
fn the_previous_release_and_back_again() {
    let environment = app();
    assert_snapshot!(environment.run(["rollback"]), @r"
    $ slugline rollback
    Rolled back to v3
    2> v5 now runs, with the code and config of v3. Undo: slugline rollback
    ");
    assert_eq!(page(&environment), "200 Good morning from v5");
    assert_snapshot!(environment.run(["releases:rollback"]), @r"
    $ slugline releases:rollback
    Rolled back to v4
    2> v6 now runs, with the code and config of v4. Undo: slugline rollback
    ");
    assert_eq!(page(&environment), "200 Good morning out of v6");
}

#[test]
fn a_certain_release_whole_or_one_half() {
    let environment = app();
    assert_snapshot!(environment.run(["releases", "rollback", "v2"]), @r"
    $ slugline releases rollback v2
    Rolled back to v2
    2> v5 now runs, with the code and config of v2. Undo: slugline rollback
    ");
    assert_eq!(page(&environment), "200 Hello from v5");
    let halves = story([
        environment.run(["rollback", "v4", "--code-only"]),
        environment.run(["rollback", "3", "--config-only"]),
        environment.run(["rollback", "v4", "--code-only", "--config-only"]),
    ]);
    assert_snapshot!(halves, @r"
    $ slugline rollback v4 --code-only
    Rolled back to v4
    2> v6 now runs, with the code of v4. Undo: slugline rollback

    $ slugline rollback 3 --config-only
    Rolled back to v3
    2> v7 now runs, with the config of v3. Undo: slugline rollback

    $ slugline rollback v4 --code-only --config-only
    2>  !    the argument '--code-only' cannot be used with '--config-only'
    2>  !    Usage: slugline rollback --code-only <vN>
    2>  !    For more information, try '--help'.
    [exit 2]
    ");
    assert_eq!(page(&environment), "200 Good morning out of v7");
    assert_snapshot!(environment.run(["releases", "-n", "3"]), @r"
    $ slugline releases -n 3
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v7    Rollback to v3 (config)         jim@example.com       0 seconds ago············
    v6    Rollback to v4 (code)           jim@example.com       0 seconds ago············
    v5    Rollback to v2                  jim@example.com       0 seconds ago············
    ");
}

#[test]
fn a_dry_run_says_what_would_be_and_does_nothing() {
    let environment = app();
    let planned = story([
        environment.run(["rollback", "--dry-run"]),
        environment.run(["rollback", "v1", "--dry-run"]),
        environment.run(["rollback", "v9", "--dry-run"]),
    ]);
    assert_snapshot!(planned, @r"
    $ slugline rollback --dry-run
    Would make v5 of myapp: Rollback to v3
      code    de63889 -> 575bfa8
    2> Nothing has been changed.

    $ slugline rollback v1 --dry-run
    Would make v5 of myapp: Rollback to v1
      code    de63889 -> 575bfa8
      config  - GREETING
    2> Nothing has been changed.

    $ slugline rollback v9 --dry-run
    2>  !    There is no release v9; the newest is v4
    2>  !    The nearest that can be rolled back to is v3: slugline rollback v3
    [exit 1]
    ");
    assert_eq!(page(&environment), "200 Good morning out of v4");
}

#[test]
fn each_refusal_has_its_text() {
    let environment = with_app(Some("releases:advanced"));
    let first = environment.run(["rollback"]);
    let _ = environment.run(["config:add", "A=1"]).success();
    let alone = environment.run(["rollback"]);
    deploy(&environment, WEB, "575bfa8");
    let _ = environment.run(["addons:add", "memcache"]).success();
    let url = "--url=http://127.0.0.1:9/";
    let _ = environment
        .run(["addons:add", "deployhooks:http", url])
        .success();
    let confirm = ["addons:remove", "memcache", "--confirm", "myapp"];
    let _ = environment.run(confirm).success();
    let _ = environment.run(["config:add", "BROKEN=yes"]).fails(1);
    let _ = environment.run(["config:add", "A=2"]).success();
    let _ = environment.run(["config:add", "A=3"]).success();
    let refused = story([
        first,
        alone,
        environment.run(["rollback", "v8"]),
        environment.run(["rollback", "v99"]),
        environment.run(["rollback", "v0"]),
        environment.run(["rollback", "v1"]),
        environment.run(["rollback", "v3"]),
        environment.run(["rollback", "v4"]),
        environment.run(["rollback", "v6"]),
        environment.run(["rollback", "--if-current", "v7"]),
        environment.run(["rollback", "fourty"]),
    ]);
    assert_snapshot!(refused, @r#"
    $ slugline rollback
    2>  !    There is no earlier release to roll back to
    [exit 1]

    $ slugline rollback
    2>  !    There is no earlier release to roll back to
    [exit 1]

    $ slugline rollback v8
    2>  !    v8 is the current release
    2>  !    The nearest that can be rolled back to is v7: slugline rollback v7
    [exit 1]

    $ slugline rollback v99
    2>  !    There is no release v99; the newest is v8
    2>  !    The nearest that can be rolled back to is v7: slugline rollback v7
    [exit 1]

    $ slugline rollback v0
    2>  !    "v0" is not a release: write v40 or 40
    [exit 1]

    $ slugline rollback v1
    2>  !    v1 has no code: it is from before the first deploy
    2>  !    The nearest that can be rolled back to is v5: slugline rollback v5
    [exit 1]

    $ slugline rollback v3
    2>  !    Cannot rollback to a release that had a different set of addons installed
    2>  !    + deployhooks:http
    2>  !    - memcache:free
    2>  !    The nearest that can be rolled back to is v5: slugline rollback v5
    [exit 1]

    $ slugline rollback v4
    2>  !    Cannot rollback to a release that had a different set of addons installed
    2>  !    - memcache:free
    2>  !    The nearest that can be rolled back to is v5: slugline rollback v5
    [exit 1]

    $ slugline rollback v6
    2>  !    v6 failed and never ran: web.1 exited with status 1
    2>  !    The nearest that can be rolled back to is v7: slugline rollback v7
    [exit 1]

    $ slugline rollback --if-current v7
    2>  !    v7 is not current any more: myapp runs v8
    [exit 1]

    $ slugline rollback fourty
    2>  !    "fourty" is not a release: write v40 or 40
    [exit 1]
    "#);
    let newest = environment.run(["releases", "-n", "1", "--json"]).success();
    assert_eq!(newest.json()[0]["name"], "v8", "nothing was changed");
}

#[test]
fn releases_that_failed_are_skipped() {
    let environment = app();
    let _ = environment.run(["config:add", "BROKEN=yes"]).fails(1);
    let _ = environment
        .run(["config:add", "GREETING=Good evening"])
        .success();
    assert_snapshot!(environment.run(["rollback"]), @r"
    $ slugline rollback
    Rolled back to v4
    2>  !    Skipped v5: it failed (web.1 exited with status 1)
    2> v7 now runs, with the code and config of v4. Undo: slugline rollback
    ");
    assert_eq!(page(&environment), "200 Good morning out of v7");
}

#[test]
fn what_addons_lend_is_taken_as_it_is_now() {
    let environment = with_app(Some("releases:advanced"));
    let servers = || {
        let servers = environment.run(["config:get", "MEMCACHE_SERVERS"]);
        servers.success().stdout
    };
    let _ = environment.run(["addons:add", "memcache"]).success();
    let _ = environment.run(["config:add", "A=1"]).success();
    let then = servers();
    let confirm = ["addons:remove", "memcache", "--confirm", "myapp"];
    let _ = environment.run(confirm).success();
    // Whoever takes the old port makes the new cache take another.
    let mut taken = None;
    wait_until("the old port is free", || {
        taken = TcpListener::bind(then.trim_end()).ok();
        taken.is_some()
    });
    let _ = environment.run(["addons:add", "memcache"]).success();
    let now = servers();
    assert_ne!(now, then);
    let _ = environment.run(["config:add", "A=2"]).success();
    let _ = environment.run(["rollback", "v2"]).success();
    assert_eq!(servers(), now);
    assert_eq!(environment.run(["config:get", "A"]).success().stdout, "1\n");
}

#[test]
fn a_rollback_to_the_same_changes_nothing() {
    let environment = with_app(Some("releases:advanced"));
    for value in ["A=1", "A=2", "A=1"] {
        let _ = environment.run(["config:add", value]).success();
    }
    assert_snapshot!(environment.run(["rollback", "v1"]), @r"
    $ slugline rollback v1
    v3 is the same as v1. Nothing has been changed.
    ");
}
