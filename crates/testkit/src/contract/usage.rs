//! What add-ons have cost, and for how long (S28).

use slugline_core::actor::Actor;
use slugline_core::addon::Addon;
use slugline_core::app::App;
use slugline_core::port::{Ledger, Outcome, Settlement};
use slugline_core::price::Price;
use slugline_core::release::Version;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

use crate::values::{
    NOON, actor, addon, app, config_add, failed, name, record, release, state, succeeded, v,
};

/// So many milliseconds after [`NOON`].
fn later(ms: i64) -> Timestamp {
    Timestamp(NOON.0 + ms)
}

fn settle(ledger: &dyn Ledger, one: &str, version: Version, at: Timestamp) {
    let outcome = Outcome::Succeeded { code_pinned: false };
    let settlement = Settlement {
        outcome,
        at,
        events: Vec::new(),
    };
    let settled = ledger.settle(&name(one), version, &settlement);
    settled.expect("settled");
}

/// Makes a release of a state, settled at this time; it is recorded at [`NOON`].
fn made(ledger: &dyn Ledger, one: &str, state: &State, ms: i64) {
    let version = record(ledger, one, &config_add("A"), state);
    settle(ledger, one, version, later(ms));
}

fn with(plans: &[&str]) -> State {
    state(None, &[], plans)
}

/// All of it, a line each: `app plan cents from..to`, in milliseconds after [`NOON`].
fn check(ledger: &dyn Ledger, expected: &[&str]) {
    let all = ledger.usage(Timestamp(i64::MIN), Timestamp(i64::MAX));
    let shown = |used: slugline_core::billing::Usage| {
        let ms = |at: Timestamp| at.0 - NOON.0;
        let to = used.to.map_or(String::new(), |to| ms(to).to_string());
        let (app, plan, cents) = (used.app, used.plan, used.price.cents());
        format!("{app} {plan} {cents} {}..{to}", ms(used.from))
    };
    let found: Vec<String> = all.expect("usage").into_iter().map(shown).collect();
    assert_eq!(found, expected);
}

/// To the millisecond of the settle, not of the record; other apps have nothing to do with it.
pub fn is_of_what_is_current_from_settle_to_settle(ledger: &dyn Ledger) {
    for one in ["shop", "blog"] {
        ledger.create_app(&app(one)).expect("created");
    }
    check(ledger, &[]);
    made(ledger, "shop", &with(&[]), 5);
    check(ledger, &[]);
    let pending = record(ledger, "shop", &config_add("A"), &with(&["memcache:100mb"]));
    check(ledger, &[]);
    settle(ledger, "shop", pending, later(1234));
    made(
        ledger,
        "blog",
        &with(&["mail:free", "memcache:100mb"]),
        1300,
    );
    made(ledger, "shop", &with(&["memcache:100mb"]), 2000);
    let still = [
        "blog mail:free 0 1300..",
        "blog memcache:100mb 2000 1300..",
        "shop memcache:100mb 2000 1234..",
    ];
    check(ledger, &still);
    made(ledger, "shop", &with(&[]), 2001);
    check(
        ledger,
        &[still[0], still[1], "shop memcache:100mb 2000 1234..2001"],
    );
}

/// And nothing ends before it began, even where the clock went back.
pub fn a_change_of_plan_or_price_begins_anew(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    made(ledger, "shop", &with(&["memcache:free", "mail:free"]), 10);
    made(ledger, "shop", &with(&["memcache:100mb", "mail:free"]), 20);
    let mut dearer = with(&["memcache:100mb", "mail:free"]);
    for addon in dearer.addons.values_mut() {
        if addon.plan.plan() == "100mb" {
            addon.price = Price::from_cents(2500);
        }
    }
    made(ledger, "shop", &dearer, 30);
    made(ledger, "shop", &with(&["memcache:free", "mail:free"]), 25);
    check(
        ledger,
        &[
            "shop mail:free 0 10..",
            "shop memcache:free 0 10..20",
            "shop memcache:100mb 2000 20..30",
            "shop memcache:free 0 25..",
            "shop memcache:100mb 2500 30..30",
        ],
    );
}

/// What never became current was never used.
pub fn failed_and_late_releases_write_nothing(ledger: &dyn Ledger) {
    let shop = name("shop");
    ledger.create_app(&app("shop")).expect("created");
    made(ledger, "shop", &with(&["memcache:free"]), 10);
    let lost = record(ledger, "shop", &config_add("A"), &with(&["memcache:100mb"]));
    let late = record(ledger, "shop", &config_add("A"), &with(&["mail:free"]));
    ledger
        .settle(&shop, lost, &failed("web.1 exited with status 1"))
        .expect("settled");
    made(ledger, "shop", &with(&["memcache:free"]), 20);
    settle(ledger, "shop", late, later(30));
    check(ledger, &["shop memcache:free 0 10.."]);
    let error = ledger.settle(&shop, late, &succeeded(&[]));
    error.expect_err("settled already");
    check(ledger, &["shop memcache:free 0 10.."]);
}

/// It makes no release, and is paid for all the same.
pub fn a_first_tier_is_used_from_its_installation_on(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let tier = Addon {
        price: Price::from_cents(500),
        ..addon("releases:basic")
    };
    let install = |tier: &Addon, ms| {
        let installed = ledger.install_first_tier(&name("shop"), tier, later(ms));
        installed.expect("installed");
    };
    install(&tier, 7);
    made(
        ledger,
        "shop",
        &with(&["memcache:free", "releases:advanced"]),
        20,
    );
    check(
        ledger,
        &[
            "shop releases:basic 500 7..20",
            "shop memcache:free 0 20..",
            "shop releases:advanced 0 20..",
        ],
    );
    made(ledger, "shop", &with(&["memcache:free"]), 30);
    install(&tier, 40);
    install(&tier, 41);
    check(
        ledger,
        &[
            "shop releases:basic 500 7..20",
            "shop memcache:free 0 20..",
            "shop releases:advanced 0 20..30",
            "shop releases:basic 500 40..",
        ],
    );
}

/// It names apps, and refers to none.
pub fn outlives_pruning_and_its_app(ledger: &dyn Ledger) {
    let shop = name("shop");
    ledger.create_app(&app("shop")).expect("created");
    made(ledger, "shop", &with(&["memcache:100mb"]), 10);
    made(ledger, "shop", &with(&["memcache:free"]), 20);
    release(ledger, "shop", &config_add("A"), &with(&["memcache:free"]));
    ledger.prune(&shop, &[v(1), v(2)], NOON).expect("pruned");
    let gone = [
        "shop memcache:100mb 2000 10..20",
        "shop memcache:free 0 20..50",
    ];
    check(ledger, &[gone[0], "shop memcache:free 0 20.."]);
    ledger.destroy_app(&shop, later(50)).expect("destroyed");
    check(ledger, &gone);
    let by_eve = App {
        owner: actor("eve@example.com"),
        ..app("shop")
    };
    ledger.create_app(&by_eve).expect("created");
    made(ledger, "shop", &with(&["memcache:free"]), 60);
    check(ledger, &[gone[0], gone[1], "shop memcache:free 0 60.."]);
    let all = ledger.usage(NOON, later(99)).expect("usage");
    let owners: Vec<&str> = all.iter().map(|used| Actor::as_str(&used.owner)).collect();
    let jim = "jim@example.com";
    assert_eq!(owners, [jim, jim, "eve@example.com"]);
}

/// What began before the end and has not ended before the beginning.
pub fn is_asked_for_by_time(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    made(ledger, "shop", &with(&["memcache:free"]), 10);
    made(ledger, "shop", &with(&["memcache:100mb"]), 20);
    let found = |from, to| {
        let found = ledger.usage(later(from), later(to)).expect("usage");
        let plans = found.into_iter().map(|used| used.plan.plan().to_owned());
        plans.collect::<Vec<_>>().join(" ")
    };
    for (from, to, expected) in [
        (0, 10, ""),
        (0, 11, "free"),
        (15, 16, "free"),
        (20, 20, "free"),
        (20, 21, "free 100mb"),
        (21, 22, "100mb"),
        (90, 99, "100mb"),
    ] {
        assert_eq!(found(from, to), expected, "{from}..{to}");
    }
}
