//! Runs `slugline_ledger::fuzz::import`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_ledger::fuzz::import(data));
