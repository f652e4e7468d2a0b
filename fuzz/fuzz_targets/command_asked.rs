//! Runs `slugline_server::fuzz::command_asked`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_server::fuzz::command_asked(data));
