//! Builds and brought slugs: the newest are kept, with what they hold in use; what a build wrote is sealed; and
//! all of it goes with the app.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use slugline_core::actor::Actor;
use slugline_core::app::{App, AppName};
use slugline_core::build::{Brought, Build, BuildId, BuildStatus, KEPT, Said};
use slugline_core::port::{Builds as _, Ledger as _, Webhooks as _};
use slugline_core::release::Version;
use slugline_core::slug::{Slug, SlugId};
use slugline_core::time::Timestamp;
use slugline_core::webhook::{Include, Level, Webhook, WebhookId};
use slugline_ledger::SqliteLedger;

fn id(number: u32) -> BuildId {
    BuildId::new(&format!("{number:032x}")).unwrap()
}

fn slug(number: u32) -> Slug {
    let digest = format!("{number:064x}");
    serde_json::from_value(serde_json::json!({
        "id": digest, "size": 1, "commit": digest, "source": digest, "buildpack": "b",
        "processes": {}, "default_env": {},
    }))
    .unwrap()
}

fn with_app(ledger: &SqliteLedger) -> AppName {
    let name = AppName::new("shop").unwrap();
    ledger
        .create_app(&App {
            name: name.clone(),
            owner: Actor::new("jim@example.com").unwrap(),
            created_at: Timestamp(1),
            branch: None,
        })
        .unwrap();
    name
}

fn build(number: u32) -> Build {
    Build {
        id: id(number),
        created_at: Timestamp(5),
        updated_at: Timestamp(5),
        actor: Actor::new("jim@example.com").unwrap(),
        said: Said::default(),
        status: BuildStatus::Pending,
        release: None,
        slug: None,
    }
}

/// Somebody who is told of builds.
fn webhook() -> Webhook {
    let target =
        serde_json::json!({"url": "http://127.0.0.1:9/", "secret": "s", "authorization": null});
    Webhook {
        id: WebhookId::new(&"a".repeat(32)).unwrap(),
        include: [Include::Build].into(),
        level: Level::Notify,
        target: serde_json::from_value(target).unwrap(),
        created_at: Timestamp(1),
        updated_at: Timestamp(1),
    }
}

#[test]
fn the_newest_are_kept_and_their_slugs_are_in_use() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    let app = with_app(&ledger);
    for number in 0..KEPT + 2 {
        let mut brought = Brought {
            id: id(number),
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
            said: Said::default(),
            slug: None,
        };
        ledger.put_brought(&app, &brought).unwrap();
        brought.slug = Some(slug(number));
        ledger.put_brought(&app, &brought).unwrap();
        ledger.put_build(&app, &build(number), None).unwrap();
    }
    let kept = ledger.brought(&app).unwrap();
    assert_eq!(kept.len(), KEPT as usize);
    assert_eq!(kept[0].slug, Some(slug(KEPT + 1)));
    assert_eq!(kept.last().unwrap().id, id(2));
    let in_use = ledger.slugs_in_use().unwrap();
    assert_eq!(in_use.len(), KEPT as usize);
    assert!(!in_use.contains(&slug(1)));
    assert_eq!(ledger.builds(&app).unwrap().len(), KEPT as usize);
    ledger.destroy_app(&app, Timestamp(9)).unwrap();
    assert_eq!(ledger.slugs_in_use().unwrap(), []);
    let app = with_app(&ledger);
    assert_eq!(ledger.builds(&app).unwrap(), []);
    assert_eq!(ledger.brought(&app).unwrap(), []);
}

#[test]
fn a_build_ends_and_what_it_wrote_is_sealed() {
    let home = slugline_testkit::private_folder();
    let ledger = SqliteLedger::open(home.path()).unwrap();
    let app = with_app(&ledger);
    ledger.put_webhook(&app, &webhook()).unwrap();
    ledger.put_build(&app, &build(1), None).unwrap();
    assert_eq!(ledger.build_output(&app, &id(1)).unwrap(), None);
    let done = Build {
        status: BuildStatus::Succeeded,
        updated_at: Timestamp(6),
        release: Some(Version::new(3)),
        slug: Some(SlugId::new(&"a".repeat(64)).unwrap()),
        ..build(1)
    };
    let text = "the-only-text-of-its-kind";
    ledger.put_build(&app, &done, Some(text)).unwrap();
    assert_eq!(ledger.builds(&app).unwrap(), [done]);
    ledger.rotate_keys(None).unwrap();
    let output = ledger.build_output(&app, &id(1)).unwrap();
    assert_eq!(output.as_deref(), Some(text));
    for file in std::fs::read_dir(home.path()).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        assert!(!bytes.windows(text.len()).any(|it| it == text.as_bytes()));
    }
    // Those that nobody makes any more have failed.
    ledger.put_build(&app, &build(2), None).unwrap();
    assert_eq!(ledger.fail_builds(Timestamp(8)).unwrap(), 1);
    assert_eq!(ledger.fail_builds(Timestamp(9)).unwrap(), 0);
    let builds = ledger.builds(&app).unwrap();
    let ended: Vec<_> = builds
        .iter()
        .map(|it| (it.status, it.updated_at.0))
        .collect();
    assert_eq!(
        ended,
        [(BuildStatus::Failed, 8), (BuildStatus::Succeeded, 6)]
    );
    // Of each its beginning and its end were told, once.
    ledger.put_build(&app, &builds[0], Some(text)).unwrap();
    let told = ledger.happened(&app).unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|it| (it.what.action().word(), it.by.at.0))
        .collect();
    let expected = [("create", 5), ("update", 6), ("create", 5), ("update", 8)];
    assert_eq!(told, expected);
}
