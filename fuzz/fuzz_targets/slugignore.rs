//! Runs `slugline_slug::fuzz::slugignore`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_slug::fuzz::slugignore(data));
