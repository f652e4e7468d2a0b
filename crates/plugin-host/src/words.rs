//! Texts that plugins wrote, made fit for a terminal: one line, cut, without control characters.
//! It must not know what they say.

use std::time::Duration;

/// At most so many characters of a plugin's own words are shown in an error.
const WIDTH: usize = 300;
/// A reason to forbid something may have so many characters.
const REASON: usize = 500;

/// The first line, made visible and cut.
pub(crate) fn one_line(text: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let first = first.unwrap_or("an error without a text").trim();
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = first.chars().take(WIDTH).map(visible).collect();
    if first.chars().nth(WIDTH).is_some() {
        line.push_str("..");
    }
    line
}

/// What a reader of JSON complains of, without the texts that it quotes: one may be a secret.
pub(crate) fn complaint(error: &serde_json::Error) -> String {
    let text = one_line(&error.to_string());
    let parts = text.split('"').enumerate();
    let hidden = parts.map(|(place, part)| if place % 2 == 0 { part } else { "\"…\"" });
    hidden.collect()
}

/// A reason as people may see it; it may have several lines.
pub(crate) fn reason(reason: &str) -> String {
    let visible = |c: &char| *c == '\n' || !c.is_control();
    let text: String = reason.trim().chars().filter(visible).take(REASON).collect();
    if text.is_empty() {
        "no reason was given".to_owned()
    } else {
        text
    }
}

/// A duration as people say it: `1 s`, `250 ms`.
pub(crate) fn spoken(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_quotes_no_value() {
        let error = serde_json::from_str::<u64>("\"s3cret\"").unwrap_err();
        assert_eq!(
            complaint(&error),
            "invalid type: string \"…\", expected u64 at line 1 column 8"
        );
    }
}
