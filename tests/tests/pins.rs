//! Pins: a release that a person pinned stays, whatever a tier answers, until it is let go (S13).

use insta::assert_snapshot;
use slugline_testkit::environment::{APP, TestEnvironment};
use slugline_tests::{story, with_app};

fn releases(environment: &TestEnvironment, values: std::ops::RangeInclusive<u32>) {
    for value in values {
        let _ = environment
            .run(["config:add", &format!("A={value}")])
            .success();
    }
}

#[test]
fn a_pinned_release_stays_and_an_unpinned_one_goes() {
    let environment = with_app(Some("releases:basic"));
    releases(&environment, 1..=2);
    let told = story([
        environment.run(["releases:pin", "v1"]),
        environment.run(["releases:pin", "v1"]),
        environment.run(["releases:info", "v1"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline releases:pin v1
    Pinned v1: no tier prunes it.
    2> Undo: slugline releases:unpin v1

    $ slugline releases:pin v1
    v1 is pinned already.

    $ slugline releases:info v1
    === Release v1
    Change:      Config add A
    By:          jim@example.com
    When:        0 seconds ago
    Pinned:      yes, no tier prunes it
    Addons:      releases:basic
    Config:      A => 1
    ");
    releases(&environment, 3..=5);
    let told = story([
        environment.run(["releases"]),
        environment.run(["releases:prune", "--dry-run"]),
        environment.run(["releases", "unpin", "v1"]),
        environment.run(["releases:unpin", "v1"]),
        environment.run(["releases:prune"]),
        environment.run(["releases:prune", "--confirm", APP]),
        environment.run(["releases:prune"]),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v5    Config add A                    jim@example.com       0 seconds ago············
    v4    Config add A                    jim@example.com       0 seconds ago············
    v1    Config add A                    jim@example.com       0 seconds ago············

    $ slugline releases:prune --dry-run
    releases:basic keeps all 3 releases of myapp.

    Rel  Change        When           What would become of it
    ---  ------------  -------------  --------------------------
    v5   Config add A  0 seconds ago  stays: it is current
    v4   Config add A  0 seconds ago  stays: rollback goes to it
    v1   Config add A  0 seconds ago  stays: it is pinned
    2> Nothing has been changed.

    $ slugline releases unpin v1
    Unpinned v1.
    2> It goes with the next release, unless the tier keeps it.

    $ slugline releases:unpin v1
    v1 is not pinned.

    $ slugline releases:prune
    2>  !    releases:basic keeps 2 of the 3 releases of myapp; 1 would go.
    2>  !    `slugline releases:prune --dry-run` lists them.
    2>  !    WARNING: Potentially Destructive Action
    2>  !    This command will affect the app: myapp
    2>  !    To proceed, type "myapp" or re-run this command with --confirm myapp
    2>  !    Nobody is there to answer. Aborted.
    [exit 1]

    $ slugline releases:prune --confirm myapp
    Pruning myapp... done, 1 release removed

    $ slugline releases:prune
    releases:basic keeps every release of myapp.

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v5    Config add A                    jim@example.com       0 seconds ago············
    v4    Config add A                    jim@example.com       0 seconds ago············
    "#);
    let listed = environment.run(["releases", "--json"]).success().json();
    assert_eq!(listed[0]["pinned"], false);
}

#[test]
fn the_pin_is_kept_through_tiers_and_shown_to_programs() {
    let environment = with_app(Some("releases:advanced"));
    releases(&environment, 1..=3);
    let _ = environment.run(["releases:pin", "1"]).success();
    let words = ["addons:downgrade", "releases:basic", "--confirm", APP];
    let _ = environment.run(words).success();
    let listed = environment.run(["releases", "--json"]).success().json();
    let marks: Vec<_> = (0..3)
        .map(|place| {
            (
                listed[place]["name"].clone(),
                listed[place]["pinned"].clone(),
            )
        })
        .collect();
    let expected = [("v4", false), ("v3", false), ("v1", true)];
    assert_eq!(
        marks,
        expected.map(|(name, pinned)| (name.into(), pinned.into()))
    );
    // Even without a tier, which keeps but the current release.
    let words = ["addons:remove", "releases", "--confirm", APP];
    let _ = environment.run(words).success();
    let _ = environment.run(["addons:add", "releases:basic"]).success();
    let info = environment.run(["releases:info", "v1", "--json"]).success();
    assert_eq!(info.json()["pinned"], true);
}

#[test]
fn what_cannot_be_pinned_is_refused() {
    let environment = with_app(None);
    releases(&environment, 1..=1);
    let untracked = environment.run(["releases:pin", "v1"]);
    let _ = environment.run(["addons:add", "releases:basic"]).success();
    releases(&environment, 2..=3);
    let told = story([
        untracked,
        environment.run(["releases:pin", "v1"]),
        environment.run(["releases:pin", "v9"]),
        environment.run(["releases:pin", "newest"]),
        environment.run(["releases:pin"]),
        environment.run(["releases:unpin", "v2"]),
        environment.run(["releases:pin", "v2", "--if-current", "v2"]),
        environment.run(["releases:pin", "v2", "--app", "nobody"]),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline releases:pin v1
    2>  !    Please install the Release Management add-on to access release history
    2>  !    slugline addons:add releases:basic
    [exit 1]

    $ slugline releases:pin v1
    2>  !    v1 is no longer kept: releases:basic has pruned it
    2>  !    The nearest that is kept is v2.
    [exit 1]

    $ slugline releases:pin v9
    2>  !    There is no release v9; the newest is v3
    2>  !    The nearest that is kept is v3.
    [exit 1]

    $ slugline releases:pin newest
    2>  !    "newest" is not a release: write v40 or 40
    [exit 1]

    $ slugline releases:pin
    2>  !    the following required arguments were not provided:
    2>  !    <vN>
    2>  !    Usage: slugline releases:pin <vN>
    2>  !    For more information, try '--help'.
    [exit 2]

    $ slugline releases:unpin v2
    v2 is not pinned.

    $ slugline releases:pin v2 --if-current v2
    2>  !    v2 is not current any more: myapp runs v3
    [exit 1]

    $ slugline releases:pin v2 --app nobody
    2>  !    there is no app nobody
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    "#);
}
