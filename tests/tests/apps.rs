//! Apps: created, listed, shown, found and destroyed; who acts on them; and what is said to
//! somebody who mistypes.

use std::net::TcpStream;

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{QUIET, deploy, repository, story, with_app};

#[test]
fn an_app_is_created_with_what_it_begins_with() {
    let environment = TestEnvironment::new();
    let empty = story([
        environment.run(["apps"]),
        environment.run(["apps", "--json"]),
    ]);
    assert_snapshot!(empty, @r"
    $ slugline apps
    You have no apps.

    $ slugline apps --json
    []
    ");
    let created = story([
        environment.run(["apps:create", "myapp"]),
        environment.run(["apps", "create", "second"]),
        environment.run([
            "create",
            "third",
            "--addons",
            "releases:basic,deployhooks:http",
        ]),
        environment.run(["create", "fourth", "--addons", "releases:advanced"]),
    ]);
    assert_snapshot!(created, @r"
    $ slugline apps:create myapp
    Creating myapp... done
    http://myapp.localhost:PORT | $SLUGLINE_HOME/repositories/myapp.git

    $ slugline apps create second
    Creating second... done
    http://second.localhost:PORT | $SLUGLINE_HOME/repositories/second.git

    $ slugline create third --addons releases:basic,deployhooks:http
    Creating third... done
    Adding releases:basic to third...done.
    Adding deployhooks:http to third... failed
    2> Started `slugline serve` in the background: http://localhost:PORT
    2>  !    deployhooks: say where to post: --url=https://example.com/deployed
    2>  !    third has been removed again.
    [exit 1]

    $ slugline create fourth --addons releases:advanced
    Creating fourth... done
    Adding releases:advanced to fourth...done.
    http://fourth.localhost:PORT | $SLUGLINE_HOME/repositories/fourth.git
    ");
}

#[test]
fn apps_are_listed_and_shown() {
    let environment = with_app(None);
    let _ = environment
        .run(["create", "fourth", "--addons", "releases:advanced"])
        .success();
    let shown = story([
        environment.run(["apps"]),
        environment.run(["info"]),
        environment.run(["apps", "info", "-a", "fourth"]),
        environment.run(["apps:info", "--json"]),
    ]);
    assert_snapshot!(shown, @r#"
    $ slugline apps
    fourth
    myapp

    $ slugline info
    === myapp
    Branch:   main or master
    Created:  0 seconds ago
    Git URL:  $SLUGLINE_HOME/repositories/myapp.git
    Owner:    jim@example.com
    Web URL:  http://myapp.localhost:PORT

    $ slugline apps info -a fourth
    === fourth
    Addons:   releases:advanced
    Branch:   main or master
    Created:  0 seconds ago
    Git URL:  $SLUGLINE_HOME/repositories/fourth.git
    Owner:    jim@example.com
    Web URL:  http://fourth.localhost:PORT

    $ slugline apps:info --json
    {
      "name": "myapp",
      "owner": "jim@example.com",
      "created_at": "2010-09-15T19:00:00Z",
      "branch": null,
      "release": null,
      "tier": null,
      "addons": [],
      "commit": null,
      "slug_size": null,
      "git_url": "$SLUGLINE_HOME/repositories/myapp.git",
      "web_url": "http://myapp.localhost:PORT"
    }
    "#);
    let json = environment.run(["apps", "--json"]);
    assert_snapshot!(json, @r#"
    $ slugline apps --json
    [
      {
        "name": "fourth",
        "owner": "jim@example.com",
        "created_at": "2010-09-15T19:00:00Z"
      },
      {
        "name": "myapp",
        "owner": "jim@example.com",
        "created_at": "2010-09-15T19:00:00Z"
      }
    ]
    "#);
}

#[test]
fn an_app_that_has_something_to_show_shows_it() {
    let environment = with_app(Some("releases:basic"));
    deploy(&environment, QUIET, "575bfa8");
    let info = environment.at("2010-09-20T12:00:00-07:00").run(["info"]);
    let info = info.hide("Slug Size:  ", "SIZE");
    assert_snapshot!(info, @r"
    $ slugline info
    === myapp
    Addons:     releases:basic
    Branch:     main or master
    Created:    2010-09-15 12:00:00 -0700
    Git URL:    $SLUGLINE_HOME/repositories/myapp.git
    Owner:      jim@example.com
    Release:    v1
    Slug Size:  SIZE
    Web URL:    http://myapp.localhost:PORT
    ");
}

#[test]
fn an_app_without_a_name_gets_one() {
    let environment = TestEnvironment::new();
    let created = environment.run(["create"]).success();
    let name = environment.run(["apps"]).success().stdout;
    let name = name.trim_end();
    assert_eq!(name.split('-').count(), 3, "{name}");
    let expected = format!("Creating {name}... done\n");
    assert!(created.stdout.starts_with(&expected), "{created}");
}

#[test]
fn a_name_that_cannot_be_is_refused() {
    let environment = with_app(None);
    let refused = story([
        environment.run(["create", "myapp"]),
        environment.run(["create", "My_App"]),
        environment.run(["create", "new", "--addons", "memcahce"]),
    ]);
    assert_snapshot!(refused, @r#"
    $ slugline create myapp
    2>  !    there is already an app myapp
    [exit 1]

    $ slugline create My_App
    2>  !    "My_App" is not a name for an app: use 1 to 30 lower-case letters, digits and dashes, beginning with a letter
    [exit 1]

    $ slugline create new --addons memcahce
    2>  !    there is no add-on memcahce
    2>  !    Did you mean memcache?
    [exit 1]
    "#);
}

#[test]
fn a_mistyped_word_is_answered_with_the_nearest() {
    let environment = with_app(Some("releases:basic"));
    let refused = story([
        environment.run(["relases"]),
        environment.run(["info", "--app", "myap"]),
        environment.run(["info", "--app", "unlike"]),
        environment.run(["releases:info", "twelve"]),
        environment.run(["info", "--jsn"]),
        environment.run(["config:get"]),
        environment.caller().without("SLUGLINE_APP").run(["info"]),
    ]);
    assert_snapshot!(refused, @r#"
    $ slugline relases
    2>  !    `relases` is not a slugline command.
    2>  !    Perhaps you meant `releases`.
    2>  !    See `slugline --help` for all commands.
    [exit 2]

    $ slugline info --app myap
    2>  !    there is no app myap
    2>  !    Did you mean myapp?
    [exit 1]

    $ slugline info --app unlike
    2>  !    there is no app unlike
    2>  !    `slugline apps` lists those there are.
    [exit 1]

    $ slugline releases:info twelve
    2>  !    "twelve" is not a release: write v40 or 40
    [exit 1]

    $ slugline info --jsn
    2>  !    unexpected argument '--jsn' found
    2>  !    tip: a similar argument exists: '--json'
    2>  !    Usage: slugline apps:info --json
    2>  !    For more information, try '--help'.
    [exit 2]

    $ slugline config:get
    2>  !    the following required arguments were not provided:
    2>  !    <KEY>
    2>  !    Usage: slugline config:get <KEY>
    2>  !    For more information, try '--help'.
    [exit 2]

    $ slugline info
    2>  !    No app specified.
    2>  !    Run this command from an app folder, or say which app: --app NAME
    [exit 2]
    "#);
}

#[test]
fn without_a_command_the_help_is_shown() {
    let environment = TestEnvironment::new();
    let help = environment.run([""; 0]).fails(2);
    assert_eq!(help.stdout, "");
    assert!(
        help.stderr.contains("Usage: slugline [OPTIONS] <COMMAND>"),
        "{help}"
    );
    let asked = environment.run(["--help"]).success();
    assert!(asked.stdout.contains("\n  releases:info "), "{asked}");
    assert_eq!(asked.stderr, "");
    assert_snapshot!(environment.run(["rollback", "--help"]), @r"
    $ slugline rollback --help
    Go back to an earlier release's code and config, as a new release

    Usage: slugline rollback [OPTIONS] [vN]

    Arguments:
      [vN]  The release; the newest before the current one that succeeded and did not go bad where none
            is named

    Options:
          --code-only           Only the code
          --config-only         Only the config vars
          --pin                 Keep this code when config vars or add-ons change, until the next deploy
          --skip-release-phase  Do not run the release command of the code
          --unpin               No longer keep rolled-back code; changes nothing else
          --dry-run             Show what would be done, and do nothing
      -h, --help                Print help

    Options of every command:
      -a, --app <APP>        The app; else SLUGLINE_APP, else the git remote that points to one
          --remote <NAME>    The git remote whose app is meant
          --as <EMAIL>       Who acts; else SLUGLINE_ACTOR, else git's user.email
          --if-current <vN>  Change nothing unless this release is current
          --no-wait          Refuse, rather than wait, where somebody else is changing the app
    ");
}

#[test]
fn the_app_is_found_from_the_git_remote() {
    let environment = with_app(None);
    let _ = environment
        .run(["create", "second", "--no-remote"])
        .success();
    repository(&environment, QUIET);
    let caller = environment.caller().without("SLUGLINE_APP");
    let found = story([
        caller.run(["config:add", "A=1"]),
        caller.run(["git:remote", "--app", "myapp"]),
        caller.run(["config:add", "A=1"]),
        caller.run(["create", "third", "--remote", "other"]),
        caller.run(["config:add", "A=2"]),
        caller.run(["config:add", "A=3", "--remote", "other"]),
        caller.run(["config:add", "A=3", "--remote", "unknown"]),
        caller
            .with("SLUGLINE_APP", "second")
            .run(["config:add", "A=4"]),
    ]);
    assert_snapshot!(found, @r"
    $ slugline config:add A=1
    2>  !    No app specified.
    2>  !    Run this command from an app folder, or say which app: --app NAME
    [exit 2]

    $ slugline git:remote --app myapp
    Git remote slugline added

    $ slugline config:add A=1
    Adding config vars:
      A => 1
    Updating vars and restarting app... done, v1

    $ slugline create third --remote other
    Creating third... done
    http://third.localhost:PORT | $SLUGLINE_HOME/repositories/third.git
    Git remote other added

    $ slugline config:add A=2
    2>  !    Several git remotes point to apps.
    2>  !    Say which: --remote NAME or --app NAME
    [exit 2]

    $ slugline config:add A=3 --remote other
    Adding config vars:
      A => 3
    Updating vars and restarting app... done, v1

    $ slugline config:add A=3 --remote unknown
    2>  !    The git remote unknown does not point to an app.
    [exit 2]

    $ slugline config:add A=4
    Adding config vars:
      A => 4
    Updating vars and restarting app... done, v1
    ");
    let value = |app| {
        environment
            .run(["config:get", "A", "-a", app])
            .success()
            .stdout
    };
    let values: Vec<_> = ["myapp", "second", "third"].map(value).into();
    assert_eq!(values, ["1\n", "4\n", "3\n"]);
}

#[test]
fn the_actor_is_named_by_option_variable_git_or_login() {
    let environment = with_app(Some("releases:advanced"));
    let set = |caller: &slugline_testkit::environment::Caller<'_>, words: &[&str]| {
        let _ = caller.run(words).success();
    };
    let variable = environment.by("variable@example.com");
    let nobody = environment.caller().without("SLUGLINE_ACTOR");
    set(&nobody, &["config:add", "A=1"]);
    repository(&environment, QUIET);
    let email = ["config", "user.email", "git@example.com"];
    let _ = environment.git(email).success();
    set(&nobody, &["config:add", "A=2"]);
    set(&variable, &["config:add", "A=3"]);
    set(
        &variable,
        &["config:add", "A=4", "--as", "option@example.com"],
    );

    let history = environment.run(["releases", "--json"]).success().json();
    let actors = history.as_array().unwrap().iter();
    let actors: Vec<_> = actors
        .map(|release| release["by"].as_str().unwrap())
        .collect();
    let named = [
        "option@example.com",
        "variable@example.com",
        "git@example.com",
    ];
    assert_eq!(actors[..3], named);
    assert!(actors[3].starts_with("somebody@"), "{actors:?}");

    let nameless = environment.run(["config:add", "A=5", "--as", " "]);
    assert_snapshot!(nameless, @r"
    $ slugline config:add A=5 --as ' '
    2>  !    an actor is one line of 1 to 254 characters, such as jim@example.com
    [exit 1]
    ");
}

#[test]
fn an_app_is_destroyed_with_all_that_it_has() {
    let environment = with_app(Some("releases:basic"));
    let _ = environment.run(["addons:add", "memcache"]).success();
    let server = environment
        .run(["config:get", "MEMCACHE_SERVERS"])
        .success();
    let server = server.stdout.trim_end();
    drop(TcpStream::connect(server).unwrap());
    let repository = environment.home().join("repositories/myapp.git");
    assert!(repository.exists());

    let refused = story([
        environment.run(["apps:destroy"]),
        environment.run(["destroy", "--confirm", "other"]),
        environment.run(["destroy", "--dry-run"]),
    ]);
    assert_snapshot!(refused, @r#"
    $ slugline apps:destroy
    2>  !    WARNING: Potentially Destructive Action
    2>  !    This command will affect the app: myapp
    2>  !    To proceed, type "myapp" or re-run this command with --confirm myapp
    2>  !    Nobody is there to answer. Aborted.
    [exit 1]

    $ slugline destroy --confirm other
    2>  !    Confirmed app other did not match the selected app myapp.
    [exit 1]

    $ slugline destroy --dry-run
    Would destroy myapp:
      history  all releases up to v1
      add-on   memcache:free with all that it holds
      git      $SLUGLINE_HOME/repositories/myapp.git
    2> Nothing has been changed.
    "#);
    drop(TcpStream::connect(server).unwrap());

    let destroyed = story([
        environment.run(["apps", "destroy", "--confirm", "myapp"]),
        environment.run(["apps"]),
        environment.run(["config"]),
        environment.run(["destroy", "--confirm", "myapp"]),
    ]);
    assert_snapshot!(destroyed, @r"
    $ slugline apps destroy --confirm myapp
    Destroying myapp (including all add-ons)... done

    $ slugline apps
    You have no apps.

    $ slugline config
    2>  !    there is no app myapp
    2>  !    There are no apps yet: slugline apps:create
    [exit 1]

    $ slugline destroy --confirm myapp
    2>  !    there is no app myapp
    2>  !    There are no apps yet: slugline apps:create
    [exit 1]
    ");
    assert!(!repository.exists());
    wait_until("memcached ends", || TcpStream::connect(server).is_err());

    // The name is free again, and begins anew.
    let again = story([
        environment.run(["create", "myapp"]),
        environment.run(["config:add", "A=1"]),
    ]);
    assert_snapshot!(again, @r"
    $ slugline create myapp
    Creating myapp... done
    http://myapp.localhost:PORT | $SLUGLINE_HOME/repositories/myapp.git

    $ slugline config:add A=1
    Adding config vars:
      A => 1
    Updating vars and restarting app... done, v1
    ");
}

#[test]
fn an_app_is_opened_in_the_browser() {
    let environment = with_app(None);
    deploy(&environment, QUIET, "575bfa8");
    let opened = story([
        environment.caller().with("BROWSER", "true").run(["open"]),
        environment
            .caller()
            .with("BROWSER", "no-such-browser")
            .run(["apps:open"]),
        environment.run(["open", "-a", "other"]),
    ]);
    assert_snapshot!(opened, @r"
    $ slugline open
    http://myapp.localhost:PORT

    $ slugline apps:open
    http://myapp.localhost:PORT
    2> no-such-browser cannot be run: open the address by hand.

    $ slugline open -a other
    2>  !    there is no app other
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    ");
}
