//! What travels between Slugline and the process that hosts one plugin: frames of JSON, each with
//! its length in front. `docs/plugin-protocol.md` shows one of every kind, made from these types.
//! It must not do the travelling: it opens nothing, and knows no process.
//!
//! The order is fixed. Both sides say hello; the plugin is loaded; then one call at a time: while
//! a call is under way the plugin may ask for services, and it ends the call with one reply.

mod service;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::API_VERSION;
use crate::manifest::Manifest;
use crate::message::{Reply, Request};

pub use service::{
    Answer, Body, FileName, FileText, HttpAnswer, HttpRequest, Mail, Pair, Question,
};

/// Before each frame's JSON comes its length in bytes: so many bytes of it, little end first.
pub const LENGTH_BYTES: usize = 4;

/// From Slugline to the plugin's process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToPlugin<'a> {
    /// First of all. Answered by [`FromPlugin::Hello`], or by [`FromPlugin::Failed`] where the
    /// version is unknown.
    Hello(Hello),
    /// The plugin to load, once. Answered by [`FromPlugin::Loaded`] or [`FromPlugin::Failed`].
    Load(Box<Load>),
    /// A hook is due. Answered by [`FromPlugin::Reply`] or [`FromPlugin::Failed`], with any number
    /// of [`FromPlugin::Ask`] before.
    Call(Box<Call<'a>>),
    /// What became of the last [`FromPlugin::Ask`].
    Answer(Answer),
}

/// From the plugin's process to Slugline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromPlugin {
    /// The answer to [`ToPlugin::Hello`].
    Hello(Greeting),
    /// The plugin is loaded.
    Loaded(Loaded),
    /// The plugin wants something that only Slugline can do. Answered by [`ToPlugin::Answer`].
    Ask(Question),
    /// The call has ended.
    Reply(Replied),
    /// Loading or the call has failed.
    Failed(Problem),
}

/// Says which version of the API a side speaks. Fields that are not known are passed over here,
/// and here only, so that a later version can be told from its hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`API_VERSION`].
    pub api: u64,
}

impl Hello {
    /// Why the other side cannot be spoken with, if it cannot.
    ///
    /// # Errors
    /// One line, where its version is not [`API_VERSION`].
    pub fn check(&self) -> Result<(), String> {
        if self.api == API_VERSION {
            return Ok(());
        }
        Err(format!(
            "this side speaks version {API_VERSION} of the plugin API, and the other version {}",
            self.api
        ))
    }
}

/// The hello of a plugin's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// [`API_VERSION`].
    pub api: u64,
    /// What holds the process.
    pub containment: Containment,
}

/// What holds a plugin's process beside its limits of time and memory, which always do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Containment {
    /// It can start no process and reach no network, for the kernel refuses these system calls
    /// (seccomp).
    pub system_calls: bool,
    /// It can open no file (Landlock).
    pub files: bool,
    /// It can bind and connect no TCP socket (Landlock).
    pub network: bool,
    /// It can send no signal to another process (Landlock).
    pub signals: bool,
}

/// A plugin to load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// What it is.
    pub manifest: Manifest,
    /// What it does.
    pub entry: Entry,
    /// What the operator has set for it.
    #[serde(default)]
    pub settings: PluginSettings,
    /// Whether mail can be sent.
    pub mail: bool,
    /// What it may use.
    pub limits: Budget,
    /// How long loading may take, in milliseconds.
    pub time_ms: u64,
}

/// What a plugin does: the contents of a script, or the place of a library.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The text of a Lua script.
    Script(String),
    /// The absolute path of a dynamic library.
    Library(String),
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Script(text) => write!(f, "Script({} bytes)", text.len()),
            Self::Library(path) => write!(f, "Library({path:?})"),
        }
    }
}

/// What the operator has set for a plugin: the contents of its `settings.yaml`. `Debug` hides
/// them, since a password may be among them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PluginSettings(pub Map<String, Value>);

impl std::fmt::Debug for PluginSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

/// What a plugin may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of a script.
    pub source: u64,
    /// Bytes of a reply.
    pub reply: u64,
    /// How deep a reply may be nested.
    pub depth: u64,
}

/// A plugin that is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loaded {
    /// The tiers that have an opinion on what is kept.
    pub keeps: Vec<String>,
}

/// A hook that is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call<'a> {
    /// Repeated in the reply.
    pub id: u64,
    /// How long it may take, in milliseconds.
    pub time_ms: u64,
    /// What the plugin is asked or told.
    pub request: Cow<'a, Request>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replied {
    /// The call's.
    pub id: u64,
    /// What the plugin answered.
    pub reply: Reply,
}

/// Why loading or a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "problem", content = "what", rename_all = "snake_case")]
pub enum Problem {
    /// It took too long.
    Late,
    /// It wanted too much memory.
    Memory,
    /// Anything else, in one line.
    Error(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str, expected: &str) {
        let error = serde_json::from_str::<ToPlugin>(json)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{json}: {error}");
    }

    #[test]
    fn what_is_unknown_is_named() {
        refused(r#"{"hallo":{"api":1}}"#, "unknown variant `hallo`");
        refused(
            r#"{"answer":{"answer":"port","value":70000}}"#,
            "expected u16",
        );
        let call = r#"{"call":{"id":1,"time_ms":5,"request":{"hook":"release.chek"}}}"#;
        refused(call, "unknown variant `release.chek`");
        let call = r#"{"call":{"id":1,"tim":5}}"#;
        refused(call, "unknown field `tim`");
    }

    #[test]
    fn a_later_hello_is_understood_and_refused() {
        let hello: ToPlugin = serde_json::from_str(r#"{"hello":{"api":2,"more":[1]}}"#).unwrap();
        let ToPlugin::Hello(hello) = hello else {
            panic!("{hello:?}")
        };
        assert_eq!(
            hello.check().unwrap_err(),
            "this side speaks version 1 of the plugin API, and the other version 2"
        );
    }

    #[test]
    fn what_the_operator_has_set_is_not_shown() {
        let settings: PluginSettings = serde_json::from_str(r#"{"token":"s3cret"}"#).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
