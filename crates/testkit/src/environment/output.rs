//! What a command of an end-to-end test printed, and how that is shown in a snapshot. It must not
//! know how the command was run.

use std::ffi::OsStr;
use std::fmt::Write as _;

/// What a command printed, byte for byte, and how it ended. Shown with [`std::fmt::Display`], it is
/// the whole: the command, its standard output, its standard error behind `2> `, the exit status
/// where it is not 0, with the blanks at the end of a line as dots, and with names instead of this
/// test's paths and ports.
#[must_use = "snapshot the output, or say .success()"]
#[derive(Clone, Debug)]
pub struct Output {
    pub(super) command: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit status; -1 where a signal ended it.
    pub status: i32,
    /// What differs from machine to machine, and what is shown instead.
    pub(super) places: Vec<(String, String)>,
}

impl Output {
    /// Itself, since it succeeded.
    ///
    /// # Panics
    /// Where it did not.
    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(self.status, 0, "this should have succeeded:\n{self}");
        self
    }

    /// Itself, since it ended with this status.
    ///
    /// # Panics
    /// Where it did not.
    #[track_caller]
    pub fn fails(self, status: i32) -> Self {
        assert_eq!(self.status, status, "this should have failed:\n{self}");
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{self}"))
    }

    /// The same with `name` in place of each run of letters, digits and dots that follows `before`, for
    /// what is random or measured.
    pub fn hide(mut self, before: &str, name: &str) -> Self {
        for text in [&mut self.stdout, &mut self.stderr] {
            *text = hide(text, before, name, |c| {
                c.is_ascii_alphanumeric() || c == '.'
            });
        }
        self
    }

    fn neutral(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (place, name) in &self.places {
            text = text.replace(place, name);
        }
        for host in ["localhost:", "127.0.0.1:"] {
            text = hide(&text, host, "PORT", |c| c.is_ascii_digit());
        }
        text
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "$ {}", self.neutral(&self.command))?;
        for (text, mark) in [(&self.stdout, ""), (&self.stderr, "2> ")] {
            for line in self.neutral(text).split_inclusive('\n') {
                let whole = line.strip_suffix('\n');
                let line = whole.unwrap_or(line);
                let kept = line.trim_end_matches(' ');
                let blanks = "\u{b7}".repeat(line.len() - kept.len());
                let end = whole.map_or("\u{2404}", |_| "");
                writeln!(
                    f,
                    "{}{kept}{blanks}{end}",
                    if line.is_empty() { mark.trim() } else { mark }
                )?;
            }
        }
        match self.status {
            0 => Ok(()),
            status => writeln!(f, "[exit {status}]"),
        }
    }
}

/// Replaces each run of such characters that follows `before`.
fn hide(text: &str, before: &str, name: &str, such: impl Fn(char) -> bool) -> String {
    let mut parts = text.split(before);
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(&such);
        let name = if rest.len() == part.len() { "" } else { name };
        // Writing to a string does not fail.
        let _ = write!(hidden, "{before}{name}{rest}");
    }
    hidden
}

/// A command as it would be typed.
pub(super) fn shown<'a>(program: &str, words: impl Iterator<Item = &'a OsStr>) -> String {
    let quoted = |word: &OsStr| {
        let word = word.to_string_lossy().into_owned();
        let plain = |c: char| c.is_alphanumeric() || "-_=:./,@+%".contains(c);
        match !word.is_empty() && word.chars().all(plain) {
            true => word,
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    };
    let words: Vec<String> = words.map(quoted).collect();
    std::iter::once(program)
        .chain(words.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_shown_whole_and_without_what_differs_by_machine() {
        let output = Output {
            command: shown(
                "slugline",
                ["config:add", "A=b c"].map(OsStr::new).into_iter(),
            ),
            stdout: "v1  \nhttp://myapp.localhost:4711/x\nend".to_owned(),
            stderr: " !    no /tmp/x/home/y\n\n".to_owned(),
            status: 1,
            places: vec![("/tmp/x/home".to_owned(), "$SLUGLINE_HOME".to_owned())],
        };
        let expected = "$ slugline config:add 'A=b c'\n\
                        v1\u{b7}\u{b7}\n\
                        http://myapp.localhost:PORT/x\n\
                        end\u{2404}\n\
                        2>  !    no $SLUGLINE_HOME/y\n\
                        2>\n\
                        [exit 1]\n";
        assert_eq!(output.to_string(), expected);
    }

    #[test]
    fn only_what_follows_the_mark_is_hidden() {
        let check = |text: &str, expected: &str| {
            assert_eq!(hide(text, "pid ", "PID", |c| c.is_ascii_digit()), expected);
        };
        check("12 (pid 34) pid x", "12 (pid PID) pid x");
        check("pid 1pid 2", "pid PIDpid PID");
        check("", "");
    }
}
