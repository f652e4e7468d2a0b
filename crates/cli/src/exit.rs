//! What the exit status of `slugline` means. All of them are here, and nowhere else.

/// How a command ended, as its exit status says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0: done, or there was nothing to do.
    Done = 0,
    /// 1: refused or failed; nothing has been changed, but for the place of a release that failed
    /// to launch in the history.
    Failed = 1,
    /// 2: the command was not understood; nothing has been tried.
    Usage = 2,
    /// 3: the release was made and is current, but its processes crash; they are restarted. Only
    /// where there was nothing better to keep running (S30).
    Crashed = 3,
}

impl From<Status> for std::process::ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}
