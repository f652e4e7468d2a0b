//! Histories that were exported and imported: what comes out again is what went in, and what can be
//! asked of them is the same. It must not know the form of the document, but for what differs in
//! another home.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use std::rc::Rc;

use proptest::prelude::*;
use serde_json::Value;
use slugline_core::port::{Kept, Ledger, LedgerError};
use slugline_core::time::Timestamp;
use slugline_ledger::{Document, Export, SqliteLedger, Wanted};
use slugline_testkit::model::{Command, Half, Number, Verb};
use slugline_testkit::values::{NOON, actor, name, v};
use slugline_testkit::world::{Fails, World};

const KEYS: [&str; 4] = ["A", "B", "BUILD", "MEMCACHE_SERVERS"];
const VALUES: [&str; 4] = ["1", "2", "", "x='y'\n=é\u{1F980}\\\""];
const PLANS: [&str; 6] = [
    "memcache",
    "memcache:100mb",
    "db:ronin",
    "releases:basic",
    "releases:advanced",
    "releases:advanced",
];
const PAUSE: i64 = 2 * 3600 * 1000;

fn verb() -> impl Strategy<Value = Verb> {
    let key = || prop::sample::select(&KEYS[..]);
    let plan = || prop::sample::select(&PLANS[..]);
    let value = prop::sample::select(&VALUES[..]).prop_map(str::to_owned);
    let half = prop::sample::select(&[None, None, Some(Half::Code), Some(Half::Config)][..]);
    let back = || (0..9u64).prop_map(Number::Back);
    prop_oneof![
        20 => (1..5u64).prop_map(Verb::Deploy),
        24 => prop::collection::vec((key(), value), 1..3).prop_map(Verb::Set),
        8 => prop::collection::vec(key(), 1..3).prop_map(Verb::Unset),
        12 => plan().prop_map(Verb::Add),
        6 => plan().prop_map(Verb::Remove),
        6 => plan().prop_map(Verb::Upgrade),
        6 => plan().prop_map(Verb::Downgrade),
        20 => (prop::option::of(back()), half).prop_map(|(target, half)| Verb::Rollback {
            target,
            half,
            pin: false,
        }),
        5 => back().prop_map(|number| Verb::Keep(number, true)),
        4 => Just(Verb::Prune),
        8 => Just(Verb::GoBad),
    ]
}

fn commands() -> impl Strategy<Value = Vec<(Verb, bool)>> {
    prop::collection::vec((verb(), prop::bool::weighted(0.15)), 1..60)
}

/// A world whose `shop` has lived through these commands.
fn world(home: &std::path::Path, commands: Vec<(Verb, bool)>) -> (World, Rc<SqliteLedger>) {
    let ledger = Rc::new(SqliteLedger::open(home).unwrap());
    let world = World::over(Rc::clone(&ledger) as Rc<dyn Ledger>);
    let begin = [
        (Verb::Create, false),
        (Verb::Add("releases:advanced"), false),
    ];
    for (id, (verb, fails)) in (1u64..).zip(begin.into_iter().chain(commands)) {
        world
            .now
            .set(Timestamp(NOON.0 + PAUSE * i64::try_from(id).unwrap()));
        let moment = world.ledger.moment(&name("shop")).ok();
        let last = moment.as_ref().map_or(0, |moment| moment.last.number());
        let current = moment.and_then(|moment| moment.current);
        let command = Command {
            app: "shop",
            actor: "jim@example.com",
            verb,
            id,
            confirmed: true,
            guess: None,
            fails: fails.then_some(Fails::Launch),
        };
        world.obey(&command, last, current.map_or(0, |it| it.version.number()));
    }
    // What a release phase wrote is kept as well.
    let shop = name("shop");
    for release in world.ledger.history(&shop, None, 2).unwrap() {
        let text = format!("{} wrote\nthis", release.version);
        let output = Kept::Output;
        world
            .ledger
            .keep(&shop, release.version, output, &text)
            .unwrap();
    }
    (world, ledger)
}

fn export(ledger: &SqliteLedger, app: &str) -> Vec<u8> {
    let about = Export {
        slugline: "1.2.3",
        at: NOON,
        values: true,
    };
    let mut bytes = Vec::new();
    ledger.export(&name(app), about, &mut bytes).unwrap();
    bytes
}

/// What is the same in another home.
fn anywhere(bytes: &[u8]) -> Value {
    let mut document: Value = serde_json::from_slice(bytes).unwrap();
    document["usage"] = Value::Null;
    for list in ["releases", "receipts"] {
        for release in document[list].as_array_mut().unwrap() {
            assert!(release["digest"].is_string());
            release["digest"] = Value::Null;
        }
    }
    document
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_imported_is_what_was_exported(commands in commands()) {
        let (here, there) = (slugline_testkit::private_folder(), slugline_testkit::private_folder());
        let (from, old) = world(here.path(), commands);
        let exported = export(&old, "shop");
        let document = Document::parse(&exported).unwrap();
        let new = Rc::new(SqliteLedger::open(there.path()).unwrap());
        new.import(&document, &actor("ann@example.com"), NOON).unwrap();
        prop_assert_eq!(anywhere(&export(&new, "shop")), anywhere(&exported));

        let app = name("shop");
        let (proved, proof) = (old.verify(&app).unwrap(), new.verify(&app).unwrap());
        prop_assert_eq!((proof.kept, proof.pruned, &proof.altered), (proved.kept, proved.pruned, &None));
        prop_assert_eq!(new.moment(&app).unwrap(), old.moment(&app).unwrap());
        for release in old.history(&app, None, usize::MAX).unwrap() {
            let version = release.version;
            prop_assert_eq!(new.state_at(&app, version).unwrap(), old.state_at(&app, version).unwrap());
            prop_assert_eq!(new.plugins_at(&app, version).unwrap(), old.plugins_at(&app, version).unwrap());
            for what in [Kept::Output, Kept::Verdict] {
                prop_assert_eq!(new.kept(&app, version, what).unwrap(), old.kept(&app, version, what).unwrap());
            }
        }
        let to = World::over(Rc::clone(&new) as Rc<dyn Ledger>);
        let listed = |world: &World| format!("{:?}", world.engine().history_with_eligibility(&app, 99));
        prop_assert_eq!(listed(&to), listed(&from));
        // A release is recorded and pruned as in any history.
        let lost: Vec<_> = document.lost_addons().iter().map(|it| it.plan.service().clone()).collect();
        let bare = document.named(&name("bare")).without_addons(&actor("ann@example.com"), NOON);
        new.import(&bare, &actor("ann@example.com"), NOON).unwrap();
        let now = new.moment(&name("bare")).unwrap();
        let before = old.moment(&app).unwrap();
        prop_assert_eq!(now.last.number(), before.last.number() + lost.len() as u64);
        prop_assert!(now.state.addons.values().all(|addon| addon.resource.is_none()));
        prop_assert_eq!(now.state.tier(), before.state.tier());
        prop_assert_eq!(&now.state.config, &before.state.config.of_user());
        prop_assert_eq!(&now.state.slug, &before.state.slug);
        prop_assert_eq!(new.verify(&name("bare")).unwrap().altered, None);
        for release in old.history(&app, None, usize::MAX).unwrap() {
            prop_assert_eq!(
                new.state_at(&name("bare"), release.version).unwrap(),
                old.state_at(&app, release.version).unwrap()
            );
        }
    }
}

#[test]
fn a_name_that_is_taken_stays_as_it_is() {
    let home = slugline_testkit::private_folder();
    let (_, ledger) = world(home.path(), vec![(Verb::Deploy(1), false)]);
    let exported = export(&ledger, "shop");
    let document = Document::parse(&exported).unwrap();
    let refused = ledger.import(&document, &actor("ann@example.com"), NOON);
    assert!(matches!(refused, Err(LedgerError::NameTaken(app)) if app == name("shop")));
    assert_eq!(export(&ledger, "shop"), exported);
}

#[test]
fn the_audit_says_what_was_imported_and_the_digest_it_had() {
    let home = slugline_testkit::private_folder();
    let (_, ledger) = world(home.path(), vec![(Verb::Deploy(1), false)]);
    let app = name("shop");
    let digest = ledger.digest(&app, v(1)).unwrap().unwrap();
    let document = Document::parse(&export(&ledger, "shop"))
        .unwrap()
        .named(&name("again"));
    ledger
        .import(&document, &actor("ann@example.com"), NOON)
        .unwrap();
    let wanted = Wanted {
        app: Some(&name("again")),
        actor: Some("ann@example.com"),
        outcome: None,
        since: None,
        limit: 9,
    };
    let audited = ledger.audited(&wanted).unwrap();
    assert_eq!(
        audited.iter().map(|it| it.what.clone()).collect::<Vec<_>>(),
        [format!(
            "import of shop with 1 releases and 0 receipts; v1 had the digest {digest} there"
        )]
    );
    // It is charged from now on, and for nothing before.
    let usage = ledger.usage(Timestamp(0), Timestamp(i64::MAX)).unwrap();
    let of: Vec<_> = usage
        .iter()
        .filter(|used| used.app == name("again"))
        .collect();
    assert!(of.iter().all(|used| used.from == NOON) && of.len() == 1);
}
