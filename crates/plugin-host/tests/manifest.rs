//! Manifests that are wrong, with the whole text that people read.

#![cfg(test)]

use slugline_plugin_host::check_manifest;

const GOOD: &str = "\
name: cache
version: 1.2.0
api: 1
summary: A cache.
entry: init.lua
permissions:
  run: [memcached]
  http: [api.example.com, options.url]
addons:
  cache:
    default: free
    config: [CACHE_URL]
    plans:
      free: { price: free }
      big:
        price: $20/mo
        summary: 100 MB
hooks: [billing.check]
tiers: {}
";

/// The error of [`GOOD`] after a replacement.
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    let error = check_manifest(&text, "plugin.yaml").expect_err(to);
    assert_eq!(error.to_string(), expected.trim_start_matches('\n'), "{to}");
}

#[test]
fn a_good_manifest_is_read() {
    let manifest = check_manifest(GOOD, "plugin.yaml").unwrap();
    assert_eq!(manifest.addons["cache"].plans["big"].price, "$20/mo");
    assert_eq!(
        manifest.permissions.http,
        ["api.example.com", "options.url"]
    );
    let with_mark = format!("\u{feff}{GOOD}");
    assert_eq!(check_manifest(&with_mark, "plugin.yaml"), Ok(manifest));
}

#[test]
fn keys_are_known_and_there_once() {
    check(
        "    plans:",
        "    plns:",
        "
plugin.yaml:13:5: addons.cache: unknown key plns; did you mean plans?
  13 |     plns:
     |     ^",
    );
    check("hooks:", "colour: red\nhooks:", "
plugin.yaml:18:1: unknown key colour; known here: name, version, api, summary, entry, permissions, addons, hooks, tiers
  18 | colour: red
     | ^");
    check(
        "        summary: 100 MB",
        "        price: $30/mo",
        "
plugin.yaml:17:9: addons.cache.plans.big: the key price is there twice
  17 |         price: $30/mo
     |         ^",
    );
    check(
        "      big:",
        "      free:",
        "
plugin.yaml:15:7: addons.cache.plans: the key free is there twice
  15 |       free:
     |       ^",
    );
    check(
        "summary: A cache.",
        "name: other",
        "
plugin.yaml:4:1: the key name is there twice
   4 | name: other
     | ^",
    );
    check(
        "permissions:\n",
        "permissions:\n  root: true\n",
        "
plugin.yaml:7:3: permissions: unknown key root; known here: run, http, smtp, store, folder
   7 |   root: true
     |   ^",
    );
}

#[test]
fn an_unknown_version_is_said_first() {
    check(
        "api: 1\n",
        "api: 2\nnewfangled: true\n",
        "
plugin.yaml:3:6: this Slugline speaks version 1 of the plugin API, and the plugin wants 2
   3 | api: 2
     |      ^",
    );
}

#[test]
fn values_have_their_types() {
    check(
        "api: 1\n",
        "api: one\n",
        "
plugin.yaml:3:6: api: this is string \"one\", expected u64
   3 | api: one
     |      ^",
    );
    check(
        "run: [memcached]",
        "run: memcached",
        "
plugin.yaml:7:8: permissions.run: this is string \"memcached\", expected a sequence
   7 |   run: memcached
     |        ^",
    );
    check("[billing.check]", "[billing.chek]", "
plugin.yaml:18:9: hooks[0]: there is no hook \"billing.chek\"; a plugin can listen to release.check, billing.check, rollback.check, release.watch, release.created, release.failed, addon.changed
  18 | hooks: [billing.chek]
     |         ^");
    check(
        "price: free }",
        "summary: x }",
        "
plugin.yaml:14:13: addons.cache.plans.free: missing key `price`
  14 |       free: { summary: x }
     |             ^",
    );
    check(
        "entry: init.lua\n",
        "",
        "
plugin.yaml:1:1: missing key `entry`
   1 | name: cache
     | ^",
    );
}

#[test]
fn what_is_no_yaml_is_shown() {
    check("run: [memcached]", "run: [memcached", "
plugin.yaml:8:7: did not find expected ',' or ']' at line 8 column 7, while parsing a flow sequence at line 7 column 8
   8 |   http: [api.example.com, options.url]
     |       ^");
    check("api: 1", "\tapi: 1", "
plugin.yaml:3:1: found a tab character that violates indentation at line 3 column 1, while scanning a plain scalar at line 2 column 10
   3 |  api: 1
     | ^");
}

#[test]
fn names_prices_and_hosts_are_legal() {
    check(
        "name: cache",
        "name: My Cache",
        "
plugin.yaml:1:7: a name is 1 to 40 lower-case letters, digits, - and _
   1 | name: My Cache
     |       ^",
    );
    check(
        "price: $20/mo",
        "price: 20",
        "
plugin.yaml:16:16: \"20\" is not a price: write free, $20/mo or $7.50/mo
  16 |         price: 20
     |                ^",
    );
    check(
        "default: free",
        "default: fre",
        "
plugin.yaml:11:14: cache has no plan fre; did you mean free?
  11 |     default: fre
     |              ^",
    );
    check("[CACHE_URL]", "[CACHE_URL, CACHE-PORT]", "
plugin.yaml:12:25: \"CACHE-PORT\" is not a key for a config var: use letters, digits and _, not beginning with a digit
  12 |     config: [CACHE_URL, CACHE-PORT]
     |                         ^");
    check(
        "[memcached]",
        "[/usr/bin/memcached]",
        "
plugin.yaml:7:9: a program is a bare name, such as memcached
   7 |   run: [/usr/bin/memcached]
     |         ^",
    );
    check("options.url", "'*'", "
plugin.yaml:8:27: name a host such as api.example.com or api.example.com:8443, or an option of the add-on that holds a URL, such as options.url
   8 |   http: [api.example.com, '*']
     |                           ^");
    check(
        "  cache:\n",
        "  releases:\n",
        "
plugin.yaml:10:3: the plans of releases are release tiers; list them under tiers
  10 |   releases:
     |   ^",
    );
}

#[test]
fn entries_hooks_and_tiers_are_legal() {
    check(
        "entry: init.lua",
        "entry: ../init.lua",
        "
plugin.yaml:5:8: entry names a file beside the manifest, such as init.lua
   5 | entry: ../init.lua
     |        ^",
    );
    check(
        "entry: init.lua",
        "entry: cache.dll",
        "
plugin.yaml:5:8: entry is a Lua script, such as init.lua, a library, such as libcache.so, or a \
         Heroku partner's add-on manifest, such as addon-manifest.json
   5 | entry: cache.dll
     |        ^",
    );
    check(
        "[billing.check]",
        "[billing.check, tier.keep]",
        "
plugin.yaml:18:24: tier.keep is not listed here; it follows from addons and tiers
  18 | hooks: [billing.check, tier.keep]
     |                        ^",
    );
    check(
        "[billing.check]",
        "[billing.check, billing.check]",
        "
plugin.yaml:18:24: billing.check is listed twice
  18 | hooks: [billing.check, billing.check]
     |                        ^",
    );
    check("tiers: {}", "tiers: { Thirty: { price: free } }", "
plugin.yaml:19:10: \"Thirty\" is not a name for a plan: use 1 to 40 lower-case letters, digits, - and _, such as memcache:free
  19 | tiers: { Thirty: { price: free } }
     |          ^");
}

#[test]
fn a_document_that_explodes_is_refused_quickly() {
    let begun = std::time::Instant::now();
    let mut bomb = String::from("a0: &a0 [x, x]\n");
    for level in 1..40 {
        let under = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [*a{under}, *a{under}]\n"));
    }
    assert!(check_manifest(&bomb, "plugin.yaml").is_err());
    assert!(check_manifest(&"[".repeat(60_000), "plugin.yaml").is_err());
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
}
