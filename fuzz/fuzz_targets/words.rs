//! Runs `slugline_core::fuzz::words`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_core::fuzz::words(data));
