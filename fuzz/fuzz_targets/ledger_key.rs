//! Runs `slugline_ledger::fuzz::ledger_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_ledger::fuzz::ledger_key(data));
