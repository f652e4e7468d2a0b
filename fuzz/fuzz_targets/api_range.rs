//! Runs `slugline_server::fuzz::api_range`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_server::fuzz::api_range(data));
