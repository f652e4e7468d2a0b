//! Release tiers of a team's own: added, listed and removed; and each of the policies in
//! `scripts/retention`, on made-up histories through the real sandbox (S13).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use insta::assert_snapshot;
use slugline_core::port::{Ledger, NewRelease, Outcome, Settlement};
use slugline_core::release::PluginsUsed;
use slugline_core::time::Timestamp;
use slugline_ledger::SqliteLedger;
use slugline_testkit::environment::{APP, TestEnvironment};
use slugline_testkit::values::{actor, config_add, deploy, failed, name, state};
use slugline_tests::{story, with_app};

/// 2010-09-15T19:00:00Z, which is what every command takes for now.
const NOW_MS: i64 = 1_284_577_200_000;
const DAY_MS: i64 = 86_400_000;

fn script(file: &str) -> String {
    format!("{}/../scripts/retention/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// A release so many days before now: `d` deploys, `c` changes config, `f` fails.
fn made(ledger: &SqliteLedger, days_ago: i64, kind: char) -> u64 {
    let at = Timestamp(NOW_MS - days_ago * DAY_MS);
    let change = if kind == 'd' {
        deploy(1)
    } else {
        config_add("A")
    };
    let new = NewRelease {
        change: &change,
        actor: &actor("jim@example.com"),
        at,
        state: &state(None, &[], &[]),
        plugins: &PluginsUsed::new(),
    };
    let version = ledger.record(&name(APP), &new).unwrap();
    let outcome = Outcome::Succeeded { code_pinned: false };
    let events = Vec::new();
    let settlement = match kind {
        'f' => failed("web.1 exited with status 1"),
        _ => Settlement {
            outcome,
            at,
            events,
        },
    };
    ledger.settle(&name(APP), version, &settlement).unwrap();
    version.number()
}

/// What a policy leaves of a history, which is written oldest first as `40d 39c 7f`.
#[track_caller]
fn check(file: &str, history: &str, expected: &[u64]) {
    let environment = with_app(None);
    let ledger = SqliteLedger::open(&environment.home()).unwrap();
    for word in history.split_whitespace() {
        let (days, kind) = word.split_at(word.len() - 1);
        made(&ledger, days.parse().unwrap(), kind.chars().next().unwrap());
    }
    let words = [
        "releases:prune",
        "--dry-run",
        "--json",
        "--tier",
        &script(file),
    ];
    let reviewed = environment.run(words).success().json();
    let all = reviewed["releases"].as_array().unwrap().iter();
    let stays = all.filter(|release| release["stays"] == true);
    let mut stays: Vec<u64> = stays
        .map(|release| release["version"].as_u64().unwrap())
        .collect();
    stays.reverse();
    assert_eq!(stays, expected, "{file}: {history}");
}

#[test]
fn newest_n_keeps_ten_that_succeeded() {
    let file = "newest-n.lua";
    check(file, "", &[]);
    check(file, "3d 2c 1f", &[1, 2, 3]);
    check(
        file,
        "90d 80c 70c 60f 50c 40c 30f 20c 10c 9c 8c 7c 6c 5c",
        &[3, 5, 6, 8, 9, 10, 11, 12, 13, 14],
    );
}

#[test]
fn n_days_keeps_thirty_days_and_what_the_engine_keeps() {
    let file = "n-days.lua";
    check(file, "90d 31c 30c 20f 0c", &[3, 4, 5]);
    check(file, "400d 300c 200c", &[2, 3]);
}

#[test]
fn thin_out_config_keeps_deploys_and_what_came_last_before_each() {
    let file = "thin-out-config.lua";
    check(
        file,
        "90d 80c 79c 78f 70d 60d 50c 40c 8c 7c 6c 6c",
        &[1, 3, 5, 6, 10, 11, 12],
    );
    // It holds when asked again of what it left.
    check(file, "90d 79c 70d 60d 7c 6c 6c", &[1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn one_a_day_week_month_keeps_the_oldest_of_each() {
    check(
        "one-a-day-week-month.lua",
        "400d 300c 290c 75c 70f 62c 20c 16c 15c 14c 13c 13c 5c 5c 5c 1c 1c 0c 0c",
        // 300 days are in month 10 and 290 in month 9, 75 and 62 in month 2; 20 to 14 in week 2.
        &[2, 3, 4, 7, 11, 13, 16, 17, 18, 19],
    );
}

#[test]
fn longest_running_keeps_ten_with_those_that_ended_them() {
    check(
        "longest-running.lua",
        "300d 200c 199c 198c 197f 196c 100c 99c 98c 50c 49c 40c 39c 30c 28c 26c 24c 22c 20c 18c 17c \
         16c 15c 2c",
        // 100, 96, 48, 13, 9 and 9 days; then those of 2 days, the newest first; and the last week.
        &[1, 2, 6, 7, 9, 10, 11, 12, 13, 14, 17, 18, 19, 20, 23, 24],
    );
}

/// Installs a policy, puts the app on it, and lets a release a day be made and pruned.
fn lived(file: &str, days: i64, kinds: impl Fn(i64) -> &'static str) -> Vec<(u64, i64)> {
    let environment = with_app(None);
    let tier = file.trim_end_matches(".lua");
    let _ = environment
        .run(["tiers:add", tier, &script(file)])
        .success();
    let _ = environment
        .run(["addons:add", &format!("releases:{tier}")])
        .success();
    let ledger = SqliteLedger::open(&environment.home()).unwrap();
    let app = name(APP);
    let own = slugline_testkit::values::addon(&format!("releases:{tier}"));
    for day in (0..days).rev() {
        for kind in kinds(day).chars() {
            made(&ledger, day, kind);
        }
        // A release says itself which tier there is; these were made without one.
        ledger.install_first_tier(&app, &own, Timestamp(0)).unwrap();
        let instant = rfc3339(NOW_MS - day * DAY_MS);
        let pruned = environment
            .at(&instant)
            .run(["releases:prune", "--confirm", APP]);
        let _ = pruned.success();
    }
    let kept = ledger.history(&app, None, usize::MAX).unwrap();
    let aged = |release: slugline_core::release::Release| {
        (
            release.version.number(),
            (NOW_MS - release.created_at.0) / DAY_MS,
        )
    };
    kept.into_iter().map(aged).collect()
}

/// An instant as RFC 3339, by the days of the calendar of 2009 and 2010.
fn rfc3339(ms: i64) -> String {
    let days = ms.div_euclid(DAY_MS);
    let seconds = ms.rem_euclid(DAY_MS) / 1000;
    let (mut year, mut left) = (1970, days);
    let length = |year: i64| if year % 4 == 0 { 366 } else { 365 };
    while left >= length(year) {
        left -= length(year);
        year += 1;
    }
    let february = if year % 4 == 0 { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= months[month] {
        left -= months[month];
        month += 1;
    }
    let (hour, minute) = (seconds / 3600, seconds / 60 % 60);
    format!(
        "{year}-{:02}-{:02}T{hour:02}:{minute:02}:00Z",
        month + 1,
        left + 1
    )
}

/// Were the newest of each week kept, nothing would ever grow older than a week.
#[test]
fn one_a_day_week_month_lets_releases_grow_old() {
    let kept = lived("one-a-day-week-month.lua", 200, |_| "c");
    let ages: Vec<i64> = kept.iter().map(|(_, age)| *age).collect();
    assert_eq!(ages[..14], Vec::from_iter(0..14)[..]);
    let gaps: Vec<i64> = ages.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let within = |from: i64, to: i64| {
        let all = ages.iter().zip(&gaps);
        all.filter(move |(age, _)| (from..to).contains(*age))
            .map(|(_, gap)| *gap)
    };
    assert!(within(14, 50).all(|gap| gap == 7), "{ages:?}");
    assert!(
        within(60, 199).all(|gap| (7..=42).contains(&gap)),
        "{ages:?}"
    );
    assert!(ages.last().is_some_and(|age| *age > 160), "{ages:?}");
    assert!(ages.len() < 30, "{ages:?}");
}

/// The ten are those of the whole past, though most of it is long gone when the last are chosen.
#[test]
fn longest_running_remembers_how_long_everything_ran() {
    let busy = |day: i64| match (day * 7 + day / 5) % 13 {
        0..=6 => "",
        7 | 8 => "c",
        9 => "cfc",
        10 => "fc",
        11 => "f",
        _ => "cc",
    };
    let kept = lived("longest-running.lua", 150, busy);
    // The oracle: every release that there ever was.
    let mut all: Vec<(u64, i64)> = Vec::new();
    let mut number = 0;
    for day in (0..150).rev() {
        for kind in busy(day).chars() {
            number += 1;
            if kind == 'c' {
                all.push((number, day));
            }
        }
    }
    let ends = all.iter().skip(1).map(|(_, day)| *day).chain([0]);
    let mut ran: Vec<(i64, u64)> = all
        .iter()
        .zip(ends)
        .map(|((number, day), end)| (day - end, *number))
        .collect();
    ran.sort_unstable();
    let longest: Vec<u64> = ran
        .iter()
        .rev()
        .take(10)
        .map(|(_, number)| *number)
        .collect();
    let numbers: Vec<u64> = kept.iter().map(|(number, _)| *number).collect();
    assert!(
        longest.iter().all(|number| numbers.contains(number)),
        "{longest:?} {numbers:?}"
    );
    assert!(
        numbers.len() < 40 && all.len() > 60,
        "{} of {}",
        numbers.len(),
        all.len()
    );
}

const THIRD: &str = "-- Keeps every third release.\nlocal tier = slugline.tier(\"third\")\n\
    function tier.keep(history)\n  return slugline.filter(history, function(release)\n    \
    return release.version % 3 == 0\n  end)\nend\n";

/// Seven releases of an app that keeps all, and the tier `third` installed.
fn with_third() -> TestEnvironment {
    let environment = with_app(Some("releases:advanced"));
    for value in 1..=7 {
        let _ = environment
            .run(["config:add", &format!("A={value}")])
            .success();
    }
    environment.write_file("third.lua", THIRD);
    environment
}

#[test]
fn a_tier_is_added_and_used() {
    let environment = with_third();
    let _ = environment.run(["apps:create", "idle"]).success();
    let added = story([
        environment.run(["tiers:add", "third", "third.lua"]),
        environment.run(["tiers"]),
        environment.run(["addons:downgrade", "releases:third"]),
        environment.run(["addons:downgrade", "releases:third", "--confirm", APP]),
        environment.run(["releases"]),
    ]);
    assert_snapshot!(added, @r"
    $ slugline tiers:add third third.lua
    Adding the tier releases:third... done
    2> Checked third.lua on an empty history.
    2> releases:third keeps 3 of the 7 releases of myapp; 4 would go.
    2> It may do nothing but answer: no program, no network, no mail, no store.
    2> Use it: slugline addons:add releases:third, or slugline addons:upgrade releases:third where there is a tier already.

    $ slugline tiers
    Tier               Price  What it keeps                               Apps
    -----------------  -----  ------------------------------------------  -----
    releases:advanced  free   Every release.                              myapp
    releases:basic     free   The current release and the one before it.
    releases:third     free   Keeps every third release.

    $ slugline addons:downgrade releases:third
    2>  !    releases:third keeps less: v1, v2, v4, v5 would be lost.
    2>  !    To do it all the same, add --confirm myapp
    [exit 1]

    $ slugline addons:downgrade releases:third --confirm myapp
    Downgrading releases:third on myapp... done, v8 (free)

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v8    Add-on downgrade releases:th..  jim@example.com       0 seconds ago············
    v7    Config add A                    jim@example.com       0 seconds ago············
    v6    Config add A                    jim@example.com       0 seconds ago············
    v3    Config add A                    jim@example.com       0 seconds ago············
    ");
    let folder = environment.home().join("plugins/tier-third");
    assert_eq!(
        std::fs::read_to_string(folder.join("init.lua")).unwrap(),
        THIRD
    );
    assert_snapshot!(std::fs::read_to_string(folder.join("plugin.yaml")).unwrap(), @r#"
    name: tier-third
    version: 1.0.0
    api: 1
    summary: "Keeps every third release."
    entry: init.lua
    tiers:
      "third": { price: free, summary: "Keeps every third release." }
    "#);
}

#[test]
fn a_tier_is_removed_once_no_app_is_on_it() {
    let environment = with_third();
    let _ = environment
        .run(["tiers:add", "third", "third.lua"])
        .success();
    let move_to = |verb: &str, tier: &str| {
        let _ = environment.run([verb, tier, "--confirm", APP]).success();
    };
    move_to("addons:downgrade", "releases:third");
    let refused = environment.run(["tiers:remove", "third"]);
    move_to("addons:upgrade", "releases:advanced");
    let removed = story([
        refused,
        environment.run(["tiers", "remove", "releases:third"]),
        environment.run(["tiers", "--json"]),
        environment.run(["tiers:remove", "third"]),
    ]);
    assert_snapshot!(removed, @r#"
    $ slugline tiers:remove third
    2>  !    releases:third is the tier of myapp.
    2>  !    Move each to another one first: slugline addons:upgrade releases:advanced --app myapp
    [exit 1]

    $ slugline tiers remove releases:third
    Removing the tier releases:third... done

    $ slugline tiers --json
    [
      {
        "tier": "releases:advanced",
        "price": "free",
        "price_cents": 0,
        "summary": "Every release.",
        "plugin": "releases",
        "from": "embedded",
        "apps": [
          "myapp"
        ]
      },
      {
        "tier": "releases:basic",
        "price": "free",
        "price_cents": 0,
        "summary": "The current release and the one before it.",
        "plugin": "releases",
        "from": "embedded",
        "apps": []
      }
    ]

    $ slugline tiers:remove third
    2>  !    releases has no plan "third"; its plans are: releases:advanced (free), releases:basic (free)
    [exit 1]
    "#);
    assert!(!environment.home().join("plugins/tier-third").exists());
}

#[test]
fn a_script_that_fails_is_not_added() {
    let environment = with_third();
    let write = |file: &str, name: &str, keep: &str| {
        let text = format!(
            "local tier = slugline.tier(\"{name}\")\nfunction tier.keep(history) {keep} end\n"
        );
        environment.write_file(file, text);
    };
    write("empty.lua", "empty", "return { history[1].version }");
    write(
        "full.lua",
        "full",
        "if #history > 0 then error('too much') end return {}",
    );
    write("slow.lua", "slow", "while true do end");
    environment.write_file(
        "greedy.lua",
        "slugline.on('release.check', function() end)\nslugline.tier('greedy')\n",
    );
    let add = |name: &str| environment.run(["tiers:add", name, &format!("{name}.lua")]);
    let told = story(["empty", "full", "slow", "greedy"].map(add));
    assert_snapshot!(told, @r"
    $ slugline tiers:add empty empty.lua
    2>  !    the plugin tier-empty failed in tier.keep: init.lua:2: attempt to index nil with 'version'
    2>  !    empty.lua has not been added.
    [exit 1]

    $ slugline tiers:add full full.lua
    2> Checked full.lua on an empty history.
    2>  !    the plugin tier-full failed in tier.keep: init.lua:2: too much
    2>  !    full.lua has not been added.
    [exit 1]

    $ slugline tiers:add slow slow.lua
    2>  !    the plugin tier-slow failed in tier.keep: took longer than 1 s
    2>  !    slow.lua has not been added.
    [exit 1]

    $ slugline tiers:add greedy greedy.lua
    2>  !    the plugin tier-greedy failed in tier.keep: init.lua:1: slugline.on: release.check is not listed under hooks in plugin.yaml
    2>  !    greedy.lua has not been added.
    [exit 1]
    ");
    assert!(!environment.home().join("plugins").exists());
}

#[test]
fn a_name_is_of_one_tier_and_in_its_script() {
    let environment = with_third();
    environment.write_file("missing.lua", "print('hello')\n");
    let add = |name: &str, file: &str| environment.run(["tiers:add", name, file]);
    let told = story([
        add("basic", "third.lua"),
        add("fourth", "third.lua"),
        add("Third", "third.lua"),
        add("third", "nowhere.lua"),
        add("missing", "missing.lua"),
        environment.run(["tiers:remove", "basic"]),
        environment.run(["tiers:remove", "thrid"]),
    ]);
    assert_snapshot!(told, @r#"
    $ slugline tiers:add basic third.lua
    2>  !    There is a tier releases:basic already, from the plugin releases.
    2>  !    Add yours under another name.
    [exit 1]

    $ slugline tiers:add fourth third.lua
    2>  !    third.lua is the tier third and not fourth.
    2>  !    Add it under its own name, or change its line slugline.tier("third").
    [exit 1]

    $ slugline tiers:add Third third.lua
    2>  !    "Third" is not a name for a plan: use 1 to 40 lower-case letters, digits, - and _, such as memcache:free
    [exit 1]

    $ slugline tiers:add third nowhere.lua
    2>  !    cannot read nowhere.lua: No such file or directory (os error 2)
    [exit 1]

    $ slugline tiers:add missing missing.lua
    2>  !    missing.lua is no release tier: it has no slugline.tier("missing").
    [exit 1]

    $ slugline tiers:remove basic
    2>  !    releases:basic is part of the plugin releases, and was not added with tiers:add.
    [exit 1]

    $ slugline tiers:remove thrid
    2>  !    releases has no plan "thrid"; its plans are: releases:advanced (free), releases:basic (free)
    [exit 1]
    "#);
    assert!(!environment.home().join("plugins").exists());
    let _ = add("third", "third.lua").success();
    assert_snapshot!(add("third", "third.lua"), @r"
    $ slugline tiers:add third third.lua
    2>  !    There is a tier releases:third already, from the plugin tier-third.
    2>  !    Add yours under another name, or remove that one first: slugline tiers:remove third
    [exit 1]
    ");
}

#[test]
fn the_tier_of_the_policy_manual_can_be_installed() {
    let environment = with_third();
    let manual = script("../../docs/policies.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let (_, code) = manual.split_once("```lua\n").unwrap();
    environment.write_file("policy.lua", code.split_once("```").unwrap().0);
    let words = ["tiers:add", "month-and-deploys", "policy.lua"];
    let _ = environment.run(words).success();
    let words = ["addons:upgrade", "releases:month-and-deploys"];
    let _ = environment.run(words).success();
    let _ = environment.run(["config:add", "A=8"]).success();
    let later = environment.at("2010-09-24T12:00:00-07:00");
    assert_snapshot!(later.run(["rollback", "v8"]), @r"
    $ slugline rollback v8
    2>  !    a week at most; ask somebody to deploy it anew
    [exit 1]
    ");
    let soon = environment.at("2010-09-17T12:00:00-07:00");
    let _ = soon.run(["rollback", "v8"]).success();
}

#[test]
fn every_shipped_policy_can_be_installed() {
    let environment = TestEnvironment::new();
    for entry in std::fs::read_dir(script("")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let tier = file.trim_end_matches(".lua").to_owned();
        let _ = environment
            .run(["tiers:add", &tier, &script(&file)])
            .success();
        // Its head says what it does and how to install it, by its own name.
        let text = std::fs::read_to_string(script(&file)).unwrap();
        for needed in [
            format!("slugline tiers:add {tier} {file}"),
            format!("slugline releases:prune --dry-run --tier ./{file}"),
            format!("slugline addons:upgrade releases:{tier}"),
        ] {
            let head = text.lines().take_while(|line| line.starts_with("--"));
            assert!(
                head.into_iter().any(|line| line.ends_with(&needed)),
                "{file}: {needed}"
            );
        }
    }
    assert_snapshot!(environment.run(["tiers"]), @r"
    $ slugline tiers
    Tier                           Price  What it keeps                                                                                    Apps
    -----------------------------  -----  -----------------------------------------------------------------------------------------------  ----
    releases:advanced              free   Every release.
    releases:basic                 free   The current release and the one before it.
    releases:longest-running       free   Keeps the ten releases that ran longest, and all of the last week.
    releases:n-days                free   Keeps what was released within the last thirty days, the failed ones among it.
    releases:newest-n              free   Keeps the newest ten releases that succeeded.
    releases:one-a-day-week-month  free   Keeps all of the last two days, then one release a day, one a week and one a month, for a year.
    releases:thin-out-config       free   Keeps every deploy; of the changes between two deploys, after a week, only the last.
    ");
}
