//! Add-ons as intervals, and the first tier, which belongs to no release (S9). It must not know
//! what a plan is good for.

use rusqlite::{Connection, Row, ToSql, params};
use slugline_core::addon::{Addon, PlanName, ServiceName};
use slugline_core::app::AppName;
use slugline_core::port::LedgerError;
use slugline_core::price::Price;
use slugline_core::resource::ResourceId;
use slugline_core::time::Timestamp;

use crate::connection::{commit, writing};
use crate::decode::{integer, text, text_or_null};
use crate::fault::{Result, corrupt};
use crate::interval::{Interval, Kind, Statements, Whence};
use crate::sealing::Keys;
use crate::{apps, sql, usage};

/// The kind that add-ons are.
pub(crate) struct InstalledAddons;

impl Kind for InstalledAddons {
    type Key = ServiceName;
    type Value = Addon;
    const SQL: Statements = Statements {
        now: sql::ADDONS_NOW,
        one: sql::ADDON_ONE,
        at: sql::ADDONS_AT,
        keys_past: sql::ADDON_KEYS_PAST,
        close: sql::ADDON_CLOSE,
        drop: sql::ADDON_DROP,
        open: sql::ADDON_OPEN,
        change: sql::ADDON_CHANGE,
        gap: sql::ADDON_GAP,
        sweep: sql::ADDON_SWEEP,
    };
    const FROM: usize = 4;

    fn key(key: &ServiceName) -> &str {
        key.as_str()
    }

    fn read(row: &Row<'_>, _from: &Whence<'_>) -> Result<(ServiceName, Addon)> {
        let service = text(row, 0, "addon.service", |name| ServiceName::new(name).ok())?;
        Ok((
            service,
            read_addon(row, 1)?.ok_or_else(|| corrupt("addon.plan"))?,
        ))
    }

    fn columns<T>(
        addon: &Addon,
        _place: &Interval<'_>,
        write: impl FnOnce(&[&dyn ToSql]) -> Result<T>,
    ) -> Result<T> {
        let (plan, price, resource) = columns_of(addon);
        write(&[&plan, &price, &resource])
    }
}

fn columns_of(addon: &Addon) -> (String, i64, Option<&str>) {
    // A price is at most `Price::MAX_CENTS`, which fits.
    let price = i64::try_from(addon.price.cents()).unwrap_or(i64::MAX);
    let resource = addon.resource.as_ref().map(ResourceId::as_str);
    (addon.plan.to_string(), price, resource)
}

/// An add-on in the columns plan, price and resource from `first` on; `None` where the plan is
/// NULL, as an outer join leaves it.
pub(crate) fn read_addon(row: &Row<'_>, first: usize) -> Result<Option<Addon>> {
    let plan = text_or_null(row, first, "addon.plan", |plan| {
        plan.parse::<PlanName>().ok()
    })?;
    let Some(plan) = plan else { return Ok(None) };
    let cents: u64 = integer(row, first + 1, "addon.price")?;
    if cents > Price::MAX_CENTS {
        return Err(corrupt("addon.price"));
    }
    let resource = text_or_null(row, first + 2, "addon.resource", |id| {
        ResourceId::new(id).ok()
    })?;
    Ok(Some(Addon {
        plan,
        price: Price::from_cents(cents),
        resource,
    }))
}

/// See [`slugline_core::port::Ledger::install_first_tier`].
pub(crate) fn install_first_tier(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    tier: &Addon,
    at: Timestamp,
) -> Result<()> {
    let tx = writing(db)?;
    let (plan, price, resource) = columns_of(tier);
    let changed = tx
        .prepare_cached(sql::INSTALL_FIRST_TIER)?
        .execute(params![app.as_str(), plan, price, resource])?;
    if changed == 0 {
        return Err(LedgerError::NoApp(app.clone()).into());
    }
    usage::account(&tx, keys, (apps::id(&tx, app)?, app), at)?;
    commit(tx)
}
