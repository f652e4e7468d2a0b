//! `releases:verify`: a history that was left alone is proved, and what was altered is named; what no
//! file can tell of itself is said.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use insta::assert_snapshot;
use slugline_testkit::environment::{APP, Output, TestEnvironment};
use slugline_tests::{story, with_app};

/// A history of five releases, of which the first two were pruned and the third is pinned.
fn history() -> TestEnvironment {
    let environment = with_app(Some("releases:advanced"));
    for value in 1..=4 {
        let words = ["config:add", &format!("KEY=value-{value}")];
        let _ = environment.run(words).success();
    }
    let _ = environment.run(["releases:pin", "v3"]).success();
    let words = ["addons:downgrade", "releases:basic", "--confirm", APP];
    let _ = environment.run(words).success();
    environment
}

/// The same with no digest, which differs from run to run.
fn plain(output: Output) -> Output {
    output
        .hide("v5 ", "DIGEST")
        .hide("v2 ", "DIGEST")
        .hide("\"digest\": \"", "DIGEST")
}

/// Replaces bytes in the file of the ledger, everywhere.
fn alter(environment: &TestEnvironment, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let path = environment.home().join("ledger.db");
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> = (0..bytes.len() - from.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_was_left_alone_is_proved() {
    let environment = history();
    let _ = environment.run(["apps:create", "other"]).success();
    let told = story([
        plain(environment.run(["releases:verify"]).success()),
        plain(
            environment
                .run(["releases", "verify", "--app", "other"])
                .success(),
        ),
        environment
            .run(["releases:verify", "--app", "mypap"])
            .fails(1),
        plain(
            environment
                .run(["releases:verify", "--app", APP, "--json"])
                .success(),
        ),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline releases:verify
    === myapp
    Kept:    3 releases, as recorded
    Pruned:  2 releases, with receipts that fit; what they held cannot be known
    Newest:  v5 DIGEST
    === other
    Kept:  no release
    2> That the newest releases were cut off cannot be seen from the file alone: compare the newest digest with one that you noted elsewhere.

    $ slugline releases verify --app other
    === other
    Kept:  no release

    $ slugline releases:verify --app mypap
    2>  !    there is no app mypap
    2>  !    Did you mean myapp?
    [exit 1]

    $ slugline releases:verify --app myapp --json
    [
      {
        "app": "myapp",
        "intact": true,
        "kept": 3,
        "pruned": 2,
        "newest": {
          "name": "v5",
          "version": 5,
          "digest": "DIGEST"
        },
        "altered": null,
        "unknown": [
          {
            "what": "content_of_pruned",
            "count": 2
          },
          {
            "what": "cut_off"
          }
        ]
      }
    ]
    "#);
    let info = environment
        .run(["releases:info", "--json"])
        .success()
        .json();
    let words = ["releases:verify", "--app", APP, "--json"];
    let found = environment.run(words).success().json();
    let digest = info["digest"].as_str().unwrap();
    assert_eq!(
        (digest.len(), &info["digest"]),
        (64, &found[0]["newest"]["digest"])
    );
}

#[test]
fn what_was_altered_is_named() {
    let environment = history();
    let _ = environment.run(["keys:rotate"]).success();
    alter(&environment, "jim@example.com", "eve@example.com");
    let told = story([
        plain(environment.run(["releases:verify"]).fails(1)),
        plain(environment.run(["releases:verify", "--json"]).fails(1)),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline releases:verify
    === myapp
    Kept:     no release, before v3
    Pruned:   2 releases, with receipts that fit; what they held cannot be known
    Newest:   v2 DIGEST
    Altered:  v3 does not hold what was recorded: its code, config vars, add-ons, actor or time were altered
    2> That the newest releases were cut off cannot be seen from the file alone: compare the newest digest with one that you noted elsewhere.
    2>  !    The history of myapp was altered: v3 does not hold what was recorded: its code, config vars, add-ons, actor or time were altered
    [exit 1]

    $ slugline releases:verify --json
    [
      {
        "app": "myapp",
        "intact": false,
        "kept": 0,
        "pruned": 2,
        "newest": {
          "name": "v2",
          "version": 2,
          "digest": "DIGEST"
        },
        "altered": {
          "name": "v3",
          "version": 3,
          "what": "does not hold what was recorded: its code, config vars, add-ons, actor or time were altered"
        },
        "unknown": [
          {
            "what": "content_of_pruned",
            "count": 2
          },
          {
            "what": "cut_off"
          }
        ]
      }
    ]
    2>  !    The history of myapp was altered: v3 does not hold what was recorded: its code, config vars, add-ons, actor or time were altered
    [exit 1]
    "#);
    alter(&environment, "eve@example.com", "jim@example.com");
    let _ = environment.run(["releases:verify"]).success();
}

#[test]
fn without_an_app_there_is_nothing_to_prove() {
    let environment = TestEnvironment::new();
    let told = story([
        environment.run(["releases:verify"]).success(),
        environment.run(["releases:verify", "--json"]).success(),
    ]);
    assert_snapshot!(told, @r"
    $ slugline releases:verify
    You have no apps.

    $ slugline releases:verify --json
    []
    ");
}
