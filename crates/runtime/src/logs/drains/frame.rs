//! A line of the log as a message of syslog (RFC 5424), each with its length before it (RFC 6587), in
//! two dialects: as the standard has it, and as Logplex posts it, without the field for structured
//! data. It must not know who receives it.

use super::queue::Lines;
use crate::logs::line::LogLine;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Standard,
    Logplex,
}

/// Messages that are sent together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frames {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u64,
}

/// The messages of lines of an app, at most `most` together.
pub(super) fn frames(lines: &Lines, app: &str, dialect: Dialect, most: usize) -> Vec<Frames> {
    let all: Vec<&str> = lines.text.split_terminator('\n').collect();
    let together = |lines: &[&str]| {
        let mut bytes = Vec::new();
        for line in lines {
            let message = message(line, app, dialect);
            bytes.extend_from_slice(format!("{} ", message.len()).as_bytes());
            bytes.extend_from_slice(message.as_bytes());
        }
        let count = lines.len() as u64;
        Frames { bytes, count }
    };
    all.chunks(most.max(1)).map(together).collect()
}

fn message(line: &str, app: &str, dialect: Dialect) -> String {
    let parts = LogLine::parse(line).unwrap_or(LogLine {
        at: "-",
        source: "slugline",
        process: None,
        message: line,
    });
    // Facility times eight, and severity: local7.info, local3.info, syslog.notice.
    let priority = match parts.source {
        "router" => 158,
        "slugline" => 45,
        _ => 190,
    };
    let data = match dialect {
        Dialect::Standard => "- - ",
        Dialect::Logplex => "- ",
    };
    let process = parts.process.unwrap_or("-");
    let LogLine {
        at,
        source,
        message,
        ..
    } = parts;
    format!("<{priority}>1 {at} {app} {source} {process} {data}{message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_messages() {
        let check = |dialect, expected: &str| {
            let text = "2012-02-19T07:32:10+00:00 app[web.1]: é\n\
                        2012-02-19T07:32:11+00:00 router: at=info\n\
                        2012-02-19T07:32:12+00:00 slugline[web.1]: State changed\n";
            let lines = Lines {
                text: text.into(),
                count: 3,
            };
            let made = frames(&lines, "myapp", dialect, 2);
            assert_eq!(made.iter().map(|it| it.count).collect::<Vec<_>>(), [2, 1]);
            let bytes: Vec<u8> = made.into_iter().flat_map(|it| it.bytes).collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        };
        check(
            Dialect::Standard,
            "55 <190>1 2012-02-19T07:32:10+00:00 myapp app web.1 - - é\
             59 <158>1 2012-02-19T07:32:11+00:00 myapp router - - - at=info\
             70 <45>1 2012-02-19T07:32:12+00:00 myapp slugline web.1 - - State changed",
        );
        check(
            Dialect::Logplex,
            "53 <190>1 2012-02-19T07:32:10+00:00 myapp app web.1 - é\
             57 <158>1 2012-02-19T07:32:11+00:00 myapp router - - at=info\
             68 <45>1 2012-02-19T07:32:12+00:00 myapp slugline web.1 - State changed",
        );
    }
}
