//! A release that fails fails its command, whichever made it: the app's last lines are shown, what runs on
//! is named, and nothing is half-applied.

use insta::assert_snapshot;
use slugline_tests::{commit, with_app};

/// Every new process fails as long as the file is there, as if a database were down.
const FRAGILE: &str = "web: test ! -e \"$DOWN\" || { echo 'no database'; exit 1; }; \
                       echo \"$SLUGLINE_RELEASE_VERSION\" > index.html; exec \"$SLUGLINE_BIN\" static .\n";

#[test]
fn each_command_tells_that_its_release_failed_and_what_runs() {
    let environment = with_app(Some("releases:advanced"));
    let down = environment.folder().join("down");
    let var = format!("DOWN={}", down.display());
    let _ = environment.run(["config:add", &var]).success();
    // Its processes look at a file of the test.
    environment.write_file("source/Procfile", FRAGILE);
    let open = environment.caller().with("SLUGLINE_ISOLATION", "off");
    let id = commit("575bfa8");
    let _ = open.run(["deploy", "source", "--commit", &id]).success();
    let _ = environment.run(["config:add", "COLOR=red"]).success();
    std::fs::write(&down, "").unwrap();
    environment.write_file("source/new", "file");

    let rollback = environment.run(["rollback"]).fails(1);
    assert_snapshot!(rollback, @r"
    $ slugline rollback
    2>  !    v4 failed: web.1 exited with status 1
    2>  !      no database
    2>  !    v3 runs on, unchanged.
    [exit 1]
    ");
    let config = environment.run(["config:add", "COLOR=blue"]).fails(1);
    assert_snapshot!(config, @r"
    $ slugline config:add COLOR=blue
    Adding config vars:
      COLOR => blue
    Updating vars and restarting app... failed
    2>  !    v5 failed: web.1 exited with status 1
    2>  !      no database
    2>  !    v3 runs on, unchanged.
    [exit 1]
    ");
    let added = environment.run(["addons:add", "memcache"]).fails(1);
    assert_snapshot!(added, @r"
    $ slugline addons:add memcache
    Adding memcache to myapp... failed
    2>  !    v6 failed: web.1 exited with status 1
    2>  !      no database
    2>  !    v3 runs on, unchanged.
    [exit 1]
    ");
    let deployed = environment
        .run([
            "deploy",
            "source",
            "--commit",
            "1111111111111111111111111111111111111111",
        ])
        .fails(1);
    assert_snapshot!(deployed, @r"
    $ slugline deploy source --commit 1111111111111111111111111111111111111111
    -----> Procfile app detected
    -----> Nothing to compile
    -----> Discovering process types
           Procfile declares types -> web
    -----> Compiled slug size is 217B
    -----> Launching... failed
    2>  !    v7 failed: web.1 exited with status 1
    2>  !      no database
    2>  !    v3 runs on, unchanged.
    [exit 1]
    ");
    let restarted = environment.run(["restart"]).fails(1);
    assert_snapshot!(restarted, @r"
    $ slugline restart
    2>  !    v3 failed: web.1 exited with status 1
    2>  !      no database
    2>  !    v3 runs on, unchanged.
    [exit 1]
    ");

    // Nothing of it is half there: code, config, add-ons and the page are those of what is current.
    assert_eq!(environment.http_get("myapp", "/"), (200, "v3\n".to_owned()));
    assert_eq!(
        environment.run(["config:get", "COLOR"]).success().stdout,
        "red\n"
    );
    assert_eq!(
        environment.run(["addons"]).success().stdout,
        "releases:advanced\n"
    );
    std::fs::remove_file(&down).unwrap();
    let _ = environment.run(["rollback"]).success();
    assert_eq!(environment.http_get("myapp", "/"), (200, "v8\n".to_owned()));
}
