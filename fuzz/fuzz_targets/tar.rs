//! Runs `slugline_slug::fuzz::tar`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_slug::fuzz::tar(data));
