//! Where words go: the answer to standard output, everything else to standard error. It must not
//! know what it says.

use std::io::{IsTerminal, Write};

/// Writes for people and for programs.
#[derive(Clone, Copy)]
pub struct Ui {
    colour: bool,
}

impl Ui {
    /// Colour only where standard error is a terminal and `NO_COLOR` is not set.
    pub fn new(no_colour: bool) -> Self {
        Self {
            colour: !no_colour && std::io::stderr().is_terminal(),
        }
    }

    /// One line of the answer.
    pub fn data(&self, line: impl std::fmt::Display) {
        self.part(format_args!("{line}\n"));
    }

    /// Lines of the answer, at once.
    pub fn lines(&self, lines: impl IntoIterator<Item = String>) {
        let whole: String = lines.into_iter().map(|line| line + "\n").collect();
        self.part(whole);
    }

    /// Part of a line of the answer, shown at once.
    pub fn part(&self, text: impl std::fmt::Display) {
        let mut out = std::io::stdout().lock();
        // Nobody reads any more: `slugline releases | head -1` is no error.
        let _ = write!(out, "{text}");
        let _ = out.flush();
    }

    /// Part of the answer; false where nobody reads any more.
    pub fn is_read(&self, text: impl std::fmt::Display) -> bool {
        let mut out = std::io::stdout().lock();
        write!(out, "{text}").and_then(|()| out.flush()).is_ok()
    }

    /// A line about what is going on.
    pub fn status(&self, line: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// What follows on standard error does not continue a line of the answer, where both are seen.
    pub fn leave_line(&self) {
        if std::io::stdout().is_terminal() && std::io::stderr().is_terminal() {
            self.status("");
        }
    }

    /// Something that went, or may go, otherwise than expected.
    pub fn warning(&self, text: impl std::fmt::Display) {
        self.marked("\u{1b}[33m", text);
    }

    /// Why a command failed, each line marked with ` !    `.
    pub fn error(&self, text: impl std::fmt::Display) {
        self.marked("\u{1b}[31m", text);
    }

    fn marked(&self, colour: &str, text: impl std::fmt::Display) {
        let mut err = std::io::stderr().lock();
        for line in text.to_string().lines() {
            let _ = match self.colour {
                true => writeln!(err, "{colour} !    \u{1b}[0m{line}"),
                false => writeln!(err, " !    {line}"),
            };
        }
    }

    /// Asks a question and reads one line; `None` where nobody is there to answer.
    pub fn ask(&self, prompt: &str) -> Option<String> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        let _ = write!(std::io::stderr().lock(), "{prompt}");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
    }
}
