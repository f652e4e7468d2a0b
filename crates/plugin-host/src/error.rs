//! Why the host cannot be loaded: a plugin that is broken before any of its code has run.

use std::path::PathBuf;

use crate::install::InstallError;
use crate::manifest::ManifestError;

/// Why the host cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file or folder of a plugin cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// Two plugins have the same name.
    #[error("two plugins are named {name}: {first} and {second}; remove one of them")]
    PluginTwice {
        /// The name.
        name: String,
        /// Where one of them is.
        first: String,
        /// Where the other is.
        second: String,
    },
    /// Two plugins provide the same add-on.
    #[error("{first} and {second} both provide {addon}; remove one of them")]
    AddonTwice {
        /// The service, or the tier as `releases:NAME`.
        addon: String,
        /// One plugin.
        first: String,
        /// The other.
        second: String,
    },
    /// A plugin was put into the folder, and nobody has approved it.
    #[error(
        "the plugin {name} in {} has not been approved\nLook at it, then approve it: slugline \
         plugins:update {name}\nUntil then, commands that need plugins are refused; {WORKING} work.",
        folder.display()
    )]
    Unapproved {
        /// The name of its folder.
        name: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// A plugin has changed since it was approved.
    #[error(
        "the plugin {name} in {} has changed since it was approved\nLook at it, then approve it \
         again: slugline plugins:update {name}\nUntil then, commands that need plugins are refused; \
         {WORKING} work.",
        folder.display()
    )]
    Changed {
        /// The name of its folder.
        name: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// What was approved cannot be read.
    #[error(transparent)]
    Approvals(#[from] Box<InstallError>),
}

/// Commands that need no plugin.
const WORKING: &str = "plugins:update, plugins:remove, apps, config, releases, ps, logs and status";
