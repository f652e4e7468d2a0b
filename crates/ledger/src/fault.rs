//! What goes wrong inside the ledger, before it is told in the words of the port. It must not hold
//! a value that was stored: neither a config var nor anything else of a person's.

use rusqlite::ErrorCode;
use slugline_core::port::LedgerError;

use crate::connection::BUSY_SECONDS;

/// The result of everything inside the ledger.
pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// SQLite refused or failed.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    /// A file of the ledger, other than the database, cannot be used.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// A value cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is said in the port's words already.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<Fault> for LedgerError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Ledger(error) => error,
            Fault::Sql(error) => of_sqlite(error),
            Fault::File(error) => Self::Storage(Box::new(error)),
            Fault::Json(error) => Self::Storage(Box::new(error)),
        }
    }
}

/// Something stored cannot be understood; `place` is `table.column`, never the value.
pub(crate) fn corrupt(place: &str) -> Fault {
    LedgerError::Corrupt(place.to_owned()).into()
}

fn of_sqlite(error: rusqlite::Error) -> LedgerError {
    use rusqlite::Error as E;
    match &error {
        E::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed => LedgerError::Busy(BUSY_SECONDS),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                LedgerError::Corrupt("the database file is damaged".to_owned())
            }
            ErrorCode::DiskFull => LedgerError::Full,
            _ if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => LedgerError::Full,
            _ => LedgerError::Storage(Box::new(error)),
        },
        E::FromSqlConversionFailure(column, ..)
        | E::IntegralValueOutOfRange(column, _)
        | E::Utf8Error(column, _)
        | E::InvalidColumnType(column, ..) => {
            LedgerError::Corrupt(format!("column {column} of an answer"))
        }
        _ => LedgerError::Storage(Box::new(error)),
    }
}
