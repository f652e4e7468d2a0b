//! New keys for a ledger: every value is sealed anew, and what could be opened with the old keys is
//! gone. It must not know what a value means.
//!
//! All values change in one transaction, for which others wait. The file holds the old and the new
//! master key from before it begins until it is over, so that a rotation that dies at any instant
//! leaves a ledger that opens.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, ToSql};
use slugline_core::port::LedgerError;

use crate::SqliteLedger;
use crate::connection::{commit, writing};
use crate::decode::blob;
use crate::fault::Result;
use crate::keys::{self, KeySource, Master};
use crate::sealing::{self, Keys, Place};
use crate::sql;

/// What a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// How many values were sealed anew.
    pub values: u64,
    /// Whether the master key is a new one, too.
    pub master: bool,
}

impl SqliteLedger {
    /// Makes a new data key, seals every value with it and forgets the old one. The master key is
    /// replaced as well where it is in its file; one that is kept elsewhere is replaced by `new`, if
    /// that is given, and stays otherwise.
    ///
    /// # Errors
    /// [`LedgerError::Key`], [`LedgerError::Busy`], [`LedgerError::Storage`]; all is as it was then.
    pub fn rotate_keys(&self, new: Option<KeySource>) -> std::result::Result<Rotated, LedgerError> {
        Ok(rotate(&self.db, &self.keys, new)?)
    }
}

fn rotate(db: &Connection, keys: &Keys, new: Option<KeySource>) -> Result<Rotated> {
    let (home, source) = (keys.home(), keys.source());
    // Before the file is touched: what another rotation puts into it stays until that is over.
    let tx = writing(db)?;
    let old = keys::masters(home, source)?;
    let next = match (source, &new) {
        (KeySource::File, None) => Some(Master::random()?),
        (_, Some(new)) => keys::masters(home, new)?.into_iter().next(),
        (_, None) => None,
    };
    let in_file = matches!(source, KeySource::File) && new.is_none();
    if let Some(next) = next.as_ref().filter(|_| in_file) {
        keys::replace(home, &[old.as_slice(), std::slice::from_ref(next)].concat())?;
    }
    let master = match &next {
        Some(next) => next.clone(),
        None => old
            .first()
            .cloned()
            .ok_or_else(|| keys::unusable("there is none"))?,
    };
    sealing::rewrap(&tx, &old, &master)?;
    sealing::renew(&tx, &master)?;
    let fresh = Renewal::new(&tx, keys, &master)?;
    let mut values = 0;
    for table in &TABLES {
        values += fresh.reseal(table)?;
    }
    tx.execute(sql::DROP_OLD_DATA_KEYS, [])?;
    commit(tx)?;
    keys.forget();
    if in_file {
        keep_used(db, home)?;
    }
    // What was sealed with the old keys is in pages that are free now, and in the log.
    db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(Rotated {
        values,
        master: next.is_some(),
    })
}

/// Leaves in the file only the keys that the ledger is sealed with. Another rotation may have begun
/// since this one ended, and waits, or is waited for.
fn keep_used(db: &Connection, home: &Path) -> Result<()> {
    let tx = writing(db)?;
    let mut masters = keys::masters(home, &KeySource::File)?;
    let used = sealing::masters_used(&tx)?;
    masters.retain(|master| used.contains(&master.fingerprint()));
    keys::replace(home, &masters)?;
    commit(tx)
}

/// A table with a sealed column: some rows after one that is named, first the sealed value, then
/// what names the row and its place; the statement that replaces the value of one; and where it is bound to.
struct Table {
    all: &'static str,
    replace: &'static str,
    /// How many columns after the value name the row.
    names: usize,
    place: fn(&Row<'_>) -> rusqlite::Result<Bound>,
}

/// A [`Place`] that owns its words.
enum Bound {
    Config(i64, String, i64),
    Resource(String),
    Store(String, String),
    Event(i64),
    Journal(i64),
    Settings(i64),
    Kept(i64, i64, String),
    Webhook(String),
    Build(String),
}

impl Bound {
    fn place(&self) -> Place<'_> {
        match self {
            Self::Config(app, key, from) => Place::Config {
                app: *app,
                key,
                from: *from,
            },
            Self::Resource(id) => Place::Resource(id),
            Self::Store(plugin, key) => Place::Store { plugin, key },
            Self::Event(place) => Place::Event(*place),
            Self::Journal(app) => Place::Journal(*app),
            Self::Settings(app) => Place::Settings(*app),
            Self::Kept(app, version, what) => Place::Kept {
                app: *app,
                version: *version,
                what,
            },
            Self::Webhook(id) => Place::Webhook(id),
            Self::Build(id) => Place::Build(id),
        }
    }
}

const TABLES: [Table; 10] = [
    Table {
        all: sql::SEALED_CONFIG_NOW,
        replace: sql::RESEAL_CONFIG_NOW,
        names: 2,
        place: |row| Ok(Bound::Config(row.get(1)?, row.get(2)?, row.get(3)?)),
    },
    Table {
        all: sql::SEALED_CONFIG_PAST,
        replace: sql::RESEAL_CONFIG_PAST,
        names: 3,
        place: |row| Ok(Bound::Config(row.get(1)?, row.get(2)?, row.get(4)?)),
    },
    Table {
        all: sql::SEALED_RESOURCES,
        replace: sql::RESEAL_RESOURCE,
        names: 1,
        place: |row| Ok(Bound::Resource(row.get(1)?)),
    },
    Table {
        all: sql::SEALED_STORE,
        replace: sql::RESEAL_STORE,
        names: 2,
        place: |row| Ok(Bound::Store(row.get(1)?, row.get(2)?)),
    },
    Table {
        all: sql::SEALED_EVENTS,
        replace: sql::RESEAL_EVENT,
        names: 1,
        place: |row| Ok(Bound::Event(row.get(1)?)),
    },
    Table {
        all: sql::SEALED_JOURNAL,
        replace: sql::RESEAL_JOURNAL,
        names: 1,
        place: |row| Ok(Bound::Journal(row.get(2)?)),
    },
    Table {
        all: sql::SEALED_SETTINGS,
        replace: sql::RESEAL_SETTINGS,
        names: 1,
        place: |row| Ok(Bound::Settings(row.get(1)?)),
    },
    Table {
        all: sql::SEALED_KEPT,
        replace: sql::RESEAL_KEPT,
        names: 3,
        place: |row| Ok(Bound::Kept(row.get(1)?, row.get(2)?, row.get(3)?)),
    },
    Table {
        all: sql::SEALED_WEBHOOKS,
        replace: sql::RESEAL_WEBHOOK,
        names: 1,
        place: |row| Ok(Bound::Webhook(row.get(1)?)),
    },
    Table {
        all: sql::SEALED_BUILDS,
        replace: sql::RESEAL_BUILD,
        names: 1,
        place: |row| Ok(Bound::Build(row.get(1)?)),
    },
];

/// The transaction, and the keys in it.
struct Renewal<'a> {
    tx: &'a Connection,
    /// They open with the old data keys and seal with the new one.
    keys: Keys,
}

impl<'a> Renewal<'a> {
    fn new(tx: &'a Connection, keys: &Keys, master: &Master) -> Result<Self> {
        let within = Keys::new(
            keys.home().to_owned(),
            KeySource::Given(keys::hex(master.bytes())),
        );
        within.ring(tx)?;
        Ok(Self { tx, keys: within })
    }

    /// Chunk by chunk in the order of the names: a table that changes while it is read may show a
    /// row twice.
    fn reseal(&self, table: &Table) -> Result<u64> {
        let ring = self.keys.ring(self.tx)?;
        let mut replace = self.tx.prepare(table.replace)?;
        let (mut count, mut after) = (0, vec![Value::Integer(-1); table.names]);
        loop {
            let chunk = self.chunk(table, &after)?;
            let Some(last) = chunk.last() else {
                return Ok(count);
            };
            after.clone_from(&last.names);
            for row in chunk {
                let plain = self.keys.open(self.tx, row.bound.place(), &row.sealed)?;
                let sealed = ring.seal(row.bound.place(), plain.as_bytes())?;
                let mut values: Vec<&dyn ToSql> = vec![&sealed];
                values.extend(row.names.iter().map(|name| name as &dyn ToSql));
                replace.execute(values.as_slice())?;
                count += 1;
            }
        }
    }

    fn chunk(&self, table: &Table, after: &[Value]) -> Result<Vec<SealedRow>> {
        let mut statement = self.tx.prepare_cached(table.all)?;
        let rows = statement.query_and_then(rusqlite::params_from_iter(after), |row| {
            let names = (1..=table.names).map(|column| row.get(column));
            Ok(SealedRow {
                sealed: blob(row, 0, "value")?.to_vec(),
                names: names.collect::<std::result::Result<_, _>>()?,
                bound: (table.place)(row)?,
            })
        })?;
        rows.collect()
    }
}

/// A row with a sealed value.
struct SealedRow {
    sealed: Vec<u8>,
    names: Vec<Value>,
    bound: Bound,
}
