//! Runs `slugline_server::fuzz::command_frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| slugline_server::fuzz::command_frames(data));
