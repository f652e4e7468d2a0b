//! Reading the end of a log, from its files, while somebody writes them. It must not know who does.

use std::fs::File;
use std::io::{ErrorKind, Result};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;

use super::files;
use super::line::LogFilter;

/// How much is read at once, from the end.
const CHUNK: usize = 64 * 1024;

/// The last `count` lines of an app's log in the folder `logs`, oldest first; fewer, or none,
/// where there are not that many. No daemon is needed.
///
/// # Errors
/// When a file is there and cannot be read.
pub fn tail(logs: &Path, app: &AppName, count: usize) -> Result<Vec<String>> {
    tail_matching(logs, app, count, &LogFilter::default())
}

/// The last `count` of the lines that a filter wants, oldest first.
///
/// # Errors
/// When a file is there and cannot be read.
pub fn tail_matching(
    logs: &Path,
    app: &AppName,
    count: usize,
    filter: &LogFilter,
) -> Result<Vec<String>> {
    let found = Snapshot::take(logs, app)?.last(count, filter)?;
    Ok(found.into_iter().map(|(_, line)| line).collect())
}

/// The files of a log at one moment: no line is in none of them, and none in two.
pub(super) struct Snapshot {
    /// The older ones, oldest first, each with the number of its last line.
    pub(super) older: Vec<(u64, File)>,
    /// The one that lines are appended to.
    pub(super) current: Option<Part>,
}

/// The beginning of a file, up to the end of its last whole line.
pub(super) struct Part {
    pub(super) file: File,
    pub(super) end: u64,
}

impl Snapshot {
    pub(super) fn take(logs: &Path, app: &AppName) -> Result<Self> {
        let path = files::current(logs, app);
        loop {
            let current = open(&path)?;
            let names = files::older(logs, app)?;
            let older = open_all(&names)?;
            // A full file that got its other name meanwhile would be among both, or among none.
            let still = match &current {
                Some(file) => Some(files::identity(&file.metadata()?)),
                None => None,
            };
            if files::identity_at(&path)? == still && files::older(logs, app)? == names {
                let current = match current {
                    Some(file) => Some(Part::new(file)?),
                    None => None,
                };
                return Ok(Self { older, current });
            }
        }
    }

    /// The last `count` of the lines that a filter wants, each with how many lines come after it.
    pub(super) fn last(&self, count: usize, filter: &LogFilter) -> Result<Vec<(u64, String)>> {
        let (mut found, mut back) = (Vec::new(), 0);
        if count == 0 {
            return Ok(found);
        }
        let mut take = |line: &str| {
            if filter.wants(line) {
                found.push((back, line.to_owned()));
            }
            back += 1;
            match found.len() < count {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        let mut flow = match &self.current {
            Some(part) => backwards(&part.file, part.end, &mut take)?,
            None => ControlFlow::Continue(()),
        };
        for (_, file) in self.older.iter().rev() {
            if flow.is_continue() {
                flow = backwards(file, file.metadata()?.len(), &mut take)?;
            }
        }
        found.reverse();
        Ok(found)
    }
}

impl Part {
    fn new(file: File) -> Result<Self> {
        let mut end = file.metadata()?.len();
        // Whoever writes may be in the middle of a line.
        let mut buffer = vec![0; CHUNK];
        while end > 0 {
            let size = CHUNK.min(usize::try_from(end).unwrap_or(CHUNK));
            let begin = end - size as u64;
            file.read_exact_at(&mut buffer[..size], begin)?;
            if let Some(at) = buffer[..size].iter().rposition(|byte| *byte == b'\n') {
                return Ok(Self {
                    file,
                    end: begin + at as u64 + 1,
                });
            }
            end = begin;
        }
        Ok(Self { file, end })
    }
}

pub(super) fn open(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn open_all(names: &[(u64, PathBuf)]) -> Result<Vec<(u64, File)>> {
    let mut opened = Vec::new();
    for (number, path) in names {
        opened.extend(open(path)?.map(|file| (*number, file)));
    }
    Ok(opened)
}

/// Shows the lines of the first `end` bytes of a file, the last one first.
fn backwards(
    file: &File,
    end: u64,
    show: &mut impl FnMut(&str) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    // The bytes from `begin` to the end of the last line that was not shown yet.
    let (mut begin, mut bytes) = (end, Vec::new());
    while begin > 0 {
        let size = CHUNK.min(usize::try_from(begin).unwrap_or(CHUNK));
        begin -= size as u64;
        let mut chunk = vec![0; size];
        file.read_exact_at(&mut chunk, begin)?;
        chunk.append(&mut bytes);
        bytes = chunk;
        // A line begins after the end of the one before it.
        while let Some(line) = last_whole(&bytes) {
            if show(&String::from_utf8_lossy(trimmed(&bytes[line..]))).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            bytes.truncate(line);
        }
    }
    match bytes.is_empty() {
        true => Ok(ControlFlow::Continue(())),
        false => Ok(show(&String::from_utf8_lossy(trimmed(&bytes)))),
    }
}

/// Where the last line begins, if its beginning is among the bytes.
fn last_whole(bytes: &[u8]) -> Option<usize> {
    let before = trimmed(bytes);
    before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map(|at| at + 1)
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
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
        std::fs::write(dir.path().join("a.log.9"), file(0..10)).unwrap();
        std::fs::write(dir.path().join("a.log.20"), file(10..20)).unwrap();
        std::fs::write(dir.path().join("a.log"), file(20..40)).unwrap();
        for count in [0, 1, 8, 19, 20, 21, 40, 100] {
            let expected: Vec<_> = (40 - count.min(40)..40).map(line).collect();
            assert!(
                tail(dir.path(), &app, count).unwrap() == expected,
                "{count}"
            );
        }
    }

    #[test]
    fn empty_lines_are_lines_and_half_of_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let app = AppName::new("a").unwrap();
        let check = |text: &str, expected: &[&str]| {
            std::fs::write(dir.path().join("a.log"), text).unwrap();
            assert_eq!(tail(dir.path(), &app, 9).unwrap(), expected, "{text:?}");
        };
        check("", &[]);
        check("\n\na\n\n", &["", "", "a", ""]);
        check("a\nb", &["a"]);
        check("b", &[]);
    }

    #[test]
    fn what_is_counted_is_what_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let app = AppName::new("a").unwrap();
        let lines: String = (0..100)
            .map(|n| {
                format!(
                    "T {}: {n}\n",
                    if n % 10 == 0 { "router" } else { "app[web.1]" }
                )
            })
            .collect();
        std::fs::write(dir.path().join("a.log"), lines).unwrap();
        let filter = LogFilter {
            sources: vec!["router".into()],
            process: None,
        };
        let found = tail_matching(dir.path(), &app, 2, &filter).unwrap();
        assert_eq!(found, ["T router: 80", "T router: 90"]);
    }
}
