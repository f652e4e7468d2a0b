//! A connection to the ledger's file: created readable by its owner alone, and patient with others
//! who use it. It must not know what is stored.
//!
//! Opening a ledger that is there and of the present format costs two pragmas; only a new or an
//! older file is taken through [`prepare`].

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};
use slugline_core::port::LedgerError;

use crate::fault::Result;
use crate::keys::KeySource;
use crate::schema;

/// How long one transaction waits for others, in seconds.
pub(crate) const BUSY_SECONDS: u64 = 30;

/// Who closes a ledger last moves the write-ahead log into it and removes the log, but for those that
/// have this set.
///
/// A connection has it until it has read once. Where it cannot, since the index of the log could not
/// be made, SQLite tries once more to open that index as it closes, takes one that it may only read,
/// moves nothing, and all the same removes the log: what others have committed is lost.
const KEEPS_LOG: DbConfig = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;

/// More than the ledger has statements, so that each is compiled once a process.
const STATEMENTS: usize = 160;

/// Opens the ledger of `home`, creating what is missing.
pub(crate) fn open(home: &Path, source: &KeySource, limit: Duration) -> Result<Connection> {
    check_private(home)?;
    let path = home.join("ledger.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = match connect(&path, flags, limit) {
        Err(error) if cannot_open(&error) => {
            create(home, &path)?;
            connect(&path, flags, limit)?
        }
        // SQLite opens for reading what it cannot open for writing: a file that another process
        // created between the two attempts is opened so, and rightly only the second time.
        Ok(db) if db.is_readonly(MAIN_DB)? => connect(&path, flags, limit)?,
        other => other?,
    };
    if schema::is_current(&db)? {
        db.execute_batch("PRAGMA synchronous = FULL")?;
    } else {
        prepare(&db, home, source, limit)?;
    }
    db.set_db_config(KEEPS_LOG, false)?;
    Ok(db)
}

/// Opens the ledger of `home` so that nothing can be written to it, not even by migrating it.
pub(crate) fn for_reading(home: &Path, limit: Duration) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(connect(&home.join("ledger.db"), flags, limit)?)
}

/// Begins a transaction that only reads: it sees one moment, whatever others write meanwhile.
pub(crate) fn reading(db: &Connection) -> Result<Transaction<'_>> {
    Ok(Transaction::new_unchecked(
        db,
        TransactionBehavior::Deferred,
    )?)
}

/// Begins a transaction that writes, waiting for others who do.
///
/// It is always immediate: one that reads first and writes later would be refused at once where
/// another wrote in between, however long it is willing to wait.
pub(crate) fn writing(db: &Connection) -> Result<Transaction<'_>> {
    Ok(Transaction::new_unchecked(
        db,
        TransactionBehavior::Immediate,
    )?)
}

/// Ends a transaction that writes: all of it is there then, or nothing is.
///
/// SQLite takes back a commit whose sync failed, but what it wrote may lie in the write-ahead log
/// as a whole: whoever opens the ledger after a crash would read it there, and what was told to have
/// failed would be done. So something else is written over it before the failure is told.
///
/// # Errors
/// [`LedgerError::Unsure`] where that fails too.
pub(crate) fn commit(tx: Transaction<'_>) -> Result<()> {
    let Err(failed) = tx.execute_batch("COMMIT") else {
        return Ok(());
    };
    if failed.sqlite_error_code() != Some(ErrorCode::SystemIoFailure) {
        return Err(failed.into());
    }
    match overwrite(&tx) {
        Ok(()) => Err(failed.into()),
        Err(_) => Err(LedgerError::Unsure(Box::new(failed)).into()),
    }
}

/// Writes to the log what changes nothing, over what a transaction may have left there.
fn overwrite(db: &Connection) -> rusqlite::Result<()> {
    if !db.is_autocommit() {
        db.execute_batch("ROLLBACK")?;
    }
    // Setting it writes the page that it is on, though it stays the same.
    let format: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    db.pragma_update(None, "user_version", format)
}

fn connect(path: &Path, flags: OpenFlags, limit: Duration) -> rusqlite::Result<Connection> {
    let mut db = Connection::open_with_flags(path, flags)?;
    let mut since = Instant::now();
    db.busy_handler(Some(move |tries| {
        if tries == 0 {
            since = Instant::now();
        }
        let patient = since.elapsed() < limit;
        if patient {
            std::thread::sleep(pause());
        }
        patient
    }))?;
    db.set_db_config(KEEPS_LOG, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    // Else SQLite compiles a statement again for each new value of a parameter that its plan might
    // depend on, which takes longer than most of them take. None of our plans does.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

/// Between 0.2 and 0.8 ms. SQLite's own pauses grow, and starve those who have waited longest.
fn pause() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let ticks = now.map_or(0, |since| since.subsec_nanos());
    let mixed = (ticks ^ std::process::id()).wrapping_mul(0x9E37_79B1) >> 8;
    Duration::from_micros(200 + u64::from(mixed % 601))
}

/// A home that others can look into is not used: what is in it belongs to its owner alone.
fn check_private(home: &Path) -> Result<()> {
    match std::fs::metadata(home) {
        Ok(meta) if meta.is_dir() && meta.mode() & 0o077 != 0 => Err(LedgerError::NotPrivate {
            path: home.display().to_string(),
            mode: meta.mode() & 0o777,
        }
        .into()),
        // It is made with the ledger, or opening that says what is wrong.
        _ => Ok(()),
    }
}

fn cannot_open(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::CannotOpen)
}

/// Creates the folders and an empty file of mode 0600, unless another process is faster.
///
/// The file is made under a name of its own and linked into place: closing a file that SQLite has
/// open elsewhere in this process would take away the locks it holds on it.
fn create(home: &Path, path: &Path) -> Result<()> {
    let mut folders = DirBuilder::new();
    folders
        .recursive(true)
        .mode(0o700)
        .create(home.join("locks"))?;
    let own = own_name(home, "ledger");
    drop(
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&own)?,
    );
    let linked = std::fs::hard_link(&own, path);
    std::fs::remove_file(&own)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// A name for a file that nobody else has.
pub(crate) fn own_name(home: &Path, what: &str) -> PathBuf {
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    home.join(format!(".{what}-{}-{thread}", std::process::id()))
}

/// Turns a new file into a ledger, or an older ledger into one of the present format.
fn prepare(db: &Connection, home: &Path, source: &KeySource, limit: Duration) -> Result<()> {
    schema::check_not_newer(db)?;
    // Changing the journal mode may be refused without the busy handler being asked, when several
    // processes try at once.
    let since = Instant::now();
    loop {
        match db.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && since.elapsed() < limit => std::thread::sleep(pause()),
            other => break other?,
        }
    }
    db.execute_batch("PRAGMA synchronous = FULL")?;
    schema::migrate(db, home, source)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let codes = [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked];
    error
        .sqlite_error_code()
        .is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn pauses_are_short_and_differ() {
        let pauses: Vec<_> = (0..1000).map(|_| pause().as_micros()).collect();
        assert!(pauses.iter().all(|pause| (200..=800).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }

    #[test]
    fn a_new_ledger_is_durable_and_its_owners_alone() {
        let dir = slugline_testkit::private_folder();
        let home = dir.path().join("new/home");
        let db = open(&home, &KeySource::File, Duration::from_secs(30)).unwrap();
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(home.join("ledger.db")), 0o600);
        assert_eq!(mode(home.join("ledger.db-wal")), 0o600);
        assert_eq!(mode(home.join("locks")), 0o700);
        let pragma = |name: &str| -> String {
            db.query_row(
                &format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"),
                [],
                |r| r.get(0),
            )
            .unwrap()
        };
        assert_eq!(pragma("journal_mode"), "wal");
        assert_eq!(pragma("synchronous"), "2");
        assert_eq!(pragma("foreign_keys"), "1");
        drop(db);
        let again = open(&home, &KeySource::File, Duration::from_secs(30)).unwrap();
        let level: i64 = again
            .query_row("PRAGMA synchronous", [], |row| row.get(0))
            .unwrap();
        assert_eq!(level, 2);
        let left = std::fs::read_dir(&home)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert!(
            left.into_iter()
                .all(|name| !name.to_string_lossy().starts_with('.'))
        );
    }

    #[test]
    fn who_waits_too_long_is_told_that_the_ledger_is_busy() {
        let dir = slugline_testkit::private_folder();
        let holder = open(dir.path(), &KeySource::File, Duration::from_secs(30)).unwrap();
        let waiter = open(dir.path(), &KeySource::File, Duration::from_millis(20)).unwrap();
        let held = writing(&holder).unwrap();
        let since = Instant::now();
        let error: LedgerError = writing(&waiter).unwrap_err().into();
        assert!(matches!(error, LedgerError::Busy(_)), "{error}");
        assert!(since.elapsed() >= Duration::from_millis(20));
        drop(held);
        assert!(writing(&waiter).is_ok());
    }

    #[test]
    fn what_is_no_database_is_called_damaged() {
        let dir = slugline_testkit::private_folder();
        std::fs::write(
            dir.path().join("ledger.db"),
            "hello, this is no database ".repeat(99),
        )
        .unwrap();
        let error: LedgerError = open(dir.path(), &KeySource::File, Duration::from_secs(1))
            .unwrap_err()
            .into();
        assert!(matches!(error, LedgerError::Corrupt(_)), "{error}");
    }
}
