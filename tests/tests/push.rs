//! Deploying with git: what a push shows, which pushes are refused, and that a refused one changes
//! nothing, neither here nor there.

use insta::assert_snapshot;
use slugline_testkit::environment::{Output, TestEnvironment};
use slugline_tests::{QUIET, WEB, commit_file, repository, story, with_app};

/// A machine with an app, and a repository whose remote it is.
fn cloned(procfile: &str) -> TestEnvironment {
    let environment = with_app(Some("releases:basic"));
    repository(&environment, procfile);
    let _ = environment.run(["git:remote"]).success();
    environment
}

/// Git pads what the receiver says, where it does not write to a terminal.
fn push(environment: &TestEnvironment, words: &[&str]) -> Output {
    let words = [&["push", "slugline"], words].concat();
    let mut output = environment.caller().without("SLUGLINE_APP").git(words);
    let lines = output.stderr.lines().map(str::trim_end);
    output.stderr = lines.map(|line| format!("{line}\n")).collect();
    output.hide("Compiled slug size is ", "SIZE")
}

#[test]
fn a_push_deploys() {
    let environment = cloned(WEB);
    let first = push(&environment, &["main"]);
    assert_snapshot!(first, @r"
    $ git push slugline main
    2> remote: Started `slugline serve` in the background: http://localhost:PORT
    2> remote: -----> Procfile app detected
    2> remote: -----> Nothing to compile
    2> remote: -----> Discovering process types
    2> remote:        Procfile declares types -> web
    2> remote: -----> Compiled slug size is SIZE
    2> remote: -----> Launching... done, v1
    2> remote:        http://myapp.localhost:PORT deployed to Slugline
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  * [new branch]      main -> main
    ");
    assert_eq!(environment.http_get("myapp", "/").1, " from v1\n");

    let again = push(&environment, &["main"]);
    assert_snapshot!(again, @r"
    $ git push slugline main
    2> Everything up-to-date
    ");
    commit_file(&environment, "Procfile", QUIET);
    let second = push(&environment, &["main"]);
    assert_snapshot!(second, @r"
    $ git push slugline main
    2> remote: -----> Procfile app detected
    2> remote: -----> Nothing to compile
    2> remote: -----> Discovering process types
    2> remote:  !     No process types: nothing will run. Declare some in a Procfile.
    2> remote: -----> Compiled slug size is SIZE
    2> remote: -----> Launching... done, v2
    2> remote:        myapp deployed to Slugline
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>    12d4c69..0cecac0  main -> main
    ");
    assert_snapshot!(environment.run(["releases"]), @r"
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v2    Deploy 0cecac0                  jim@example.com       0 seconds ago············
    v1    Deploy 12d4c69                  jim@example.com       0 seconds ago············
    ");
}

#[test]
fn a_push_of_anything_else_is_refused() {
    let environment = cloned(QUIET);
    let refused = story([
        push(&environment, &["main:topic"]),
        push(&environment, &["main:refs/tags/v1"]),
        push(&environment, &["main", "main:master"]),
    ]);
    assert_snapshot!(refused, @r"
    $ git push slugline main:topic
    2> remote:  !    myapp is deployed by a push to main or master, not to topic
    2> remote:  !    Deploy what you have checked out: git push slugline HEAD:main
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  ! [remote rejected] main -> topic (pre-receive hook declined)
    2> error: failed to push some refs to '$SLUGLINE_HOME/repositories/myapp.git'
    [exit 1]

    $ git push slugline main:refs/tags/v1
    2> remote:  !    myapp is deployed by a push to main or master, not to refs/tags/v1
    2> remote:  !    Deploy what you have checked out: git push slugline HEAD:main
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  ! [remote rejected] main -> v1 (pre-receive hook declined)
    2> error: failed to push some refs to '$SLUGLINE_HOME/repositories/myapp.git'
    [exit 1]

    $ git push slugline main main:master
    2> remote:  !    Push one branch at a time: main or master
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  ! [remote rejected] main -> main (pre-receive hook declined)
    2>  ! [remote rejected] main -> master (pre-receive hook declined)
    2> error: failed to push some refs to '$SLUGLINE_HOME/repositories/myapp.git'
    [exit 1]
    ");
    let _ = push(&environment, &["main"]).success();
    let deleted = push(&environment, &["--delete", "main"]);
    assert_snapshot!(deleted, @r"
    $ git push slugline --delete main
    2> remote:  !    main deploys myapp and cannot be deleted
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  ! [remote rejected] main (pre-receive hook declined)
    2> error: failed to push some refs to '$SLUGLINE_HOME/repositories/myapp.git'
    [exit 1]
    ");
}

#[test]
fn another_branch_can_deploy() {
    let environment = cloned(QUIET);
    let told = story([
        environment.run(["git:remote", "--branch", "live"]),
        environment.run(["git", "remote", "--branch", "no..name"]),
        push(&environment, &["main"]),
        push(&environment, &["main:live"]),
        environment.run(["info"]).hide("Slug Size:  ", "SIZE"),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline git:remote --branch live
    A push to live deploys myapp
    Git remote slugline updated

    $ slugline git remote --branch no..name
    2>  !    "no..name" is not a name for a branch
    [exit 1]

    $ git push slugline main
    2> remote:  !    myapp is deployed by a push to live, not to main
    2> remote:  !    Deploy what you have checked out: git push slugline HEAD:live
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  ! [remote rejected] main -> main (pre-receive hook declined)
    2> error: failed to push some refs to '$SLUGLINE_HOME/repositories/myapp.git'
    [exit 1]

    $ git push slugline main:live
    2> remote: Started `slugline serve` in the background: http://localhost:PORT
    2> remote: -----> Procfile app detected
    2> remote: -----> Nothing to compile
    2> remote: -----> Discovering process types
    2> remote:  !     No process types: nothing will run. Declare some in a Procfile.
    2> remote: -----> Compiled slug size is SIZE
    2> remote: -----> Launching... done, v1
    2> remote:        myapp deployed to Slugline
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  * [new branch]      main -> live

    $ slugline info
    === myapp
    Addons:     releases:basic
    Branch:     live
    Created:    0 seconds ago
    Git URL:    $SLUGLINE_HOME/repositories/myapp.git
    Owner:      jim@example.com
    Release:    v1
    Slug Size:  SIZE
    Web URL:    http://myapp.localhost:PORT
    "#);
}

#[test]
fn a_build_that_fails_rejects_the_push() {
    let environment = cloned(WEB);
    let _ = push(&environment, &["main"]).success();
    let before = environment
        .git(["rev-parse", "slugline/main"])
        .success()
        .stdout;
    commit_file(&environment, "Procfile", "web sleep 1000\n");
    let not_read = push(&environment, &["main"]).fails(1);
    assert_snapshot!(not_read, @r"
    $ git push slugline main
    2> remote:  !    Procfile line 1: write it as `type: command`, such as `web: python3 app.py`
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  ! [remote rejected] main -> main (pre-receive hook declined)
    2> error: failed to push some refs to '$SLUGLINE_HOME/repositories/myapp.git'
    [exit 1]
    ");
    assert_eq!(environment.http_get("myapp", "/").1, " from v1\n");
    let _ = environment.git(["rm", "--quiet", "Procfile"]).success();
    commit_file(&environment, "Pipfile", "[packages]\n");
    let not_compiled = push(&environment, &["main"]).fails(1);
    let not_compiled = not_compiled.hide("Using Python ", "VERSION");
    assert_snapshot!(not_compiled, @r"
    $ git push slugline main
    2> remote: -----> Python app detected
    2> remote: -----> Using Python VERSION
    2> remote:  !     A Pipfile is not read. Write a requirements.txt from it:
    2> remote:  !       pipenv requirements > requirements.txt
    2> remote:  !    the Python buildpack failed (exit status 1); nothing has been changed
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  ! [remote rejected] main -> main (pre-receive hook declined)
    2> error: failed to push some refs to '$SLUGLINE_HOME/repositories/myapp.git'
    [exit 1]
    ");
    assert_eq!(environment.http_get("myapp", "/").1, " from v1\n");
    let there = environment
        .git(["ls-remote", "slugline", "refs/heads/main"])
        .success();
    assert_eq!(
        there.stdout,
        format!("{}\trefs/heads/main\n", before.trim_end())
    );
    assert_snapshot!(environment.run(["releases"]), @r"
    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v1    Deploy 12d4c69                  jim@example.com       0 seconds ago············
    ");
}

#[test]
fn a_release_that_cannot_boot_rejects_the_push() {
    let environment = cloned(WEB);
    let _ = push(&environment, &["main"]).success();
    commit_file(&environment, "Procfile", "web: echo cannot start; exit 7\n");
    let failed = push(&environment, &["main"]).fails(1);
    assert_snapshot!(failed, @r"
    $ git push slugline main
    2> remote: -----> Procfile app detected
    2> remote: -----> Nothing to compile
    2> remote: -----> Discovering process types
    2> remote:        Procfile declares types -> web
    2> remote: -----> Compiled slug size is SIZE
    2> remote: -----> Launching... failed
    2> remote:  !    v2 failed: web.1 exited with status 7
    2> remote:  !      cannot start
    2> remote:  !    v1 runs on, unchanged.
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  ! [remote rejected] main -> main (pre-receive hook declined)
    2> error: failed to push some refs to '$SLUGLINE_HOME/repositories/myapp.git'
    [exit 1]
    ");
    assert_eq!(environment.http_get("myapp", "/").1, " from v1\n");
}

#[test]
fn a_first_release_that_crashes_is_accepted() {
    let environment = cloned("web: echo cannot start; exit 7\n");
    let crashed = push(&environment, &["main"]).success();
    assert_snapshot!(crashed, @r"
    $ git push slugline main
    2> remote: Started `slugline serve` in the background: http://localhost:PORT
    2> remote: -----> Procfile app detected
    2> remote: -----> Nothing to compile
    2> remote: -----> Discovering process types
    2> remote:        Procfile declares types -> web
    2> remote: -----> Compiled slug size is SIZE
    2> remote: -----> Launching... done, v1
    2> remote:        http://myapp.localhost:PORT deployed to Slugline
    2> remote:  !    v1 is current and crashes: web.1 exited with status 7
    2> remote:  !      cannot start
    2> remote:  !    No earlier release runs in its place; it is started again with growing pauses.
    2> To $SLUGLINE_HOME/repositories/myapp.git
    2>  * [new branch]      main -> main
    ");
    commit_file(&environment, "Procfile", WEB);
    let _ = push(&environment, &["main"]).success();
    assert_eq!(environment.http_get("myapp", "/").1, " from v2\n");
}

#[test]
fn a_push_is_by_whoever_committed_where_nobody_else_is_named() {
    let environment = cloned(QUIET);
    let caller = environment.caller().without("SLUGLINE_ACTOR");
    let _ = caller
        .git(["push", "--quiet", "slugline", "main"])
        .success();
    let history = environment.run(["releases", "--json"]).success().json();
    assert_eq!(history[0]["by"], "jim@example.com");
}

#[test]
fn outside_a_repository_there_is_no_remote() {
    let environment = with_app(None);
    let told = story([
        environment.run(["git:remote"]),
        environment.run(["git:remote", "--branch", "live"]),
        environment.run(["git:remote", "-a", "other"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline git:remote
    2>  !    This folder is in no git repository.
    2>  !    Begin one: git init
    [exit 1]

    $ slugline git:remote --branch live
    A push to live deploys myapp

    $ slugline git:remote -a other
    2>  !    there is no app other
    2>  !    `slugline apps` lists those there are.
    [exit 1]
    ");
}
