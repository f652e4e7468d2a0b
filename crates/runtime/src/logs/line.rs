//! What a line of a log says besides its text: when, and whose it is. It must not know where lines
//! are kept.
//!
//! ```text
//! 2012-02-19T07:32:10+00:00 app[web.1]: Listening on 5000
//! 2012-02-19T07:32:11+00:00 router: …
//! ```

/// The parts of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// When it was read, to the second, such as `2012-02-19T07:32:10+00:00`.
    pub at: &'a str,
    /// Who wrote it: `app`, `addon`, `router` or `slugline`.
    pub source: &'a str,
    /// The process, such as `web.1`, or the name of an add-on's server; `None` where it is of none.
    pub process: Option<&'a str>,
    /// What it says.
    pub message: &'a str,
}

impl<'a> LogLine<'a> {
    /// Takes a line apart; `None` for what is no line of a log.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let (at, rest) = line.split_once(' ')?;
        let (whose, message) = rest
            .split_once(": ")
            .or_else(|| Some((rest.strip_suffix(':')?, "")))?;
        let (source, process) = match whose.split_once('[') {
            Some((source, process)) => (source, Some(process.strip_suffix(']')?)),
            None => (whose, None),
        };
        Some(Self {
            at,
            source,
            process,
            message,
        })
    }
}

/// Which lines are wanted; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only those of these sources; of all, where none is named.
    pub sources: Vec<String>,
    /// Only those of, and about, this process (`web.1`), or all processes of this type (`web`).
    pub process: Option<String>,
}

impl LogFilter {
    /// Whether a line is wanted. What is no line of a log is wanted where all are.
    #[must_use]
    pub fn wants(&self, line: &str) -> bool {
        if self.sources.is_empty() && self.process.is_none() {
            return true;
        }
        let Some(parts) = LogLine::parse(line) else {
            return false;
        };
        let of_source =
            self.sources.is_empty() || self.sources.iter().any(|one| one == parts.source);
        let of_process = |wanted: &String| {
            let is = |process: &str| {
                let rest = process.strip_prefix(wanted.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            parts.process.is_some_and(is)
        };
        of_source && self.process.as_ref().is_none_or(of_process)
    }
}

/// The time as lines have it.
pub(crate) fn stamp() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S+00:00")
        .to_string()
}

/// The source of what is said about the log itself.
pub(crate) const ABOUT_LOGS: &str = "slugline[logs]";

/// What is said where lines were dropped.
pub(crate) fn overflow(dropped: u64, since: &str) -> String {
    let messages = if dropped == 1 { "message" } else { "messages" };
    format!("Error L10 (output buffer overflow): {dropped} {messages} dropped since {since}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_parts() {
        let check = |line: &str, expected: Option<(&str, Option<&str>, &str)>| {
            let parts = LogLine::parse(line);
            assert!(parts.is_none_or(|parts| parts.at == "T"));
            let parts = parts.map(|parts| (parts.source, parts.process, parts.message));
            assert_eq!(parts, expected, "{line:?}");
        };
        check("T app[web.1]: a: b", Some(("app", Some("web.1"), "a: b")));
        check("T router: at=info", Some(("router", None, "at=info")));
        check("T app[web.1]: ", Some(("app", Some("web.1"), "")));
        check("T app[web.1]:", Some(("app", Some("web.1"), "")));
        check("T app[web.1: x", None);
        check("no line", None);
        check("", None);
    }

    #[test]
    fn a_filter_wants_some() {
        let check = |source: Option<&str>, process: Option<&str>, expected: &[usize]| {
            let filter = LogFilter {
                sources: source.iter().map(|it| (*it).to_owned()).collect(),
                process: process.map(str::to_owned),
            };
            let lines = [
                "T app[web.1]: x",
                "T slugline[web.1]: x",
                "T app[webs.1]: x",
                "T router: web.1",
                "T app[web.10]: x",
                "nothing",
            ];
            let wanted = (0..lines.len()).filter(|at| filter.wants(lines[*at]));
            assert_eq!(wanted.collect::<Vec<_>>(), expected, "{filter:?}");
        };
        check(None, None, &[0, 1, 2, 3, 4, 5]);
        check(Some("app"), None, &[0, 2, 4]);
        check(Some("router"), None, &[3]);
        check(None, Some("web"), &[0, 1, 4]);
        check(None, Some("web.1"), &[0, 1]);
        check(Some("slugline"), Some("web.1"), &[1]);
    }
}
