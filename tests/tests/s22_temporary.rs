//! S22: running rolled-back code is temporary. Which events leave it, which do not, and how it is
//! pinned.

use insta::assert_snapshot;
use slugline_testkit::environment::TestEnvironment;
use slugline_tests::{WEB, deploy, story, with_app};

/// Runs the code of v1 as v3, while that of v2 is the newest.
fn rolled_back() -> TestEnvironment {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, &WEB.replace("from", "is old in"), "575bfa8");
    deploy(&environment, &WEB.replace("from", "is new in"), "de63889");
    let _ = environment.run(["rollback"]).success();
    assert_eq!(page(&environment), " is old in v3\n");
    environment
}

fn page(environment: &TestEnvironment) -> String {
    environment.http_get("myapp", "/").1
}

#[test]
fn a_config_var_leaves_rolled_back_code() {
    let environment = rolled_back();
    let told = story([
        environment.run(["config:add", "GREETING=It", "--dry-run"]),
        environment.run(["config:add", "GREETING=It"]),
        environment.run(["config:add", "A=1"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline config:add GREETING=It --dry-run
    Would make v4 of myapp: Config add GREETING
      code    575bfa8 -> de63889
      config  + GREETING
    2>  !    v3 runs rolled-back code (575bfa8), which is temporary.
    2>  !    This takes the app back to the newest deploy, v2 (de63889).
    2>  !    Rolled-back code stays through changes where the rollback is made with --pin.
    2> Nothing has been changed.

    $ slugline config:add GREETING=It
    Adding config vars:
      GREETING => It
    Updating vars and restarting app... done, v4
    2>  !    v3 runs rolled-back code (575bfa8), which is temporary.
    2>  !    This takes the app back to the newest deploy, v2 (de63889).
    2>  !    Rolled-back code stays through changes where the rollback is made with --pin.

    $ slugline config:add A=1
    Adding config vars:
      A => 1
    Updating vars and restarting app... done, v5
    ");
    assert_eq!(page(&environment), "It is new in v5\n");
}

#[test]
fn removing_a_var_and_adding_an_addon_leave_it_too() {
    let environment = with_app(Some("releases:advanced"));
    let _ = environment.run(["config:add", "GREETING=It"]).success();
    deploy(&environment, &WEB.replace("from", "is old in"), "575bfa8");
    deploy(&environment, &WEB.replace("from", "is new in"), "de63889");
    let _ = environment.run(["rollback"]).success();
    let removed = environment.run(["config:remove", "GREETING"]);
    assert_snapshot!(removed, @r"
    $ slugline config:remove GREETING
    Removing config vars:
      GREETING
    Updating vars and restarting app... done, v5
    2>  !    v4 runs rolled-back code (575bfa8), which is temporary.
    2>  !    This takes the app back to the newest deploy, v3 (de63889).
    2>  !    Rolled-back code stays through changes where the rollback is made with --pin.
    ");
    assert_eq!(page(&environment), " is new in v5\n");
    let _ = environment.run(["rollback", "v2"]).success();
    assert_eq!(page(&environment), "It is old in v6\n");
    let added = environment.run(["addons:add", "memcache"]);
    assert_snapshot!(added, @r"
    $ slugline addons:add memcache
    Adding memcache to myapp... done, v7 (free)
          Your cache is empty and ready.
    2>  !    v6 runs rolled-back code (575bfa8), which is temporary.
    2>  !    This takes the app back to the newest deploy, v3 (de63889).
    2>  !    Rolled-back code stays through changes where the rollback is made with --pin.
    ");
    assert_eq!(page(&environment), "It is new in v7\n");
}

#[test]
fn a_plan_a_removal_and_a_restart_do_not() {
    let environment = with_app(Some("releases:advanced"));
    let _ = environment.run(["addons:add", "memcache"]).success();
    deploy(&environment, &WEB.replace("from", "is old in"), "575bfa8");
    deploy(&environment, &WEB.replace("from", "is new in"), "de63889");
    let _ = environment.run(["rollback"]).success();
    let told = story([
        environment.run(["addons:upgrade", "memcache:100mb"]),
        environment.run(["addons:downgrade", "memcache:free"]),
        environment.run(["restart"]),
        environment.run(["addons:remove", "memcache", "--confirm", "myapp"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline addons:upgrade memcache:100mb
    Upgrading memcache:100mb on myapp... done, v5 ($20/mo)
          Your cache restarts empty, with 100 MB.

    $ slugline addons:downgrade memcache:free
    Downgrading memcache:free on myapp... done, v6 (free)
          Your cache restarts empty, with 25 MB.

    $ slugline restart
    Restarting processes... done

    $ slugline addons:remove memcache --confirm myapp
    Removing memcache from myapp... done, v7 (free)
    ");
    assert_eq!(page(&environment), " is old in v7\n");
}

#[test]
fn pinned_code_stays_until_it_is_unpinned_or_deployed_over() {
    let environment = rolled_back();
    let pinned = story([
        environment.run(["rollback", "v1", "--pin"]),
        environment.run(["config:add", "GREETING=It"]),
    ]);
    assert_snapshot!(pinned, @r"
    $ slugline rollback v1 --pin
    Rolled back to v1
    2> v4 now runs, with the code and config of v1. Undo: slugline rollback

    $ slugline config:add GREETING=It
    Adding config vars:
      GREETING => It
    Updating vars and restarting app... done, v5
    ");
    assert_eq!(page(&environment), "It is old in v5\n");
    let unpinned = story([
        environment.run(["rollback", "--unpin"]),
        environment.run(["rollback", "--unpin"]),
        environment.run(["rollback", "--unpin", "--pin"]),
    ]);
    assert_snapshot!(unpinned, @r"
    $ slugline rollback --unpin
    Unpinned: the next change of config or add-ons compiles the newest deploy.

    $ slugline rollback --unpin
    No rolled-back code is pinned.

    $ slugline rollback --unpin --pin
    2>  !    the argument '--unpin' cannot be used with '--pin'
    2>  !    Usage: slugline rollback --unpin [vN]
    2>  !    For more information, try '--help'.
    [exit 2]
    ");
    assert_eq!(
        page(&environment),
        "It is old in v5\n",
        "unpinning changes nothing else"
    );
    let _ = environment.run(["config:add", "A=1"]).success();
    assert_eq!(page(&environment), "It is new in v6\n");

    let _ = environment
        .run(["rollback", "v1", "--code-only", "--pin"])
        .success();
    deploy(
        &environment,
        &WEB.replace("from", "is newest in"),
        "7c35f77",
    );
    let _ = environment.run(["rollback", "v2", "--code-only"]).success();
    let _ = environment.run(["config:add", "A=2"]).success();
    assert_eq!(
        page(&environment),
        "It is newest in v10\n",
        "a deploy lifts the pin"
    );
}

#[test]
fn code_that_was_left_can_be_pinned_as_the_warning_says() {
    let environment = rolled_back();
    let _ = environment.run(["config:add", "GREETING=It"]).success();
    let pinned = story([
        environment.run(["rollback", "v3", "--pin", "--code-only"]),
        environment.run(["config:add", "A=1"]),
    ]);
    assert_snapshot!(pinned, @r"
    $ slugline rollback v3 --pin --code-only
    Rolled back to v3
    2> v5 now runs, with the code of v3. Undo: slugline rollback

    $ slugline config:add A=1
    Adding config vars:
      A => 1
    Updating vars and restarting app... done, v6
    ");
    assert_eq!(page(&environment), "It is old in v6\n");
}
