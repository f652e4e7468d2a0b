//! An app's whole history as one JSON document, as it is at one moment, while others go on writing. It
//! must not know what is done with it.
//!
//! It is written line by line. In memory are the intervals of config vars and add-ons, as for
//! verifying, and nothing else that grows with the history.

use std::collections::HashMap;
use std::io::{self, Write};

use rusqlite::{Connection, Row};
use serde::Serialize;
use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::change::Change;
use slugline_core::config::ConfigVars;
use slugline_core::port::{Kept, LedgerError};
use slugline_core::price::Price;
use slugline_core::slug::SlugId;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

use crate::SqliteLedger;
use crate::addons::{InstalledAddons, read_addon};
use crate::config::Config;
use crate::connection::reading;
use crate::decode::{blob_or_null, integer, integer_or_null, json, text, text_or_null, version};
use crate::fault::{Fault, Result, corrupt};
use crate::import::form::{self, Hex, Status};
use crate::import::settle::{addons_between, config_between};
use crate::interval::Whence;
use crate::sealing::Keys;
use crate::slugs::Slugs;
use crate::verify::{Broken, Carried};
use crate::{kept, settings, slugs, sql, usage};

/// What is said of an export besides the history.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// The version of the program that writes it.
    pub slugline: &'a str,
    /// When.
    pub at: Timestamp,
    /// Whether the values of config vars are in it; without them it cannot be imported.
    pub values: bool,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It could not be written.
    #[error("it cannot be written")]
    Write(#[source] io::Error),
}

impl From<Fault> for ExportError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Ledger(error) => Self::Ledger(error),
            // Nothing but what is written is written as JSON here, and no other file is used.
            Fault::Json(error) => Self::Write(error.into()),
            Fault::File(error) => Self::Write(error),
            other @ Fault::Sql(_) => Self::Ledger(other.into()),
        }
    }
}

impl SqliteLedger {
    /// Writes the whole history of an app; answers how many releases are kept. `out` is not flushed.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Key`], [`LedgerError::Corrupt`], [`ExportError::Write`].
    pub fn export(
        &self,
        app: &AppName,
        about: Export<'_>,
        out: &mut dyn Write,
    ) -> std::result::Result<u64, ExportError> {
        Ok(export(&self.db, &self.keys, app, about, out)?)
    }
}

/// Writes the fields of an object, one a line, and of lists each element on a line.
struct Lines<'a> {
    out: &'a mut dyn Write,
    fields: usize,
}

impl Lines<'_> {
    fn name(&mut self, name: &str) -> Result<()> {
        let before = if self.fields == 0 { "{\n" } else { ",\n" };
        self.fields += 1;
        Ok(write!(self.out, "{before}  \"{name}\": ")?)
    }

    fn field(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        self.name(name)?;
        Ok(serde_json::to_writer(&mut *self.out, value)?)
    }

    fn list<T: Serialize>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = Result<T>>,
    ) -> Result<u64> {
        self.name(name)?;
        let mut count = 0;
        for item in items {
            self.out
                .write_all(if count == 0 { b"[\n    " } else { b",\n    " })?;
            serde_json::to_writer(&mut *self.out, &item?)?;
            count += 1;
        }
        self.out
            .write_all(if count == 0 { b"[]" } else { b"\n  ]" })?;
        Ok(count)
    }

    fn end(self) -> Result<()> {
        Ok(self.out.write_all(b"\n}\n")?)
    }
}

/// The places of rows in the lists of the document.
#[derive(Default)]
struct Places {
    slugs: HashMap<i64, usize>,
    plugins: HashMap<i64, usize>,
    origins: HashMap<i64, usize>,
}

fn place(places: &HashMap<i64, usize>, id: Option<i64>, what: &str) -> Result<Option<usize>> {
    id.map(|id| places.get(&id).copied().ok_or_else(|| corrupt(what)))
        .transpose()
}

fn export(
    db: &Connection,
    keys: &Keys,
    app: &AppName,
    about: Export<'_>,
    out: &mut dyn Write,
) -> Result<u64> {
    let tx = reading(db)?;
    let mut lines = Lines { out, fields: 0 };
    lines.field("format", &form::FORMAT)?;
    lines.field("slugline", &about.slugline)?;
    lines.field("exported_at", &about.at)?;
    lines.field("values", &about.values)?;
    let mut statement = tx.prepare_cached(sql::EXPORT_APP)?;
    let mut rows = statement.query([app.as_str()])?;
    let row = rows
        .next()?
        .ok_or_else(|| LedgerError::NoApp(app.clone()))?;
    let id = row.get(0)?;
    let mut places = Places::default();
    let ids = slugs::of_app(&tx, id)?;
    places.slugs = ids
        .iter()
        .enumerate()
        .map(|(place, id)| (*id, place))
        .collect();
    let since = header(&mut lines, app, row, &places)?;
    let mut settings = settings::of_app(&tx, keys, id)?;
    if !about.values {
        settings.drains.clear();
    }
    lines.field("settings", &settings)?;
    let mut slugs = Slugs::default();
    lines.list("slugs", ids.into_iter().map(|id| slugs.get(&tx, Some(id))))?;
    let sets = named(&tx, sql::EXPORT_PLUGINS, id, &mut places.plugins, |row| {
        text(row, 1, "plugin_set.plugins", json::<serde_json::Value>)
    })?;
    lines.list("plugins", sets.into_iter().map(Ok))?;
    let origins = named(&tx, sql::EXPORT_ORIGINS, id, &mut places.origins, origin)?;
    lines.list("origins", origins.into_iter().map(Ok))?;
    let from = Whence {
        db: &tx,
        keys,
        app: id,
    };
    let kept = releases(&mut lines, &from, &places, about.values)?;
    let mut statement = tx.prepare_cached(sql::EXPORT_RECEIPTS)?;
    let receipts = statement.query_and_then([id], |row| receipt(row, &places))?;
    lines.list("receipts", receipts)?;
    let used = usage::of_app(&tx, app, since)?.into_iter().map(|used| {
        Ok(form::Usage {
            owner: used.owner,
            plan: used.plan,
            price: used.price,
            from: used.from,
            to: used.to,
        })
    });
    lines.list("usage", used)?;
    lines.end()?;
    Ok(kept)
}

/// What the app's row says; answers when the app was created.
fn header(
    lines: &mut Lines<'_>,
    app: &AppName,
    row: &Row<'_>,
    places: &Places,
) -> Result<Timestamp> {
    let created_at = Timestamp(integer(row, 2, "app.created_at")?);
    let about = form::App {
        name: app.clone(),
        owner: text(row, 1, "app.owner", |name| Actor::new(name).ok())?,
        created_at,
        branch: text_or_null(row, 3, "app.branch", |name| Some(name.to_owned()))?,
    };
    lines.field("app", &about)?;
    lines.field("last", &version(row, 4, "app.last_version")?)?;
    let current: Option<u64> = integer_or_null(row, 5, "app.current_version")?;
    lines.field("current", &current)?;
    let tier = match read_addon(row, 10)? {
        None => None,
        Some(tier) => Some(form::FirstTier {
            since: version(row, 9, "first_tier.since")?,
            plan: tier.plan,
            price: Price::from_cents(tier.price.cents()),
        }),
    };
    lines.field("first_tier", &tier)?;
    let slug = place(
        &places.slugs,
        integer_or_null(row, 8, "app.deploy_slug")?,
        "app.deploy_slug",
    )?;
    let deploy = match slug {
        None => None,
        Some(slug) => Some(form::Deploy {
            version: version(row, 7, "app.deploy_version")?,
            slug,
        }),
    };
    lines.field("newest_deploy", &deploy)?;
    lines.field(
        "code_pinned",
        &(integer::<i64>(row, 6, "app.code_pinned")? != 0),
    )?;
    Ok(created_at)
}

fn named<T>(
    db: &Connection,
    sql: &str,
    app: i64,
    places: &mut HashMap<i64, usize>,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([app])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        places.insert(row.get(0)?, all.len());
        all.push(read(row)?);
    }
    Ok(all)
}

fn origin(row: &Row<'_>) -> Result<form::Origin> {
    let owned = |text: &str| Some(text.to_owned());
    Ok(form::Origin {
        command: text(row, 1, "origin.command", owned)?,
        place: text(row, 2, "origin.place", owned)?,
    })
}

fn releases(
    lines: &mut Lines<'_>,
    from: &Whence<'_>,
    places: &Places,
    values: bool,
) -> Result<u64> {
    let mut config = Carried::<Config>::load(from, sql::CONFIG_ALL)?;
    let mut addons = Carried::<InstalledAddons>::load(from, sql::ADDONS_ALL)?;
    let mut before = State::default();
    let mut statement = from.db.prepare_cached(sql::EXPORT_RELEASES)?;
    let all = statement.query_and_then([from.app], |row| {
        let number = integer(row, 0, "release.version")?;
        let after = State {
            slug: None,
            config: config
                .at(number)
                .map_err(Broken::into_fault)?
                .into_iter()
                .collect::<ConfigVars>(),
            addons: addons.at(number).map_err(Broken::into_fault)?,
        };
        let release = release(row, places, &before, &after, values);
        before = after;
        let kept = |what| kept::of_release(from.db, from.keys, (from.app, number), what);
        Ok(form::Release {
            output: if values { kept(Kept::Output)? } else { None },
            verdict: kept(Kept::Verdict)?,
            ..release?
        })
    })?;
    lines.list("releases", all)
}

fn release(
    row: &Row<'_>,
    places: &Places,
    before: &State,
    after: &State,
    values: bool,
) -> Result<form::Release> {
    let change: Change = text(row, 1, "release.change", json)?;
    let mut config = config_between(&before.config, &after.config);
    if !values {
        config.set.values_mut().for_each(|var| var.value = None);
    }
    Ok(form::Release {
        version: version(row, 0, "release.version")?,
        text: change.to_string(),
        change: form::Strict(change),
        actor: text(row, 2, "release.actor", |name| Actor::new(name).ok())?,
        at: Timestamp(integer(row, 3, "release.created_at")?),
        status: status(row, 4)?,
        reason: text_or_null(row, 5, "release.reason", |why| Some(why.to_owned()))?,
        slug: place(
            &places.slugs,
            integer_or_null(row, 6, "release.slug")?,
            "release.slug",
        )?,
        config,
        addons: addons_between(before, after),
        pinned: integer::<i64>(row, 7, "release.pinned")? != 0,
        plugins: place(
            &places.plugins,
            integer_or_null(row, 8, "release.plugins")?,
            "release.plugins",
        )?,
        origin: place(
            &places.origins,
            integer_or_null(row, 9, "release.origin")?,
            "release.origin",
        )?,
        digest: digest(row, 10)?,
        output: None,
        verdict: None,
    })
}

fn receipt(row: &Row<'_>, places: &Places) -> Result<form::Receipt> {
    let change: Change = text(row, 1, "receipt.change", json)?;
    Ok(form::Receipt {
        version: version(row, 0, "receipt.version")?,
        text: change.to_string(),
        change: form::Strict(change),
        actor: text_or_null(row, 2, "receipt.actor", |name| Actor::new(name).ok())?,
        at: integer_or_null(row, 3, "receipt.created_at")?.map(Timestamp),
        status: status(row, 4)?,
        reason: text_or_null(row, 5, "receipt.reason", |why| Some(why.to_owned()))?,
        slug: text_or_null(row, 6, "receipt.slug", |id| SlugId::new(id).ok())?,
        pruned_at: Timestamp(integer(row, 7, "receipt.pruned_at")?),
        plugins: place(
            &places.plugins,
            integer_or_null(row, 8, "receipt.plugins")?,
            "receipt.plugins",
        )?,
        origin: place(
            &places.origins,
            integer_or_null(row, 9, "receipt.origin")?,
            "receipt.origin",
        )?,
        digest: digest(row, 10)?,
    })
}

fn status(row: &Row<'_>, index: usize) -> Result<Status> {
    text(row, index, "release.status", |word| match word {
        "pending" => Some(Status::Pending),
        "succeeded" => Some(Status::Succeeded),
        "failed" => Some(Status::Failed),
        _ => None,
    })
}

fn digest(row: &Row<'_>, index: usize) -> Result<Option<Hex>> {
    let bytes = blob_or_null(row, index, "release.digest")?;
    bytes
        .map(|bytes| crate::chain::of_bytes(bytes, "release.digest").map(Hex))
        .transpose()
}
