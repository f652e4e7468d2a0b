//! Turns the output of a process into lines. It must not know where they go.

use std::borrow::Cow;
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

    /// Shows each line that is complete with `bytes`, without its end. What is no UTF-8 is
    /// replaced; of what is longer than the limit, each piece is a line.
    pub(crate) fn push(&mut self, bytes: &[u8], mut show: impl FnMut(&str)) {
        let mut left = bytes;
        while let Some(end) = left.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&left[..end], &left[end + 1..]);
            if self.rest.is_empty() && line.len() <= self.limit {
                show(&text(line));
            } else {
                self.rest.extend_from_slice(line);
                self.shorten(&mut show);
                show(&text(&self.rest));
                self.rest.clear();
            }
            left = after;
        }
        self.rest.extend_from_slice(left);
        self.shorten(&mut show);
    }

    /// Shows the last line, if it has no end.
    pub(crate) fn finish(&mut self, mut show: impl FnMut(&str)) {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            show(&text(&rest));
        }
    }

    /// Shows pieces of what is longer than a line may be.
    fn shorten(&mut self, show: &mut impl FnMut(&str)) {
        let mut begin = 0;
        while self.rest.len() - begin > self.limit {
            let end = begin + character_end(&self.rest[begin..], self.limit);
            show(&text(&self.rest[begin..end]));
            begin = end;
        }
        self.rest.drain(..begin);
    }
}

/// The last place at or before `limit` where a character ends.
fn character_end(bytes: &[u8], limit: usize) -> usize {
    let begins = |at: &usize| bytes[*at] & 0b1100_0000 != 0b1000_0000;
    (limit - 3..=limit).rev().find(begins).unwrap_or(limit)
}

fn text(line: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line))
}

/// The last lines of a process.
#[derive(Default)]
pub(crate) struct LastLines(VecDeque<String>);

impl LastLines {
    pub(crate) fn push(&mut self, line: &str) {
        let full = self.0.len() >= LAST;
        let mut room = full
            .then(|| self.0.pop_front())
            .flatten()
            .unwrap_or_default();
        room.clear();
        room.push_str(line);
        self.0.push_back(room);
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
        let mut lines = Vec::new();
        for piece in pieces {
            splitter.push(piece.as_bytes(), |line| lines.push(line.to_owned()));
        }
        splitter.finish(|line| lines.push(line.to_owned()));
        assert_eq!(lines, expected, "{pieces:?}");
    }

    #[test]
    fn output_is_cut_into_lines() {
        check(&[], &[]);
        check(&["a\nb\n"], &["a", "b"]);
        check(&["a", "b\r\n", "\n", "c"], &["ab", "", "c"]);
        check(&["a\rb\n"], &["a\rb"]);
        check(&["12345678\n"], &["12345678"]);
        check(&["12345678", "\n"], &["12345678"]);
        check(&["123456789\n"], &["12345678", "9"]);
        check(
            &["1234567", "8901234567890"],
            &["12345678", "90123456", "7890"],
        );
        check(&["1234567é\n"], &["1234567", "é"]);
        check(&["é", "é\n", "x"], &["éé", "x"]);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        let lines = |bytes: &[u8]| {
            let (mut splitter, mut lines) = (Splitter::new(8), Vec::new());
            splitter.push(bytes, |line| lines.push(line.to_owned()));
            lines
        };
        assert_eq!(lines(b"a\xffb\n"), ["a\u{fffd}b"]);
        assert_eq!(lines(b"a\0b\n"), ["a\0b"]);
        assert_eq!(lines(&[0x80; 9]).len(), 1);
    }

    #[test]
    fn a_megabyte_without_an_end_is_many_lines() {
        let (mut splitter, mut sizes) = (Splitter::new(10_000), Vec::new());
        for piece in vec![b'x'; 1_000_000].chunks(65_536) {
            splitter.push(piece, |line| sizes.push(line.len()));
        }
        splitter.finish(|line| sizes.push(line.len()));
        assert_eq!(sizes, [10_000; 100]);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut last = LastLines::default();
        (0..50).for_each(|n| last.push(&n.to_string()));
        assert_eq!(
            last.into_vec(),
            (30..50).map(|n| n.to_string()).collect::<Vec<_>>()
        );
    }
}
