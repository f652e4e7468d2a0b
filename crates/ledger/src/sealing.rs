//! Values at rest: each is sealed with AES-256-GCM under a data key, bound to its place in the
//! ledger, so that one that was copied elsewhere does not open. It must not know what a value
//! means, nor where the master key is kept.
//!
//! A sealed value is the number of its data key (2 bytes), a random nonce (12), and the ciphertext
//! with its tag (16 bytes longer than the value).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use rusqlite::{Connection, params};

use crate::fault::{Result, corrupt};
use crate::keys::{self, KeySource, Master};
use crate::sql;

const NONCE: usize = 12;
/// The number of the data key, and the nonce.
const HEAD: usize = 2 + NONCE;

/// Where a value is, which it is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// A config var of an app, from a release on.
    Config { app: i64, key: &'a str, from: i64 },
    /// What a provider keeps for a resource.
    Resource(&'a str),
    /// What a plugin keeps under a key.
    Store { plugin: &'a str, key: &'a str },
    /// Why an event could not be delivered.
    Event(i64),
    /// An effect in the journal of an app.
    Journal(i64),
    /// What is set of an app.
    Settings(i64),
    /// What is kept of a release beside its content.
    Kept {
        app: i64,
        version: i64,
        what: &'a str,
    },
    /// Where a webhook posts, with what key.
    Webhook(&'a str),
    /// What a build wrote.
    Build(&'a str),
    /// A data key.
    DataKey { id: i64, purpose: &'a str },
}

impl Place<'_> {
    fn bound(self) -> String {
        match self {
            Self::Config { app, key, from } => format!("config/{app}/{from}/{key}"),
            Self::Resource(id) => format!("resource/{id}"),
            Self::Store { plugin, key } => format!("store/{}/{plugin}/{key}", plugin.len()),
            Self::Event(place) => format!("event/{place}"),
            Self::Journal(app) => format!("journal/{app}"),
            Self::Settings(app) => format!("settings/{app}"),
            Self::Kept { app, version, what } => format!("kept/{app}/{version}/{what}"),
            Self::Webhook(id) => format!("webhook/{id}"),
            Self::Build(id) => format!("build/{id}"),
            Self::DataKey { id, purpose } => format!("key/{id}/{purpose}"),
        }
    }

    /// `table.column`, for errors.
    fn column(self) -> &'static str {
        match self {
            Self::Config { .. } => "config.value",
            Self::Resource(_) => "resource.body",
            Self::Store { .. } => "plugin_store.value",
            Self::Event(_) => "outbox.last_error",
            Self::Journal(_) => "journal.effect",
            Self::Settings(_) => "settings.body",
            Self::Kept { .. } => "kept.body",
            Self::Webhook(_) => "webhook.body",
            Self::Build(_) => "build.output",
            Self::DataKey { .. } => "data_key.sealed",
        }
    }
}

/// The data keys, opened.
pub(crate) struct Ring {
    values: BTreeMap<u16, LessSafeKey>,
    newest: u16,
    history: hmac::Key,
}

impl Ring {
    /// Seals a value for its place.
    pub(crate) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>> {
        let key = self.values.get(&self.newest);
        let key = key.ok_or_else(|| corrupt("data_key.id"))?;
        seal(key, self.newest, place, plain)
    }

    /// Opens a value of a place; `None` where its data key is not among these.
    fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Option<String>> {
        let id = data_key_of(sealed).ok_or_else(|| corrupt(place.column()))?;
        let Some(key) = self.values.get(&id) else {
            return Ok(None);
        };
        let plain = open(key, place, sealed)?;
        let text = String::from_utf8(plain).map_err(|_| corrupt(place.column()))?;
        Ok(Some(text))
    }

    /// The key of the digests of releases.
    pub(crate) fn history(&self) -> &hmac::Key {
        &self.history
    }
}

/// The keys of one ledger, opened when the first value is sealed or opened.
pub(crate) struct Keys {
    home: PathBuf,
    source: KeySource,
    ring: RefCell<Option<Rc<Ring>>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Keys {
    pub(crate) fn new(home: PathBuf, source: KeySource) -> Self {
        Self {
            home,
            source,
            ring: RefCell::new(None),
        }
    }

    pub(crate) fn home(&self) -> &std::path::Path {
        &self.home
    }

    pub(crate) fn source(&self) -> &KeySource {
        &self.source
    }

    /// The data keys, for reading.
    pub(crate) fn ring(&self, db: &Connection) -> Result<Rc<Ring>> {
        let known = self.ring.borrow().clone();
        match known {
            Some(ring) => Ok(ring),
            None => self.load(db),
        }
    }

    /// The data keys, for writing in this transaction: another process may have made a new one
    /// since they were opened, and be about to forget the old.
    pub(crate) fn fresh(&self, tx: &Connection) -> Result<Rc<Ring>> {
        let newest: Option<u16> = tx
            .prepare_cached(sql::NEWEST_DATA_KEY)?
            .query_row([], |row| row.get(0))?;
        let ring = self.ring(tx)?;
        if Some(ring.newest) == newest {
            Ok(ring)
        } else {
            self.load(tx)
        }
    }

    /// Opens a value of a place.
    pub(crate) fn open(&self, db: &Connection, place: Place<'_>, sealed: &[u8]) -> Result<String> {
        if let Some(text) = self.ring(db)?.open(place, sealed)? {
            return Ok(text);
        }
        let again = self.load(db)?.open(place, sealed)?;
        again.ok_or_else(|| corrupt(place.column()))
    }

    /// Forgets the data keys, so that they are read again.
    pub(crate) fn forget(&self) {
        *self.ring.borrow_mut() = None;
    }

    fn load(&self, db: &Connection) -> Result<Rc<Ring>> {
        let ring = Rc::new(read(db, &keys::masters(&self.home, &self.source)?)?);
        *self.ring.borrow_mut() = Some(Rc::clone(&ring));
        Ok(ring)
    }
}

/// What a data key is for: the values, or the digests of releases.
const VALUES: &str = "values";
const HISTORY: &str = "history";

fn read(db: &Connection, masters: &[Master]) -> Result<Ring> {
    let (mut values, mut history) = (BTreeMap::new(), None);
    let mut statement = db.prepare_cached(sql::DATA_KEYS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let purpose: String = row.get(1)?;
        let fingerprint: String = row.get(2)?;
        let sealed: Vec<u8> = row.get(3)?;
        let master = masters
            .iter()
            .find(|master| master.fingerprint() == fingerprint);
        let master = master.ok_or_else(|| other_key(&fingerprint, masters))?;
        let place = Place::DataKey {
            id,
            purpose: &purpose,
        };
        let plain = open(&aead(master.bytes())?, place, &sealed)?;
        if purpose == HISTORY {
            history = Some(hmac::Key::new(hmac::HMAC_SHA256, &plain));
        } else {
            values.insert(
                u16::try_from(id).map_err(|_| corrupt("data_key.id"))?,
                aead(&plain)?,
            );
        }
    }
    let newest = values.last_key_value().map(|(id, _)| *id);
    Ok(Ring {
        values,
        newest: newest.ok_or_else(|| corrupt("data_key.purpose"))?,
        history: history.ok_or_else(|| corrupt("data_key.purpose"))?,
    })
}

fn other_key(wanted: &str, masters: &[Master]) -> slugline_core::port::LedgerError {
    let found: Vec<_> = masters.iter().map(Master::fingerprint).collect();
    keys::unusable(format!(
        "it was made with the key {wanted} and this one is {}",
        found.join(" and ")
    ))
}

/// Makes the data keys of a new ledger.
pub(crate) fn begin(tx: &Connection, master: &Master) -> Result<()> {
    for (id, purpose) in [(1, HISTORY), (2, VALUES)] {
        add_data_key(tx, master, id, purpose)?;
    }
    Ok(())
}

/// Makes a new data key for values, which seals from now on.
pub(crate) fn renew(tx: &Connection, master: &Master) -> Result<()> {
    let newest: i64 = tx.query_row(sql::NEWEST_DATA_KEY, [], |row| row.get(0))?;
    add_data_key(tx, master, newest + 1, VALUES)
}

/// The fingerprints of the master keys that the data keys are sealed with.
pub(crate) fn masters_used(db: &Connection) -> Result<BTreeSet<String>> {
    let mut statement = db.prepare_cached(sql::DATA_KEYS)?;
    let used = statement.query_map([], |row| row.get(2))?;
    Ok(used.collect::<std::result::Result<_, _>>()?)
}

/// Seals every data key with another master key.
pub(crate) fn rewrap(tx: &Connection, from: &[Master], to: &Master) -> Result<()> {
    let mut statement = tx.prepare(sql::DATA_KEYS)?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, Vec<u8>>(3)?,
        ))
    })?;
    for row in rows.collect::<std::result::Result<Vec<_>, _>>()? {
        let (id, purpose, fingerprint, sealed) = row;
        let master = from
            .iter()
            .find(|master| master.fingerprint() == fingerprint);
        let master = master.ok_or_else(|| other_key(&fingerprint, from))?;
        let place = Place::DataKey {
            id,
            purpose: &purpose,
        };
        let plain = open(&aead(master.bytes())?, place, &sealed)?;
        let sealed = seal(&aead(to.bytes())?, 0, place, &plain)?;
        tx.execute(sql::REWRAP_DATA_KEY, params![id, to.fingerprint(), sealed])?;
    }
    Ok(())
}

fn add_data_key(tx: &Connection, master: &Master, id: i64, purpose: &str) -> Result<()> {
    let mut plain = [0; 32];
    keys::fill(&mut plain)?;
    let sealed = seal(
        &aead(master.bytes())?,
        0,
        Place::DataKey { id, purpose },
        &plain,
    )?;
    tx.execute(
        sql::ADD_DATA_KEY,
        params![id, purpose, master.fingerprint(), sealed],
    )?;
    Ok(())
}

/// The number of the data key that a value was sealed with.
pub(crate) fn data_key_of(sealed: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(sealed.get(..2)?.try_into().ok()?))
}

fn aead(bytes: &[u8]) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, bytes);
    Ok(LessSafeKey::new(
        key.map_err(|_| corrupt("data_key.sealed"))?,
    ))
}

fn seal(key: &LessSafeKey, id: u16, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE];
    keys::fill(&mut nonce)?;
    let mut sealed = Vec::with_capacity(HEAD + plain.len() + AES_256_GCM.tag_len());
    sealed.extend(id.to_be_bytes());
    sealed.extend(nonce);
    sealed.extend(plain);
    let bound = Aad::from(place.bound());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key.seal_in_place_separate_tag(nonce, bound, &mut sealed[HEAD..]);
    // It fails for values of 64 GiB only.
    sealed.extend(tag.map_err(|_| corrupt(place.column()))?.as_ref());
    Ok(sealed)
}

fn open(key: &LessSafeKey, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>> {
    let damaged = || corrupt(place.column());
    let nonce = sealed.get(2..HEAD).ok_or_else(damaged)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
    let mut bytes = sealed[HEAD..].to_vec();
    let bound = Aad::from(place.bound());
    let plain = key
        .open_in_place(nonce, bound, &mut bytes)
        .map_err(|_| damaged())?;
    let length = plain.len();
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place::Config {
        app: 1,
        key: "A",
        from: 7,
    };

    fn key(byte: u8) -> LessSafeKey {
        aead(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_value_opens_where_it_was_sealed_and_nowhere_else() {
        let sealed = seal(&key(1), 3, PLACE, "grün".as_bytes()).unwrap();
        assert_eq!(open(&key(1), PLACE, &sealed).unwrap(), "grün".as_bytes());
        assert_eq!(data_key_of(&sealed), Some(3));
        assert_eq!(sealed.len(), "grün".len() + 30);
        let elsewhere = [
            Place::Config {
                app: 2,
                key: "A",
                from: 7,
            },
            Place::Config {
                app: 1,
                key: "B",
                from: 7,
            },
            Place::Config {
                app: 1,
                key: "A",
                from: 8,
            },
            Place::Resource("1/7/A"),
        ];
        for place in elsewhere {
            assert!(open(&key(1), place, &sealed).is_err(), "{place:?}");
        }
        assert!(open(&key(2), PLACE, &sealed).is_err());
    }

    #[test]
    fn every_bit_that_is_altered_is_noticed() {
        let sealed = seal(&key(1), 3, PLACE, b"v").unwrap();
        for at in 2..sealed.len() {
            for bit in 0..8 {
                let mut altered = sealed.clone();
                altered[at] ^= 1 << bit;
                assert!(open(&key(1), PLACE, &altered).is_err(), "{at} {bit}");
            }
        }
        for length in 0..sealed.len() {
            assert!(open(&key(1), PLACE, &sealed[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn places_are_told_apart_whatever_they_are_called() {
        let one = Place::Store {
            plugin: "a",
            key: "b/c",
        }
        .bound();
        let other = Place::Store {
            plugin: "a/b",
            key: "c",
        }
        .bound();
        assert_ne!(one, other);
    }
}
