//! Long histories: how often their tier is asked (S13), and what is nearest in them. In both
//! ledgers; it must not know how either keeps them.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop where tests do")]

use std::cell::Cell;

use slugline_core::corridor::Engine;
use slugline_core::port::{Asked, Clock, Keep, Ledger};
use slugline_core::query;
use slugline_core::release::Version;
use slugline_core::retention;
use slugline_core::time::Timestamp;
use slugline_ledger::SqliteLedger;
use slugline_testkit::MemoryLedger;
use slugline_testkit::idle::Idle;
use slugline_testkit::values::{NOON, app, config_add, name, plan, release, state, v};

/// A clock that is set by hand, in seconds after noon.
struct Hands(Cell<i64>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(NOON.0 + self.0.get() * 1000)
    }
}

struct World<'a> {
    ledger: &'a dyn Ledger,
    tier: Idle,
    hands: Hands,
}

impl<'a> World<'a> {
    fn new(ledger: &'a dyn Ledger) -> Self {
        ledger.create_app(&app("shop")).unwrap();
        Self {
            ledger,
            tier: Idle::default(),
            hands: Hands(Cell::new(0)),
        }
    }

    fn engine(&self) -> Engine<'_> {
        Engine {
            clock: &self.hands,
            ..self.tier.engine(self.ledger)
        }
    }

    /// So many releases under a tier, and what follows each of them.
    fn release(&self, count: u64, tier: &str) {
        for _ in 0..count {
            let next = state(None, &[], &[tier]);
            release(self.ledger, "shop", &config_add("A"), &next);
            retention::prune_where_due(&self.engine(), &name("shop")).unwrap();
        }
    }

    fn kept(&self) -> usize {
        let all = self.ledger.history(&name("shop"), None, usize::MAX);
        all.unwrap().len()
    }

    fn answers(&self, keep: Keep) {
        *self.tier.keep.borrow_mut() = Some(keep);
    }

    fn newest(&self) -> u64 {
        self.ledger.moment(&name("shop")).unwrap().last.number()
    }
}

fn in_both(test: fn(&dyn Ledger)) {
    test(&MemoryLedger::default());
    let home = slugline_testkit::private_folder();
    test(&SqliteLedger::open(home.path()).unwrap());
}

fn none() -> Keep {
    Keep::Only([].into())
}

const LONG: &str = "releases:long";

#[test]
fn the_tier_of_a_short_history_is_asked_after_every_release() {
    in_both(|ledger| {
        let world = World::new(ledger);
        world.release(126, LONG);
        assert_eq!(ledger.asked(&name("shop")).unwrap(), None);
        world.answers(none());
        world.release(1, LONG);
        assert_eq!(world.kept(), 2);
        world.release(1, LONG);
        assert_eq!(world.kept(), 2);
    });
}

#[test]
fn the_tier_of_a_long_history_is_asked_after_every_64th_part_of_it() {
    in_both(|ledger| {
        let world = World::new(ledger);
        world.release(200, LONG);
        let asked = ledger.asked(&name("shop")).unwrap().unwrap();
        // After 128 releases it is asked at every second, from 192 on at every third.
        assert_eq!((asked.last, asked.kept), (v(198), 198));
        world.answers(none());
        world.release(1, LONG);
        assert_eq!(world.kept(), 2);
        // Now the history is short, and nothing is remembered.
        assert_eq!(ledger.asked(&name("shop")).unwrap(), None);
        world.release(1, LONG);
        assert_eq!(world.kept(), 2);
    });
}

/// A long history, asked about just now; whose tier keeps nothing of it any more.
fn just_asked(ledger: &dyn Ledger) -> World<'_> {
    let world = World::new(ledger);
    world.release(200, LONG);
    retention::prune(&world.engine(), &name("shop")).unwrap();
    world.answers(none());
    assert_eq!(
        ledger.asked(&name("shop")).unwrap(),
        Some(Asked {
            tier: plan(LONG),
            last: v(200),
            kept: 200,
            at: NOON
        })
    );
    world
}

#[test]
fn a_day_a_clock_set_back_another_tier_and_a_person_ask_at_once() {
    in_both(|ledger| {
        let check = |what: &str, seconds: i64, tier: &str, kept: usize| {
            let memory = MemoryLedger::default();
            let world = just_asked(&memory);
            world.hands.0.set(seconds);
            world.release(1, tier);
            assert_eq!(world.kept(), kept, "{what}");
        };
        check("nothing", 86_399, LONG, 201);
        check("a day", 86_400, LONG, 2);
        check("a clock set back", -1, LONG, 2);
        check("another tier", 0, "releases:other", 2);
        let world = just_asked(ledger);
        retention::prune(&world.engine(), &name("shop")).unwrap();
        assert_eq!(world.kept(), 2);
    });
}

#[test]
fn a_tier_that_fails_is_asked_again_after_the_next_release() {
    in_both(|ledger| {
        let world = just_asked(ledger);
        *world.tier.keep.borrow_mut() = None;
        world.release(2, LONG);
        let next = state(None, &[], &[LONG]);
        release(ledger, "shop", &config_add("A"), &next);
        retention::prune_where_due(&world.engine(), &name("shop")).unwrap_err();
        assert_eq!(world.kept(), 203);
        world.answers(none());
        retention::prune_where_due(&world.engine(), &name("shop")).unwrap();
        assert_eq!(world.kept(), 2);
    });
}

#[test]
fn what_was_asked_goes_with_its_app() {
    in_both(|ledger| {
        just_asked(ledger);
        ledger.destroy_app(&name("shop"), NOON).unwrap();
        ledger.asked(&name("shop")).unwrap_err();
        ledger.create_app(&app("shop")).unwrap();
        assert_eq!(ledger.asked(&name("shop")).unwrap(), None);
    });
}

#[test]
fn of_a_release_that_is_gone_the_nearest_that_is_kept_is_named() {
    in_both(|ledger| {
        let world = World::new(ledger);
        world.release(40, LONG);
        let kept: Vec<u64> = vec![7, 12, 13, 31];
        let check = |asked: u64, nearest: &str| {
            let failure = query::inspect(ledger, &name("shop"), v(asked)).unwrap_err();
            let slugline_core::corridor::Failure::Refused(refusals) = failure else {
                unreachable!("{failure}");
            };
            let hint = refusals.first().unwrap().hint.clone();
            let expected = format!("The nearest that is kept is {nearest}.");
            assert_eq!(hint.as_deref(), Some(expected.as_str()), "v{asked}");
        };
        let numbers = kept.iter().copied().map(Version::new).collect();
        world.answers(Keep::Only(numbers));
        retention::prune(&world.engine(), &name("shop")).unwrap();
        assert_eq!((world.kept(), world.newest()), (6, 40));
        check(1, "v7");
        check(6, "v7");
        check(8, "v7");
        check(30, "v13");
        check(38, "v31");
        check(99, "v40");
    });
}
