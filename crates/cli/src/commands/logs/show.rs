//! How a line of a log is shown: as it is where a program reads, without what would disturb the
//! terminal where a person does, or as JSON. It must not know where lines come from.

use std::borrow::Cow;
use std::io::IsTerminal;

use serde::Serialize;
use slugline_runtime::LogLine;

/// A way to show lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// As they are.
    Plain,
    /// Without control characters and sequences, other than tabs and colours.
    Terminal,
    /// Each as an object.
    Json,
}

#[derive(Serialize)]
struct LineJson<'a> {
    at: &'a str,
    source: &'a str,
    process: Option<&'a str>,
    message: &'a str,
}

impl Show {
    /// The way for whoever reads standard output.
    pub fn new(json: bool) -> Self {
        match json {
            true => Self::Json,
            false if std::io::stdout().is_terminal() => Self::Terminal,
            false => Self::Plain,
        }
    }

    /// A line as it is shown, with its end.
    pub fn line(self, line: &str) -> String {
        match self {
            Self::Plain => format!("{line}\n"),
            Self::Terminal => harmless(line).into_owned() + "\n",
            Self::Json => json(line),
        }
    }
}

fn json(line: &str) -> String {
    // What is no line of a log, a file somebody has written to, has only a message.
    let parts = LogLine::parse(line).map_or(
        LineJson {
            at: "",
            source: "",
            process: None,
            message: line,
        },
        |parts| LineJson {
            at: parts.at,
            source: parts.source,
            process: parts.process,
            message: parts.message,
        },
    );
    // Text always has a form in JSON.
    serde_json::to_string(&parts).unwrap_or_default() + "\n"
}

/// A line without what moves the cursor, clears the screen, sets titles or rings the bell. Colours
/// stay, and end with the line.
pub fn harmless(line: &str) -> Cow<'_, str> {
    let is_control = |character: char| character.is_control() && character != '\t';
    if !line.contains(is_control) {
        return Cow::Borrowed(line);
    }
    let (mut shown, mut rest, mut coloured) = (String::new(), line, false);
    while let Some(at) = rest.find(is_control) {
        shown.push_str(&rest[..at]);
        let after = &rest[at..];
        let length = sequence(after);
        let found = &after[..length];
        if is_colour(found) {
            shown.push_str(found);
            coloured = true;
        } else if found == "\r" {
            // What would have been written over, such as a progress bar, is kept apart.
            shown.push(' ');
        }
        rest = &after[length..];
    }
    shown.push_str(rest);
    if coloured {
        shown.push_str("\u{1b}[0m");
    }
    Cow::Owned(shown)
}

fn is_colour(sequence: &str) -> bool {
    let inner = sequence
        .strip_prefix("\u{1b}[")
        .and_then(|rest| rest.strip_suffix('m'));
    inner.is_some_and(|inner| {
        inner
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b';' || byte == b':')
    })
}

/// How long the control character, or the control sequence that it begins, is.
fn sequence(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    let first = text.chars().next().map_or(0, char::len_utf8);
    let kind = match text.chars().next() {
        Some('\u{1b}') => match characters.next() {
            Some((_, kind)) => kind,
            None => return first,
        },
        Some('\u{9b}') => '[',
        Some('\u{9d}' | '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}') => ']',
        _ => return first,
    };
    let end = |(at, character): (usize, char)| at + character.len_utf8();
    match kind {
        // Parameters, then one character that says what it is.
        '[' => {
            let last = characters.find(|(_, it)| !matches!(it, ' '..='?'));
            last.map_or(text.len(), end)
        }
        // A text up to a bell or a terminator.
        ']' | 'P' | 'X' | '^' | '_' => {
            let mut before = '\0';
            for (at, character) in characters {
                let over = before == '\u{1b}' && character == '\\';
                if over || matches!(character, '\u{7}' | '\u{9c}') {
                    return at + character.len_utf8();
                }
                before = character;
            }
            text.len()
        }
        // Some have one character more.
        ' '..='/' => characters.next().map_or(text.len(), end),
        _ => first + kind.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_nothing_that_disturbs_it() {
        let check = |line: &str, expected: &str| {
            assert_eq!(harmless(line), expected, "{line:?}");
            assert_eq!(Show::Plain.line(line), format!("{line}\n"));
        };
        check("plain é\ttab", "plain é\ttab");
        check("a\0b\u{7}c\u{8}", "abc");
        check("10%\r20%", "10% 20%");
        check("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m\u{1b}[0m");
        check("\u{1b}[38;5;9mx", "\u{1b}[38;5;9mx\u{1b}[0m");
        check("a\u{1b}[2Jb\u{1b}[1;1Hc\u{1b}[?25ld", "abcd");
        check("a\u{1b}]0;title\u{7}b", "ab");
        check("a\u{1b}]8;;http://x\u{1b}\\b", "ab");
        check("a\u{1b}]never ends", "a");
        check("a\u{1b}Pq\u{1b}\\b\u{1b}cd\u{1b}(Be", "abde");
        check("a\u{9b}2Jb\u{9d}t\u{9c}c\u{85}d", "abcd");
        check("a\u{1b}", "a");
        check("a\u{1b}[", "a");
        check("a\u{1b}[1", "a");
        check("a\u{1b}éb", "ab");
        check("a\u{1b}[31;1\u{1b}[32mb", "a[32mb");
    }

    #[test]
    fn programs_get_the_parts() {
        let check = |line: &str, expected: &str| assert_eq!(Show::Json.line(line), expected);
        check(
            "2012-02-19T07:32:10+00:00 app[web.1]: a \"b\"\0",
            "{\"at\":\"2012-02-19T07:32:10+00:00\",\"source\":\"app\",\"process\":\"web.1\",\
             \"message\":\"a \\\"b\\\"\\u0000\"}\n",
        );
        check(
            "T router: x",
            "{\"at\":\"T\",\"source\":\"router\",\"process\":null,\"message\":\"x\"}\n",
        );
        check(
            "odd",
            "{\"at\":\"\",\"source\":\"\",\"process\":null,\"message\":\"odd\"}\n",
        );
    }
}
