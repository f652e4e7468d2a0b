//! Finds, limits and calls Slugline's plugins, and answers the engine's ports
//! [`slugline_core::port::Policies`] and [`slugline_core::port::Providers`] with them.
//!
//! A plugin comes from the binary or from the operator's folder. Its manifest is read when the host
//! is loaded. It runs in a process of its own, the same binary once more ([`host_process`]), which
//! is started when one of its hooks is due, and which reaches nothing but the pipe to this one: what
//! a plugin asks for, the host does for it, if that was granted. An add-on of a Heroku partner has no
//! code here, and no process: [`partner`] calls its vendor. The host must not know the ledger,
//! a terminal or the environment: the edge hands it [`Settings`].

mod catalogue;
mod child;
pub mod conformance;
mod convert;
mod error;
mod fault;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod host;
pub mod install;
mod limits;
mod lua;
pub mod manifest;
mod operator;
pub mod partner;
mod plugin;
mod policies;
mod process;
mod providers;
mod service;
mod settings;
mod source;
mod stamp;
mod words;
mod world;

pub use child::{ChildError, host_process};
pub use conformance::Finding;
pub use error::HostError;
pub use host::{PluginHost, PluginInfo};
pub use limits::Limits;
pub use lua::DEFINITIONS;
pub use manifest::{ManifestError, check_manifest};
pub use providers::is_on_path;
pub use service::{KEY_MAX, KEYS_MAX, MemoryStore, Store, StoreError, VALUE_MAX};
pub use settings::{
    InvalidSmtpUrl, LogSink, PartnerSettings, Settings, SmtpSecurity, SmtpSettings,
};
pub use slugline_plugin_api::protocol::Containment;
pub use source::Source;
pub use stamp::Stamp;
