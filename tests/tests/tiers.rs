//! Release tiers: what each keeps, moving between them, and that a loss is asked for first.

use insta::assert_snapshot;
use slugline_testkit::environment::TestEnvironment;
use slugline_tests::{story, with_app};

fn releases(environment: &TestEnvironment, count: u32) {
    for value in 1..=count {
        let _ = environment
            .run(["config:add", &format!("A={value}")])
            .success();
    }
}

#[test]
fn without_a_tier_only_the_current_release_is_kept() {
    let environment = with_app(None);
    releases(&environment, 3);
    let told = story([
        environment.run(["releases"]),
        environment.run(["addons:add", "releases:basic", "--dry-run"]),
        environment.run(["addons:add", "releases:basic"]),
        environment.run(["releases"]),
        environment.run(["rollback", "v2"]),
        environment.run(["config:add", "A=4"]),
        environment.run(["rollback"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline releases
    2>  !    Please install the Release Management add-on to access release history
    2>  !    slugline addons:add releases:basic
    [exit 1]

    $ slugline addons:add releases:basic --dry-run
    Would add releases:basic to myapp, without a release
    2> Nothing has been changed.

    $ slugline addons:add releases:basic
    Adding releases:basic to myapp...done.

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v3    Config add A                    jim@example.com       0 seconds ago············

    $ slugline rollback v2
    2>  !    v2 is no longer kept: releases:basic has pruned it
    2>  !    There is no release that can be rolled back to.
    [exit 1]

    $ slugline config:add A=4
    Adding config vars:
      A => 4
    Updating vars and restarting app... done, v4

    $ slugline rollback
    Rolled back to v3
    2> v5 now runs, with the code and config of v3. Undo: slugline rollback
    ");
}

#[test]
fn basic_keeps_two() {
    let environment = with_app(Some("releases:basic"));
    releases(&environment, 4);
    let told = story([
        environment.run(["releases"]),
        environment.run(["addons:add", "releases:basic"]),
        environment.run(["addons:add", "releases:advanced"]),
        environment.run(["addons:add", "releases"]),
        environment.run(["addons:add", "releases:golden"]),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v4    Config add A                    jim@example.com       0 seconds ago············
    v3    Config add A                    jim@example.com       0 seconds ago············

    $ slugline addons:add releases:basic
    2>  !    releases add-on already added.
    2>  !    To upgrade, use addons:upgrade instead.
    [exit 1]

    $ slugline addons:add releases:advanced
    2>  !    releases add-on already added.
    2>  !    To upgrade, use addons:upgrade instead.
    [exit 1]

    $ slugline addons:add releases
    2>  !    releases has no default plan: name one of releases:advanced (free), releases:basic (free)
    [exit 1]

    $ slugline addons:add releases:golden
    2>  !    releases has no plan "golden"; its plans are: releases:advanced (free), releases:basic (free)
    [exit 1]
    "#);
}

#[test]
fn an_upgrade_keeps_more_from_then_on() {
    let environment = with_app(Some("releases:basic"));
    releases(&environment, 3);
    let upgraded = environment.run(["addons:upgrade", "releases:advanced"]);
    assert_snapshot!(upgraded, @r"
    $ slugline addons:upgrade releases:advanced
    Upgrading releases:advanced on myapp... done, v4 (free)
    ");
    releases(&environment, 3);
    let told = story([
        environment.run(["releases"]),
        environment.run(["rollback", "v5"]),
        environment.run(["rollback", "v3"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v7    Config add A                    jim@example.com       0 seconds ago············
    v6    Config add A                    jim@example.com       0 seconds ago············
    v5    Config add A                    jim@example.com       0 seconds ago············
    v4    Add-on upgrade releases:adva..  jim@example.com       0 seconds ago············
    v3    Config add A                    jim@example.com       0 seconds ago············
    v2    Config add A                    jim@example.com       0 seconds ago············

    $ slugline rollback v5
    Rolled back to v5
    2> v8 now runs, with the code and config of v5. Undo: slugline rollback

    $ slugline rollback v3
    2>  !    Cannot rollback to a release that had a different set of addons installed
    2>  !    + releases:advanced
    2>  !    - releases:basic
    2>  !    The nearest that can be rolled back to is v4: slugline rollback v4
    [exit 1]
    ");
}

#[test]
fn a_tier_that_keeps_less_asks_first() {
    let environment = with_app(Some("releases:advanced"));
    releases(&environment, 9);
    let told = story([
        environment.run(["addons:downgrade", "releases:basic"]),
        environment.run(["addons:downgrade", "releases:basic", "--dry-run"]),
        environment.run(["addons:downgrade", "releases:basic", "--confirm", "other"]),
        environment.run(["addons:downgrade", "releases:basic", "--confirm", "myapp"]),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline addons:downgrade releases:basic
    2>  !    releases:basic keeps less: v1, v2, v3, v4, v5 and 3 more would be lost.
    2>  !    To do it all the same, add --confirm myapp
    [exit 1]

    $ slugline addons:downgrade releases:basic --dry-run
    2>  !    releases:basic keeps less: v1, v2, v3, v4, v5 and 3 more would be lost.
    2>  !    To do it all the same, add --confirm myapp
    [exit 1]

    $ slugline addons:downgrade releases:basic --confirm other
    2>  !    Confirmed app other did not match the selected app myapp.
    [exit 1]

    $ slugline addons:downgrade releases:basic --confirm myapp
    Downgrading releases:basic on myapp... done, v10 (free)

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v10   Add-on downgrade releases:ba..  jim@example.com       0 seconds ago············
    v9    Config add A                    jim@example.com       0 seconds ago············
    ");
}

#[test]
fn without_its_tier_an_app_forgets() {
    let environment = with_app(Some("releases:advanced"));
    releases(&environment, 3);
    let told = story([
        environment.run(["addons:remove", "releases"]),
        environment.run(["addons:remove", "releases:advanced", "--confirm", "myapp"]),
        environment.run(["releases"]),
        environment.run(["addons:add", "releases:advanced"]),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline addons:remove releases
    2>  !    An app without a tier keeps less: v1, v2, v3 would be lost.
    2>  !    WARNING: Potentially Destructive Action
    2>  !    This command will affect the app: myapp
    2>  !    To proceed, type "myapp" or re-run this command with --confirm myapp
    2>  !    Nobody is there to answer. Aborted.
    [exit 1]

    $ slugline addons:remove releases:advanced --confirm myapp
    Removing releases:advanced from myapp... done, v4 (free)

    $ slugline releases
    2>  !    Please install the Release Management add-on to access release history
    2>  !    slugline addons:add releases:basic
    [exit 1]

    $ slugline addons:add releases:advanced
    Adding releases:advanced to myapp...done.

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v4    Add-on remove releases          jim@example.com       0 seconds ago············
    "#);
}
