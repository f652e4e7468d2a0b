//! Runs `slugline_ledger::fuzz::messages`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_ledger::fuzz::messages(data));
