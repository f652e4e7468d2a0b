//! Slugline's ledger on SQLite.
