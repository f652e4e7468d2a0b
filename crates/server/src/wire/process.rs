//! Processes, which the API calls dynos, and how many of each type there are to be. It must not know how
//! one is started.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slugline_core::app::App;
use slugline_core::release::Version;
use slugline_core::scale::{Count, InvalidCount};
use slugline_core::settings::Formation as Set;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AppRef, time};
use crate::backend::Process;
use crate::ids;

/// The one size there is: as much of the machine as the limits of the type leave.
pub(crate) const SIZE: &str = "Standard-1X";

/// A release, named.
#[derive(Debug, Serialize, ToSchema)]
struct ReleaseRef {
    id: Uuid,
    version: u64,
}

/// A process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dyno {
    id: Uuid,
    #[schema(example = "web.1")]
    name: String,
    #[schema(example = "web")]
    r#type: String,
    command: String,
    size: &'static str,
    /// `starting`, `up`, `crashed` or `down`.
    #[schema(example = "up")]
    state: &'static str,
    app: AppRef,
    release: ReleaseRef,
    attach_url: Option<String>,
    created_at: String,
    updated_at: String,
}

impl Dyno {
    pub(crate) fn new(app: &App, process: &Process) -> Self {
        let (kind, _) = process.name.rsplit_once('.').unwrap_or((&process.name, ""));
        let since = time(process.since);
        let named = format!("{}:{}:{}", ids::app(app), process.name, process.since.0);
        Self {
            id: ids::of("dyno", &named),
            name: process.name.clone(),
            r#type: kind.to_owned(),
            command: process.command.clone(),
            size: SIZE,
            state: match process.state {
                "stopped" => "down",
                other => other,
            },
            app: app.into(),
            release: ReleaseRef {
                id: ids::release(app, process.version),
                version: Version::number(process.version),
            },
            attach_url: None,
            created_at: since.clone(),
            updated_at: since,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The same, which is to be met there.
    pub(crate) fn attached(mut self, url: String) -> Self {
        self.attach_url = Some(url);
        self
    }
}

/// A command to be run once.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewDyno {
    /// A line for the shell.
    #[schema(example = "rake db:migrate")]
    pub(crate) command: String,
    /// Whether the client reads and writes for it, at `attach_url`; else its output goes to the log.
    pub(crate) attach: Option<bool>,
    /// Variables for it alone, over the config vars. `COLUMNS` and `LINES` are the size of its terminal.
    pub(crate) env: Option<BTreeMap<String, EnvValue>>,
    /// Whether it has pipes where it would have a terminal.
    pub(crate) force_no_tty: Option<bool>,
    /// After so many seconds it is ended: 86,400 at most. Only where it is attached.
    #[schema(example = 1800)]
    pub(crate) time_to_live: Option<u64>,
}

/// The value of a variable.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum EnvValue {
    /// `80`
    Number(i64),
    /// `"80"`
    Text(String),
}

impl std::fmt::Display for EnvValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The size of processes, named.
#[derive(Debug, Serialize, ToSchema)]
struct SizeRef {
    id: Uuid,
    name: &'static str,
}

/// How many processes of one type there are to be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Formation {
    id: Uuid,
    #[schema(example = "web")]
    r#type: String,
    #[schema(example = 2)]
    quantity: u32,
    command: String,
    size: &'static str,
    dyno_size: SizeRef,
    app: AppRef,
    created_at: String,
    updated_at: String,
}

impl Formation {
    pub(crate) fn quantity(&self) -> u32 {
        self.quantity
    }

    pub(crate) fn new(app: &App, (kind, command): (&str, &str), set: &Set) -> Self {
        let at = time(app.created_at);
        Self {
            id: ids::of("formation", &format!("{}:{kind}", ids::app(app))),
            r#type: kind.to_owned(),
            // What is run once for each release is no process that there is a number of.
            quantity: if kind == "release" { 0 } else { set.count },
            command: command.to_owned(),
            size: SIZE,
            dyno_size: SizeRef {
                id: ids::of("size", SIZE),
                name: SIZE,
            },
            app: app.into(),
            created_at: at.clone(),
            updated_at: at,
        }
    }
}

/// A number of processes, as a number or as text such as `"+1"`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Quantity {
    /// `2`
    Number(u32),
    /// `"2"`, `"+1"` or `"-1"`
    Text(String),
}

impl Quantity {
    pub(crate) fn count(&self) -> Result<Count, InvalidCount> {
        match self {
            Self::Number(number) => Ok(Count::Exactly(*number)),
            Self::Text(text) => text.parse(),
        }
    }
}

/// What is to be changed of one type.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct Update {
    /// The type; of a route that names it, it is left out.
    #[schema(example = "web")]
    pub(crate) r#type: Option<String>,
    pub(crate) quantity: Option<Quantity>,
    /// The one size there is: any other is refused.
    #[schema(example = "Standard-1X")]
    pub(crate) size: Option<String>,
}

impl Update {
    /// Whether it wants a size that there is none of.
    pub(crate) fn is_of_another_size(&self) -> bool {
        let size = self.size.as_deref();
        size.is_some_and(|size| !size.eq_ignore_ascii_case(SIZE))
    }
}

/// What is to be changed of several types at once.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Updates {
    pub(crate) updates: Vec<Update>,
}

/// The commands of a slug by process type.
pub(crate) type Commands = BTreeMap<String, String>;
