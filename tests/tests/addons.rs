//! Add-ons: what there is, what an app has, and every change of it with its price; and that a
//! memcached really runs, and a deployhook really posts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use insta::assert_snapshot;
use slugline_testkit::environment::{Output, TestEnvironment, wait_until};
use slugline_tests::{Inbox, QUIET, commit_file, deploy, repository, story, with_app};

#[test]
fn what_can_be_added_is_listed() {
    let environment = TestEnvironment::new();
    let listed = story([
        environment.run(["addons:list"]),
        environment.run(["addons", "services", "--json"]),
        environment.run(["addons:plans"]),
        environment.run(["addons", "plans", "memcache"]),
        environment.run(["addons:plans", "memcache", "--json"]),
        environment.run(["addons:plans", "memcahce"]),
    ]);
    assert_snapshot!(listed, @r#"
    $ slugline addons:list
    Add-on       Plans                    What it is
    -----------  -----------------------  --------------------------------------------------------------------
    deployhooks  email, http              Tells a URL or a mailbox of every deploy.
    memcache     100mb, free              A memcached server for each app.
    postgresql   free, premium, standard  A PostgreSQL server for each app, kept on disk.
    redis        100mb, 1gb, free         A Redis server for each app, kept on disk.
    releases     advanced, basic          Release management: history and rollback.
    webhooks     free                     Posts every release and every change of an add-on to a URL, as JSON.

    $ slugline addons services --json
    {
      "deployhooks": "Tells a URL or a mailbox of every deploy.",
      "memcache": "A memcached server for each app.",
      "postgresql": "A PostgreSQL server for each app, kept on disk.",
      "redis": "A Redis server for each app, kept on disk.",
      "releases": "Release management: history and rollback.",
      "webhooks": "Posts every release and every change of an add-on to a URL, as JSON."
    }

    $ slugline addons:plans
    Plan                        Price    What it is
    --------------------------  -------  -------------------------------------------------------------------------------------
    deployhooks:email           free     Sends a mail to --recipient=ADDRESS; --subject and --body may name {{app}} and so on.
    deployhooks:http (default)  free     Posts a form to --url=URL.
    memcache:100mb              $20/mo   100 MB
    memcache:free (default)     free     25 MB
    postgresql:free (default)   free     20 connections
    postgresql:premium          $200/mo  400 connections
    postgresql:standard         $50/mo   100 connections
    redis:100mb                 $20/mo   100 MB
    redis:1gb                   $80/mo   1 GB
    redis:free (default)        free     25 MB
    releases:advanced           free     Every release.
    releases:basic              free     The current release and the one before it.
    webhooks:free (default)     free     Posts to --url=URL; signed where there is --secret=SECRET.

    $ slugline addons plans memcache
    Plan                     Price   What it is
    -----------------------  ------  ----------
    memcache:100mb           $20/mo  100 MB
    memcache:free (default)  free    25 MB

    $ slugline addons:plans memcache --json
    [
      {
        "plan": "memcache:100mb",
        "price": "$20/mo",
        "price_cents": 2000,
        "default": false,
        "summary": "100 MB"
      },
      {
        "plan": "memcache:free",
        "price": "free",
        "price_cents": 0,
        "default": true,
        "summary": "25 MB"
      }
    ]

    $ slugline addons:plans memcahce
    2>  !    there is no add-on memcahce
    2>  !    Did you mean memcache?
    [exit 1]
    "#);
}

#[test]
fn plugins_are_listed() {
    let environment = TestEnvironment::new();
    let listed = environment.run(["plugins"]).success();
    assert_snapshot!(listed.stdout, @r"
    Plugin       Version  From      Provides
    -----------  -------  --------  --------------------------------------------------------
    deployhooks  1.0.0    embedded  deployhooks, release.created
    memcache     1.0.0    embedded  memcache
    postgresql   1.0.0    embedded  postgresql
    redis        1.0.0    embedded  redis
    releases     1.0.0    embedded  releases:advanced, releases:basic
    webhooks     1.0.0    embedded  webhooks, release.created, release.failed, addon.changed
    ");
    let plugins = environment.run(["plugins", "--json"]).success().json();
    // What the kernel can do differs from machine to machine.
    let held = plugins["containment"].as_object().unwrap();
    let (kept, cannot) = ("The kernel keeps plugins from", "This kernel cannot keep");
    let any = |is: bool| held.values().any(|it| it == is);
    assert_eq!(listed.stderr.contains(kept), any(true), "{listed}");
    assert_eq!(listed.stderr.contains(cannot), any(false), "{listed}");
    assert_eq!(held.len(), 4);
    let names = plugins["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| plugin["name"].as_str().unwrap());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "deployhooks",
            "memcache",
            "postgresql",
            "redis",
            "releases",
            "webhooks"
        ]
    );
}

/// What memcached answers to one line.
fn ask(server: &str, line: &str) -> String {
    let connection = TcpStream::connect(server).unwrap();
    (&connection)
        .write_all(format!("{line}\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    BufReader::new(&connection).read_line(&mut answer).unwrap();
    answer.trim_end().to_owned()
}

fn server(environment: &TestEnvironment) -> String {
    let server = environment
        .run(["config:get", "MEMCACHE_SERVERS"])
        .success();
    server.stdout.trim_end().to_owned()
}

fn without_ids(output: Output) -> Output {
    output
        .hide("Port:         ", "PORT")
        .hide("Resource:     ", "ID")
        .hide("\"port\": ", "PORT")
        .hide("\"resource\": \"", "ID")
}

#[test]
fn a_cache_comes() {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, QUIET, "575bfa8");
    let added = story([
        environment.run(["addons"]),
        environment.run(["addons:add", "memcache"]),
        environment.run(["addons"]),
        without_ids(environment.run(["addons", "--json"])),
        without_ids(environment.run(["addons", "info", "memcache"])),
        without_ids(environment.run(["addons:info", "memcache:free", "--json"])),
    ]);
    assert_snapshot!(added, @r#"
    $ slugline addons
    releases:advanced

    $ slugline addons:add memcache
    Adding memcache to myapp... done, v2 (free)
          Your cache is empty and ready.

    $ slugline addons
    memcache:free
    releases:advanced

    $ slugline addons --json
    [
      {
        "plan": "memcache:free",
        "price": "free",
        "resource": "ID"
      },
      {
        "plan": "releases:advanced",
        "price": "free",
        "resource": null
      }
    ]

    $ slugline addons info memcache
    === memcache:free
    Price:        free
    Config vars:  MEMCACHE_SERVERS
    Port:         PORT
    Resource:     ID

    $ slugline addons:info memcache:free --json
    {
      "plan": "memcache:free",
      "price": "free",
      "config": [
        "MEMCACHE_SERVERS"
      ],
      "options": [],
      "port": PORT,
      "resource": "ID"
    }
    "#);
    assert_eq!(ask(&server(&environment), "get key"), "END");
}

#[test]
fn a_cache_grows_and_shrinks() {
    let environment = with_app(Some("releases:advanced"));
    deploy(&environment, QUIET, "575bfa8");
    let _ = environment.run(["addons:add", "memcache"]).success();
    let address = server(&environment);
    assert_eq!(ask(&address, "set key 0 0 5\r\nvalue"), "STORED");
    assert_eq!(ask(&address, "get key"), "VALUE key 0 5");

    // Another change keeps the cache as it is.
    let _ = environment.run(["config:add", "A=1"]).success();
    assert_eq!(ask(&address, "get key"), "VALUE key 0 5");

    let changed = story([
        environment.run(["addons:upgrade", "memcache:100mb"]),
        environment.run(["addons:upgrade", "memcache:100mb"]),
        environment.run(["addons:upgrade", "memcache:free"]),
        environment.run(["addons", "downgrade", "memcache:free"]),
    ]);
    assert_snapshot!(changed, @r"
    $ slugline addons:upgrade memcache:100mb
    Upgrading memcache:100mb on myapp... done, v4 ($20/mo)
          Your cache restarts empty, with 100 MB.

    $ slugline addons:upgrade memcache:100mb
    It is on memcache:100mb already.

    $ slugline addons:upgrade memcache:free
    2>  !    memcache:free (free) costs less than memcache:100mb ($20/mo).
    2>  !    slugline addons:downgrade memcache:free
    [exit 1]

    $ slugline addons downgrade memcache:free
    Downgrading memcache:free on myapp... done, v5 (free)
          Your cache restarts empty, with 25 MB.
    ");
    assert_eq!(server(&environment), address, "the address stays");
    assert_eq!(ask(&address, "get key"), "END");
}

#[test]
fn a_cache_goes_once_that_is_confirmed() {
    let environment = with_app(Some("releases:advanced"));
    let _ = environment.run(["addons:add", "memcache"]).success();
    let address = server(&environment);
    let removed = story([
        environment.run(["addons:remove", "memcache"]),
        environment.run(["addons:remove", "memcache", "--confirm", "other"]),
        environment.run(["addons:remove", "memcache", "--confirm", "myapp"]),
        environment.run(["addons:destroy", "memcache", "--confirm", "myapp"]),
        environment.run(["config:get", "MEMCACHE_SERVERS"]),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(removed, @r#"
    $ slugline addons:remove memcache
    2>  !    WARNING: Potentially Destructive Action
    2>  !    This command will affect the app: myapp
    2>  !    To proceed, type "myapp" or re-run this command with --confirm myapp
    2>  !    Nobody is there to answer. Aborted.
    [exit 1]

    $ slugline addons:remove memcache --confirm other
    2>  !    Confirmed app other did not match the selected app myapp.
    [exit 1]

    $ slugline addons:remove memcache --confirm myapp
    Removing memcache from myapp... done, v2 (free)

    $ slugline addons:destroy memcache --confirm myapp
    2>  !    memcache is not added to this app.
    2>  !    It has: releases:advanced
    [exit 1]

    $ slugline config:get MEMCACHE_SERVERS
    2>  !    MEMCACHE_SERVERS is not set.
    [exit 1]

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v2    Add-on remove memcache          jim@example.com       0 seconds ago············
    v1    Add-on add memcache             jim@example.com       0 seconds ago············
    "#);
    wait_until("memcached ends", || TcpStream::connect(&address).is_err());
}

#[test]
fn what_is_refused_changes_nothing() {
    let environment = with_app(Some("releases:basic"));
    let _ = environment.run(["addons:add", "memcache:100mb"]).success();
    let _ = environment.run(["config:add", "A=1"]).success();
    let refused = story([
        environment.run(["addons:add", "memcache"]),
        environment.run(["addons:add", "memcahce"]),
        environment.run(["addons:add", "memcache:fre"]),
        environment.run(["addons:add", "deployhooks:http"]),
        environment.run(["addons:add", "deployhooks:http", "--url=ftp://example.com"]),
        environment.run(["addons:add", "deployhooks:email", "recipient=nobody"]),
        environment.run(["addons:add", "deployhooks", "word"]),
        environment.run(["addons:upgrade", "deployhooks:email"]),
        environment.run(["addons:downgrade", "memcache:100mb"]),
        environment.run(["addons:info", "memcahce"]),
        environment.run(["addons:remove", "deployhooks", "--confirm", "myapp"]),
        environment.run(["addons"]),
        environment.run(["releases", "-n", "1"]),
    ]);
    assert_snapshot!(refused, @r#"
    $ slugline addons:add memcache
    2>  !    memcache add-on already added.
    2>  !    To upgrade, use addons:upgrade instead.
    [exit 1]

    $ slugline addons:add memcahce
    2>  !    there is no add-on memcahce
    2>  !    Did you mean memcache?
    [exit 1]

    $ slugline addons:add memcache:fre
    2>  !    memcache has no plan "fre"; its plans are: memcache:100mb ($20/mo), memcache:free (free)
    2>  !    Did you mean memcache:free?
    [exit 1]

    $ slugline addons:add deployhooks:http
    Adding deployhooks:http to myapp... failed
    2>  !    deployhooks: say where to post: --url=https://example.com/deployed
    [exit 1]

    $ slugline addons:add deployhooks:http --url=ftp://example.com
    Adding deployhooks:http to myapp... failed
    2>  !    deployhooks: --url must begin with http:// or https://, and name a host
    [exit 1]

    $ slugline addons:add deployhooks:email recipient=nobody
    Adding deployhooks:email to myapp... failed
    2>  !    deployhooks: --recipient must be an address, such as jim@example.com
    [exit 1]

    $ slugline addons:add deployhooks word
    2>  !    "word" is no option: write --name=value
    [exit 2]

    $ slugline addons:upgrade deployhooks:email
    2>  !    deployhooks is not added to this app.
    2>  !    To add it: slugline addons:add deployhooks:email
    [exit 1]

    $ slugline addons:downgrade memcache:100mb
    It is on memcache:100mb already.

    $ slugline addons:info memcahce
    2>  !    memcahce is not added to this app.
    2>  !    Did you mean memcache?
    [exit 1]

    $ slugline addons:remove deployhooks --confirm myapp
    2>  !    deployhooks is not added to this app.
    2>  !    It has: memcache:100mb, releases:basic
    [exit 1]

    $ slugline addons
    memcache:100mb
    releases:basic

    $ slugline releases -n 1
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v2    Config add A                    jim@example.com       0 seconds ago············
    "#);
}

#[test]
fn a_var_that_is_the_users_is_not_taken_over() {
    let environment = with_app(None);
    let _ = environment
        .run(["config:add", "MEMCACHE_SERVERS=elsewhere"])
        .success();
    assert_snapshot!(environment.run(["addons:add", "memcache"]), @r"
    $ slugline addons:add memcache
    2>  !    memcache would set MEMCACHE_SERVERS, which you have set.
    2>  !    slugline config:remove MEMCACHE_SERVERS
    [exit 1]
    ");
}

#[test]
fn a_dry_run_provisions_nothing() {
    let environment = with_app(Some("releases:basic"));
    let planned = story([
        environment.run(["addons:add", "memcache:100mb", "--dry-run"]),
        environment.run(["addons"]),
    ]);
    assert_snapshot!(planned, @r"
    $ slugline addons:add memcache:100mb --dry-run
    Would make v1 of myapp: Add-on add memcache:100mb
      config  + MEMCACHE_SERVERS
      add-on  + memcache:100mb
      do      provision memcache:100mb
      bill    free -> $20/mo
    2> Nothing has been changed.

    $ slugline addons
    releases:basic
    ");
    let _ = environment.run(["addons:add", "memcache"]).success();
    let planned = story([
        environment.run(["addons:upgrade", "memcache:100mb", "--dry-run"]),
        environment.run(["addons:downgrade", "memcache:100mb", "--dry-run"]),
        environment.run(["addons:remove", "memcache", "--dry-run"]),
        environment.run(["addons"]),
    ]);
    assert_snapshot!(planned, @r"
    $ slugline addons:upgrade memcache:100mb --dry-run
    Would make v2 of myapp: Add-on upgrade memcache:100mb
      add-on  + memcache:100mb
      add-on  - memcache:free
      do      move the resource to memcache:100mb
      bill    free -> $20/mo
    2> Nothing has been changed.

    $ slugline addons:downgrade memcache:100mb --dry-run
    2>  !    memcache:100mb ($20/mo) costs more than memcache:free (free).
    2>  !    slugline addons:upgrade memcache:100mb
    [exit 1]

    $ slugline addons:remove memcache --dry-run
    Would make v2 of myapp: Add-on remove memcache
      config  - MEMCACHE_SERVERS
      add-on  - memcache:free
      do      destroy the resource
    2> Nothing has been changed.

    $ slugline addons
    memcache:free
    releases:basic
    ");
}

#[test]
fn a_deployhook_posts_every_deploy_and_nothing_else() {
    let forms = Inbox::of_forms();
    let environment = with_app(Some("releases:advanced"));
    let url = format!("--url=http://127.0.0.1:{}/deployed?by=hook", forms.port);
    let added = environment.run(["addons:add", "deployhooks:http", &url]);
    assert_snapshot!(added, @r"
    $ slugline addons:add deployhooks:http '--url=http://127.0.0.1:PORT/deployed?by=hook'
    Adding deployhooks:http to myapp... done, v1 (free)
          Every deploy is posted to http://127.0.0.1:PORT/deployed?by=hook
    2> Started `slugline serve` in the background: http://localhost:PORT
    ");
    repository(&environment, QUIET);
    let _ = environment.run(["git:remote"]).success();
    let _ = environment
        .git(["push", "--quiet", "slugline", "main"])
        .success();
    let first = forms.next();
    let _ = environment.run(["config:add", "A=1"]).success();
    commit_file(&environment, "more.txt", "more");
    let _ = environment
        .git(["push", "--quiet", "slugline", "main"])
        .success();
    let second = forms.next();
    let form = |form: &str| {
        form.replace('&', "\n")
            .replace(&environment.router_port().to_string(), "PORT")
    };
    assert_snapshot!(form(&first), @r"
    app=myapp
    git_log=*+a5cf545+Jim%3A+A+change
    head=a5cf545
    head_long=a5cf545d4a31670cbc48cff6d42a76c663842821
    prev_head=
    release=v2
    url=http%3A%2F%2Fmyapp.localhost%3APORT
    user=jim%40example.com
    ");
    assert_snapshot!(form(&second), @r"
    app=myapp
    git_log=*+29fd976+Jim%3A+A+change
    head=29fd976
    head_long=29fd9769e05af3dde73ceeeb49dbaa3a668498a7
    prev_head=a5cf545d4a31670cbc48cff6d42a76c663842821
    release=v4
    url=http%3A%2F%2Fmyapp.localhost%3APORT
    user=jim%40example.com
    ");
    assert!(forms.is_empty());
}

#[test]
fn a_hook_that_cannot_be_delivered_fails_no_release() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("--url=http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let environment = with_app(Some("releases:advanced"));
    let _ = environment
        .run(["addons:add", "deployhooks:http", &url])
        .success();
    environment.write_file("source/Procfile", QUIET);
    let deployed = environment.run(["deploy", "source"]).success();
    assert!(
        deployed.stdout.ends_with("myapp deployed to Slugline\n"),
        "{deployed}"
    );
    let again = "It is tried again with the next change.\n";
    assert!(deployed.stderr.ends_with(again), "{deployed}");
}
