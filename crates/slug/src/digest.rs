//! SHA-256 over what passes by on its way to or from a file. It must not know what the bytes are.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

/// The digest of bytes as 64 lower-case hexadecimal digits.
pub(crate) fn hex(hasher: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(half), 16));
        }
    }
    text
}

/// Adds one part to a digest with its length before it, so that no two lists of parts are alike.
pub(crate) fn part(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// Passes bytes on, and keeps their digest and count.
pub(crate) struct Hashing<T> {
    inner: T,
    hasher: Sha256,
    count: u64,
}

impl<T> Hashing<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            count: 0,
        }
    }

    /// What was wrapped, the digest in hexadecimal, and the number of bytes.
    pub(crate) fn finish(self) -> (T, String, u64) {
        (self.inner, hex(self.hasher), self.count)
    }

    fn saw(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.count += bytes.len() as u64;
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.saw(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.saw(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha256_of_all_bytes() {
        let mut to = Hashing::new(Vec::new());
        to.write_all(b"a").unwrap();
        to.write_all(b"bc").unwrap();
        let (bytes, digest, count) = to.finish();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            (bytes.as_slice(), digest.as_str(), count),
            (&b"abc"[..], abc, 3)
        );
        let mut from = Hashing::new(&b"abc"[..]);
        io::copy(&mut from, &mut io::sink()).unwrap();
        assert_eq!(from.finish().1, abc);
    }

    #[test]
    fn parts_do_not_run_together() {
        let of = |parts: &[&str]| {
            let mut hasher = Sha256::new();
            for text in parts {
                part(&mut hasher, text.as_bytes());
            }
            hex(hasher)
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }
}
