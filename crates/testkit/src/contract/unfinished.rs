//! What is left to do: the journal, what is due, resources without an app.

use slugline_core::event::Event;
use slugline_core::journal::{Effect, Stage};
use slugline_core::port::{Ledger, LedgerError, Outcome, ResourceChange, Settlement};
use slugline_core::resource::Options;
use slugline_core::time::Timestamp;

use crate::values::{
    NOON, actor, addon, app, config_add, name, record, release, resource, resource_id, state,
    succeeded,
};

fn provision(number: u64) -> Effect {
    Effect::Provision {
        id: resource_id(number),
        plan: addon("memcache:free").plan,
        options: Options::from([("url".to_owned(), "http://me:secret@here".to_owned())]),
    }
}

/// The effects and stages of an app's journal.
fn journal(ledger: &dyn Ledger, of: &str) -> Vec<(Effect, Stage)> {
    let entries = ledger.journal(&name(of)).expect("a journal");
    let pairs = entries.into_iter().map(|entry| (entry.effect, entry.stage));
    pairs.collect()
}

/// An effect is moved on, and written together with its resource.
pub fn an_effect_moves_with_its_resource(ledger: &dyn Ledger) {
    ledger.create_app(&app("shop")).expect("created");
    let shop = name("shop");
    let effects = [provision(1), Effect::Destroy, provision(2)];
    let places = ledger.begin_effects(&shop, &effects).expect("begun");
    assert!(places.is_sorted() && places.len() == 3);
    let begun = effects.clone().map(|effect| (effect, Stage::Begun));
    assert_eq!(journal(ledger, "shop"), begun);

    let made = resource(1, "memcache:free", Some(4000));
    let put = ResourceChange::Put(&made);
    let step = |place: i64, to, change: ResourceChange<'_>| {
        ledger.step_effect(&shop, place, to, change).expect("moved");
    };
    step(places[0], Some(Stage::Done), put);
    assert_eq!(ledger.resources(&shop).expect("resources"), [made]);
    step(places[1], None, ResourceChange::None);
    let left = [(provision(1), Stage::Done), (provision(2), Stage::Begun)];
    assert_eq!(journal(ledger, "shop"), left);
    step(places[0], None, ResourceChange::Remove(&resource_id(1)));
    step(places[0], None, ResourceChange::None);
    assert_eq!(ledger.resources(&shop).expect("resources"), []);
    assert_eq!(journal(ledger, "shop"), [(provision(2), Stage::Begun)]);

    ledger.delay_effect(places[2], Timestamp(7)).expect("noted");
    let entry = ledger.journal(&shop).expect("a journal").remove(0);
    assert_eq!((entry.attempts, entry.due), (1, Timestamp(7)));
    ledger.destroy_app(&shop, NOON).expect("destroyed");
    assert!(matches!(ledger.journal(&shop), Err(LedgerError::NoApp(_))));
    ledger.create_app(&app("shop")).expect("created");
    assert_eq!(journal(ledger, "shop"), []);
}

/// A release that succeeded ends the journal of its app, one that failed turns it round.
pub fn the_journal_goes_with_the_settlement(ledger: &dyn Ledger) {
    for one in ["shop", "blog"] {
        ledger.create_app(&app(one)).expect("created");
        let effects = [provision(1), provision(2)];
        ledger.begin_effects(&name(one), &effects).expect("begun");
    }
    let shop = name("shop");
    let version = record(ledger, "shop", &config_add("A"), &state(None, &[], &[]));
    let failed = Settlement {
        outcome: Outcome::Failed("crashed".into()),
        at: NOON,
        events: Vec::new(),
    };
    ledger.settle(&shop, version, &failed).expect("settled");
    let undo = [(provision(1), Stage::Undo), (provision(2), Stage::Undo)];
    assert_eq!(journal(ledger, "shop"), undo);
    release(ledger, "shop", &config_add("A"), &state(None, &[], &[]));
    assert_eq!(journal(ledger, "shop"), []);
    let begun = [(provision(1), Stage::Begun), (provision(2), Stage::Begun)];
    assert_eq!(journal(ledger, "blog"), begun);
}

/// Pending releases, effects and events that are due are left to do, and nothing else is.
pub fn what_is_left_to_do_is_found(ledger: &dyn Ledger) {
    for one in ["a", "b", "c", "d"] {
        ledger.create_app(&app(one)).expect("created");
        release(ledger, one, &config_add("A"), &state(None, &[], &[]));
    }
    let left = |at| {
        let apps = ledger.unfinished(Timestamp(NOON.0 + at)).expect("apps");
        apps.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(left(0), "");
    let pending = record(ledger, "a", &config_add("B"), &state(None, &[], &[]));
    let places = ledger
        .begin_effects(&name("b"), &[provision(1)])
        .expect("begun");
    let version = record(ledger, "c", &config_add("B"), &state(None, &[], &[]));
    let events = succeeded(&[Event::Prune]);
    ledger
        .settle(&name("c"), version, &events)
        .expect("settled");
    assert_eq!(left(0), "a b c");
    ledger
        .delay_effect(places[0], Timestamp(NOON.0 + 10))
        .expect("noted");
    let waiting = ledger.outbox(&name("c")).expect("an outbox").remove(0);
    assert_eq!((waiting.attempts, waiting.due), (0, NOON));
    ledger
        .undelivered(waiting.place, "no", Timestamp(NOON.0 + 20))
        .expect("noted");
    let waiting = ledger.outbox(&name("c")).expect("an outbox").remove(0);
    assert_eq!((waiting.attempts, waiting.due), (1, Timestamp(NOON.0 + 20)));
    assert_eq!([left(9), left(10), left(20)], ["a", "a b", "a b c"]);
    ledger
        .settle(&name("a"), pending, &succeeded(&[]))
        .expect("settled");
    assert_eq!(left(9), "");
}

/// A resource that outlives its app is found under the name that this had.
pub fn resources_without_an_app_are_found(ledger: &dyn Ledger) {
    for (one, number) in [("shop", 1), ("blog", 2)] {
        ledger.create_app(&app(one)).expect("created");
        let made = resource(number, "memcache:free", None);
        ledger.put_resource(&name(one), &made).expect("written");
    }
    assert_eq!(ledger.ownerless().expect("resources"), []);
    ledger.destroy_app(&name("shop"), NOON).expect("destroyed");
    let left = (name("shop"), resource(1, "memcache:free", None));
    assert_eq!(ledger.ownerless().expect("resources"), [left]);
}

/// What an owner's other apps cost is what is in use now.
pub fn an_owners_other_apps_cost_what_they_have_now(ledger: &dyn Ledger) {
    for (one, plan) in [
        ("shop", "memcache:100mb"),
        ("blog", "memcache:100mb"),
        ("wiki", "memcache:free"),
    ] {
        ledger.create_app(&app(one)).expect("created");
        release(ledger, one, &config_add("A"), &state(None, &[], &[plan]));
    }
    let jim = actor("jim@example.com");
    let cost = |but: &str| ledger.monthly_cost(&jim, &name(but)).expect("a sum");
    let one = addon("memcache:100mb").price.cents();
    assert!(one > 0);
    assert_eq!(
        [cost("shop"), cost("wiki"), cost("other")],
        [one, 2 * one, 2 * one]
    );
    let eve = ledger.monthly_cost(&actor("eve@example.com"), &name("shop"));
    assert_eq!(eve.expect("a sum"), 0);
    release(ledger, "blog", &config_add("A"), &state(None, &[], &[]));
    assert_eq!(cost("shop"), 0);
}
