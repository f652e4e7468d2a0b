//! Deploying without git: folders and tarballs, builds that fail, and releases that cannot boot.

use insta::assert_snapshot;
use slugline_testkit::environment::{Output, TestEnvironment};
use slugline_tests::{QUIET, WEB, commit, deploy, story, with_app};

fn without_size(output: Output) -> Output {
    output.hide("Compiled slug size is ", "SIZE")
}

fn deployed(environment: &TestEnvironment, procfile: &str, begins: &str) -> Output {
    environment.write_file("source/Procfile", procfile);
    let words = ["deploy", "source", "--commit", &commit(begins)];
    without_size(environment.run(words))
}

#[test]
fn a_folder_is_deployed_once() {
    let environment = with_app(Some("releases:basic"));
    environment.write_file("source/Procfile", WEB);
    let told = story([
        environment.run([
            "deploy",
            "source",
            "--commit",
            &commit("575bfa8"),
            "--dry-run",
        ]),
        deployed(&environment, WEB, "575bfa8"),
        deployed(&environment, WEB, "575bfa8"),
        deployed(&environment, QUIET, "de63889"),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline deploy source --commit 575bfa8000000000000000000000000000000000 --dry-run
    Would make v1 of myapp: Deploy 575bfa8
      code    none -> 575bfa8
    2> Procfile app detected
    2> Nothing has been changed.

    $ slugline deploy source --commit 575bfa8000000000000000000000000000000000
    -----> Procfile app detected
    -----> Nothing to compile
    -----> Discovering process types
           Procfile declares types -> web
    -----> Compiled slug size is SIZE
    -----> Launching... done, v1
           http://myapp.localhost:PORT deployed to Slugline
    2> Started `slugline serve` in the background: http://localhost:PORT

    $ slugline deploy source --commit 575bfa8000000000000000000000000000000000
    v1 runs 575bfa8 already.

    $ slugline deploy source --commit de63889000000000000000000000000000000000
    -----> Procfile app detected
    -----> Nothing to compile
    -----> Discovering process types
     !     No process types: nothing will run. Declare some in a Procfile.
    -----> Compiled slug size is SIZE
    -----> Launching... done, v2
           myapp deployed to Slugline

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v2    Deploy de63889                  jim@example.com       0 seconds ago············
    v1    Deploy 575bfa8                  jim@example.com       0 seconds ago············
    ");
}

#[test]
fn the_folder_around_is_meant_where_none_is_named() {
    let environment = with_app(Some("releases:basic"));
    environment.write_file("source/index.html", "Here it is.\n");
    let caller = environment.caller().within("source");
    let told = without_size(caller.run(["deploy"]));
    assert_snapshot!(told, @r"
    $ slugline deploy
    -----> Static app detected
    -----> Serving the whole app
    -----> Discovering process types
           Default types for Static -> web
    -----> Compiled slug size is SIZE
    -----> Launching... done, v1
           http://myapp.localhost:PORT deployed to Slugline
    2> Started `slugline serve` in the background: http://localhost:PORT
    ");
    assert_eq!(
        environment.http_get("myapp", "/"),
        (200, "Here it is.\n".to_owned())
    );
}

#[test]
fn a_tarball_is_deployed() {
    let environment = with_app(None);
    environment.write_file("source/Procfile", WEB);
    let mut tar = environment.caller().command("tar");
    let packed = tar
        .args(["-czf", "source.tar.gz", "-C", "source", "."])
        .status();
    assert!(packed.is_ok_and(|status| status.success()));
    let _ = environment
        .run(["deploy", "source.tar.gz", "--commit", &commit("575bfa8")])
        .success();
    assert_eq!(environment.http_get("myapp", "/").1, " from v1\n");
}

#[test]
fn what_cannot_be_deployed_makes_no_release() {
    let environment = with_app(Some("releases:basic"));
    environment.write_file("other/readme.txt", "nothing that a buildpack knows\n");
    environment.write_file("wrong/Procfile", "web: sleep 1000\nweb: sleep 1000\n");
    environment.write_file("source/Procfile", QUIET);
    environment.write_file("python/Pipfile", "[packages]\n");
    let refused = story([
        environment.run(["deploy", "other"]),
        environment.run(["deploy", "other", "--dry-run"]),
        environment.run(["deploy", "wrong"]),
        environment
            .run(["deploy", "python"])
            .hide("Using Python ", "VERSION"),
        environment.run(["deploy", "missing"]),
        environment.run(["deploy", "other/readme.txt"]),
        environment.run(["deploy", "source", "--commit", "main"]),
        environment.run(["deploy", "source", "--app", "myap"]),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(refused, @r"
    $ slugline deploy other
    2> Started `slugline serve` in the background: http://localhost:PORT
    2>  !    no buildpack recognises this app; there are: python, node, static, procfile
    [exit 1]

    $ slugline deploy other --dry-run
    2>  !    no buildpack recognises this app; there are: python, node, static, procfile
    [exit 1]

    $ slugline deploy wrong
    2>  !    Procfile line 2: web is there a second time
    [exit 1]

    $ slugline deploy python
    -----> Python app detected
    -----> Using Python VERSION
     !     A Pipfile is not read. Write a requirements.txt from it:
     !       pipenv requirements > requirements.txt
    2>  !    the Python buildpack failed (exit status 1); nothing has been changed
    [exit 1]

    $ slugline deploy missing
    2>  !    missing cannot be deployed: No such file or directory (os error 2)
    [exit 1]

    $ slugline deploy other/readme.txt
    2>  !    other/readme.txt cannot be deployed: the archive cannot be read: failed to read entire block
    [exit 1]

    $ slugline deploy source --commit main
    2>  !    a commit is written as 7 to 64 lower-case hexadecimal digits
    [exit 1]

    $ slugline deploy source --app myap
    2>  !    there is no app myap
    2>  !    Did you mean myapp?
    [exit 1]

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    ");
}

#[test]
fn a_release_that_cannot_boot_never_replaces_one_that_can() {
    let environment = with_app(Some("releases:basic"));
    let _ = environment.run(["config:add", "GREETING=Hello"]).success();
    deploy(&environment, WEB, "575bfa8");
    let failed = story([
        deployed(
            &environment,
            "web: echo cannot; echo start >&2; exit 7\n",
            "de63889",
        ),
        environment.run(["config:add", "BROKEN=yes"]),
        environment.run(["releases"]),
        environment.run(["config"]),
    ]);
    assert_snapshot!(failed, @r"
    $ slugline deploy source --commit de63889000000000000000000000000000000000
    -----> Procfile app detected
    -----> Nothing to compile
    -----> Discovering process types
           Procfile declares types -> web
    -----> Compiled slug size is SIZE
    -----> Launching... failed
    2>  !    v3 failed: web.1 exited with status 7
    2>  !      cannot
    2>  !      start
    2>  !    v2 runs on, unchanged.
    [exit 1]

    $ slugline config:add BROKEN=yes
    Adding config vars:
      BROKEN => yes
    Updating vars and restarting app... failed
    2>  !    v4 failed: web.1 exited with status 1
    2>  !      BROKEN is yes
    2>  !    v2 runs on, unchanged.
    [exit 1]

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v4    Config add BROKEN (failed)      jim@example.com       0 seconds ago············
    v3    Deploy de63889 (failed)         jim@example.com       0 seconds ago············
    v2    Deploy 575bfa8                  jim@example.com       0 seconds ago············
    v1    Config add GREETING             jim@example.com       0 seconds ago············

    $ slugline config
    GREETING => Hello
    ");
    assert_eq!(environment.http_get("myapp", "/").1, "Hello from v2\n");
    // What failed is out of the way of what comes.
    let next = story([
        deployed(&environment, QUIET, "7c35f77"),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(next, @r"
    $ slugline deploy source --commit 7c35f77000000000000000000000000000000000
    -----> Procfile app detected
    -----> Nothing to compile
    -----> Discovering process types
     !     No process types: nothing will run. Declare some in a Procfile.
    -----> Compiled slug size is SIZE
    -----> Launching... done, v5
           myapp deployed to Slugline

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v5    Deploy 7c35f77                  jim@example.com       0 seconds ago············
    v2    Deploy 575bfa8                  jim@example.com       0 seconds ago············
    ");
}

#[test]
fn the_first_release_may_crash_until_it_is_mended() {
    let environment = with_app(Some("releases:basic"));
    let _ = environment.run(["config:add", "BROKEN=yes"]).success();
    let crashed = deployed(&environment, WEB, "575bfa8");
    assert_snapshot!(crashed, @r"
    $ slugline deploy source --commit 575bfa8000000000000000000000000000000000
    -----> Procfile app detected
    -----> Nothing to compile
    -----> Discovering process types
           Procfile declares types -> web
    -----> Compiled slug size is SIZE
    -----> Launching... done, v2
           http://myapp.localhost:PORT deployed to Slugline
    2> Started `slugline serve` in the background: http://localhost:PORT
    2>  !    v2 is current and crashes: web.1 exited with status 1
    2>  !      BROKEN is yes
    2>  !    No earlier release runs in its place; it is started again with growing pauses.
    [exit 3]
    ");
    assert_eq!(environment.http_get("myapp", "/").0, 503);
    let mended = story([
        environment.run(["config:add", "BROKEN="]),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(mended, @r"
    $ slugline config:add BROKEN=
    Adding config vars:
      BROKEN =>·
    Updating vars and restarting app... done, v3

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v3    Config add BROKEN               jim@example.com       0 seconds ago············
    v2    Deploy 575bfa8                  jim@example.com       0 seconds ago············
    ");
    assert_eq!(environment.http_get("myapp", "/").1, " from v3\n");
}
