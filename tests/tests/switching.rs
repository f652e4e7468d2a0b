//! How the releases of an app take over from each other, and what is set of that.

use insta::assert_snapshot;
use slugline_tests::{WEB, deploy, story, with_app};

#[test]
fn what_is_set_is_shown_and_on_record() {
    let environment = with_app(None);
    let outputs = [
        environment.run(["preboot"]),
        environment.run(["preboot", "off"]),
        environment.run(["preboot", "off"]),
        environment.run(["preboot", "--json"]),
        environment.run(["health"]),
        environment.run(["health", "/up", "--within", "90"]),
        environment.run(["health", "--json"]),
        environment.run(["health", "--within", "default"]),
        environment.run(["health", "off"]),
        environment.run(["health", "up"]),
        environment.run(["health", "--within", "soon"]),
        environment.run(["watch"]),
        environment.run(["watch", "15"]),
        environment.run(["watch", "off"]),
        environment.run(["watch", "--json"]),
        environment.run(["watch", "100000"]),
    ];
    assert_snapshot!(story(outputs), @r#"
    $ slugline preboot
    Preboot of myapp is on: new processes start beside the old ones.

    $ slugline preboot off
    Preboot of myapp is off: the old processes end before new ones start.

    $ slugline preboot off
    Preboot of myapp is off: the old processes end before new ones start.

    $ slugline preboot --json
    {
      "preboot": false
    }

    $ slugline health
    myapp is healthy when its port is open.

    $ slugline health /up --within 90
    myapp is healthy when GET /up answers 2xx or 3xx within 90 s.

    $ slugline health --json
    {
      "path": "/up",
      "within": 90
    }

    $ slugline health --within default
    myapp is healthy when GET /up answers 2xx or 3xx.

    $ slugline health off
    myapp is healthy when its port is open.

    $ slugline health up
    2>  !    "up" is no path: it begins with / and has no spaces
    [exit 1]

    $ slugline health --within soon
    2>  !    "soon" is no number of seconds from 1 to 3600
    [exit 2]

    $ slugline watch
    Releases of myapp are watched for 60 s. One that goes bad is rolled back.

    $ slugline watch 15
    Releases of myapp are watched for 15 s. One that goes bad is rolled back.

    $ slugline watch off
    Releases of myapp are not watched after they took over.

    $ slugline watch --json
    {
      "watch_seconds": 0
    }

    $ slugline watch 100000
    2>  !    "100000" is no number of seconds up to 86400
    [exit 2]
    "#);
    let audit = environment.run(["audit", "--json"]).success().json();
    let what: Vec<_> = audit
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|line| line["what"].as_str())
        .collect();
    assert_snapshot!(what.join("\n"), @r#"
    apps:create myapp
    preboot off
    health /up --within 90
    health --within default
    health off
    health up: "up" is no path: it begins with / and has no spaces
    watch 15
    watch off
    "#);
}

#[test]
fn a_release_that_never_becomes_healthy_changes_nothing() {
    let environment = with_app(None);
    let silent = WEB.replace("static .", "static . > /dev/null");
    deploy(&environment, &silent, "575bfa8");
    let _ = environment
        .run(["health", "/no", "--within", "1"])
        .success();
    let outputs = [
        environment.run(["config:add", "GREETING=hello"]),
        environment.run(["config"]),
        environment.run(["health", "/"]),
        environment.run(["config:add", "GREETING=hello"]),
    ];
    assert_snapshot!(story(outputs), @r"
    $ slugline config:add GREETING=hello
    Adding config vars:
      GREETING => hello
    Updating vars and restarting app... failed
    2>  !    v2 failed: web.1 was not healthy within 1 s: GET /no answered 404
    2>  !    v1 runs on, unchanged.
    [exit 1]

    $ slugline config

    $ slugline health /
    myapp is healthy when GET / answers 2xx or 3xx within 1 s.

    $ slugline config:add GREETING=hello
    Adding config vars:
      GREETING => hello
    Updating vars and restarting app... done, v3
    ");
    assert_eq!(environment.http_get("myapp", "/").1, "hello from v3\n");
}

#[test]
fn without_preboot_the_old_release_runs_again_where_the_new_one_fails() {
    let environment = with_app(None);
    // Two of them cannot run at once. Of all files, they share this one only.
    let alone = format!(
        "web: exec flock -n \"$SLUGLINE_BIN\" sh -c '{}'\n",
        "test -z \"$BROKEN\" && echo \"$GREETING from $SLUGLINE_RELEASE_VERSION\" > index.html && exec \"$SLUGLINE_BIN\" static ."
    );
    deploy(&environment, &alone, "575bfa8");
    let outputs = [
        environment.run(["config:add", "GREETING=hello"]),
        environment.run(["preboot", "off"]),
        environment.run(["config:add", "GREETING=hello"]),
        environment.run(["config:add", "BROKEN=yes"]),
        environment.run(["restart"]),
    ];
    assert_snapshot!(story(outputs), @r"
    $ slugline config:add GREETING=hello
    Adding config vars:
      GREETING => hello
    Updating vars and restarting app... failed
    2>  !    v2 failed: web.1 exited with status 1
    2>  !    v1 runs on, unchanged.
    [exit 1]

    $ slugline preboot off
    Preboot of myapp is off: the old processes end before new ones start.

    $ slugline config:add GREETING=hello
    Adding config vars:
      GREETING => hello
    Updating vars and restarting app... done, v3

    $ slugline config:add BROKEN=yes
    Adding config vars:
      BROKEN => yes
    Updating vars and restarting app... failed
    2>  !    v4 failed: web.1 exited with status 1
    2>  !    v3 runs on, unchanged.
    [exit 1]

    $ slugline restart
    Restarting processes... done
    ");
    assert_eq!(environment.http_get("myapp", "/").1, "hello from v3\n");
}
