//! Runs `slugline_runtime::fuzz::control`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_runtime::fuzz::control(data));
