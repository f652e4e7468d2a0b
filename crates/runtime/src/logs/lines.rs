//! Turns the output of a process into lines. It must not know where they go.

use std::collections::VecDeque;

/// How many lines of a process are kept for whoever asks why it died.
const LAST: usize = 20;

/// Cuts bytes into lines of bounded length.
pub(crate) struct Splitter {
    rest: Vec<u8>,
    limit: usize,
}

impl Splitter {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            rest: Vec::new(),
            limit: limit.max(4),
        }
    }

    /// The lines that are complete with `bytes`. What is no UTF-8 is replaced.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            let whole = self.rest.last() == Some(&b'\n');
            if whole {
                self.rest.pop();
            }
            while self.rest.len() > self.limit {
                let end = character_end(&self.rest, self.limit);
                lines.push(text(&self.rest[..end]));
                self.rest.drain(..end);
            }
            if whole {
                lines.push(text(&self.rest));
                self.rest.clear();
            }
        }
        lines
    }

    /// The last line, if it has no end.
    pub(crate) fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| text(&rest))
    }
}

/// The last place at or before `limit` where a character ends.
fn character_end(bytes: &[u8], limit: usize) -> usize {
    let begins = |at: &usize| bytes[*at] & 0b1100_0000 != 0b1000_0000;
    (limit - 3..=limit).rev().find(begins).unwrap_or(limit)
}

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

/// The last lines of a process.
#[derive(Default)]
pub(crate) struct LastLines(VecDeque<String>);

impl LastLines {
    pub(crate) fn extend(&mut self, lines: impl IntoIterator<Item = String>) {
        self.0.extend(lines);
        let surplus = self.0.len().saturating_sub(LAST);
        self.0.drain(..surplus);
    }

    pub(crate) fn into_vec(self) -> Vec<String> {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&str], expected: &[&str]) {
        let mut splitter = Splitter::new(8);
        let mut lines: Vec<_> = pieces
            .iter()
            .flat_map(|piece| splitter.push(piece.as_bytes()))
            .collect();
        lines.extend(splitter.finish());
        assert_eq!(lines, expected, "{pieces:?}");
    }

    #[test]
    fn output_is_cut_into_lines() {
        check(&[], &[]);
        check(&["a\nb\n"], &["a", "b"]);
        check(&["a", "b\r\n", "\n", "c"], &["ab", "", "c"]);
        check(&["12345678\n"], &["12345678"]);
        check(&["123456789\n"], &["12345678", "9"]);
        check(
            &["1234567", "8901234567890"],
            &["12345678", "90123456", "7890"],
        );
        check(&["1234567é\n"], &["1234567", "é"]);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        let mut splitter = Splitter::new(8);
        assert_eq!(splitter.push(b"a\xffb\n"), ["a\u{fffd}b"]);
        assert_eq!(splitter.push(&[0x80; 9]).len(), 1);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut last = LastLines::default();
        last.extend((0..50).map(|n| n.to_string()));
        assert_eq!(
            last.into_vec(),
            (30..50).map(|n| n.to_string()).collect::<Vec<_>>()
        );
    }
}
