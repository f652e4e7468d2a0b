//! Runs `slugline_slug::fuzz::read_procfile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_slug::fuzz::read_procfile(data));
