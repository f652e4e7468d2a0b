//! How a script can fail, each in one line. It must not know which plugin or hook it was; the host
//! puts that in front.

use std::time::Duration;

use mlua::Error;

use crate::limits::Limits;

use super::spoken;

/// At most so many characters of a script's own words are shown.
const WIDTH: usize = 300;

/// How a script failed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The script cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Its source is too long.
    #[error("the script is longer than {0} bytes")]
    Source(usize),
    /// It raised an error: file, line and what.
    #[error("{0}")]
    Raised(String),
    /// It took too long.
    #[error("took longer than {}", spoken(*.0))]
    Late(Duration),
    /// It wanted too much memory.
    #[error("wanted more than {} MB of memory", .0 >> 20)]
    Memory(usize),
    /// It does not register what its manifest promises, or more.
    #[error("{0}")]
    Registered(String),
    /// It answered what cannot be used.
    #[error("{0}")]
    Reply(String),
}

impl Fault {
    /// What an error of the VM means.
    pub(super) fn of(error: &Error, limits: &Limits) -> Self {
        match error {
            Error::MemoryError(_) => Self::Memory(limits.memory),
            Error::CallbackError { cause, .. } => Self::of(cause, limits),
            other => Self::Raised(describe(other)),
        }
    }
}

/// The error in one line, without the VM's own words around it.
pub(super) fn describe(error: &Error) -> String {
    match error {
        Error::RuntimeError(text) | Error::SyntaxError { message: text, .. } => one_line(text),
        Error::CallbackError { cause, .. } => describe(cause),
        Error::BadArgument { pos, cause, .. } => format!("argument {pos}: {}", describe(cause)),
        Error::FromLuaConversionError { from, to, .. } => {
            format!("a {from} cannot be used as a {}", plain(to))
        }
        other => one_line(&other.to_string()),
    }
}

/// The types of the host in a script author's words.
fn plain(rust: &str) -> &str {
    match rust {
        "String" | "LuaString" => "string",
        "f64" | "i64" | "u64" | "u32" | "usize" => "number",
        "Table" => "table",
        "Function" => "function",
        other => other,
    }
}

/// The first line, made visible and cut.
pub(super) fn one_line(text: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let first = first.unwrap_or("an error without a text").trim();
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = first.chars().take(WIDTH).map(visible).collect();
    if first.chars().nth(WIDTH).is_some() {
        line.push_str("..");
    }
    line
}
