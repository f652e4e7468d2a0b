//! What is heard of a launch: the lines of its release phase go to whoever watches the change, and
//! the end of them is kept with the release. It must not know who runs it.

use super::Progress;
use crate::port::Said;
use crate::release::Version;

/// The most that is kept of what one release phase wrote, in bytes.
const MOST: usize = 1024 * 1024;

/// The first line of what is kept, where the beginning is not.
const CUT: &str = "(the beginning is left out)\n";

/// Hears one launch.
pub(super) struct Heard<'a> {
    version: Version,
    runs: bool,
    progress: &'a mut dyn Progress,
    text: String,
    cut: bool,
}

impl<'a> Heard<'a> {
    /// Begins, with the release phase where it `runs`.
    pub(super) fn new(version: Version, runs: bool, progress: &'a mut dyn Progress) -> Self {
        if runs {
            progress.releasing(version);
        } else {
            progress.launching(version);
        }
        Self {
            version,
            runs,
            progress,
            text: String::new(),
            cut: false,
        }
    }

    pub(super) fn hear(&mut self, said: Said<'_>) {
        match said {
            Said::Line(line) => {
                self.progress.release_line(line);
                self.text.extend([line, "\n"]);
                // Not with every line: the rest is moved each time.
                if self.text.len() > 2 * MOST {
                    self.cut();
                }
            }
            Said::Released => self.progress.launching(self.version),
        }
    }

    /// What the release phase wrote, or the end of it; `None` where none ran.
    pub(super) fn output(mut self) -> Option<String> {
        if self.text.len() > MOST {
            self.cut();
        }
        let text = if self.cut {
            format!("{CUT}{}", self.text)
        } else {
            self.text
        };
        self.runs.then_some(text)
    }

    /// Leaves the last whole lines that fit.
    fn cut(&mut self) {
        let from = self.text.len() - (MOST - CUT.len());
        // A line that is longer than all of that goes whole.
        let line = self.text.as_bytes()[from..]
            .iter()
            .position(|byte| *byte == b'\n');
        let from = line.map_or(self.text.len(), |line| from + line + 1);
        self.text.drain(..from);
        self.cut = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corridor::Silent;

    fn kept(runs: bool, lines: impl IntoIterator<Item = String>) -> Option<String> {
        let mut silent = Silent;
        let mut heard = Heard::new(Version::new(1), runs, &mut silent);
        for line in lines {
            heard.hear(Said::Line(&line));
        }
        heard.output()
    }

    #[test]
    fn what_is_short_is_kept_whole() {
        assert_eq!(kept(false, []), None);
        assert_eq!(kept(true, []).as_deref(), Some(""));
        let lines = ["one".to_owned(), "two".to_owned()];
        assert_eq!(kept(true, lines).as_deref(), Some("one\ntwo\n"));
    }

    #[test]
    fn of_what_is_long_the_last_lines_are_kept() {
        let lines = (0..400_000).map(|number| format!("line {number} é"));
        let text = kept(true, lines).unwrap();
        assert!((MOST - 100..=MOST).contains(&text.len()), "{}", text.len());
        let mut lines = text.lines();
        assert_eq!(lines.next(), CUT.lines().next());
        let first = lines.next().unwrap();
        assert!(
            first.starts_with("line ") && first.ends_with(" é"),
            "{first}"
        );
        assert_eq!(lines.next_back(), Some("line 399999 é"));
        let long = kept(true, ["x".repeat(MOST)]).unwrap();
        assert_eq!(long, CUT);
    }
}
