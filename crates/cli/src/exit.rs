//! What the exit status of `slugline` means. All of them are here, and nowhere else.

/// How a command ended, as its exit status says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0: done, or there was nothing to do.
    Done,
    /// 1: refused or failed; nothing has been changed, but for the place of a release that failed
    /// to launch in the history.
    Failed,
    /// 2: the command was not understood; nothing has been tried.
    Usage,
    /// 3: the release was made and is current, but its processes crash; they are restarted. Only
    /// where there was nothing better to keep running (S30).
    Crashed,
    /// 4: the connection to the server of `SLUGLINE_HOST` was lost; what became of the command is to be
    /// seen there.
    Lost,
    /// What a command that was run once ended with, whatever it means there.
    OfCommand(u8),
    /// 128 and the number of the signal that gave the change up; what it had begun was finished or
    /// undone.
    Interrupted(u8),
}

impl Status {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Crashed,
        Self::Lost,
        Self::Interrupted(2),
    ];

    /// The number of it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Crashed => 3,
            Self::Lost => 4,
            Self::OfCommand(number) => number,
            Self::Interrupted(signal) => 128 + signal,
        }
    }

    /// What it means to a person or a script.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "Done, or there was nothing to do",
            Self::Failed => "Refused or failed; what ran before runs on",
            Self::Usage => "Not understood; nothing has been tried",
            Self::OfCommand(_) => "What the command of `slugline run` ended with",
            Self::Interrupted(_) => "Given up at Ctrl-C; what it had begun was undone or finished",
            Self::Lost => {
                "The connection to SLUGLINE_HOST was lost; the history there says what became of it"
            }
            Self::Crashed => "Released, but its processes crash, and nothing better was running",
        }
    }
}

impl From<Status> for std::process::ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.number())
    }
}
