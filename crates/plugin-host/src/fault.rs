//! How a call of a plugin can fail, each in one line. It must not know which plugin or hook it
//! was; whoever reports it puts that in front.

use std::time::Duration;

use crate::words::spoken;

/// How a call of a plugin failed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its entry or its settings cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Its files are not what was approved.
    #[error("its files changed while it was loaded")]
    Changed,
    /// Its process cannot be started.
    #[error("its process cannot be started: {0}")]
    Start(String),
    /// It took too long.
    #[error("took longer than {}", spoken(*.0))]
    Late(Duration),
    /// It wanted too much memory.
    #[error("wanted more than {} MB of memory", .0 >> 20)]
    Memory(usize),
    /// It said itself what failed.
    #[error("{0}")]
    Said(String),
    /// Its process was ended by a signal.
    #[error("it died with {signal}{}", last_words(.words))]
    Died {
        /// Such as `SIGSEGV`.
        signal: String,
        /// The last line that it wrote.
        words: Option<String>,
    },
    /// Its process ended.
    #[error("it ended with status {status} before it answered{}", last_words(.words))]
    Ended {
        /// The exit status.
        status: i32,
        /// The last line that it wrote.
        words: Option<String>,
    },
    /// It closed its side, and lived on.
    #[error("it closed its connection before it answered")]
    Mute,
    /// Its answer is longer than is read.
    #[error("its answer of {length} bytes is over the limit of {most}")]
    TooLong {
        /// As it announced it.
        length: usize,
        /// How many are read.
        most: usize,
    },
    /// Its answer cannot be understood.
    #[error("its answer cannot be read: {0}")]
    Garbled(String),
    /// It spoke before it was asked.
    #[error("it answered what it was not asked")]
    Unasked,
}

fn last_words(words: &Option<String>) -> String {
    words
        .as_ref()
        .map_or_else(String::new, |words| format!(": {words}"))
}
