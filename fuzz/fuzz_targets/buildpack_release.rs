//! Runs `slugline_slug::fuzz::buildpack_release`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_slug::fuzz::buildpack_release(data));
