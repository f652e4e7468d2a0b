//! `releases:prune`: a tier asked now, or another one tried on an app's real history; and that
//! nothing a script answers can lose what must stay (S13, S15).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use insta::assert_snapshot;
use slugline_core::port::Ledger;
use slugline_core::release::Version;
use slugline_core::state::State;
use slugline_ledger::SqliteLedger;
use slugline_testkit::environment::{APP, TestEnvironment};
use slugline_testkit::values::{config_add, failing_release, name, release, state, v};
use slugline_tests::{story, with_app};

/// `s` succeeded, `f` failed, in capitals where it is pinned; the oldest is v1, and each has a
/// state of its own.
fn history(environment: &TestEnvironment, letters: &str) -> SqliteLedger {
    let ledger = SqliteLedger::open(&environment.home()).unwrap();
    for (letter, number) in letters.chars().zip(1_u32..) {
        let value = number.to_string();
        let config = [
            ("A", value.as_str()),
            ("B", if number % 3 == 0 { "x" } else { "y" }),
        ];
        let mut now = state(None, &config, &["releases:advanced"]);
        if number % 4 == 0 {
            now.config = slugline_core::config::ConfigVars::default();
        }
        let version = match letter.to_ascii_lowercase() {
            's' => release(&ledger, APP, &config_add("A"), &now),
            _ => failing_release(&ledger, APP, &config_add("A"), &now),
        };
        if letter.is_ascii_uppercase() {
            ledger
                .set_release_pinned(&name(APP), version, true)
                .unwrap();
        }
    }
    ledger
}

/// Installs a tier of these lines, behind the operator's back, and puts the app on it.
fn tier(environment: &TestEnvironment, plan: &str, keep: &str) {
    let folder = environment
        .home()
        .join("plugins")
        .join(format!("own-{plan}"));
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = format!(
        "name: own-{plan}\nversion: 1.0.0\napi: 1\nsummary: Own.\nentry: init.lua\ntiers:\n  \
         {plan}: {{ price: free }}\n"
    );
    std::fs::write(folder.join("plugin.yaml"), manifest).unwrap();
    let script = format!(
        "local tier = slugline.tier(\"{plan}\")\nfunction tier.keep(history)\n{keep}\nend\n"
    );
    std::fs::write(folder.join("init.lua"), script).unwrap();
    let plugin = format!("own-{plan}");
    drop(
        environment
            .run(["plugins:update", &plugin, "--yes"])
            .success(),
    );
}

#[test]
fn a_tier_is_tried_before_it_is_installed() {
    let environment = with_app(Some("releases:advanced"));
    drop(history(&environment, "sSsffssf"));
    environment.write_file(
        "policy.lua",
        "-- Keeps every third.\nlocal tier = slugline.tier('third')\n\
         function tier.keep(history)\n  return slugline.filter(history, function(release)\n    \
         return release.version % 3 == 0\n  end)\nend\n",
    );
    let prune = |words: &[&str]| {
        environment
            .at("2012-02-14T10:30:00Z")
            .run([&["releases:prune"], words].concat())
    };
    let told = story([
        prune(&["--dry-run", "--tier", "./policy.lua"]),
        prune(&["--dry-run", "--tier", "basic"]),
        prune(&[]),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline releases:prune --dry-run --tier ./policy.lua
    releases:third keeps 5 of the 8 releases of myapp; 3 would go.

    Rel  Change                 When        What would become of it
    ---  ---------------------  ----------  ---------------------------------------
    v8   Config add A (failed)  1 hour ago  stays: it is newer than the current one
    v7   Config add A           1 hour ago  stays: it is current
    v6   Config add A           1 hour ago  stays: rollback goes to it
    v5   Config add A (failed)  1 hour ago  goes
    v4   Config add A (failed)  1 hour ago  goes
    v3   Config add A           1 hour ago  stays: the tier keeps it
    v2   Config add A           1 hour ago  stays: it is pinned
    v1   Config add A           1 hour ago  goes
    2> Nothing has been changed.

    $ slugline releases:prune --dry-run --tier basic
    releases:basic keeps 4 of the 8 releases of myapp; 4 would go.

    Rel  Change                 When        What would become of it
    ---  ---------------------  ----------  ---------------------------------------
    v8   Config add A (failed)  1 hour ago  stays: it is newer than the current one
    v7   Config add A           1 hour ago  stays: it is current
    v6   Config add A           1 hour ago  stays: rollback goes to it
    v5   Config add A (failed)  1 hour ago  goes
    v4   Config add A (failed)  1 hour ago  goes
    v3   Config add A           1 hour ago  goes
    v2   Config add A           1 hour ago  stays: it is pinned
    v1   Config add A           1 hour ago  goes
    2> Nothing has been changed.

    $ slugline releases:prune
    releases:advanced keeps every release of myapp.

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v8    Config add A (failed)           jim@example.com       0 seconds ago············
    v7    Config add A                    jim@example.com       0 seconds ago············
    v6    Config add A                    jim@example.com       0 seconds ago············
    v5    Config add A (failed)           jim@example.com       0 seconds ago············
    v4    Config add A (failed)           jim@example.com       0 seconds ago············
    v3    Config add A                    jim@example.com       0 seconds ago············
    v2    Config add A                    jim@example.com       0 seconds ago············
    v1    Config add A                    jim@example.com       0 seconds ago············
    ");
    let json = prune(&["--dry-run", "--tier", "policy.lua", "--json"])
        .success()
        .json();
    assert_eq!((&json["stay"], &json["go"]), (&5.into(), &3.into()));
    assert_eq!(json["releases"][7]["stays"], false);
    assert_eq!(json["releases"][6]["because"], "it is pinned");
    let left: Vec<_> = std::fs::read_dir(environment.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn what_cannot_be_tried_says_why() {
    let environment = with_app(Some("releases:basic"));
    let _ = environment.run(["config:add", "A=1"]).success();
    environment.write_file("none.lua", "return {}");
    environment.write_file(
        "syntax.lua",
        "local tier = slugline.tier('syntax')\nfunction tier.keep(\n",
    );
    environment.write_file("reach.lua", "local tier = slugline.tier('reach')\nfunction tier.keep(h) return slugline.http.get('http://x') end\n");
    environment.write_file("bad name.lua", "local tier = slugline.tier('Bad Name')\n");
    let tried = |tier: &str| environment.run(["releases:prune", "--dry-run", "--tier", tier]);
    let told = story([
        tried("./nowhere.lua"),
        tried("."),
        tried("./"),
        tried("none.lua"),
        tried("./syntax.lua"),
        tried("./reach.lua"),
        tried("./bad name.lua"),
        tried("basci"),
        environment.run(["releases:prune", "--tier", "basic"]),
        environment.run(["releases:prune", "--confirm", "other"]),
        environment.run(["releases:prune", "--app", "nobody"]),
        environment.run(["releases:prune", "--if-current", "v9", "--confirm", APP]),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline releases:prune --dry-run --tier ./nowhere.lua
    2>  !    cannot read ./nowhere.lua: No such file or directory (os error 2)
    [exit 1]

    $ slugline releases:prune --dry-run --tier .
    2>  !    "." is not a name for a plan: use 1 to 40 lower-case letters, digits, - and _, such as memcache:free
    [exit 1]

    $ slugline releases:prune --dry-run --tier ./
    2>  !    ./ is no script: it must be a file of at most 262144 bytes.
    [exit 1]

    $ slugline releases:prune --dry-run --tier none.lua
    2>  !    none.lua is no release tier: it has no slugline.tier("NAME").
    [exit 1]

    $ slugline releases:prune --dry-run --tier ./syntax.lua
    2>  !    the plugin tier-syntax failed in tier.keep: init.lua:3: Expected identifier when parsing variable name, got <eof>
    [exit 1]

    $ slugline releases:prune --dry-run --tier ./reach.lua
    2>  !    the plugin tier-reach failed in tier.keep: init.lua:2: slugline.http is not granted: list hosts under permissions.http in plugin.yaml
    [exit 1]

    $ slugline releases:prune --dry-run --tier './bad name.lua'
    2>  !    "Bad Name" is not a name for a plan: use 1 to 40 lower-case letters, digits, - and _, such as memcache:free
    [exit 1]

    $ slugline releases:prune --dry-run --tier basci
    2>  !    releases has no plan "basci"; its plans are: releases:advanced (free), releases:basic (free)
    2>  !    Did you mean releases:basic?
    [exit 1]

    $ slugline releases:prune --tier basic
    2>  !    the following required arguments were not provided:
    2>  !    --dry-run
    2>  !    Usage: slugline releases:prune --dry-run --tier <TIER>
    2>  !    For more information, try '--help'.
    [exit 2]

    $ slugline releases:prune --confirm other
    2>  !    Confirmed app other did not match the selected app myapp.
    [exit 1]

    $ slugline releases:prune --app nobody
    2>  !    there is no app nobody
    2>  !    `slugline apps` lists those there are.
    [exit 1]

    $ slugline releases:prune --if-current v9 --confirm myapp
    2>  !    v9 is not current any more: myapp runs v1
    [exit 1]
    "#);
    let untracked = with_app(None);
    assert_snapshot!(untracked.run(["releases:prune", "--dry-run"]), @r"
    $ slugline releases:prune --dry-run
    2>  !    Please install the Release Management add-on to access release history
    2>  !    slugline addons:add releases:basic
    [exit 1]
    ");
}

/// The states of all releases that are kept.
fn states(ledger: &SqliteLedger) -> BTreeMap<Version, State> {
    let kept = ledger.history(&name(APP), None, usize::MAX).unwrap();
    let versions = kept.into_iter().map(|release| release.version);
    versions
        .map(|version| (version, ledger.state_at(&name(APP), version).unwrap()))
        .collect()
}

#[test]
fn whatever_a_script_answers_what_must_stay_stays() {
    let answers = [
        ("nothing", "return {}"),
        ("oldest", "return { history[#history] }"),
        (
            "odd",
            "return slugline.filter(history, function(r) return r.version % 2 == 1 end)",
        ),
        (
            "foreign",
            "return { { version = 999 }, { version = 0 }, { version = 3 } }",
        ),
        ("twice", "return { history[#history], history[#history] }"),
        (
            "changed",
            "for _, r in history do r.version = r.version + 1 end return history",
        ),
        ("emptied", "table.clear(history) return history"),
        ("numbers", "return { 1, 2, 3 }"),
        ("negative", "return { { version = -1 } }"),
        ("fraction", "return { { version = 1.5 } }"),
        ("endless", "return { { version = 1 / 0 } }"),
        ("no-number", "return { { version = 0 / 0 } }"),
        ("text", "return 'everything'"),
        ("nil", "return nil"),
        ("function", "return function() end"),
        ("bytes", "return string.rep('x', 5000000)"),
        ("raises", "error('no')"),
        ("raises-nil", "error(nil)"),
        ("denies", "slugline.deny('no')"),
        ("cyclic", "local t = {} t[1] = t return t"),
        (
            "memory",
            "local t = {} while true do table.insert(t, string.rep('x', 100000) .. #t) end",
        ),
        (
            "huge",
            "local t = {} for i = 1, 300000 do t[i] = { version = i } end return t",
        ),
        ("holes", "return { [1] = history[1], [5] = history[2] }"),
    ];
    for letters in ["sSsfsFsf", "ffSff", "s"] {
        let environment = with_app(Some("releases:advanced"));
        let ledger = history(&environment, letters);
        for (place, (plan, keep)) in answers.iter().enumerate() {
            check_survivors(&environment, &ledger, (plan, keep), place);
        }
    }
}

#[test]
fn a_script_that_never_ends_prunes_nothing() {
    let environment = with_app(Some("releases:advanced"));
    let ledger = history(&environment, "sssss");
    for (place, keep) in [
        "while true do end",
        "pcall(function() while true do end end) return {}",
    ]
    .into_iter()
    .enumerate()
    {
        let plan = format!("endless-{place}");
        let status = check_survivors(&environment, &ledger, (&plan, keep), place);
        assert_eq!(status, 1);
    }
}

/// Prunes by a tier that answers so, compares with what the history was before, and makes one more
/// release. Answers the exit status.
fn check_survivors(
    environment: &TestEnvironment,
    ledger: &SqliteLedger,
    (plan, keep): (&str, &str),
    place: usize,
) -> i32 {
    tier(environment, plan, keep);
    let own = slugline_testkit::values::addon(&format!("releases:{plan}"));
    let app = name(APP);
    let at = slugline_core::time::Timestamp(0);
    ledger.install_first_tier(&app, &own, at).unwrap();
    let (moment, before) = (ledger.moment(&app).unwrap(), states(ledger));
    let all = ledger.history(&app, None, usize::MAX).unwrap();
    let pruned = environment.run(["releases:prune", "--confirm", APP]);
    assert!(pruned.status <= 1 && pruned.status >= 0, "{plan}: {pruned}");
    let after = states(ledger);
    let current = moment.current.as_ref().map(|current| current.version);
    let succeeded =
        |release: &&slugline_core::release::Release| release.status.word() == "succeeded";
    let good: Vec<_> = all
        .iter()
        .filter(succeeded)
        .map(|release| release.version)
        .collect();
    let must = all.iter().filter(|release| {
        release.pinned
            || good
                .iter()
                .take(2)
                .any(|version| *version == release.version)
            || Some(release.version) > current
    });
    for release in must {
        assert!(
            after.contains_key(&release.version),
            "{plan} lost {}: {pruned}",
            release.version
        );
    }
    for (version, state) in &after {
        assert_eq!(&before[version], state, "{plan} {version}");
    }
    if pruned.status == 1 {
        assert_eq!(after.len(), before.len(), "{plan}: {pruned}");
    }
    // What went does not come back, and the next number is the next.
    let mut next = state(None, &[("A", &place.to_string())], &[]);
    next.addons = ledger.moment(&app).unwrap().state.addons;
    let made = release(ledger, APP, &config_add("A"), &next);
    assert_eq!(made, v(moment.last.number() + 1), "{plan}");
    assert_eq!(ledger.moment(&app).unwrap().state, next);
    pruned.status
}
