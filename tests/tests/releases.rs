//! The history: listed, shown and compared, for people and for programs.

use insta::assert_snapshot;
use slugline_testkit::environment::{Output, TestEnvironment};
use slugline_tests::{QUIET, WEB, deploy, story, with_app};

/// v1 deploys, v2 adds config, v3 adds a cache, v4 fails, v5 deploys.
fn history() -> TestEnvironment {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, WEB, "575bfa8");
    let vars = ["config:add", "GREETING=Hello", "SECRET=sesame"];
    let _ = environment.by("joe@example.com").run(vars).success();
    let _ = environment.run(["addons:add", "memcache"]).success();
    let _ = environment.run(["config:add", "BROKEN=yes"]).fails(1);
    deploy(&environment, QUIET, "de63889");
    environment
}

fn without_ids(output: Output) -> Output {
    let output = output.hide("\"slug\": \"", "SLUG");
    output.hide("MEMCACHE_SERVERS => 127.0.0.1:", "PORT")
}

#[test]
fn the_history_is_listed() {
    let environment = history();
    assert_snapshot!(environment.run(["releases"]), @r"
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v5    Deploy de63889                  jim@example.com       0 seconds ago············
    v4    Config add BROKEN (failed)      jim@example.com       0 seconds ago············
    v3    Add-on add memcache             jim@example.com       0 seconds ago············
    v2    Config add GREETING, SECRET     joe@example.com       0 seconds ago············
    v1    Deploy 575bfa8                  jim@example.com       0 seconds ago············
    ");
    let newest = story([
        environment.run(["releases:list", "-n", "2"]),
        environment.run(["releases", "--num", "0"]),
        environment.run(["releases", "-n", "some"]),
    ]);
    assert_snapshot!(newest, @r"
    $ slugline releases:list -n 2
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v5    Deploy de63889                  jim@example.com       0 seconds ago············
    v4    Config add BROKEN (failed)      jim@example.com       0 seconds ago············

    $ slugline releases --num 0
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------

    $ slugline releases -n some
    2>  !    invalid value 'some' for '--num <N>': invalid digit found in string
    2>  !    For more information, try '--help'.
    [exit 2]
    ");
}

#[test]
fn the_history_is_listed_for_programs() {
    let environment = history();
    assert_snapshot!(without_ids(environment.run(["releases", "--json"])), @r#"
    $ slugline releases --json
    [
      {
        "name": "v5",
        "version": 5,
        "change": "Deploy de63889",
        "by": "jim@example.com",
        "created_at": "2010-09-15T19:00:00Z",
        "status": "succeeded",
        "commit": "de63889000000000000000000000000000000000",
        "slug": "SLUG",
        "pinned": false,
        "eligible_for_rollback": false,
        "not_eligible_because": "v5 is the current release"
      },
      {
        "name": "v4",
        "version": 4,
        "change": "Config add BROKEN",
        "by": "jim@example.com",
        "created_at": "2010-09-15T19:00:00Z",
        "status": "failed",
        "failure": "web.1 exited with status 1",
        "commit": "575bfa8000000000000000000000000000000000",
        "slug": "SLUG",
        "pinned": false,
        "eligible_for_rollback": false,
        "not_eligible_because": "v4 failed and never ran: web.1 exited with status 1"
      },
      {
        "name": "v3",
        "version": 3,
        "change": "Add-on add memcache",
        "by": "jim@example.com",
        "created_at": "2010-09-15T19:00:00Z",
        "status": "succeeded",
        "commit": "575bfa8000000000000000000000000000000000",
        "slug": "SLUG",
        "pinned": false,
        "eligible_for_rollback": true
      },
      {
        "name": "v2",
        "version": 2,
        "change": "Config add GREETING, SECRET",
        "by": "joe@example.com",
        "created_at": "2010-09-15T19:00:00Z",
        "status": "succeeded",
        "commit": "575bfa8000000000000000000000000000000000",
        "slug": "SLUG",
        "pinned": false,
        "eligible_for_rollback": false,
        "not_eligible_because": "Cannot rollback to a release that had a different set of addons installed\n+ memcache:free"
      },
      {
        "name": "v1",
        "version": 1,
        "change": "Deploy 575bfa8",
        "by": "jim@example.com",
        "created_at": "2010-09-15T19:00:00Z",
        "status": "succeeded",
        "commit": "575bfa8000000000000000000000000000000000",
        "slug": "SLUG",
        "pinned": false,
        "eligible_for_rollback": false,
        "not_eligible_because": "Cannot rollback to a release that had a different set of addons installed\n+ memcache:free"
      }
    ]
    "#);
}

#[test]
fn a_release_is_shown() {
    let environment = history();
    let shown = story([
        environment.run(["releases:info", "v1"]),
        environment.run(["releases", "info", "2"]),
        environment.run(["releases:info", "v4"]),
        environment.run(["releases:info"]),
        environment.run(["releases:info", "v2", "--shell"]),
        without_ids(environment.run(["releases:info", "v2", "--json"]))
            .hide("\"digest\": \"", "DIGEST"),
    ]);
    assert_snapshot!(shown, @r#"
    $ slugline releases:info v1
    === Release v1
    Change:      Deploy 575bfa8
    By:          jim@example.com
    When:        0 seconds ago
    Addons:      releases:advanced

    $ slugline releases info 2
    === Release v2
    Change:      Config add GREETING, SECRET
    By:          joe@example.com
    When:        0 seconds ago
    Addons:      releases:advanced
    Config:      GREETING => Hello
                 SECRET   => sesame

    $ slugline releases:info v4
    === Release v4
    Change:      Config add BROKEN
    By:          jim@example.com
    When:        0 seconds ago
    Status:      failed (web.1 exited with status 1)
    Addons:      memcache:free, releases:advanced
    Config:      BROKEN           => yes
                 GREETING         => Hello
                 MEMCACHE_SERVERS => 127.0.0.1:PORT
                 SECRET           => sesame

    $ slugline releases:info
    === Release v5
    Change:      Deploy de63889
    By:          jim@example.com
    When:        0 seconds ago
    Addons:      memcache:free, releases:advanced
    Config:      GREETING         => Hello
                 MEMCACHE_SERVERS => 127.0.0.1:PORT
                 SECRET           => sesame

    $ slugline releases:info v2 --shell
    GREETING='Hello'
    SECRET='sesame'

    $ slugline releases:info v2 --json
    {
      "name": "v2",
      "version": 2,
      "change": "Config add GREETING, SECRET",
      "by": "joe@example.com",
      "created_at": "2010-09-15T19:00:00Z",
      "status": "succeeded",
      "commit": "575bfa8000000000000000000000000000000000",
      "slug": "SLUG",
      "pinned": false,
      "addons": [
        "releases:advanced"
      ],
      "config": {
        "GREETING": "Hello",
        "SECRET": "sesame"
      },
      "processes": {
        "web": "test -z \"$BROKEN\" || { echo \"BROKEN is $BROKEN\"; exit 1; }; echo \"$GREETING from $SLUGLINE_RELEASE_VERSION\" > index.html && exec \"$SLUGLINE_BIN\" static ."
      },
      "plugins": [],
      "digest": "DIGEST"
    }
    "#);
}

#[test]
fn two_releases_are_compared() {
    let environment = history();
    let compared = story([
        environment.run(["releases:diff", "v1", "v5"]),
        environment.run(["releases", "diff", "v2", "v1", "--reveal"]),
        environment.run(["releases:diff", "v2", "v2"]),
        environment.run(["releases:diff", "v5"]),
        environment.run(["releases:diff", "v1", "v2", "--json"]),
    ]);
    assert_snapshot!(compared, @r#"
    $ slugline releases:diff v1 v5
    === v1 -> v5
    Code:        575bfa8 -> de63889
    Config:      + GREETING => ********
                 + MEMCACHE_SERVERS => ********
                 + SECRET => ********
    Addons:      + memcache:free

    $ slugline releases diff v2 v1 --reveal
    === v2 -> v1
    Config:      - GREETING => Hello
                 - SECRET => sesame

    $ slugline releases:diff v2 v2
    === v2 -> v2
    No difference

    $ slugline releases:diff v5
    === v5 -> v5
    No difference

    $ slugline releases:diff v1 v2 --json
    {
      "from": "v1",
      "to": "v2",
      "code": null,
      "config": [
        {
          "key": "GREETING",
          "differs": "+",
          "to": "********"
        },
        {
          "key": "SECRET",
          "differs": "+",
          "to": "********"
        }
      ],
      "addons": []
    }
    "#);
}

#[test]
fn a_release_that_is_not_there_is_answered_with_the_nearest() {
    let environment = with_app(Some("releases:basic"));
    let none = story([
        environment.run(["releases"]),
        environment.run(["releases", "--json"]),
        environment.run(["releases:info"]),
        environment.run(["releases:info", "v1"]),
    ]);
    assert_snapshot!(none, @r"
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------

    $ slugline releases --json
    []

    $ slugline releases:info
    2>  !    myapp has no release yet
    [exit 1]

    $ slugline releases:info v1
    2>  !    myapp has no release yet
    [exit 1]
    ");
    for value in ["A=1", "A=2", "A=3"] {
        let _ = environment.run(["config:add", value]).success();
    }
    let refused = story([
        environment.run(["releases:info", "v9"]),
        environment.run(["releases:info", "v1"]),
        environment.run(["releases:info", "v0"]),
        environment.run(["releases:info", "current"]),
        environment.run(["releases:diff", "v1", "v3"]),
        environment.run(["releases:diff"]),
    ]);
    assert_snapshot!(refused, @r#"
    $ slugline releases:info v9
    2>  !    There is no release v9; the newest is v3
    2>  !    The nearest that is kept is v3.
    [exit 1]

    $ slugline releases:info v1
    2>  !    v1 is no longer kept: releases:basic has pruned it
    2>  !    The nearest that is kept is v2.
    [exit 1]

    $ slugline releases:info v0
    2>  !    "v0" is not a release: write v40 or 40
    [exit 1]

    $ slugline releases:info current
    2>  !    "current" is not a release: write v40 or 40
    [exit 1]

    $ slugline releases:diff v1 v3
    2>  !    v1 is no longer kept: releases:basic has pruned it
    2>  !    The nearest that is kept is v2.
    [exit 1]

    $ slugline releases:diff
    2>  !    the following required arguments were not provided:
    2>  !    <vN>
    2>  !    Usage: slugline releases:diff <vN> [vM]
    2>  !    For more information, try '--help'.
    [exit 2]
    "#);
}

#[test]
fn long_texts_are_cut_to_their_columns() {
    let environment = with_app(Some("releases:basic"));
    let vars = [
        "config:add",
        "AWS_S3_KEY=1",
        "AWS_S3_SECRET=2",
        "AWS_REGION=3",
    ];
    let _ = environment
        .by("a-very-long-name@example.com")
        .run(vars)
        .success();
    let hours = environment
        .at("2010-09-15T13:00:00-07:00")
        .run(["releases"]);
    assert_snapshot!(hours, @r"
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v1    Config add AWS_REGION, AWS_S..  a-very-long-name@e..  1 hour ago···············
    ");
    let info = environment
        .at("2010-09-16T12:00:00-07:00")
        .run(["releases:info"]);
    assert_snapshot!(info, @r"
    $ slugline releases:info
    === Release v1
    Change:      Config add AWS_REGION, AWS_S3_KEY, AWS_S3_SECRET
    By:          a-very-long-name@example.com
    When:        2010-09-15 12:00:00 -0700
    Addons:      releases:basic
    Config:      AWS_REGION    => 3
                 AWS_S3_KEY    => 1
                 AWS_S3_SECRET => 2
    ");
}

#[test]
fn eligibility_agrees_with_rollback() {
    let environment = history();
    let listed = environment.run(["releases", "--json"]).success().json();
    for release in listed.as_array().unwrap() {
        let name = release["name"].as_str().unwrap();
        let tried = environment.run(["rollback", name, "--dry-run"]);
        assert_eq!(
            release["eligible_for_rollback"],
            tried.status == 0,
            "{tried}"
        );
        if let Some(why) = release["not_eligible_because"].as_str() {
            let first = why.lines().next().unwrap();
            assert!(tried.stderr.contains(first), "{tried}");
        }
    }
}
