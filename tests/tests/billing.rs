//! Billing: what every app has cost is on record, to the second, and outlives its releases and the
//! app itself (S28).

use insta::assert_snapshot;
use slugline_testkit::environment::{APP, TestEnvironment};
use slugline_tests::{deploy, story, with_app};

/// A cache of $20 from 20 August on, free from the middle of 6 September on; another app with one
/// for an hour; and one that came and went within a second.
fn used() -> TestEnvironment {
    let environment = with_app(None);
    let _ = environment
        .by("ann@example.com")
        .run(["apps:create", "other"])
        .success();
    let at = |now: &str, words: &[&str]| {
        let _ = environment.at(now).run(words).success();
    };
    at("2010-08-20T00:00:00Z", &["addons:add", "releases:basic"]);
    at("2010-08-20T00:00:00Z", &["addons:add", "memcache:100mb"]);
    at(
        "2010-09-01T10:00:00Z",
        &["addons:add", "memcache:100mb", "-a", "other"],
    );
    let remove = [
        "addons:remove",
        "memcache",
        "-a",
        "other",
        "--confirm",
        "other",
    ];
    at("2010-09-01T11:00:00Z", &remove);
    at(
        "2010-09-06T12:00:00Z",
        &["addons:downgrade", "memcache:free"],
    );
    at(
        "2010-09-07T12:00:00.100Z",
        &["addons:add", "memcache", "-a", "other"],
    );
    at("2010-09-07T12:00:00.900Z", &remove);
    environment
}

#[test]
fn what_was_used_is_billed_by_month() {
    let environment = used();
    let shown = story([
        environment.run(["billing"]),
        environment.run(["billing", "--month", "2010-08"]),
        environment.run(["billing", "--month", "2010-07"]),
        environment.run(["billing", "--csv"]),
    ]);
    assert_snapshot!(shown, @r"
    $ slugline billing
    === 2010-08 (UTC)
    App    Add-on          Price   Had for  Cost
    -----  --------------  ------  -------  -----
    myapp  memcache:100mb  $20/mo  12d 0h   $7.74
    myapp  releases:basic  free    12d 0h   $0.00

    Total of 2010-08:  $7.74

    === 2010-09 (UTC), so far
    Owner            App    Add-on          Price   Had for  Cost
    ---------------  -----  --------------  ------  -------  -----
    ann@example.com  other  memcache:100mb  $20/mo  1h 0m    $0.03
    ann@example.com  other  memcache:free   free    0s       $0.00
    jim@example.com  myapp  memcache:100mb  $20/mo  5d 12h   $3.67
    jim@example.com  myapp  memcache:free   free    9d 7h    $0.00
    jim@example.com  myapp  releases:basic  free    14d 19h  $0.00

    Total of myapp:            $3.67
    Total of other:            $0.03
    Total of ann@example.com:  $0.03
    Total of jim@example.com:  $3.67
    Total of 2010-09:          $3.70

    Total of 2 months: $11.44

    $ slugline billing --month 2010-08
    === 2010-08 (UTC)
    App    Add-on          Price   Had for  Cost
    -----  --------------  ------  -------  -----
    myapp  memcache:100mb  $20/mo  12d 0h   $7.74
    myapp  releases:basic  free    12d 0h   $0.00

    Total of 2010-08:  $7.74

    $ slugline billing --month 2010-07
    Nothing has been used.

    $ slugline billing --csv
    month,owner,app,plan,price_cents,seconds,cost_cents
    2010-08,jim@example.com,myapp,memcache:100mb,2000,1036800,774
    2010-08,jim@example.com,myapp,releases:basic,0,1036800,0
    2010-09,ann@example.com,other,memcache:100mb,2000,3600,3
    2010-09,ann@example.com,other,memcache:free,0,0,0
    2010-09,jim@example.com,myapp,memcache:100mb,2000,475200,367
    2010-09,jim@example.com,myapp,memcache:free,0,802800,0
    2010-09,jim@example.com,myapp,releases:basic,0,1278000,0
    ");
}

#[test]
fn a_bill_is_narrowed_and_read_by_programs() {
    let environment = used();
    let shown = story([
        environment.run(["billing", "--app", "other"]),
        environment.run([
            "billing",
            "--owner",
            "ann@example.com",
            "--month",
            "2010-09",
            "--json",
        ]),
    ]);
    assert_snapshot!(shown, @r#"
    $ slugline billing --app other
    === 2010-09 (UTC), so far
    App    Add-on          Price   Had for  Cost
    -----  --------------  ------  -------  -----
    other  memcache:100mb  $20/mo  1h 0m    $0.03
    other  memcache:free   free    0s       $0.00

    Total of 2010-09:  $0.03

    $ slugline billing --owner ann@example.com --month 2010-09 --json
    {
      "months": [
        {
          "month": "2010-09",
          "from": "2010-09-01T00:00:00Z",
          "to": "2010-10-01T00:00:00Z",
          "complete": false,
          "lines": [
            {
              "owner": "ann@example.com",
              "app": "other",
              "plan": "memcache:100mb",
              "price": "$20/mo",
              "price_cents": 2000,
              "seconds": 3600,
              "cost_cents": 3
            },
            {
              "owner": "ann@example.com",
              "app": "other",
              "plan": "memcache:free",
              "price": "free",
              "price_cents": 0,
              "seconds": 0,
              "cost_cents": 0
            }
          ],
          "apps": {
            "other": 3
          },
          "owners": {
            "ann@example.com": 3
          },
          "cost_cents": 3
        }
      ],
      "cost_cents": 3
    }
    "#);
}

#[test]
fn what_was_never_used_has_no_bill() {
    let environment = used();
    let shown = story([
        environment.run(["billing", "--owner", "nobody@example.com"]),
        environment.run(["billing", "--app", "othr"]),
        environment.run(["billing", "--month", "September"]),
        environment.run(["billing", "--month", "2010-13"]),
        environment.run(["billing", "--csv", "--json"]),
    ]);
    assert_snapshot!(shown, @r#"
    $ slugline billing --owner nobody@example.com
    Nothing has been used.

    $ slugline billing --app othr
    2>  !    there is no app othr
    2>  !    Did you mean other?
    [exit 1]

    $ slugline billing --month September
    2>  !    "September" is no month: write it as 2026-11
    [exit 2]

    $ slugline billing --month 2010-13
    2>  !    "2010-13" is no month: write it as 2026-11
    [exit 2]

    $ slugline billing --csv --json
    2>  !    the argument '--csv' cannot be used with '--json'
    2>  !    Usage: slugline billing --csv
    2>  !    For more information, try '--help'.
    [exit 2]
    "#);
}

#[test]
fn an_app_that_is_gone_stays_on_the_bill_and_one_of_its_name_joins_it() {
    let environment = used();
    let at = |now: &str, words: &[&str]| {
        let _ = environment.at(now).run(words).success();
    };
    at(
        "2010-09-08T12:00:00Z",
        &["addons:upgrade", "memcache:100mb"],
    );
    // Releases that were pruned by then have cost what they have cost.
    for value in ["A=1", "A=2", "A=3"] {
        at("2010-09-09T00:00:00Z", &["config:add", value]);
    }
    at("2010-09-10T12:00:00Z", &["apps:destroy", "--confirm", APP]);
    let gone = environment.run(["billing", "--app", APP, "--month", "2010-09", "--csv"]);
    at("2010-09-12T00:00:00Z", &["apps:create", APP]);
    at("2010-09-12T12:00:00Z", &["addons:add", "memcache:100mb"]);
    let again = environment.run(["billing", "--app", APP, "--month", "2010-09", "--csv"]);
    assert_snapshot!(story([gone, again]), @r"
    $ slugline billing --app myapp --month 2010-09 --csv
    month,owner,app,plan,price_cents,seconds,cost_cents
    2010-09,jim@example.com,myapp,memcache:100mb,2000,648000,500
    2010-09,jim@example.com,myapp,memcache:free,0,172800,0
    2010-09,jim@example.com,myapp,releases:basic,0,820800,0

    $ slugline billing --app myapp --month 2010-09 --csv
    month,owner,app,plan,price_cents,seconds,cost_cents
    2010-09,jim@example.com,myapp,memcache:100mb,2000,932400,719
    2010-09,jim@example.com,myapp,memcache:free,0,172800,0
    2010-09,jim@example.com,myapp,releases:basic,0,820800,0
    ");
}

#[test]
fn what_failed_costs_nothing() {
    let environment = with_app(Some("releases:advanced"));
    let refuses_caches =
        "web: test -z \"$MEMCACHE_SERVERS\" || exit 1; exec \"$SLUGLINE_BIN\" static .\n";
    environment.write_file("source/index.html", "hello");
    deploy(&environment, refuses_caches, "575bfa8");
    let before = environment.run(["billing", "--json"]).success().json();
    let _ = environment.run(["addons:add", "memcache:100mb"]).fails(1);
    let listed = environment.run(["releases", "--json"]).success().json();
    assert_eq!(listed[0]["status"], "failed");
    let after = environment.run(["billing", "--json"]).success().json();
    assert_eq!(after, before);
    assert_eq!(
        before["months"][0]["lines"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn nothing_is_billed_before_something_is_used() {
    let environment = with_app(None);
    let shown = story([
        environment.run(["billing"]),
        environment.run(["billing", "--json"]),
        environment.run(["billing", "--csv"]),
        environment.run(["billing", "--app", APP]),
    ]);
    assert_snapshot!(shown, @r#"
    $ slugline billing
    Nothing has been used.

    $ slugline billing --json
    {
      "months": [],
      "cost_cents": 0
    }

    $ slugline billing --csv
    month,owner,app,plan,price_cents,seconds,cost_cents

    $ slugline billing --app myapp
    Nothing has been used.
    "#);
}
