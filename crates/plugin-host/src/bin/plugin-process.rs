//! The process of a plugin and nothing else, for the tests and benchmarks of this crate. In earnest
//! the binary `slugline` is started once more. It must not know what a plugin is.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The first argument says what the binary is to be, and this one can only be that.
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    match slugline_plugin_host::host_process(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
