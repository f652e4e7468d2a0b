//! The rules of `docs/semantics.md` as a model, the engine over a ledger in memory, and the engine
//! over SQLite are given the same random commands, with failures among them, and must answer the
//! same and look the same after every one.
//!
//! 60 runs of up to 120 commands unless `SLUGLINE_MODEL_CASES` says how many:
//! `SLUGLINE_MODEL_CASES=2000 cargo test -p slugline-ledger --test model`. A failure is shrunk to the
//! fewest commands that still fail, and printed with what each side says.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use std::rc::Rc;

use proptest::prelude::*;
use slugline_core::time::Timestamp;
use slugline_ledger::SqliteLedger;
use slugline_testkit::MemoryLedger;
use slugline_testkit::model::{Command, Guess, Half, Model, Number, Verb};
use slugline_testkit::values::NOON;
use slugline_testkit::world::{Fails, World};

const APPS: [&str; 2] = ["shop", "blog"];
/// Later than anything that failed is tried again.
const PAUSE: i64 = 2 * 3600 * 1000;

const KEYS: [&str; 6] = ["A", "B", "BUILD", "MEMCACHE_SERVERS", "DATABASE_URL", "C_3"];
const PLANS: [&str; 15] = [
    "memcache",
    "memcache:free",
    "memcache:100mb",
    "memcache:huge",
    "cache",
    "db",
    "db:ronin",
    "db:fugu",
    "redis",
    "releases:basic",
    "releases:advanced",
    "releases:advanced",
    "releases:none",
    "releases:thirds",
    "releases",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(&["1", "2", ""][..]).prop_map(str::to_owned),
        1 => Just("x='y'\n=é".to_owned()),
        1 => Just("x".repeat(33_000)),
    ]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        9 => (0..9u64).prop_map(Number::Back),
        1 => (0..60u64).prop_map(Number::Back),
        1 => (1..4u64).prop_map(Number::Beyond),
    ]
}

fn rollback() -> impl Strategy<Value = Verb> {
    let half = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Half::Code)),
        1 => Just(Some(Half::Config)),
    ];
    let pin = prop::bool::weighted(0.2);
    (prop::option::weighted(0.7, number()), half, pin).prop_map(|(target, half, pin)| {
        Verb::Rollback {
            target,
            half,
            pin: pin && half != Some(Half::Config),
        }
    })
}

fn verb() -> impl Strategy<Value = Verb> {
    let key = || prop::sample::select(&KEYS[..]);
    let plan = || prop::sample::select(&PLANS[..]);
    let vars = prop::collection::vec((key(), value()), 1..3);
    prop_oneof![
        1 => Just(Verb::Create),
        1 => prop::bool::weighted(0.3).prop_map(|yes| if yes { Verb::Destroy } else { Verb::Create }),
        20 => (1..5u64).prop_map(Verb::Deploy),
        24 => vars.prop_map(Verb::Set),
        10 => prop::collection::vec(key(), 1..3).prop_map(Verb::Unset),
        16 => plan().prop_map(Verb::Add),
        8 => plan().prop_map(Verb::Remove),
        10 => plan().prop_map(Verb::Upgrade),
        10 => plan().prop_map(Verb::Downgrade),
        32 => rollback(),
        3 => Just(Verb::Unpin),
        5 => (number(), any::<bool>()).prop_map(|(number, pinned)| Verb::Keep(number, pinned)),
        3 => Just(Verb::Prune),
        5 => Just(Verb::Restart),
        8 => Just(Verb::GoBad),
    ]
}

fn fails() -> impl Strategy<Value = Option<Fails>> {
    let step = prop::sample::select(
        &[
            Fails::Check,
            Fails::AllowedCheck,
            Fails::Provision,
            Fails::ChangePlan,
            Fails::Compile,
            Fails::Launch,
            Fails::Launch,
            Fails::Keep,
            Fails::Announce,
            Fails::Deprovision,
        ][..],
    );
    prop::option::weighted(0.25, step)
}

fn command() -> impl Strategy<Value = Command> {
    let app = prop_oneof![7 => Just(APPS[0]), 1 => Just(APPS[1])];
    let actor = prop::sample::select(&["jim@example.com", "ann@example.com"][..]);
    let guess = prop_oneof![
        18 => Just(None),
        1 => Just(Some(Guess::Right)),
        1 => Just(Some(Guess::Wrong)),
    ];
    (
        app,
        actor,
        verb(),
        prop::bool::weighted(0.7),
        guess,
        fails(),
    )
        .prop_map(|(app, actor, verb, confirmed, guess, fails)| Command {
            app,
            actor,
            verb,
            id: 0,
            confirmed,
            guess,
            fails,
        })
}

/// Both apps are there, and the first is tracked, so that few commands are lost.
fn beginning() -> Vec<Command> {
    let first = |app, verb| Command {
        app,
        actor: "jim@example.com",
        verb,
        id: 0,
        confirmed: false,
        guess: None,
        fails: None,
    };
    let tier = Verb::Add("releases:advanced");
    vec![
        first(APPS[0], Verb::Create),
        first(APPS[1], Verb::Create),
        first(APPS[0], tier),
    ]
}

fn cases() -> u32 {
    let wanted = std::env::var("SLUGLINE_MODEL_CASES").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// Gives one command to all, and answers what differs.
fn step(model: &mut Model, worlds: &[(&str, World)], command: &Command) -> Result<(), String> {
    model.now = NOON.0 + PAUSE * i64::try_from(command.id).unwrap();
    let (last, current) = (model.last(command.app), model.current(command.app));
    let before = model.picture(&APPS).join("\n   ");
    let answer = model.obey(command);
    let picture = model.picture(&APPS);
    for (name, world) in worlds {
        world.now.set(Timestamp(model.now));
        let heard = world.obey(command, last, current);
        if !answer.fits(&heard) {
            return Err(format!(
                "{name}: {heard:?}\nand not {answer:?}\nto {command:?}\nof {before}"
            ));
        }
        let seen = world.picture(&APPS);
        let only = |these: &[String], those: &[String]| {
            let all = these.iter().filter(|line| !those.contains(line));
            all.cloned().collect::<Vec<_>>().join("\n   ")
        };
        if seen != picture {
            let (more, less) = (only(&seen, &picture), only(&picture, &seen));
            return Err(format!(
                "{name} has\n   {more}\nand not\n   {less}\nafter {command:?}\nof {before}"
            ));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        max_shrink_iters: 4000,
        ..Default::default()
    })]

    #[test]
    fn model_and_engine_over_two_ledgers_answer_the_same(
        commands in prop::collection::vec(command(), 1..120)
    ) {
        let home = slugline_testkit::swift_folder();
        let mut model = Model::default();
        let worlds = [
            ("memory", World::over(Rc::new(MemoryLedger::default()))),
            ("SQLite", World::over(Rc::new(SqliteLedger::open(home.path()).unwrap()))),
        ];
        let all = beginning().into_iter().chain(commands);
        for (nth, command) in (1..).zip(all) {
            let command = Command { id: nth, ..command };
            let differs = step(&mut model, &worlds, &command).err();
            prop_assert!(differs.is_none(), "{}", differs.unwrap_or_default());
        }
    }
}
