//! Where changes come from: a command, and the place it was typed at. It must not know what a
//! command does.

use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension};

use crate::fault::Result;
use crate::sql;

/// Where a change comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The command, such as `config:add`: never its arguments, which may hold a value.
    pub command: String,
    /// The machine, and how one is on it, such as `myhost pts/3` or `myhost ssh 10.0.0.7`.
    pub place: String,
}

/// The command on whose behalf a ledger writes.
pub trait Caller: std::fmt::Debug {
    /// Where it comes from; asked only when something is written that says so.
    fn origin(&self) -> Origin;

    /// Hears that a release was recorded, whatever becomes of it.
    fn recorded(&self) {}
}

impl Caller for Origin {
    fn origin(&self) -> Origin {
        self.clone()
    }
}

impl<C: Caller> Caller for Rc<C> {
    fn origin(&self) -> Origin {
        self.as_ref().origin()
    }

    fn recorded(&self) {
        self.as_ref().recorded();
    }
}

/// The row of an origin, added where it is not there yet.
pub(crate) fn intern(db: &Connection, origin: &Origin) -> Result<i64> {
    let words = [&origin.command, &origin.place];
    let mut find = db.prepare_cached(sql::FIND_ORIGIN)?;
    if let Some(id) = find.query_row(words, |row| row.get(0)).optional()? {
        return Ok(id);
    }
    Ok(db.prepare_cached(sql::ADD_ORIGIN)?.insert(words)?)
}
