//! Reading the end of a log, from its files. It must not know who writes them.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Result, Seek as _, SeekFrom};
use std::path::Path;

use slugline_core::app::AppName;

/// How much is read at once, from the end.
const CHUNK: u64 = 64 * 1024;

/// The last `count` lines of an app's log in the folder `logs`, oldest first; fewer, or none,
/// where there are not that many. No daemon is needed.
///
/// # Errors
/// When a file is there and cannot be read.
pub fn tail(logs: &Path, app: &AppName, count: usize) -> Result<Vec<String>> {
    tail_file(&super::file(logs, app), count)
}

pub(crate) fn tail_file(path: &Path, count: usize) -> Result<Vec<String>> {
    let newer = last_lines(path, count)?;
    let mut lines = last_lines(&super::older(path), count - newer.len())?;
    lines.extend(newer);
    Ok(lines)
}

fn last_lines(path: &Path, count: usize) -> Result<Vec<String>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut begin = file.metadata()?.len();
    let mut bytes = Vec::new();
    // One line end more than lines: the one before the first of them.
    while begin > 0 && bytes.iter().filter(|byte| **byte == b'\n').count() <= count {
        let size = CHUNK.min(begin);
        begin -= size;
        file.seek(SeekFrom::Start(begin))?;
        let mut chunk = Vec::new();
        file.by_ref().take(size).read_to_end(&mut chunk)?;
        chunk.append(&mut bytes);
        bytes = chunk;
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    let skip = lines.len().saturating_sub(count);
    Ok(lines[skip..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_across_chunks_and_files() {
        let dir = tempfile::tempdir().unwrap();
        let app = AppName::new("a").unwrap();
        assert!(tail(dir.path(), &app, 5).unwrap().is_empty());
        let line = |number: usize| format!("{number} {}", "x".repeat(9_000));
        let file =
            |range: std::ops::Range<usize>| range.map(|n| line(n) + "\n").collect::<String>();
        std::fs::write(dir.path().join("a.log.1"), file(0..20)).unwrap();
        std::fs::write(dir.path().join("a.log"), file(20..40)).unwrap();
        for count in [0, 1, 8, 19, 20, 21, 40, 100] {
            let expected: Vec<_> = (40 - count.min(40)..40).map(line).collect();
            assert!(
                tail(dir.path(), &app, count).unwrap() == expected,
                "{count}"
            );
        }
    }
}
