//! Whatever a tier answers, what must stay stays, in both ledgers (S13): the current release, its
//! predecessor, what is pinned and what failed since; every state that is kept is as it was; and no
//! number comes back (S1).
#![expect(clippy::unwrap_used, reason = "helpers of tests stop where tests do")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use slugline_core::corridor::Engine;
use slugline_core::port::{Keep, Ledger};
use slugline_core::release::{Release, Status, Version};
use slugline_core::retention::{self, Fate, NotPruned};
use slugline_core::state::State;
use slugline_ledger::SqliteLedger;
use slugline_testkit::MemoryLedger;
use slugline_testkit::idle::Idle;
use slugline_testkit::values::{
    app, config_add, deploy, failing_release, name, release, slug, state, v,
};

/// What happens to the app, in turn.
#[derive(Clone, Debug)]
enum Step {
    /// A release, good or bad, with one of a few values, and with code of its own or not.
    Release(bool, u8, bool),
    /// Pins, or lets go, the release so many before the newest.
    Pin(u64, bool),
    /// The tier is asked, and answers this; `None`: it fails.
    Prune(Option<Answer>),
    /// There is no tier.
    Untracked,
}

#[derive(Clone, Debug)]
enum Answer {
    All,
    /// These numbers, whether or not there are such releases.
    Only(BTreeSet<u64>),
    /// Those that are kept at places divisible by this.
    Every(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let foreign = prop_oneof![20 => 0..40u64, 1 => any::<u64>()];
    let answer = prop_oneof![
        1 => Just(Answer::All),
        6 => prop::collection::btree_set(foreign, 0..12).prop_map(Answer::Only),
        2 => (1..5usize).prop_map(Answer::Every),
    ];
    prop_oneof![
        8 => (prop::bool::weighted(0.7), 0..4u8, any::<bool>())
            .prop_map(|(good, value, code)| Step::Release(good, value, code)),
        2 => (0..12u64, prop::bool::weighted(0.7)).prop_map(|(back, pin)| Step::Pin(back, pin)),
        6 => prop::option::weighted(0.9, answer).prop_map(Step::Prune),
        1 => Just(Step::Untracked),
    ]
}

fn history(ledger: &dyn Ledger, one: &str) -> Vec<(Release, State)> {
    let of = name(one);
    let all = ledger.history(&of, None, usize::MAX).unwrap();
    let with_state = |release: Release| {
        let state = ledger.state_at(&of, release.version).unwrap();
        (release, state)
    };
    all.into_iter().map(with_state).collect()
}

/// The numbers that must be there after any pruning of this history, newest first.
fn sacred(history: &[(Release, State)], tracked: bool) -> BTreeSet<Version> {
    let good = history
        .iter()
        .filter(|(release, _)| release.status == Status::Succeeded);
    let good: Vec<Version> = good.map(|(release, _)| release.version).collect();
    let newest = good.iter().take(if tracked { 2 } else { 1 });
    let stays = history.iter().filter(|(release, _)| {
        release.pinned
            || good
                .first()
                .is_none_or(|current| release.version > *current)
    });
    newest
        .copied()
        .chain(stays.map(|(release, _)| release.version))
        .collect()
}

/// What a tier would be asked for, for this history.
fn keep(answer: &Answer, history: &[(Release, State)]) -> Keep {
    match answer {
        Answer::All => Keep::All,
        Answer::Only(numbers) => Keep::Only(numbers.iter().copied().map(v).collect()),
        Answer::Every(nth) => {
            let places = history.iter().step_by(*nth);
            Keep::Only(places.map(|(release, _)| release.version).collect())
        }
    }
}

/// Prunes, and holds what is left against what there was.
fn prune(engine: &Engine<'_>, one: &str, asked: Option<&Keep>) {
    let before = history(engine.ledger, one);
    let moment = engine.ledger.moment(&name(one)).unwrap();
    let tier = moment.state.tier().cloned();
    let said = tier
        .as_ref()
        .map(|tier| retention::review(engine, &name(one), tier));
    let pruned = retention::prune(engine, &name(one));
    let after = history(engine.ledger, one);
    let kept: BTreeSet<Version> = after.iter().map(|(release, _)| release.version).collect();
    assert!(
        kept.is_superset(&sacred(&before, tier.is_some())),
        "{asked:?} {before:?}"
    );
    let was: BTreeMap<Version, &(Release, State)> =
        before.iter().map(|one| (one.0.version, one)).collect();
    for one in &after {
        assert!(was[&one.0.version] == one, "{asked:?} {one:?}");
    }
    let gone: Vec<Version> = was
        .keys()
        .filter(|version| !kept.contains(version))
        .copied()
        .collect();
    match (pruned, said) {
        (Err(NotPruned::Policy(_)), Some(Err(_))) => assert_eq!(gone, []),
        (Ok(lost), said) => {
            assert_eq!(lost, gone);
            let reviewed = said.map(|said| said.unwrap());
            let goes = reviewed
                .iter()
                .flatten()
                .filter(|(_, fate)| *fate == Fate::Goes);
            let mut goes: Vec<Version> = goes.map(|(release, _)| release.version).collect();
            goes.reverse();
            assert!(
                reviewed.is_none() || goes == gone,
                "{goes:?} and not {gone:?}"
            );
        }
        (pruned, said) => unreachable!("{pruned:?} {said:?}"),
    }
    // What the tier wanted is not taken from it either.
    if let Some(Keep::Only(wanted)) = asked.filter(|_| tier.is_some()) {
        assert!(
            was.keys()
                .filter(|version| wanted.contains(version))
                .all(|v| kept.contains(v))
        );
    }
    let after_all = engine.ledger.moment(&name(one)).unwrap();
    assert!(after_all == moment, "{asked:?}");
}

fn run(ledger: &dyn Ledger, one: &str, steps: &[Step]) -> Vec<(Release, State)> {
    ledger.create_app(&app(one)).unwrap();
    let idle = Idle::default();
    let engine = idle.engine(ledger);
    let (mut tier, mut number) = (&["releases:advanced"][..], 0);
    for step in steps {
        match step {
            Step::Release(good, value, code) => {
                number += 1;
                let text = value.to_string();
                let slug = code.then(|| slug(number));
                let what = state(
                    slug,
                    &[("A", text.as_str()), ("B", "b")][..usize::from(*value).min(2)],
                    tier,
                );
                let change = if *code {
                    deploy(number)
                } else {
                    config_add("A")
                };
                let make = if *good { release } else { failing_release };
                assert_eq!(make(ledger, one, &change, &what), v(number));
            }
            Step::Pin(back, pinned) => {
                let version = v(number.saturating_sub(*back));
                let there = ledger.release(&name(one), version).unwrap().is_some();
                let set = ledger.set_release_pinned(&name(one), version, *pinned);
                assert_eq!(set.is_ok(), there);
            }
            Step::Prune(answer) => {
                let all = history(ledger, one);
                let asked = answer.as_ref().map(|answer| keep(answer, &all));
                idle.keep.borrow_mut().clone_from(&asked);
                prune(&engine, one, asked.as_ref());
            }
            Step::Untracked => {
                tier = if tier.is_empty() {
                    &["releases:advanced"]
                } else {
                    &[]
                }
            }
        }
    }
    history(ledger, one)
}

#[test]
fn whatever_a_tier_answers_what_must_stay_stays() {
    let home = slugline_testkit::swift_folder();
    let (sqlite, memory) = (
        SqliteLedger::open(home.path()).unwrap(),
        MemoryLedger::default(),
    );
    let cases = std::cell::Cell::new((0_u32, 0_usize));
    let config = ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    };
    proptest!(config, |(steps in prop::collection::vec(step(), 20..60))| {
        let (number, prunings) = cases.get();
        let one = format!("app-{number}");
        let asked = steps.iter().filter(|step| matches!(step, Step::Prune(_))).count();
        cases.set((number + 1, prunings + asked));
        let expected = run(&memory, &one, &steps);
        // Each of its writes waits for the disk: a third of the cases is a thousand prunings.
        if number % 3 == 0 {
            prop_assert!(run(&sqlite, &one, &steps) == expected);
        }
    });
    assert!(cases.get().1 > 3000, "{:?}", cases.get());
}
