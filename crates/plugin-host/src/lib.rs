//! Finds, limits and calls Slugline's plugins, and answers the engine's ports
//! [`slugline_core::port::Policies`] and [`slugline_core::port::Providers`] with them.
//!
//! A plugin comes from the binary or from the operator's folder. Its manifest is read when the host
//! is loaded; its script only when one of its hooks is due, in a sandbox of its own. The host must
//! not know the ledger, a terminal or the environment: the edge hands it [`Settings`].

mod catalogue;
mod convert;
mod error;
mod host;
mod limits;
mod lua;
pub mod manifest;
mod policies;
mod providers;
mod settings;
mod source;

pub use error::HostError;
pub use host::{PluginHost, PluginInfo};
pub use limits::Limits;
pub use lua::DEFINITIONS;
pub use manifest::{ManifestError, check_manifest};
pub use settings::{InvalidSmtpUrl, LogSink, Settings, SmtpSecurity, SmtpSettings};
pub use source::Source;
