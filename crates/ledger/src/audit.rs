//! Who did what: every release, kept or pruned, and what was done or refused and made none. It must
//! not hold an argument of a command, which may be a value.

use rusqlite::{Connection, Row, params};
use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::change::Change;
use slugline_core::port::LedgerError;
use slugline_core::release::{PluginsUsed, Version};
use slugline_core::time::Timestamp;

use crate::SqliteLedger;
use crate::connection::{commit, reading, writing};
use crate::decode::{integer, integer_or_null, json, text, text_or_null};
use crate::fault::Result;
use crate::{origins, sql};

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not begun.
    Refused,
    /// It was begun and did not succeed.
    Failed,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The outcome of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Done, Self::Refused, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.word() == word)
    }
}

/// Something that was done or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// When.
    pub at: Timestamp,
    /// The app that it was about.
    pub app: Option<String>,
    /// Who.
    pub actor: Actor,
    /// What became of it.
    pub outcome: Outcome,
    /// What it was: a release's change text, or that of a command; with the reason where it was
    /// refused or failed.
    pub what: String,
    /// The release that it made.
    pub version: Option<Version>,
    /// The command and where it was typed, where that is known.
    pub origin: Option<origins::Origin>,
    /// The plugins that were asked.
    pub plugins: PluginsUsed,
}

/// Which ones are wanted: those for which all that is said holds, the newest first.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// About this app.
    pub app: Option<&'a AppName>,
    /// By this actor.
    pub actor: Option<&'a str>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// Something to be put on record that made no release.
#[derive(Clone, Debug)]
pub struct Note<'a> {
    /// When.
    pub at: Timestamp,
    /// The app that it was about.
    pub app: Option<&'a AppName>,
    /// Who.
    pub actor: &'a Actor,
    /// What became of it.
    pub outcome: Outcome,
    /// What it was; no value of a config var.
    pub what: &'a str,
}

impl SqliteLedger {
    /// What was done and refused.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    pub fn audited(&self, wanted: &Wanted<'_>) -> std::result::Result<Vec<Audited>, LedgerError> {
        Ok(list(&self.db, wanted)?)
    }

    /// Puts on record what made no release.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Full`], [`LedgerError::Storage`].
    pub fn note(&self, note: &Note<'_>) -> std::result::Result<(), LedgerError> {
        Ok(write(&self.db, self.origin().as_ref(), note)?)
    }
}

fn write(db: &Connection, origin: Option<&origins::Origin>, note: &Note<'_>) -> Result<()> {
    let tx = writing(db)?;
    let origin = origin
        .map(|origin| origins::intern(&tx, origin))
        .transpose()?;
    tx.prepare_cached(sql::ADD_AUDIT)?.execute(params![
        note.at.0,
        note.app.map(AppName::as_str),
        note.actor.as_str(),
        note.outcome.word(),
        note.what,
        origin
    ])?;
    commit(tx)
}

fn list(db: &Connection, wanted: &Wanted<'_>) -> Result<Vec<Audited>> {
    let tx = reading(db)?;
    let limit = i64::try_from(wanted.limit).unwrap_or(i64::MAX);
    let outcome = wanted.outcome.map(Outcome::word);
    let since = wanted.since.map_or(i64::MIN, |at| at.0);
    let mut all = Vec::new();
    match wanted.app {
        Some(app) => {
            let mut statement = tx.prepare_cached(sql::AUDIT_OF_APP)?;
            let asked = params![app.as_str(), wanted.actor, outcome, since, limit];
            for row in statement.query_and_then(asked, read)? {
                all.push(row?);
            }
        }
        None => {
            let mut statement = tx.prepare_cached(sql::AUDIT_ALL)?;
            let asked = params![wanted.actor, outcome, since, limit];
            for row in statement.query_and_then(asked, read)? {
                all.push(row?);
            }
        }
    }
    Ok(all)
}

fn read(row: &Row<'_>) -> Result<Audited> {
    let owned = |text: &str| Some(text.to_owned());
    let version: Option<u64> = integer_or_null(row, 5, "audit.version")?;
    let what = text(row, 4, "audit.what", owned)?;
    // A release keeps what was asked for, of which the text is made.
    let what = match json::<Change>(&what) {
        Some(change) => change.to_string(),
        None => what,
    };
    let reason = text_or_null(row, 6, "release.reason", owned)?;
    let command = text_or_null(row, 7, "origin.command", owned)?;
    let place = text_or_null(row, 8, "origin.place", owned)?;
    let plugins = text_or_null(row, 9, "plugin_set.plugins", json)?;
    Ok(Audited {
        at: Timestamp(integer(row, 0, "audit.at")?),
        app: text_or_null(row, 1, "audit.app", owned)?,
        actor: text(row, 2, "audit.actor", |name| Actor::new(name).ok())?,
        outcome: text(row, 3, "audit.outcome", Outcome::of_word)?,
        what: match reason {
            Some(reason) => format!("{what}: {reason}"),
            None => what,
        },
        version: version.map(Version::new),
        origin: command
            .zip(place)
            .map(|(command, place)| origins::Origin { command, place }),
        plugins: plugins.unwrap_or_default(),
    })
}

/// Keeps what an app's releases say of who did what, before they go with it.
pub(crate) fn outlive(tx: &Connection, app: i64) -> Result<()> {
    tx.prepare_cached(sql::AUDIT_RELEASES)?.execute([app])?;
    Ok(())
}
