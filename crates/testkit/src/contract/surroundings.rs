//! What is not history: names, branches, resources, the outbox, locks.

use slugline_core::app::AppName;
use slugline_core::event::Event;
use slugline_core::port::{Holder, Kept, Ledger, LedgerError, Lock, NewRelease};
use slugline_core::release::PluginsUsed;
use slugline_core::settings::{Host, Settings};

use crate::values::{
    NOON, actor, addon, app, config_add, name, record, release, resource, resource_id, state,
    succeeded, v,
};

/// Apps are listed by name, and one name is one app.
pub fn names_of_apps_are_taken_once(ledger: &dyn Ledger) {
    assert_eq!(ledger.apps().expect("apps"), []);
    for one in ["shop", "blog", "a-9", "a"] {
        ledger.create_app(&app(one)).expect("created");
    }
    release(ledger, "shop", &config_add("A"), &state(None, &[], &[]));
    let mut other = app("shop");
    other.owner = actor("eve@example.com");
    let error = ledger.create_app(&other).expect_err("taken");
    assert!(
        matches!(&error, LedgerError::NameTaken(taken) if *taken == name("shop")),
        "{error}"
    );
    let expected = ["a", "a-9", "blog", "shop"].map(app);
    assert_eq!(ledger.apps().expect("apps"), expected);
    assert_eq!(ledger.moment(&name("shop")).expect("a moment").last, v(1));
}

/// Every method that is about an app which is not there.
pub fn what_needs_an_app_says_that_there_is_none(ledger: &dyn Ledger) {
    ledger.create_app(&app("blog")).expect("created");
    let shop = name("shop");
    let (change, by, what) = (
        config_add("A"),
        actor("jim@example.com"),
        state(None, &[], &[]),
    );
    let new = NewRelease {
        change: &change,
        actor: &by,
        at: NOON,
        state: &what,
        plugins: &PluginsUsed::new(),
    };
    let refusals = [
        ledger.destroy_app(&shop, NOON).err(),
        ledger.set_branch(&shop, Some("main")).err(),
        ledger.moment(&shop).err(),
        ledger.release(&shop, v(1)).err(),
        ledger.history(&shop, None, 15).err(),
        ledger.state_at(&shop, v(1)).err(),
        ledger.addons_at(&shop, v(1)).err(),
        ledger.plugins_at(&shop, v(1)).err(),
        ledger.record(&shop, &new).err(),
        ledger.settle(&shop, v(1), &succeeded(&[])).err(),
        ledger
            .install_first_tier(&shop, &addon("releases:basic"), NOON)
            .err(),
        ledger.set_code_pinned(&shop, true).err(),
        ledger.set_release_pinned(&shop, v(1), true).err(),
        ledger.prune(&shop, &[v(1)], NOON).err(),
        ledger
            .put_resource(&shop, &resource(1, "memcache:free", None))
            .err(),
        ledger.outbox(&shop).err(),
        ledger.kept(&shop, v(1), Kept::Output).err(),
        ledger.keep(&shop, v(1), Kept::Output, "").err(),
        ledger.settings(&shop).err(),
        ledger.set_settings(&shop, &Settings::default()).err(),
    ];
    for (nth, refusal) in refusals.into_iter().enumerate() {
        let error = refusal.unwrap_or_else(|| panic!("call {nth} found an app"));
        assert!(
            matches!(&error, LedgerError::NoApp(app) if *app == shop),
            "call {nth}: {error}"
        );
    }
    assert_eq!(ledger.apps().expect("apps"), [app("blog")]);
    assert_eq!(ledger.resources(&shop).expect("resources"), []);
}

/// The branch is of the app, and in its moment and in the list.
pub fn a_branch_is_set_and_unset(ledger: &dyn Ledger) {
    for one in ["blog", "shop"] {
        ledger.create_app(&app(one)).expect("created");
    }
    for branch in [Some("release/2.0"), None] {
        ledger.set_branch(&name("shop"), branch).expect("set");
        let mut expected = app("shop");
        expected.branch = branch.map(str::to_owned);
        assert_eq!(
            ledger.moment(&name("shop")).expect("a moment").app,
            expected
        );
        assert_eq!(ledger.apps().expect("apps"), [app("blog"), expected]);
    }
    let mut own = app("third");
    own.branch = Some("trunk".to_owned());
    ledger.create_app(&own).expect("created");
    assert_eq!(ledger.moment(&name("third")).expect("a moment").app, own);
}

/// What is set of an app is its own; a host is of one app, until that lets it go or is gone.
pub fn settings_are_kept_and_a_host_belongs_to_one_app(ledger: &dyn Ledger) {
    let (shop, blog) = (name("shop"), name("blog"));
    for one in ["shop", "blog"] {
        ledger.create_app(&app(one)).expect("created");
    }
    let host = Host::new("www.example.com").expect("a host");
    let with = |maintenance: bool, hosts: &[&Host]| Settings {
        maintenance,
        domains: hosts.iter().copied().cloned().collect(),
        ..Settings::default()
    };
    let taken = |by: &AppName, error: LedgerError| matches!(&error, LedgerError::HostTaken(which, owner) if *which == host && owner == by);
    assert_eq!(
        ledger.settings(&shop).expect("settings"),
        Settings::default()
    );
    ledger
        .set_settings(&shop, &with(true, &[&host]))
        .expect("set");
    ledger
        .set_settings(&shop, &with(false, &[&host]))
        .expect("its own");
    let error = ledger
        .set_settings(&blog, &with(true, &[&host]))
        .expect_err("taken");
    assert!(taken(&shop, error));
    assert_eq!(
        ledger.settings(&blog).expect("settings"),
        Settings::default()
    );
    assert_eq!(
        ledger.settings(&shop).expect("settings"),
        with(false, &[&host])
    );
    ledger
        .set_settings(&shop, &with(false, &[]))
        .expect("let go");
    ledger
        .set_settings(&blog, &with(true, &[&host]))
        .expect("free");
    let error = ledger
        .set_settings(&shop, &with(false, &[&host]))
        .expect_err("taken");
    assert!(taken(&blog, error));
    ledger.destroy_app(&blog, NOON).expect("destroyed");
    ledger
        .set_settings(&shop, &with(false, &[&host]))
        .expect("free");
}

/// New, changed, listed by app, removed once and again.
pub fn resources_are_kept_until_they_are_removed(ledger: &dyn Ledger) {
    for one in ["shop", "blog"] {
        ledger.create_app(&app(one)).expect("created");
    }
    let (shop, blog) = (name("shop"), name("blog"));
    let (cache, mail) = (
        resource(1, "memcache:free", Some(4000)),
        resource(2, "mail:free", None),
    );
    let other = [resource(3, "memcache:100mb", Some(3999))];
    ledger.put_resource(&shop, &mail).expect("put");
    ledger.put_resource(&shop, &cache).expect("put");
    ledger.put_resource(&blog, &other[0]).expect("put");
    assert_eq!(
        ledger.resources(&shop).expect("resources"),
        [cache.clone(), mail.clone()]
    );
    assert_eq!(ledger.resources(&blog).expect("resources"), other);
    assert_eq!(ledger.ports_in_use().expect("ports"), [3999, 4000]);

    let mut moved = resource(1, "memcache:100mb", Some(4001));
    moved.options.clear();
    moved.config.clear();
    ledger.put_resource(&shop, &moved).expect("put");
    assert_eq!(
        ledger.resources(&shop).expect("resources"),
        [moved, mail.clone()]
    );
    assert_eq!(ledger.ports_in_use().expect("ports"), [3999, 4001]);

    for _ in 0..2 {
        ledger.remove_resource(&resource_id(1)).expect("removed");
        assert_eq!(
            ledger.resources(&shop).expect("resources"),
            std::slice::from_ref(&mail)
        );
    }
    assert_eq!(ledger.resources(&blog).expect("resources"), other);
    assert_eq!(ledger.ports_in_use().expect("ports"), [3999]);
}

/// Oldest first, also when one that could not be delivered is in the way.
pub fn the_outbox_keeps_its_order(ledger: &dyn Ledger) {
    for one in ["shop", "blog"] {
        ledger.create_app(&app(one)).expect("created");
    }
    let event = |number| Event::Deprovision {
        resource: resource_id(number),
    };
    let settle = |app: &str, events: &[Event]| {
        let version = record(ledger, app, &config_add("A"), &state(None, &[], &[]));
        ledger
            .settle(&name(app), version, &succeeded(events))
            .expect("settled");
    };
    settle("shop", &[event(3), event(1), Event::Prune]);
    settle("blog", &[event(9)]);
    settle("shop", &[event(2)]);
    let waiting = |app: &str| ledger.outbox(&name(app)).expect("an outbox");
    let events = |app: &str| {
        waiting(app)
            .into_iter()
            .map(|waiting| waiting.event)
            .collect::<Vec<_>>()
    };
    assert_eq!(events("shop"), [event(3), event(1), Event::Prune, event(2)]);
    assert_eq!(events("blog"), [event(9)]);

    let places: Vec<i64> = waiting("shop")
        .into_iter()
        .map(|waiting| waiting.place)
        .collect();
    ledger
        .undelivered(places[0], "connection refused", NOON)
        .expect("noted");
    ledger.delivered(places[1]).expect("delivered");
    ledger.delivered(places[1]).expect("delivered");
    ledger.delivered(places[3]).expect("delivered");
    assert_eq!(events("shop"), [event(3), Event::Prune]);
    settle("shop", &[event(4)]);
    assert_eq!(events("shop"), [event(3), Event::Prune, event(4)]);
    assert!(
        waiting("shop")
            .iter()
            .all(|waiting| !places[3..].contains(&waiting.place))
    );
    assert_eq!(events("blog"), [event(9)]);
}

/// The two locks of an app do not exclude each other, nor those of another app; one that was
/// given back can be taken again.
pub fn locks_of_one_app_and_of_two_are_apart(ledger: &dyn Ledger) {
    let mut waiting = |holder: &Holder| panic!("waited for {holder:?}");
    let me = Holder {
        what: "jim@example.com: Deploy 575bfa8".to_owned(),
        since: Some(NOON),
    };
    let mut take = |app: &str, lock| {
        let lock = ledger.lock(&name(app), lock, &me, &mut waiting);
        lock.expect("a lock")
    };
    let change = take("shop", Lock::Change);
    let outbox = take("shop", Lock::Outbox);
    let other = take("blog", Lock::Change);
    drop(change);
    let again = take("shop", Lock::Change);
    drop((outbox, other, again));
    drop(take("shop", Lock::Outbox));
}
