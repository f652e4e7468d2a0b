//! Whether an app's history is as it was written: every number is there, each release follows from
//! the one before it, and what it is a snapshot of is what was recorded. It must not change
//! anything.
//!
//! The history is walked once, from the first number on, with the config vars and add-ons of each
//! number carried along, so that a million releases take seconds.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};
use slugline_core::addon::Addons;
use slugline_core::app::AppName;
use slugline_core::config::ConfigVars;
use slugline_core::port::LedgerError;
use slugline_core::release::Version;
use slugline_core::slug::Slug;

use crate::SqliteLedger;
use crate::addons::InstalledAddons;
use crate::chain::{self, Digest, Link, Made, NOTHING};
use crate::commit::counters;
use crate::config::Config;
use crate::connection::reading;
use crate::decode::{blob_or_null, integer, integer_or_null, text, text_or_null};
use crate::fault::{Fault, Result};
use crate::interval::{Kind, Whence};
use crate::keys::hex;
use crate::sealing::{Keys, Ring};
use crate::slugs::{self, Slugs};
use crate::sql;

/// What became of verifying one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many releases are kept and are as they were written.
    pub kept: u64,
    /// How many were pruned, and have left a receipt that fits.
    pub pruned: u64,
    /// The newest release that is proved, and its digest: 64 hexadecimal digits.
    pub newest: Option<(Version, String)>,
    /// The first thing that is not as it was written.
    pub altered: Option<Alteration>,
    /// What cannot be known.
    pub unknown: Vec<Unknown>,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// The release.
    pub version: Version,
    /// What is wrong with it, to be read after its number.
    pub what: &'static str,
}

/// What verifying cannot tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// These releases were recorded before digests were kept.
    Before(Version, Version),
    /// What so many pruned releases held: their place in the history is proved, and no more.
    Pruned(u64),
    /// A release that is pending has no digest yet, nor has one that comes after it.
    Pending(Version),
}

impl SqliteLedger {
    /// Verifies the history of one app.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Key`], [`LedgerError::Storage`]. That something was
    /// altered is no error.
    pub fn verify(&self, app: &AppName) -> std::result::Result<Verified, LedgerError> {
        Ok(verify(&self.db, &self.keys, app)?)
    }

    /// The digest of a release that is kept, as 64 hexadecimal digits; `None` where it has none.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`].
    pub fn digest(
        &self,
        app: &AppName,
        version: Version,
    ) -> std::result::Result<Option<String>, LedgerError> {
        Ok(digest(&self.db, app, version)?)
    }
}

fn digest(db: &Connection, app: &AppName, version: Version) -> Result<Option<String>> {
    let tx = reading(db)?;
    let id = crate::apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::DIGEST)?;
    let mut rows = statement.query([id, crate::decode::number(version)])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(blob_or_null(row, 0, "release.digest")?.map(hex))
}

fn verify(db: &Connection, keys: &Keys, app: &AppName) -> Result<Verified> {
    let tx = reading(db)?;
    let counters = counters(&tx, app)?;
    let from = Whence {
        db: &tx,
        keys,
        app: counters.id,
    };
    let ring = keys.ring(&tx)?;
    let mut check = Check {
        ring: &ring,
        before: Some(NOTHING),
        waits: false,
        next: 1,
        reading: 1,
        succeeded: None,
        legacy: None,
        found: Verified::default(),
    };
    let walked = walk(&from, &mut check);
    let mut found = check.found;
    match walked {
        Ok(()) => {}
        Err(Broken::At(version, what)) => found.altered = Some(at(version, what)),
        Err(Broken::Fault(Fault::Ledger(LedgerError::Corrupt(_)))) => {
            found.altered = Some(at(check.reading, "holds something that cannot be read"));
        }
        Err(Broken::Fault(fault)) => return Err(fault),
    }
    if found.altered.is_none() {
        found.altered = ends(&counters, check.next, check.succeeded);
    }
    found.unknown.extend(
        check
            .legacy
            .map(|(first, last)| Unknown::Before(version(first), version(last))),
    );
    if found.pruned > 0 {
        found.unknown.push(Unknown::Pruned(found.pruned));
    }
    Ok(found)
}

/// Whether what the app's row says of its history is what was found.
fn ends(
    counters: &crate::commit::Counters,
    next: i64,
    succeeded: Option<i64>,
) -> Option<Alteration> {
    let last = crate::decode::number(counters.last);
    if next <= last {
        return Some(at(next, "is missing"));
    }
    if next > last + 1 {
        return Some(at(
            last + 1,
            "is there, though its number was never given out",
        ));
    }
    if counters.current != succeeded {
        let current = counters.current.or(succeeded).unwrap_or(0);
        return Some(at(
            current,
            "is not rightly called current, or not any more",
        ));
    }
    None
}

fn version(number: i64) -> Version {
    Version::new(u64::try_from(number).unwrap_or(0))
}

fn at(number: i64, what: &'static str) -> Alteration {
    Alteration {
        version: version(number),
        what,
    }
}

/// Why walking ended early.
pub(crate) enum Broken {
    At(i64, &'static str),
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl Broken {
    /// The same for those who do not look for what was altered.
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            Self::At(version, what) => LedgerError::Corrupt(format!("v{version} {what}")).into(),
            Self::Fault(fault) => fault,
        }
    }
}

/// How far the walk has come.
struct Check<'a> {
    ring: &'a Ring,
    /// The digest of the release before; `None` where it has none.
    before: Option<Digest>,
    /// Whether one before is pending.
    waits: bool,
    /// The number that has to come.
    next: i64,
    /// The number that is being read.
    reading: i64,
    /// The newest that succeeded.
    succeeded: Option<i64>,
    /// First and last of those from before digests were kept.
    legacy: Option<(i64, i64)>,
    found: Verified,
}

/// A row of the history, kept or pruned.
struct Entry {
    link: Link,
    kept: bool,
    digest: Option<Digest>,
    has_content: bool,
    actor: Option<String>,
    at: Option<i64>,
    plugins: Option<String>,
    slug: Option<i64>,
}

fn walk(from: &Whence<'_>, check: &mut Check<'_>) -> std::result::Result<(), Broken> {
    let mut config = Carried::<Config>::load(from, sql::CONFIG_ALL)?;
    let mut addons = Carried::<InstalledAddons>::load(from, sql::ADDONS_ALL)?;
    let mut slugs = Slugs::default();
    let mut statement = from.db.prepare_cached(sql::CHAIN)?;
    let mut rows = statement.query([from.app])?;
    while let Some(row) = rows.next()? {
        check.reading = check.next;
        let entry = entry(from.app, row)?;
        if !check.link(&entry)? {
            continue;
        }
        let number = entry.link.version;
        let slug = slugs.get(from.db, entry.slug)?;
        let config = config.at(number)?.into_iter().collect();
        check.content(&entry, slug.as_ref(), &config, &addons.at(number)?)?;
    }
    Ok(())
}

impl Check<'_> {
    /// Checks a release's place in the chain, and answers whether its content can be checked.
    fn link(&mut self, entry: &Entry) -> std::result::Result<bool, Broken> {
        let number = entry.link.version;
        if number != self.next {
            return Err(Broken::At(self.next, "is missing"));
        }
        self.next += 1;
        let pending = entry.link.status == "pending";
        if pending && entry.digest.is_some() {
            return Err(Broken::At(number, "is called pending, and was settled"));
        }
        if entry.link.status == "succeeded" {
            self.succeeded = Some(number);
        }
        // One that comes after a pending one waits for its digest as well.
        self.waits |= pending;
        if self.waits && entry.digest.is_none() {
            self.before = None;
            self.found.unknown.push(Unknown::Pending(version(number)));
            return Ok(false);
        }
        let Some(digest) = entry.digest else {
            if entry.has_content || self.found.newest.is_some() {
                return Err(Broken::At(number, "has lost its digest"));
            }
            self.before = None;
            let first = self.legacy.map_or(number, |(first, _)| first);
            self.legacy = Some((first, number));
            return Ok(false);
        };
        let before = self.before.unwrap_or(NOTHING);
        if chain::digest(self.ring, &before, &entry.link) != digest {
            let what = "was altered, or does not follow from the one before it";
            return Err(Broken::At(number, what));
        }
        self.before = Some(digest);
        if !entry.kept {
            self.found.pruned += 1;
            self.proved(number);
        }
        Ok(entry.kept)
    }

    fn content(
        &mut self,
        entry: &Entry,
        slug: Option<&Slug>,
        config: &ConfigVars,
        addons: &Addons,
    ) -> std::result::Result<(), Broken> {
        let number = entry.link.version;
        let slug = slugs::body(slug)?;
        let made = Made {
            app: entry.link.app,
            version: number,
            actor: entry.actor.as_deref().unwrap_or_default(),
            at: entry.at.unwrap_or(0),
            plugins: entry.plugins.as_deref(),
            slug: slug.as_deref(),
        };
        if chain::content(self.ring, &made, config, addons) != entry.link.content {
            let what = "does not hold what was recorded: its code, config vars, add-ons, actor or \
                        time were altered";
            return Err(Broken::At(number, what));
        }
        self.found.kept += 1;
        self.proved(number);
        Ok(())
    }

    fn proved(&mut self, number: i64) {
        self.found.newest = self.before.map(|digest| (version(number), hex(&digest)));
    }
}

fn entry(app: i64, row: &Row<'_>) -> Result<Entry> {
    let owned = |word: &str| Some(word.to_owned());
    let content = blob_or_null(row, 5, "release.content")?;
    let digest = blob_or_null(row, 6, "release.digest")?;
    let digest = digest.map(|bytes| chain::of_bytes(bytes, "release.digest"));
    Ok(Entry {
        has_content: content.is_some(),
        link: Link {
            app,
            version: integer(row, 0, "release.version")?,
            change: text(row, 1, "release.change", owned)?,
            status: text(row, 2, "release.status", owned)?,
            reason: text_or_null(row, 3, "release.reason", owned)?,
            slug: text_or_null(row, 4, "slug.digest", owned)?,
            content: content
                .and_then(|bytes| bytes.try_into().ok())
                .unwrap_or(NOTHING),
        },
        digest: digest.transpose()?,
        actor: text_or_null(row, 7, "release.actor", owned)?,
        at: integer_or_null(row, 8, "release.created_at")?,
        plugins: text_or_null(row, 9, "plugin_set.plugins", owned)?,
        slug: integer_or_null(row, 10, "release.slug")?,
        kept: integer::<i64>(row, 11, "release.kept")? != 0,
    })
}

/// Where an interval begins and ends, and what it holds, unless that does not open.
type Coming<K> = (i64, i64, Option<(<K as Kind>::Key, <K as Kind>::Value)>);

/// All intervals of one kind, and those that hold at the number that the walk has come to.
pub(crate) struct Carried<K: Kind> {
    /// Those that are still to come, the next one last.
    coming: Vec<Coming<K>>,
    present: BTreeMap<K::Key, (i64, K::Value)>,
}

impl<K: Kind> Carried<K>
where
    K::Value: Clone,
{
    pub(crate) fn load(from: &Whence<'_>, sql: &str) -> Result<Self> {
        let mut statement = from.db.prepare_cached(sql)?;
        let mut rows = statement.query([from.app])?;
        let mut coming = Vec::new();
        while let Some(row) = rows.next()? {
            let begins: i64 = integer(row, K::FROM, "config.from_version")?;
            let ends: i64 = integer(row, K::FROM + 1, "config.to_version")?;
            let held = match K::read(row, from) {
                Ok(held) => Some(held),
                Err(Fault::Ledger(LedgerError::Corrupt(_))) => None,
                Err(fault) => return Err(fault),
            };
            coming.push((begins, ends, held));
        }
        coming.reverse();
        Ok(Self {
            coming,
            present: BTreeMap::new(),
        })
    }

    /// What holds at a number, which grows from call to call.
    pub(crate) fn at(
        &mut self,
        number: i64,
    ) -> std::result::Result<BTreeMap<K::Key, K::Value>, Broken> {
        while let Some((begins, ends, held)) = self.coming.pop_if(|(begins, ..)| *begins <= number)
        {
            if ends <= number {
                continue;
            }
            let what = "holds a value that does not open";
            let (key, value) = held.ok_or(Broken::At(number, what))?;
            let held = self.present.insert(key, (ends, value));
            if held.is_some_and(|(ends, _)| ends > begins) {
                return Err(Broken::At(number, "holds two values in one place"));
            }
        }
        self.present.retain(|_, (ends, _)| *ends > number);
        let present = self.present.iter();
        Ok(present
            .map(|(key, (_, value))| (key.clone(), value.clone()))
            .collect())
    }
}
