//! Runs `slugline_server::fuzz::api_form`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_server::fuzz::api_form(data));
