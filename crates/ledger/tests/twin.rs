//! The SQLite ledger and the one in memory are given the same random commands, and must answer the
//! same at every step.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stop where tests do"
)]

use proptest::prelude::*;
use slugline_core::app::AppName;
use slugline_core::event::Event;
use slugline_core::journal::{Effect, Stage};
use slugline_core::port::{Ledger, LedgerError, NewRelease, Outcome, ResourceChange, Settlement};
use slugline_core::release::{PluginsUsed, Version};
use slugline_core::resource::Options;
use slugline_core::state::State;
use slugline_core::time::Timestamp;
use slugline_ledger::SqliteLedger;
use slugline_testkit::MemoryLedger;
use slugline_testkit::values::{
    NOON, actor, addon, app, config_add, deploy, lent_var, name, plugins_used, resource,
    resource_id, slug, state, v,
};

const APPS: [&str; 2] = ["shop", "blog"];

/// One call. Numbers of releases count back from the newest, so that most of them exist.
#[derive(Clone, Debug)]
enum Command {
    Create,
    Destroy,
    Branch(bool),
    Record(State, bool),
    Settle {
        back: u64,
        success: bool,
        pinned: bool,
        events: u64,
    },
    Tier(bool),
    Pin(bool),
    PinRelease(u64, bool),
    Prune(Vec<u64>),
    PruneAllBut(u64),
    PutResource(u64, Option<u16>),
    RemoveResource(u64),
    Deliver(usize),
    Fail(usize),
    Begin(u64),
    Step(usize, bool),
    Delay(usize),
}

fn some_state() -> impl Strategy<Value = State> {
    let var = prop_oneof![4 => Just(None), 3 => (0..3u8).prop_map(Some)];
    let vars = prop::collection::vec(var, 5);
    let cache = prop::sample::select(&[None, Some("memcache:free"), Some("memcache:100mb")][..]);
    let tier = prop::sample::select(&[None, Some("releases:basic"), Some("releases:advanced")][..]);
    (prop::option::of(0..4u64), vars, cache, tier).prop_map(|(code, vars, cache, tier)| {
        let addons: Vec<&str> = cache.into_iter().chain(tier).collect();
        let mut all = state(code.map(slug), &[], &addons);
        for (nth, value) in vars.into_iter().enumerate() {
            let Some(value) = value else { continue };
            let (key, mut var) = lent_var(&format!("K{nth}"), &value.to_string(), "memcache");
            if nth > 0 {
                var.owner = slugline_core::config::Owner::User;
            }
            all.config.insert(key, var);
        }
        all
    })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => Just(Command::Create),
        1 => Just(Command::Destroy),
        1 => any::<bool>().prop_map(Command::Branch),
        40 => (some_state(), any::<bool>()).prop_map(|(state, code)| Command::Record(state, code)),
        40 => (
            prop_oneof![8 => Just(0u64), 1 => 0..6u64],
            prop::bool::weighted(0.75),
            any::<bool>(),
            0..3u64
        )
            .prop_map(|(back, success, pinned, events)| {
                Command::Settle { back, success, pinned, events }
            }),
        4 => any::<bool>().prop_map(Command::Tier),
        2 => any::<bool>().prop_map(Command::Pin),
        4 => (0..12u64, prop::bool::weighted(0.6))
            .prop_map(|(back, pinned)| Command::PinRelease(back, pinned)),
        12 => prop::collection::vec(0..20u64, 1..6).prop_map(Command::Prune),
        1 => (1..6u64).prop_map(Command::PruneAllBut),
        3 => (0..4u64, prop::option::of(4000..4004u16))
            .prop_map(|(id, port)| Command::PutResource(id, port)),
        2 => (0..4u64).prop_map(Command::RemoveResource),
        4 => (0..3usize).prop_map(Command::Deliver),
        2 => (0..3usize).prop_map(Command::Fail),
        3 => (0..4u64).prop_map(Command::Begin),
        3 => (0..4usize, any::<bool>()).prop_map(|(nth, put)| Command::Step(nth, put)),
        1 => (0..4usize).prop_map(Command::Delay),
    ]
}

/// Plugins that took part, as random as the state.
fn used(state: &State) -> PluginsUsed {
    let asked = ["cap 0.1.0", "memcache 1.0.0"];
    plugins_used(&asked[..state.addons.len().min(asked.len())])
}

/// What a call answered, comparable: errors by their text.
type Answer = Result<Option<Version>, String>;

fn answer<T>(result: Result<T, LedgerError>, value: impl FnOnce(T) -> Option<Version>) -> Answer {
    result.map(value).map_err(|error| error.to_string())
}

fn settlement(success: bool, code_pinned: bool, events: u64, at: Timestamp) -> Settlement {
    let event = |number| Event::Deprovision {
        resource: resource_id(number),
    };
    Settlement {
        outcome: match success {
            true => Outcome::Succeeded { code_pinned },
            false => Outcome::Failed("web.1 exited with status 1".to_owned()),
        },
        at,
        events: (0..events).map(event).collect(),
    }
}

fn run(ledger: &dyn Ledger, one: &str, command: &Command, tick: i64) -> Answer {
    let of = name(one);
    let last = ledger.moment(&of).map_or(0, |moment| moment.last.number());
    let back = |by: u64| v(last.saturating_sub(by));
    let at = later(tick);
    let place = |nth: usize| {
        ledger
            .outbox(&of)
            .ok()?
            .get(nth)
            .map(|waiting| waiting.place)
    };
    let nothing = |()| None;
    match command {
        Command::Create => answer(ledger.create_app(&app(one)), nothing),
        Command::Destroy => answer(ledger.destroy_app(&of, at), nothing),
        Command::Branch(set) => answer(ledger.set_branch(&of, set.then_some("trunk")), nothing),
        Command::Record(state, code) => {
            let change = if *code { deploy(1) } else { config_add("K1") };
            let new = NewRelease {
                change: &change,
                actor: &actor("jim@example.com"),
                at,
                state,
                plugins: &used(state),
            };
            answer(ledger.record(&of, &new), Some)
        }
        Command::Settle {
            back: by,
            success,
            pinned,
            events,
        } => {
            let settlement = settlement(*success, *pinned, *events, at);
            answer(ledger.settle(&of, back(*by), &settlement), nothing)
        }
        Command::Tier(basic) => {
            let plan = if *basic {
                "releases:basic"
            } else {
                "releases:advanced"
            };
            answer(ledger.install_first_tier(&of, &addon(plan), at), nothing)
        }
        Command::Pin(pinned) => answer(ledger.set_code_pinned(&of, *pinned), nothing),
        Command::PinRelease(by, pinned) => {
            answer(ledger.set_release_pinned(&of, back(*by), *pinned), nothing)
        }
        Command::Prune(some) => {
            let versions: Vec<Version> = some.iter().map(|by| back(*by)).collect();
            answer(ledger.prune(&of, &versions, at), nothing)
        }
        Command::PruneAllBut(every) => {
            let versions: Vec<_> = (1..=last)
                .filter(|nth| nth % (every + 1) > 0)
                .map(v)
                .collect();
            answer(ledger.prune(&of, &versions, at), nothing)
        }
        Command::PutResource(id, port) => answer(
            ledger.put_resource(&of, &resource(*id, "memcache:free", *port)),
            nothing,
        ),
        Command::RemoveResource(id) => answer(ledger.remove_resource(&resource_id(*id)), nothing),
        Command::Deliver(nth) => match place(*nth) {
            Some(place) => answer(ledger.delivered(place), nothing),
            None => Ok(None),
        },
        Command::Fail(nth) => match place(*nth) {
            Some(place) => answer(
                ledger.undelivered(place, "timed out", later(tick + 10)),
                nothing,
            ),
            None => Ok(None),
        },
        Command::Begin(_) | Command::Step(..) | Command::Delay(_) => {
            journal(ledger, &of, command, tick)
        }
    }
}

/// One call about the journal; effects are told by their order.
fn journal(ledger: &dyn Ledger, of: &AppName, command: &Command, tick: i64) -> Answer {
    let entry = |nth: usize| ledger.journal(of).ok()?.into_iter().nth(nth);
    let nothing = |()| None;
    match command {
        Command::Begin(number) => {
            let effect = Effect::Provision {
                id: resource_id(*number),
                plan: addon("memcache:free").plan,
                options: Options::new(),
            };
            answer(ledger.begin_effects(of, &[effect, Effect::Destroy]), |_| {
                None
            })
        }
        Command::Step(nth, put) => {
            let Some(entry) = entry(*nth) else {
                return Ok(None);
            };
            let made = resource(1, "memcache:free", None);
            let (to, change) = match put {
                true => (Some(Stage::Done), ResourceChange::Put(&made)),
                false => (None, ResourceChange::Remove(&made.id)),
            };
            answer(ledger.step_effect(of, entry.place, to, change), nothing)
        }
        Command::Delay(nth) => match entry(*nth) {
            Some(entry) => answer(ledger.delay_effect(entry.place, later(tick + 5)), nothing),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The time of the command after so many others, which are a millisecond apart.
fn later(tick: i64) -> Timestamp {
    Timestamp(NOON.0 + tick)
}

/// Everything that can be asked about an app, but the states of its releases.
fn shown(ledger: &dyn Ledger, one: &str) -> Vec<String> {
    let of = name(one);
    let events = ledger.outbox(&of).map(|all| {
        all.into_iter()
            .map(|it| (it.event, it.attempts, it.due))
            .collect()
    });
    let events: Result<Vec<(Event, u32, Timestamp)>, _> = events;
    let values = |state: &State| -> Vec<String> {
        state
            .config
            .iter()
            .map(|(_, var)| var.value.reveal().to_owned())
            .collect()
    };
    vec![
        format!(
            "{:?}",
            ledger
                .moment(&of)
                .map(|moment| (values(&moment.state), moment))
        ),
        format!("{:?}", ledger.outline(&of)),
        format!("{:?}", ledger.outlines()),
        format!("{:?}", ledger.history(&of, None, 5)),
        format!("{:?}", ledger.history(&of, Some(v(9)), 5)),
        format!("{:?}", ledger.resources(&of)),
        format!("{events:?}"),
        format!("{:?}", begun(ledger, &of)),
        format!("{:?}", ledger.unfinished(later(60))),
        format!("{:?}", ledger.ownerless()),
        format!("{:?}", ledger.monthly_cost(&actor("jim@example.com"), &of)),
        format!("{:?}", ledger.apps()),
        format!("{:?}", ledger.ports_in_use()),
        format!("{:?}", ledger.usage(NOON, Timestamp(i64::MAX))),
        format!("{:?}", ledger.usage(later(50), later(51))),
        format!("{:?}", ledger.usage(later(120), later(120))),
    ]
}

/// The journal without the places, which may be any.
fn begun(ledger: &dyn Ledger, of: &AppName) -> Result<Vec<impl std::fmt::Debug>, String> {
    let entries = ledger.journal(of).map_err(|error| error.to_string())?;
    let without = entries.into_iter();
    Ok(without
        .map(|it| (it.effect, it.stage, it.attempts, it.due))
        .collect())
}

fn compare_states(memory: &MemoryLedger, sqlite: &SqliteLedger, one: &str) {
    let of = name(one);
    let Ok(moment) = memory.moment(&of) else {
        return;
    };
    let all = |ledger: &dyn Ledger| ledger.history(&of, None, usize::MAX).unwrap();
    assert_eq!(all(memory), all(sqlite));
    for version in (0..=moment.last.number() + 1).map(v) {
        match (memory.state_at(&of, version), sqlite.state_at(&of, version)) {
            (Ok(expected), Ok(found)) => {
                assert!(
                    expected == found,
                    "{one} {version}: {expected:?} and not {found:?}"
                );
                assert_eq!(sqlite.addons_at(&of, version).unwrap(), expected.addons);
                let plugins = memory.plugins_at(&of, version).unwrap();
                assert_eq!(sqlite.plugins_at(&of, version).unwrap(), plugins);
                let (expected, found) =
                    (memory.release(&of, version), sqlite.release(&of, version));
                assert_eq!(expected.unwrap(), found.unwrap());
            }
            (Err(expected), Err(found)) => assert_eq!(expected.to_string(), found.to_string()),
            (expected, found) => panic!("{one} {version}: {expected:?} and not {found:?}"),
        }
    }
}

fn compare_slugs(memory: &MemoryLedger, sqlite: &SqliteLedger) {
    let sorted = |ledger: &dyn Ledger| {
        let mut slugs = ledger.slugs_in_use().unwrap();
        slugs.sort_by(|a, b| a.id.cmp(&b.id));
        slugs
    };
    assert_eq!(sorted(memory), sorted(sqlite));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn two_ledgers_given_the_same_commands_answer_the_same(
        commands in prop::collection::vec((prop::sample::select(&APPS[..]), command()), 150..300)
    ) {
        let home = slugline_testkit::swift_folder();
        let sqlite = SqliteLedger::open(home.path()).unwrap();
        let memory = MemoryLedger::default();
        for one in APPS {
            memory.create_app(&app(one)).unwrap();
            sqlite.create_app(&app(one)).unwrap();
        }
        for (tick, (one, command)) in (0..).zip(&commands) {
            let expected = run(&memory, one, command, tick);
            prop_assert_eq!(run(&sqlite, one, command, tick), expected, "{:?}", command);
            for other in APPS {
                prop_assert_eq!(shown(&sqlite, other), shown(&memory, other), "{:?}", command);
            }
            if matches!(command, Command::Prune(_) | Command::PruneAllBut(_)) {
                compare_states(&memory, &sqlite, one);
                compare_slugs(&memory, &sqlite);
                if let Ok(verified) = sqlite.verify(&name(one)) {
                    prop_assert_eq!(verified.altered, None, "{:?}", command);
                }
            }
        }
        for one in APPS {
            compare_states(&memory, &sqlite, one);
        }
        compare_slugs(&memory, &sqlite);
    }
}
