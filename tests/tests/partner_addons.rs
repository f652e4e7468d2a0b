//! An add-on of a Heroku partner, from the manifest that its vendor has: made into a plugin, tested,
//! installed, added, and removed; and a vendor that answers later, or never.

#![cfg(test)]
#[path = "../../crates/plugin-host/tests/common/vendor.rs"]
mod vendor;

use insta::assert_snapshot;
use slugline_testkit::environment::TestEnvironment;
use slugline_tests::{story, with_app};
use vendor::{Back, Mood, Vendor};

/// A machine with an app, and a vendor's folder made into a plugin with two plans.
fn stage(version: u8) -> (TestEnvironment, Vendor, String) {
    let (environment, vendor) = (with_app(None), Vendor::start(version));
    environment.write_file("addon-manifest.json", vendor.manifest());
    let new = environment.run(["plugins:new", "primes", "--partner", "addon-manifest.json"]);
    let path = environment.work().join("primes/plugin.yaml");
    let yaml = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{yaml}      large: {{ price: $20/mo }}\n")).unwrap();
    (environment, vendor, format!("{new}\n{yaml}"))
}

/// Without what differs each time.
fn plain(text: &str, vendor: &Vendor) -> String {
    let text = text.replace(&vendor.port().to_string(), "PORT");
    let lines = text.lines().map(|line| match line.split_once("sha256:") {
        Some((before, _)) => format!("{before}sha256:…"),
        None => line.to_owned(),
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert!(!text.contains("s3cret") && !text.contains("s4lt"), "{text}");
    text
}

#[test]
fn a_vendor_has_its_add_on_here_in_minutes() {
    let (environment, vendor, new) = stage(3);
    let told = story([
        environment.run(["plugins:check", "primes"]),
        environment.run(["plugins:install", "primes", "--yes"]),
        environment.run(["addons:add", "primes", "fast=true"]),
        environment.run(["config"]),
        environment.run(["addons:upgrade", "primes:large"]),
        environment.run(["config:get", "ACME_PRIMES_URL"]),
        environment.run(["addons:remove", "primes", "--confirm", "myapp"]),
        environment.run(["config"]),
    ]);
    assert_snapshot!(plain(&format!("{new}\n{told}"), &vendor), @r#"
    $ slugline plugins:new primes --partner addon-manifest.json
    Created primes from addon-manifest.json.
    2> Next: name your plans and their prices in primes/plugin.yaml, then slugline plugins:test primes

    name: primes
    version: 1.0.0
    api: 1
    summary: The add-on acme-primes of a Heroku partner.
    entry: addon-manifest.json
    permissions:
      http: ["127.0.0.1:PORT"]
    addons:
      primes:
        default: test
        config: [ACME_PRIMES_URL]
        plans: # the names that your service knows, each with its price: free, $20/mo, ..
          test: { price: free }

    $ slugline plugins:check primes
    === primes 1.0.0: no errors
    Add-ons:     primes
    Permissions: http 127.0.0.1:PORT

    $ slugline plugins:install primes --yes
    Installing primes... done
    2> === primes 1.0.0
    2> The add-on acme-primes of a Heroku partner.
    2> Add-ons:     primes
    2> Permissions: http 127.0.0.1:PORT
    2> Digest:      sha256:…
    2> Undo: slugline plugins:remove primes

    $ slugline addons:add primes fast=true
    Adding primes to myapp... done, v1 (free)
          Your primes are ready.
    2> Started `slugline serve` in the background: http://localhost:PORT

    $ slugline config
    ACME_PRIMES_URL => https://primes.example.com/acme-1/test

    $ slugline addons:upgrade primes:large
    Upgrading primes:large on myapp... done, v2 ($20/mo)
          You are on large now.

    $ slugline config:get ACME_PRIMES_URL
    https://primes.example.com/acme-1/large

    $ slugline addons:remove primes --confirm myapp
    Removing primes from myapp... done, v3 ($20/mo)

    $ slugline config
    "#);
    assert_eq!(vendor.count(), 0);
}

#[test]
fn a_vendor_may_answer_later_or_never() {
    let (environment, vendor, _) = stage(1);
    let _ = environment
        .run(["plugins:install", "primes", "--yes"])
        .success();
    vendor.moods([Mood::Later(Back::Rightly)]);
    let mut told = vec![
        environment.run(["addons:add", "primes"]),
        environment.run(["config"]),
        environment.run(["addons:remove", "primes", "--confirm", "myapp"]),
    ];
    environment.write_file("../home/plugins/primes/settings.yaml", "wait: 1\n");
    let no = r#"{"message":"No primes are left in your region."}"#;
    vendor.moods([
        Mood::Later(Back::Never),
        Mood::Good,
        Mood::Say(422, no.to_owned()),
    ]);
    told.push(environment.run(["addons:add", "primes"]));
    told.push(environment.run(["addons:add", "primes:large"]));
    told.push(environment.run(["addons"]));
    told.push(environment.run(["releases"]));
    assert_snapshot!(plain(&story(told), &vendor), @r"
    $ slugline addons:add primes
    Adding primes to myapp... done, v1 (free)
          It is being made.
    2> Started `slugline serve` in the background: http://localhost:PORT
    2> primes: it is being made; waiting for 127.0.0.1 to say that it is there, for 300 s at most

    $ slugline config
    ACME_PRIMES_URL => https://primes.example.com/later

    $ slugline addons:remove primes --confirm myapp
    Removing primes from myapp... done, v2 (free)

    $ slugline addons:add primes
    Adding primes to myapp... failed
    2> primes: it is being made; waiting for 127.0.0.1 to say that it is there, for 1 s at most
    2>  !    the plugin primes failed in addon.provision: 127.0.0.1 has not said within 1 s that it is there
    [exit 1]

    $ slugline addons:add primes:large
    Adding primes:large to myapp... failed
    2>  !    primes: No primes are left in your region.
    [exit 1]

    $ slugline addons
    No addons installed

    $ slugline releases
    2>  !    Please install the Release Management add-on to access release history
    2>  !    slugline addons:add releases:basic
    [exit 1]
    ");
    assert_eq!(vendor.count(), 0);
    assert_eq!(
        environment
            .run(["apps:destroy", "--confirm", "myapp"])
            .status,
        0
    );
}

#[test]
fn a_vendor_sees_what_the_suite_sees() {
    let (environment, vendor, _) = stage(3);
    let good = environment.run(["plugins:test", "primes"]);
    // The first is provisioned, and a stranger is refused; then comes the same once more.
    vendor.moods([Mood::Good, Mood::Good, Mood::Say(200, "<html>".to_owned())]);
    assert_eq!(vendor.count(), 0);
    let bad = environment.run(["plugins:test", "primes"]);
    let only: Vec<&str> = bad
        .stdout
        .lines()
        .filter(|line| !line.starts_with("ok "))
        .collect();
    let told = format!("{good}\n{}", only.join("\n"));
    assert_snapshot!(plain(&told, &vendor), @r"
    $ slugline plugins:test primes
    ok    plugin.yaml and the entry agree
    ok    primes:large: is provisioned, with promised config vars only
    ok    primes:large: refuses a wrong password with 401
    ok    primes:large: answers the same to the same key
    ok    primes:large: answers the same after it was killed half-way
    ok    primes:large: changes to test, and again
    ok    primes:large: takes bad options
    ok    primes:large: takes huge options
    ok    primes:large: is deprovisioned
    ok    primes:large: is deprovisioned again
    ok    primes:large: is deprovisioned after it was killed half-way
    ok    primes:test: is provisioned, with promised config vars only
    ok    primes:test: refuses a wrong password with 401
    ok    primes:test: answers the same to the same key
    ok    primes:test: answers the same after it was killed half-way
    ok    primes:test: changes to large, and again
    ok    primes:test: takes bad options
    ok    primes:test: takes huge options
    ok    primes:test: is deprovisioned
    ok    primes:test: is deprovisioned again
    ok    primes:test: is deprovisioned after it was killed half-way
    ok    primes: every promised config var came
    22 passed, 0 failed, 0 skipped

    FAIL  primes:large: answers the same to the same key: 127.0.0.1 answered 200 with no JSON: expected value at line 1 column 1; if it has made the resource 5107a1e0-c0ff-ee00-5107-a1e0c0ffee00, its vendor must remove it
    21 passed, 1 failed, 0 skipped
    ");
}

#[test]
fn a_manifest_that_is_wrong_is_told_with_its_line_and_without_a_secret() {
    let environment = TestEnvironment::new();
    let vendor = Vendor::start(3);
    let manifest = vendor.manifest();
    environment.write_file("no-json.json", "{ \"password\": \"s3cret\" \"x\"");
    environment.write_file(
        "http.json",
        manifest.replace("//127.0.0.1", "//example.com"),
    );
    environment.write_file(
        "drain.json",
        manifest.replace(
            "\"password\"",
            "\"requires\": [\"syslog_drain\"], \"password\"",
        ),
    );
    let new = |file: &str| environment.run(["plugins:new", "primes", "--partner", file]);
    let told = story([
        new("nowhere.json"),
        new("no-json.json"),
        new("http.json"),
        new("drain.json"),
    ]);
    assert_snapshot!(plain(&told, &vendor), @r"
    $ slugline plugins:new primes --partner nowhere.json
    2>  !    cannot read nowhere.json: No such file or directory (os error 2)
    [exit 1]

    $ slugline plugins:new primes --partner no-json.json
    2>  !    no-json.json:1: this is no JSON: expected `,` or `}` at line 1 column 24
    [exit 1]

    $ slugline plugins:new primes --partner http.json
    2>  !    http.json:7: api.production: a URL begins with https://, or is on this machine
    [exit 1]

    $ slugline plugins:new primes --partner drain.json
    2>  !    drain.json:6: it requires syslog_drain, and Slugline sends no logs to add-ons
    [exit 1]
    ");
    assert!(!environment.work().join("primes").exists());
}
