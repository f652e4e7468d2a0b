//! Runs `slugline_plugin_host::fuzz::frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_plugin_host::fuzz::frames(data));
