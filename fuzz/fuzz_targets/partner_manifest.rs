//! Runs `slugline_plugin_host::fuzz::partner_manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_plugin_host::fuzz::partner_manifest(data));
