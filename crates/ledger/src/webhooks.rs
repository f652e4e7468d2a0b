//! Webhooks, and what is to be sent to them: written with the change that it tells of. It must not know
//! how anything is sent.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params};
use slugline_core::actor::Actor;
use slugline_core::addon::Addons;
use slugline_core::app::AppName;
use slugline_core::port::{LedgerError, Webhooks};
use slugline_core::release::{Release, Status};
use slugline_core::time::Timestamp;
use slugline_core::webhook::{
    Action, By, Delivery, Due, Happened, Happening, Include, KEPT, Level, Progress, Target, Tried,
    Webhook, WebhookId,
};

use crate::connection::{commit, reading, writing};
use crate::decode::{blob, integer, integer_or_null, json, text, text_or_null};
use crate::fault::{Result, corrupt};
use crate::sealing::{Keys, Place};
use crate::{SqliteLedger, apps, sql};

type Answer<T> = std::result::Result<T, LedgerError>;

impl Webhooks for SqliteLedger {
    fn webhooks(&self, app: &AppName) -> Answer<Vec<Webhook>> {
        Ok(list(&self.db, &self.keys, app)?)
    }

    fn put_webhook(&self, app: &AppName, webhook: &Webhook) -> Answer<()> {
        Ok(put(&self.db, &self.keys, app, webhook)?)
    }

    fn remove_webhook(&self, app: &AppName, id: &WebhookId) -> Answer<bool> {
        Ok(remove(&self.db, app, id)?)
    }

    fn happened(&self, app: &AppName) -> Answer<Vec<Happened>> {
        Ok(happened(&self.db, app)?)
    }

    fn deliveries(&self, app: &AppName) -> Answer<Vec<Delivery>> {
        Ok(deliveries(&self.db, app)?)
    }

    fn due(&self, now: Timestamp) -> Answer<Vec<Due>> {
        Ok(due(&self.db, &self.keys, now)?)
    }

    fn tried(&self, place: i64, tried: &Tried, then: (Progress, Timestamp)) -> Answer<()> {
        Ok(note(&self.db, place, tried, then)?)
    }
}

/// Writes down what happened to an app, for each of its webhooks that is told of it. Part of a
/// transaction that makes it happen.
pub(crate) fn announce(
    tx: &Connection,
    app: i64,
    what: impl IntoIterator<Item = Happening>,
    by: &By,
) -> Result<()> {
    let mut told = Vec::new();
    {
        let mut statement = tx.prepare_cached(sql::WEBHOOK_INCLUDES)?;
        let mut rows = statement.query([app])?;
        while let Some(row) = rows.next()? {
            told.push((
                row.get::<_, String>(0)?,
                text(row, 1, "webhook.include", includes)?,
            ));
        }
    }
    for happening in what {
        let kind = happening.include();
        let mut wanted = told
            .iter()
            .filter(|(_, all)| all.contains(&kind))
            .peekable();
        if wanted.peek().is_none() {
            continue;
        }
        let body = serde_json::to_string(&happening)?;
        let event = tx.prepare_cached(sql::ADD_WEBHOOK_EVENT)?.insert(params![
            app,
            by.at.0,
            by.actor.as_str(),
            body
        ])?;
        for (webhook, _) in wanted {
            tx.prepare_cached(sql::ADD_WEBHOOK_DELIVERY)?
                .execute(params![webhook, event, by.at.0])?;
        }
        tx.prepare_cached(sql::DROP_WEBHOOK_EVENTS)?
            .execute(params![app, KEPT])?;
    }
    Ok(())
}

/// Whether an app has a webhook at all: what they are told of is put together only then.
pub(crate) fn any(tx: &Connection, app: i64) -> Result<bool> {
    let mut statement = tx.prepare_cached(sql::WEBHOOK_INCLUDES)?;
    let mut rows = statement.query([app])?;
    Ok(rows.next()?.is_some())
}

/// What is told of a release.
pub(crate) fn of_release(release: &Release, addons: &Addons) -> Happening {
    Happening::Release {
        version: release.version,
        change: release.change.clone(),
        actor: release.actor.clone(),
        at: release.created_at,
        succeeded: match release.status {
            Status::Pending => None,
            Status::Succeeded => Some(true),
            Status::Failed(_) => Some(false),
        },
        slug: release.slug.clone(),
        plans: addons.values().map(|addon| addon.plan.clone()).collect(),
    }
}

/// What is told where these add-ons became those.
pub(crate) fn of_addons(before: &Addons, after: &Addons) -> Vec<Happening> {
    let services: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let one = |service| {
        let (was, is) = (before.get(service), after.get(service));
        let plan = |addon: Option<&slugline_core::addon::Addon>| addon.map(|it| it.plan.clone());
        let action = Action::of(plan(was).as_ref(), plan(is).as_ref())?;
        let addon = is.or(was)?;
        Some(Happening::Addon {
            action,
            plan: addon.plan.clone(),
            price: addon.price,
            resource: addon.resource.clone(),
            was: plan(was).filter(|_| action == Action::Update),
        })
    };
    services.into_iter().filter_map(one).collect()
}

/// See [`slugline_core::port::Ledger::announce`].
pub(crate) fn announce_all(
    db: &Connection,
    app: &AppName,
    what: &[Happening],
    by: &By,
) -> Result<()> {
    let tx = writing(db)?;
    let id = apps::id(&tx, app)?;
    announce(&tx, id, what.iter().cloned(), by)?;
    commit(tx)
}

fn includes(text: &str) -> Option<BTreeSet<Include>> {
    text.split(' ').map(|word| word.parse().ok()).collect()
}

fn id_of(text: &str) -> Option<WebhookId> {
    WebhookId::new(text).ok()
}

fn target(db: &Connection, keys: &Keys, id: &WebhookId, sealed: &[u8]) -> Result<Target> {
    let plain = keys.open(db, Place::Webhook(id.as_str()), sealed)?;
    serde_json::from_str(&plain).map_err(|_| corrupt("webhook.body"))
}

fn list(db: &Connection, keys: &Keys, app: &AppName) -> Result<Vec<Webhook>> {
    let tx = reading(db)?;
    let app = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::WEBHOOKS)?;
    let rows = statement.query_and_then([app], |row| {
        let id = text(row, 0, "webhook.id", id_of)?;
        Ok(Webhook {
            include: text(row, 1, "webhook.include", includes)?,
            level: text(row, 2, "webhook.level", |word| word.parse().ok())?,
            created_at: Timestamp(integer(row, 3, "webhook.created_at")?),
            updated_at: Timestamp(integer(row, 4, "webhook.updated_at")?),
            target: target(&tx, keys, &id, blob(row, 5, "webhook.body")?)?,
            id,
        })
    })?;
    rows.collect()
}

fn put(db: &Connection, keys: &Keys, app: &AppName, webhook: &Webhook) -> Result<()> {
    let tx = writing(db)?;
    let app = apps::id(&tx, app)?;
    let body = serde_json::to_string(&webhook.target)?;
    let place = Place::Webhook(webhook.id.as_str());
    let sealed = keys.fresh(&tx)?.seal(place, body.as_bytes())?;
    let include: Vec<_> = webhook.include.iter().map(|one| one.word()).collect();
    tx.prepare_cached(sql::PUT_WEBHOOK)?.execute(params![
        webhook.id.as_str(),
        app,
        include.join(" "),
        webhook.level.word(),
        webhook.created_at.0,
        webhook.updated_at.0,
        sealed
    ])?;
    commit(tx)
}

fn remove(db: &Connection, app: &AppName, id: &WebhookId) -> Result<bool> {
    let tx = writing(db)?;
    let app = apps::id(&tx, app)?;
    let removed = tx
        .prepare_cached(sql::REMOVE_WEBHOOK)?
        .execute(params![id.as_str(), app])?;
    commit(tx)?;
    Ok(removed > 0)
}

fn event(row: &Row<'_>, first: usize) -> Result<Happened> {
    Ok(Happened {
        place: row.get(first)?,
        by: By {
            at: Timestamp(integer(row, first + 1, "webhook_event.at")?),
            actor: text(row, first + 2, "webhook_event.actor", |it| {
                Actor::new(it).ok()
            })?,
        },
        what: text(row, first + 3, "webhook_event.happening", json)?,
    })
}

fn happened(db: &Connection, app: &AppName) -> Result<Vec<Happened>> {
    let tx = reading(db)?;
    let app = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::WEBHOOK_EVENTS)?;
    let rows = statement.query_and_then([app], |row| event(row, 0))?;
    rows.collect()
}

/// The first columns of [`sql::WEBHOOK_DELIVERIES`] and [`sql::WEBHOOK_DUE`].
fn delivery(row: &Row<'_>) -> Result<Delivery> {
    let tried_at: Option<i64> = integer_or_null(row, 6, "webhook_delivery.tried_at")?;
    let code = integer_or_null(row, 7, "webhook_delivery.code")?;
    let error = text_or_null(row, 8, "webhook_delivery.error", |it| Some(it.to_owned()))?;
    Ok(Delivery {
        place: row.get(0)?,
        webhook: text(row, 1, "webhook.id", id_of)?,
        level: text(row, 2, "webhook.level", |word| word.parse::<Level>().ok())?,
        progress: text(row, 3, "webhook_delivery.progress", Progress::of_word)?,
        attempts: integer(row, 4, "webhook_delivery.attempts")?,
        due: Timestamp(integer(row, 5, "webhook_delivery.due_at")?),
        last: tried_at.map(|at| Tried {
            at: Timestamp(at),
            code,
            error,
        }),
        event: event(row, 9)?,
    })
}

fn deliveries(db: &Connection, app: &AppName) -> Result<Vec<Delivery>> {
    let tx = reading(db)?;
    let app = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::WEBHOOK_DELIVERIES)?;
    let rows = statement.query_and_then([app], delivery)?;
    rows.collect()
}

fn due(db: &Connection, keys: &Keys, now: Timestamp) -> Result<Vec<Due>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::WEBHOOK_DUE)?;
    let rows = statement.query_and_then([now.0], |row| {
        let delivery = delivery(row)?;
        Ok(Due {
            app: text(row, 13, "app.name", |name| AppName::new(name).ok())?,
            target: target(&tx, keys, &delivery.webhook, blob(row, 14, "webhook.body")?)?,
            delivery,
        })
    })?;
    rows.collect()
}

fn note(
    db: &Connection,
    place: i64,
    tried: &Tried,
    (progress, due): (Progress, Timestamp),
) -> Result<()> {
    let tx = writing(db)?;
    tx.prepare_cached(sql::WEBHOOK_TRIED)?.execute(params![
        place,
        progress.word(),
        due.0,
        tried.at.0,
        tried.code,
        tried.error
    ])?;
    commit(tx)
}
