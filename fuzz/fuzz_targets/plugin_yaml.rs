//! Runs `slugline_plugin_host::fuzz::plugin_yaml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_plugin_host::fuzz::plugin_yaml(data));
