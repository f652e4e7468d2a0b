//! Runs `slugline_plugin_host::fuzz::plugins_lock`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_plugin_host::fuzz::plugins_lock(data));
