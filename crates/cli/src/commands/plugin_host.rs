//! `slugline plugin:host`: the process of one plugin. Slugline starts it; nobody types it. It must
//! come before the command line is read, since it has no environment, no home and no time to lose.

use std::path::PathBuf;

use slugline_plugin_host::{ChildError, host_process};

use crate::exit::Status;
use crate::ui::Ui;

/// The word that the plugin host puts first.
const NAME: &str = "plugin:host";

/// Whether this binary was started to be the process of a plugin.
pub fn is_meant(words: &[String]) -> bool {
    words.get(1).is_some_and(|word| word == NAME)
}

/// Is the process of a plugin, until whoever started it hangs up.
pub fn run(ui: &Ui, words: &[String]) -> Status {
    match host_process(words.get(2..).unwrap_or_default()) {
        Ok(()) => Status::Done,
        Err(error) => {
            ui.error(&error);
            match error {
                ChildError::Usage => Status::Usage,
                ChildError::Contain(_) | ChildError::Connection(_) => Status::Failed,
            }
        }
    }
}

/// The binary to start for a plugin: this one, even where its file has been replaced meanwhile.
pub fn program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return PathBuf::from("/proc/self/exe");
    }
    std::env::current_exe().unwrap_or_default()
}
