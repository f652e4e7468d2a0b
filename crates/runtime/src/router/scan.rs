//! Looks at the head of a request as it comes in, for what two programs may understand in two ways:
//! whose body that is, and where the next request begins. It must not know what else a head says.

/// Reads along with a head, piece by piece.
#[derive(Default)]
pub(super) struct Scan {
    /// The beginning of the line that has not ended yet, in lower case.
    line: [u8; LONGEST],
    length: usize,
    lengths: u32,
    encodings: u32,
    /// The head has ended; what follows is no concern of ours.
    over: bool,
}

const CONTENT_LENGTH: &[u8] = b"content-length:";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding:";
const LONGEST: usize = TRANSFER_ENCODING.len();

impl Scan {
    /// Takes the next piece of the head. True once it is ambiguous: it says the length of its body
    /// twice, or in two ways (RFC 9112, 6.3).
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.over {
                break;
            }
            self.take(piece);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
        self.lengths > 1 || self.encodings > 1 || (self.lengths > 0 && self.encodings > 0)
    }

    fn take(&mut self, piece: &[u8]) {
        let room = LONGEST - self.length;
        for byte in piece.iter().take(room) {
            self.line[self.length] = byte.to_ascii_lowercase();
            self.length += 1;
        }
    }

    fn end_line(&mut self) {
        let line = &self.line[..self.length];
        if line.starts_with(CONTENT_LENGTH) {
            self.lengths += 1;
        } else if line.starts_with(TRANSFER_ENCODING) {
            self.encodings += 1;
        } else if line == b"\r\n" || line == b"\n" {
            self.over = true;
        }
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, and byte by byte.
    fn check(head: &str, ambiguous: bool) {
        assert_eq!(Scan::default().feed(head.as_bytes()), ambiguous, "{head:?}");
        let mut scan = Scan::default();
        let mut found = false;
        for byte in head.bytes() {
            found |= scan.feed(&[byte]);
        }
        assert_eq!(found, ambiguous, "{head:?}");
    }

    #[test]
    fn a_head_that_says_its_length_twice_is_found() {
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
        check("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", false);
        check(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            false,
        );
        check(
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nX: y\r\nCONTENT-LENGTH: 3\r\n\r\n",
            true,
        );
        check(
            "POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            true,
        );
        check(
            "POST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 3\n\n",
            true,
        );
        check(
            "POST / HTTP/1.1\r\nTransfer-Encoding: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            true,
        );
    }

    #[test]
    fn a_body_is_no_head() {
        let body = "Content-Length: 1\r\nContent-Length: 2\r\n";
        check(
            &format!("POST / HTTP/1.1\r\nContent-Length: 38\r\n\r\n{body}"),
            false,
        );
        check(
            "GET / HTTP/1.1\r\nX-Content-Length: 1\r\nX-Content-Length: 2\r\n\r\n",
            false,
        );
    }
}
