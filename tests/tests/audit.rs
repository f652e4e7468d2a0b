//! The audit: every change is on record, with who made it and from where, whether or not it made a
//! release, and what was refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use insta::assert_snapshot;
use slugline_testkit::environment::{APP, Caller, TestEnvironment};
use slugline_tests::{QUIET, deploy, repository, story, with_app};

/// Somebody at the machine `build1`, so many minutes past noon.
fn at<'a>(environment: &'a TestEnvironment, minute: u32) -> Caller<'a> {
    let now = format!("2010-09-15T12:{minute:02}:00-07:00");
    environment.at(&now).with("HOSTNAME", "build1")
}

/// What was done and refused, oldest first: outcome, what, release, command.
fn listed(environment: &TestEnvironment, words: &[&str]) -> Vec<String> {
    let words = ["audit", "--json"].iter().chain(words);
    let all = environment.run(words).success().json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let line = |one: &serde_json::Value| {
        let parts = ["outcome", "app", "what", "release", "command"].map(|name| text(&one[name]));
        parts.join(" | ")
    };
    all.as_array().unwrap().iter().rev().map(line).collect()
}

/// A machine on which five things are on record.
fn recorded() -> TestEnvironment {
    let environment = TestEnvironment::new();
    let _ = at(&environment, 0).run(["apps:create", APP]).success();
    let _ = at(&environment, 1)
        .run(["addons:add", "releases:basic"])
        .success();
    let _ = at(&environment, 2)
        .run(["config:add", "A=s3cret", "B=2"])
        .success();
    let joe = at(&environment, 3).by("joe@example.com");
    let ssh = joe.with("SSH_CONNECTION", "10.0.0.7 51022 10.0.0.1 22");
    let _ = ssh.run(["releases:pin", "v1"]).success();
    let _ = at(&environment, 4).run(["releases:pin", "v7"]).fails(1);
    // Neither what shows, nor what is not understood, nor what has nothing to do is on record.
    let _ = at(&environment, 5).run(["releases:pin", "v1"]).success();
    let _ = at(&environment, 5).run(["releases"]).success();
    let _ = at(&environment, 5).run(["config:add"]).fails(2);
    let _ = at(&environment, 5)
        .run(["config:add", "A=3", "--dry-run"])
        .success();
    environment
}

#[test]
fn what_was_done_and_refused_is_listed_newest_first() {
    let environment = recorded();
    let after = at(&environment, 10);
    assert_snapshot!(story([
        after.run(["audit"]),
        after.run(["audit", "--app", APP, "--outcome", "refused"]),
        after.run(["audit", "--actor", "joe@example.com"]),
        after.run(["audit", "--since", "7m", "-n", "1"]),
        after.run(["audit", "--since", "2010-09-16"]),
        after.run(["audit", "--since", "soon"]),
        after.run(["audit", "--app", "nosuch"]),
    ]), @r#"
    $ slugline audit
    When            App    By               What                                                          From
    --------------  -----  ---------------  ------------------------------------------------------------  -------------------
    6 minutes ago   myapp  jim@example.com  refused: releases:pin v7: There is no release v7; the newe..  build1 no terminal
    7 minutes ago   myapp  joe@example.com  releases:pin v1                                               build1 ssh 10.0.0.7
    8 minutes ago   myapp  jim@example.com  v1 Config add A, B                                            build1 no terminal
    9 minutes ago   myapp  jim@example.com  addons:add releases:basic                                     build1 no terminal
    10 minutes ago  myapp  jim@example.com  apps:create myapp                                             build1 no terminal

    $ slugline audit --app myapp --outcome refused
    When           App    By               What                                                          From
    -------------  -----  ---------------  ------------------------------------------------------------  ------------------
    6 minutes ago  myapp  jim@example.com  refused: releases:pin v7: There is no release v7; the newe..  build1 no terminal

    $ slugline audit --actor joe@example.com
    When           App    By               What             From
    -------------  -----  ---------------  ---------------  -------------------
    7 minutes ago  myapp  joe@example.com  releases:pin v1  build1 ssh 10.0.0.7

    $ slugline audit --since 7m -n 1
    When           App    By               What                                                          From
    -------------  -----  ---------------  ------------------------------------------------------------  ------------------
    6 minutes ago  myapp  jim@example.com  refused: releases:pin v7: There is no release v7; the newe..  build1 no terminal

    $ slugline audit --since 2010-09-16
    Nothing of the kind is on record.

    $ slugline audit --since soon
    2>  !    "soon" is no time: write it as 2d, 12h, 30m or 2026-11-20
    [exit 2]

    $ slugline audit --app nosuch
    2>  !    there is no app nosuch
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    "#);
}

#[test]
fn programs_are_told_all_of_it() {
    let environment = recorded();
    let words = ["audit", "--json", "-n", "3"];
    let found = at(&environment, 10).run(words).success();
    assert_snapshot!(found, @r#"
    $ slugline audit --json -n 3
    [
      {
        "at": "2010-09-15T19:04:00Z",
        "app": "myapp",
        "by": "jim@example.com",
        "outcome": "refused",
        "what": "releases:pin v7: There is no release v7; the newest is v1",
        "release": null,
        "command": "releases:pin",
        "place": "build1 no terminal",
        "plugins": []
      },
      {
        "at": "2010-09-15T19:03:00Z",
        "app": "myapp",
        "by": "joe@example.com",
        "outcome": "done",
        "what": "releases:pin v1",
        "release": null,
        "command": "releases:pin",
        "place": "build1 ssh 10.0.0.7",
        "plugins": []
      },
      {
        "at": "2010-09-15T19:02:00Z",
        "app": "myapp",
        "by": "jim@example.com",
        "outcome": "done",
        "what": "Config add A, B",
        "release": "v1",
        "command": "config:add",
        "place": "build1 no terminal",
        "plugins": []
      }
    ]
    "#);
}

#[test]
fn every_command_that_changes_something_is_on_record() {
    let environment = with_app(Some("releases:advanced"));
    environment.write_file(
        "tier.lua",
        "slugline.tier(\"mine\", function() return {} end)\n",
    );
    plugin(&environment);
    deploy(&environment, QUIET, "aaaaaaa");
    repository(&environment, QUIET);
    let success: [&[&str]; 22] = [
        &["git:remote", "--branch", "live"],
        &["config:add", "A=1"],
        &["config:remove", "A"],
        &["addons:add", "memcache:free"],
        &["addons:upgrade", "memcache:100mb"],
        &["addons:downgrade", "memcache:free"],
        &["addons:remove", "memcache", "--confirm", APP],
        &["releases:pin", "v2"],
        &["releases:unpin", "v2"],
        &["rollback", "v2", "--pin"],
        &["rollback", "--unpin"],
        &["addons:downgrade", "releases:basic", "--confirm", APP],
        &["keys:rotate"],
        &["plugins:install", "plugin", "--yes"],
        &["plugins:update", "mine", "plugin", "--yes"],
        &["plugins:remove", "mine"],
        &["tiers:add", "mine", "tier.lua"],
        &["tiers:remove", "mine"],
        &[
            "apps:create",
            "other",
            "--addons",
            "releases:basic,memcache",
        ],
        &["git:remote", "--app", "other"],
        &["apps:destroy", "--app", "other", "--confirm", "other"],
        &["apps:destroy", "--confirm", APP],
    ];
    for (minute, words) in (0..).zip(success) {
        let _ = at(&environment, minute).run(words).success();
    }
    assert_snapshot!(listed(&environment, &["-n", "99"]).join("\n"), @r"
    done | myapp | git:remote --branch live | - | git:remote
    done | myapp | addons:add releases:advanced | - | addons:add
    done | myapp | apps:create myapp | - | apps:create
    done | myapp | Deploy aaaaaaa | v1 | deploy
    done | myapp | Config add A | v2 | config:add
    done | myapp | Config remove A | v3 | config:remove
    done | myapp | Add-on add memcache:free | v4 | addons:add
    done | myapp | Add-on upgrade memcache:100mb | v5 | addons:upgrade
    done | myapp | Add-on downgrade memcache:free | v6 | addons:downgrade
    done | myapp | Add-on remove memcache | v7 | addons:remove
    done | myapp | releases:pin v2 | - | releases:pin
    done | myapp | releases:unpin v2 | - | releases:unpin
    done | myapp | Rollback to v2 | v8 | rollback
    done | myapp | rollback --unpin | - | rollback
    done | myapp | Add-on downgrade releases:basic | v9 | addons:downgrade
    done | - | keys:rotate | - | keys:rotate
    done | - | plugins:install plugin | - | plugins:install
    done | - | plugins:remove mine | - | plugins:remove
    done | - | tiers:add mine tier.lua | - | tiers:add
    done | - | tiers:remove mine | - | tiers:remove
    done | other | apps:create other | - | apps:create
    done | other | Add-on add memcache | v1 | apps:create
    done | other | apps:destroy | - | apps:destroy
    done | myapp | apps:destroy | - | apps:destroy
    ");
}

/// The folder `plugin` with a plugin that does nothing.
fn plugin(environment: &TestEnvironment) {
    let manifest = "name: mine\nversion: 1.0.0\napi: 1\nsummary: Does nothing.\nentry: init.lua\n";
    environment.write_file("plugin/plugin.yaml", manifest);
    environment.write_file("plugin/init.lua", "");
}

#[test]
fn what_is_refused_is_on_record_without_a_value() {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, QUIET, "aaaaaaa");
    let big = format!("BIG=s3cret{}", "x".repeat(70_000));
    let refused: [&[&str]; 11] = [
        &["config:add", &big],
        &["config:add", "A=s3cret", "--if-current", "v9"],
        &["addons:add", "nosuch"],
        &["addons:add", "deployhooks:http", "--url=s3cret"],
        &["addons:remove", "memcache", "--confirm", APP],
        &["rollback", "v9"],
        &["deploy", "nosuch"],
        &["plugins:remove", "nosuch"],
        &["tiers:remove", "nosuch"],
        &["apps:destroy"],
        &["releases:pin", "v1", "--app", "nosuch"],
    ];
    for words in refused {
        let _ = environment.run(words).fails(1);
    }
    let found = listed(&environment, &["--outcome", "refused"]).join("\n");
    let failed = listed(&environment, &["--outcome", "failed"]).join("\n");
    assert!(
        !format!("{found}{failed}").contains("s3cret"),
        "{found}\n{failed}"
    );
    assert_snapshot!(format!("{found}\n--\n{failed}"), @r#"
    refused | nosuch | releases:pin v1: there is no app nosuch | - | releases:pin
    refused | myapp | apps:destroy: Nobody is there to answer. Aborted. | - | apps:destroy
    refused | - | tiers:remove nosuch: releases has no plan "nosuch"; its plans are: releases:advanced (free), releases:basic (free) | - | tiers:remove
    refused | - | plugins:remove nosuch: There is no plugin nosuch to remove. | - | plugins:remove
    refused | myapp | deploy: nosuch cannot be deployed: No such file or directory (os error 2) | - | deploy
    refused | myapp | rollback v9: There is no release v9; the newest is v1 | - | rollback
    refused | myapp | addons:remove memcache: memcache is not added to this app. | - | addons:remove
    refused | myapp | addons:add deployhooks:http: the plugin deployhooks refused | - | addons:add
    refused | myapp | addons:add nosuch: there is no add-on nosuch | - | addons:add
    refused | myapp | config:add A: v9 is not current any more: myapp runs v1 | - | config:add
    refused | myapp | config:add BIG: config vars would take 70009 bytes together; the limit is 65536 | - | config:add
    --
    "#);
}

#[test]
fn a_push_is_on_record_as_one() {
    let environment = with_app(Some("releases:advanced"));
    repository(&environment, QUIET);
    let _ = environment.run(["git:remote"]).success();
    let _ = environment.git(["push", "slugline", "HEAD:topic"]);
    let _ = environment.git(["push", "slugline", "main"]).success();
    let push = listed(&environment, &[]);
    let push: Vec<_> = push
        .iter()
        .filter(|line| line.contains("git push"))
        .collect();
    assert_eq!(push.len(), 2, "{push:?}");
    assert_eq!(
        push[0],
        "refused | myapp | git push: myapp is deployed by a push to main or master, not to topic | \
         - | git push"
    );
    let text = push[1].as_str();
    assert!(text.starts_with("done | myapp | Deploy "), "{text}");
    assert!(text.ends_with(" | v1 | git push"), "{text}");
}

#[test]
fn a_note_that_cannot_be_written_is_a_warning() {
    let environment = with_app(None);
    plugin(&environment);
    let words = ["plugins:install", "plugin", "--yes"];
    let _ = environment.run(words).success();
    environment.write_file("plugin/init.lua", "-- Nothing.");
    std::fs::write(environment.home().join("ledger.db"), "no ledger").unwrap();
    let told = environment
        .run(["plugins:update", "mine", "plugin"])
        .success();
    let told = told.hide("sha256:", "DIGEST");
    assert_snapshot!(told, @r"
    $ slugline plugins:update mine plugin
    Updating mine... done
    2> mine 1.0.0 -> 1.0.0
    2> - sha256:DIGEST
    2> + sha256:DIGEST
    2>  !    It is not in the audit: the ledger holds something that cannot be read: the database file is damaged
    2>  !    Its home is $SLUGLINE_HOME
    ");
    let fresh = TestEnvironment::new();
    // Where there is nothing yet, what is refused leaves nothing.
    let _ = fresh.run(["plugins:install", "nosuch"]).fails(1);
    assert!(!fresh.home().join("ledger.db").exists());
}
