//! What add-ons have cost: an interval for each plan that an app has had (S28). It must not add
//! anything up, nor know a month.

use rusqlite::{Connection, Row, params};
use slugline_core::actor::Actor;
use slugline_core::addon::{Addon, Addons};
use slugline_core::app::AppName;
use slugline_core::billing::Usage;
use slugline_core::price::Price;
use slugline_core::time::Timestamp;

use crate::addons::{InstalledAddons, read_addon};
use crate::connection::reading;
use crate::decode::{integer, integer_or_null, text};
use crate::fault::{Result, corrupt};
use crate::interval::Whence;
use crate::sealing::Keys;
use crate::{interval, sql};

/// Ends the intervals of what an app has not any more, and begins those of what it has not had so
/// far. Part of the transaction that changed what it has.
pub(crate) fn account(
    tx: &Connection,
    keys: &Keys,
    (id, app): (i64, &AppName),
    at: Timestamp,
) -> Result<()> {
    let (owner, mut addons) = present(tx, keys, id)?;
    let mut open = tx.prepare_cached(sql::USAGE_OPEN)?;
    let mut rows = open.query([app.as_str()])?;
    let mut ended = Vec::new();
    while let Some(row) = rows.next()? {
        let used = read(row)?;
        let service = used.plan.service();
        let same = |addon: &Addon| {
            addon.plan == used.plan && addon.price == used.price && used.owner == owner
        };
        if addons.get(service).is_some_and(same) {
            addons.remove(service);
        } else {
            ended.push(row.get::<_, i64>(0)?);
        }
    }
    drop(rows);
    for place in ended {
        tx.prepare_cached(sql::END_USAGE)?.execute([place, at.0])?;
    }
    for addon in addons.values() {
        let (plan, price) = (addon.plan.to_string(), addon.price.cents());
        // A price is at most `Price::MAX_CENTS`, which fits.
        let price = i64::try_from(price).unwrap_or(i64::MAX);
        tx.prepare_cached(sql::BEGIN_USAGE)?.execute(params![
            app.as_str(),
            owner.as_str(),
            plan,
            price,
            at.0
        ])?;
    }
    Ok(())
}

/// Who owns an app, and the add-ons that it has now.
fn present(db: &Connection, keys: &Keys, app: i64) -> Result<(Actor, Addons)> {
    let mut statement = db.prepare_cached(sql::OWNER_AND_TIER)?;
    let from = Whence { db, keys, app };
    let mut rows = statement.query([app])?;
    let row = rows.next()?.ok_or_else(|| corrupt("app.id"))?;
    let owner = text(row, 0, "app.owner", |name| Actor::new(name).ok())?;
    let last: i64 = row.get(1)?;
    let mut addons = match integer_or_null::<i64>(row, 2, "app.current_version")? {
        None => Addons::new(),
        Some(current) if current == last => interval::now::<InstalledAddons>(&from)?,
        Some(current) => interval::at::<InstalledAddons>(&from, current)?,
    };
    if let Some(tier) = read_addon(row, 3)? {
        addons.insert(tier.plan.service().clone(), tier);
    }
    Ok((owner, addons))
}

/// See [`slugline_core::port::Ledger::monthly_cost`].
pub(crate) fn monthly_cost(db: &Connection, owner: &Actor, but: &AppName) -> Result<u64> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::MONTHLY_COST)?;
    let mut rows = statement.query([owner.as_str(), but.as_str()])?;
    let row = rows.next()?.ok_or_else(|| corrupt("usage.price"))?;
    integer(row, 0, "usage.price")
}

/// Ends all intervals of an app that is being destroyed.
pub(crate) fn close(tx: &Connection, app: &AppName, at: Timestamp) -> Result<()> {
    tx.prepare_cached(sql::END_ALL_USAGE)?
        .execute(params![app.as_str(), at.0])?;
    Ok(())
}

/// See [`slugline_core::port::Ledger::usage`].
pub(crate) fn list(db: &Connection, from: Timestamp, to: Timestamp) -> Result<Vec<Usage>> {
    let tx = reading(db)?;
    let mut statement = tx.prepare_cached(sql::USAGE)?;
    let found = statement.query_and_then([from.0, to.0], read)?;
    let mut found = found.collect::<Result<Vec<_>>>()?;
    found.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(found)
}

/// What an app that was created at `since` has cost, sorted as [`list`] is.
pub(crate) fn of_app(db: &Connection, app: &AppName, since: Timestamp) -> Result<Vec<Usage>> {
    let mut statement = db.prepare_cached(sql::USAGE)?;
    let found = statement.query_and_then([since.0, i64::MAX], read)?;
    let mut found = found.collect::<Result<Vec<_>>>()?;
    // One of the same name that is gone ended before.
    found.retain(|used| used.app == *app && used.from >= since);
    found.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<Usage> {
    let cents: u64 = integer(row, 4, "usage.price")?;
    if cents > Price::MAX_CENTS {
        return Err(corrupt("usage.price"));
    }
    Ok(Usage {
        app: text(row, 1, "usage.app", |name| AppName::new(name).ok())?,
        owner: text(row, 2, "usage.owner", |name| Actor::new(name).ok())?,
        plan: text(row, 3, "usage.plan", |plan| plan.parse().ok())?,
        price: Price::from_cents(cents),
        from: Timestamp(integer(row, 5, "usage.from_at")?),
        to: integer_or_null(row, 6, "usage.to_at")?.map(Timestamp),
    })
}
