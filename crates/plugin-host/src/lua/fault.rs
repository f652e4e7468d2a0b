//! How a script can fail, each in one line. It must not know which plugin or hook it was; the host
//! puts that in front.

use std::time::Duration;

use mlua::Error;

use crate::limits::Limits;
use crate::words::{one_line, spoken};

/// How a script failed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Fault {
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
        Error::RuntimeError(text) | Error::SyntaxError { message: text, .. } => raised(text),
        Error::CallbackError { cause, .. } => describe(cause),
        Error::BadArgument { pos, cause, .. } => format!("argument {pos}: {}", describe(cause)),
        Error::FromLuaConversionError { from, to, .. } => {
            format!("a {from} cannot be used as a {}", plain(to))
        }
        other => one_line(&other.to_string()),
    }
}

/// What the VM says of an error that was raised: the error's text, and a trace of the stack. The
/// text gets the script's line in front where it does not name one by itself.
fn raised(text: &str) -> String {
    let (said, trace) = text.split_once("stack traceback:").unwrap_or((text, ""));
    let said = match said.split_once(": 0x") {
        Some((kind @ ("table" | "function" | "thread" | "userdata" | "buffer"), _)) => {
            format!("an error that is a {kind}")
        }
        _ => one_line(said),
    };
    let own = |line: &&str| has_place(line) && !line.starts_with("slugline:");
    match trace.lines().map(str::trim).find(own) {
        Some(line) if !has_place(&said) => {
            let place: Vec<&str> = line.splitn(3, ':').take(2).collect();
            format!("{}: {said}", place.join(":"))
        }
        _ => said,
    }
}

/// Whether a line begins with a file and a line number.
fn has_place(line: &str) -> bool {
    let mut parts = line.splitn(3, ':');
    let (file, number) = (parts.next(), parts.next());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    file.is_some_and(|file| file != "[C]") && number.is_some_and(digits)
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
