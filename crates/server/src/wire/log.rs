//! Log sessions. It must not know where lines are kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::backend::Lines;

/// Lines that are sent where nothing else is said.
const FEW: usize = 100;
/// Lines of the past that are sent at most.
const MANY: usize = 10_000;

/// Which lines are to be sent.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub(crate) struct NewLogSession {
    /// How many of those that there are: 100, unless said otherwise; 10,000 at most.
    #[schema(example = 100)]
    pub(crate) lines: Option<usize>,
    /// Whether new ones are sent as they come.
    pub(crate) tail: Option<bool>,
    /// Only those of this source: `app`, `router`, `slugline` or `addon`; `heroku` stands for `router` and
    /// `slugline`.
    #[schema(example = "app")]
    pub(crate) source: Option<String>,
    /// Only those of this process, or of all of this type.
    #[schema(example = "web.1")]
    pub(crate) dyno: Option<String>,
    /// The same, as the schema of Heroku calls it.
    pub(crate) dyno_name: Option<String>,
    /// Only those of the processes of this type.
    #[schema(example = "web")]
    pub(crate) r#type: Option<String>,
}

impl NewLogSession {
    /// The lines that are meant.
    pub(crate) fn wanted(&self) -> Lines {
        let is_text = |text: &&String| !text.is_empty();
        let process = self.dyno.as_ref().filter(is_text);
        let process = process.or(self.dyno_name.as_ref().filter(is_text));
        let process = process.or(self.r#type.as_ref().filter(is_text));
        let source = self.source.as_ref().filter(is_text);
        Lines {
            count: self.lines.unwrap_or(FEW).min(MANY),
            after: None,
            sources: match source.map(String::as_str) {
                None => Vec::new(),
                Some("heroku") => vec!["slugline".to_owned(), "router".to_owned()],
                Some(source) => vec![source.to_owned()],
            },
            process: process.cloned(),
            harmless: false,
        }
    }
}

/// Where lines can be read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogSession {
    pub(crate) id: Uuid,
    /// To be read within five minutes, by whoever knows it.
    #[schema(example = "http://127.0.0.1:8081/streams/…")]
    pub(crate) logplex_url: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}
