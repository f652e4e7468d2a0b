//! Following a log through its files, as it grows, is rotated, removed and written by one daemon after
//! another. No daemon is asked, so a reader that is slow keeps nobody waiting: it reads what the files
//! still have, and is told how many lines it was too late for. It must not know who writes.

use std::fs::File;
use std::io::Result;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;

use super::files;
use super::line::{ABOUT_LOGS, LogFilter, LogLine, overflow, stamp};
use super::tail::{Snapshot, open};

/// How much is read at once.
const CHUNK: usize = 256 * 1024;

/// A reader of one log.
pub struct Follow {
    logs: PathBuf,
    app: AppName,
    filter: LogFilter,
    reading: Option<Reading>,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    /// When the last line was written.
    last: String,
    /// The number of the last line that was read.
    number: u64,
    /// Lines up to this number were shown before.
    after: u64,
    buffer: Vec<u8>,
}

struct Reading {
    file: File,
    identity: (u64, u64),
    /// Up to where it was read.
    at: u64,
    /// The number of the last line before this file.
    before: u64,
}

impl Follow {
    /// The last `count` of the lines that a filter wants, each with its number, and a reader of those
    /// that come from then on: no line is in neither, and none in both.
    ///
    /// # Errors
    /// When a file is there and cannot be read.
    pub fn begin(
        logs: &Path,
        app: &AppName,
        count: usize,
        filter: LogFilter,
    ) -> Result<(Vec<(u64, String)>, Self)> {
        let snapshot = Snapshot::take(logs, app)?;
        let past = snapshot.last(count, &filter)?;
        let before = snapshot.older.last().map_or(0, |(number, _)| *number);
        let (newest, current) = (snapshot.older.into_iter().next_back(), snapshot.current);
        let mut follow = Self::after(logs, app, 0, filter);
        match (current, newest) {
            (Some(part), _) => {
                follow.number = before + files::count_lines_to(&part.file, part.end)?;
                follow.reading = Some(Reading::new(part.file, part.end, before)?);
            }
            // The next file will be the one after this.
            (None, Some((number, file))) => {
                let end = file.metadata()?.len();
                let before = number.saturating_sub(files::count_lines(&file)?);
                follow.number = number;
                follow.reading = Some(Reading::new(file, end, before)?);
            }
            (None, None) => {}
        }
        let numbered = |(back, line)| (follow.number.saturating_sub(back), line);
        Ok((past.into_iter().map(numbered).collect(), follow))
    }

    /// A reader of the lines after the one of this number, wherever they are.
    #[must_use]
    pub fn after(logs: &Path, app: &AppName, number: u64, filter: LogFilter) -> Self {
        Self {
            logs: logs.to_owned(),
            app: app.clone(),
            filter,
            reading: None,
            rest: Vec::new(),
            last: stamp(),
            number,
            after: number,
            buffer: vec![0; CHUNK],
        }
    }

    /// Shows lines that have come since, each with its number, and answers whether there may be more
    /// already. Where some were gone before they could be read, a line says how many.
    ///
    /// # Errors
    /// When a file is there and cannot be read.
    pub fn read(&mut self, mut show: impl FnMut(u64, &str)) -> Result<bool> {
        if self.read_file(&mut show)? {
            return Ok(true);
        }
        let path = files::current(&self.logs, &self.app);
        let there = files::identity_at(&path)?;
        if there == self.reading.as_ref().map(|reading| reading.identity) {
            return Ok(false);
        }
        // It got its other name by now, and nothing is appended to it any more: what was appended
        // before that comes first.
        if self.read_file(&mut show)? {
            return Ok(true);
        }
        let Some(next) = self.next()? else {
            return Ok(false);
        };
        if !self.rest.is_empty() {
            self.rest.push(b'\n');
            self.show_lines(&mut show);
        }
        let before = self.lines()?;
        let dropped = next.before.saturating_sub(before);
        if dropped > 0 {
            let text = overflow(dropped, &self.last);
            show(next.before, &format!("{} {ABOUT_LOGS}: {text}", stamp()));
        }
        // A log that was begun anew has other lines of those numbers.
        if self.reading.is_some() || next.lines()? < self.after {
            self.after = 0;
        }
        self.number = next.before;
        self.reading = Some(next);
        Ok(true)
    }

    /// Reads on in the same file; answers whether there was anything.
    fn read_file(&mut self, show: &mut impl FnMut(u64, &str)) -> Result<bool> {
        let Some(reading) = &mut self.reading else {
            return Ok(false);
        };
        let count = reading.file.read_at(&mut self.buffer, reading.at)?;
        reading.at += count as u64;
        self.rest.extend_from_slice(&self.buffer[..count]);
        self.show_lines(show);
        Ok(count > 0)
    }

    fn show_lines(&mut self, show: &mut impl FnMut(u64, &str)) {
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return;
        };
        let text = String::from_utf8_lossy(&self.rest[..end]);
        let mut last = None;
        for line in text.split('\n') {
            last = Some(line);
            self.number += 1;
            if self.number > self.after && self.filter.wants(line) {
                show(self.number, line);
            }
        }
        if let Some(line) = last.and_then(LogLine::parse) {
            line.at.clone_into(&mut self.last);
        }
        drop(text);
        self.rest.drain(..=end);
    }

    /// The number of the last line that needs no reading any more, once a file is read to its end.
    fn lines(&self) -> Result<u64> {
        let reading = self.reading.as_ref();
        reading.map_or(Ok(self.number), Reading::lines)
    }

    /// The file after the one that was read to its end; `None` where there is none yet.
    fn next(&self) -> Result<Option<Reading>> {
        let path = files::current(&self.logs, &self.app);
        let read = self.lines()?;
        loop {
            let current = open(&path)?;
            let older = files::older(&self.logs, &self.app)?;
            let number = older.last().map_or(0, |(number, _)| *number);
            if let Some((number, path)) = older.iter().find(|(number, _)| *number > read) {
                // It may just have become one too many.
                if let Some(file) = open(path)? {
                    let before = number.saturating_sub(files::count_lines(&file)?);
                    return Reading::new(file, 0, before).map(Some);
                }
                continue;
            }
            let Some(file) = current else {
                return Ok(None);
            };
            let reading = Reading::new(file, 0, number)?;
            // A full file that got its other name meanwhile has another number.
            if files::identity_at(&path)? == Some(reading.identity) {
                return Ok(Some(reading));
            }
        }
    }
}

impl Reading {
    fn new(file: File, at: u64, before: u64) -> Result<Self> {
        let identity = files::identity(&file.metadata()?);
        Ok(Self {
            file,
            identity,
            at,
            before,
        })
    }

    /// The number of its last line.
    fn lines(&self) -> Result<u64> {
        Ok(self.before + files::count_lines(&self.file)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::files::{LogFile, Sizes};

    struct Case {
        dir: tempfile::TempDir,
        app: AppName,
        file: LogFile,
    }

    impl Case {
        fn new(bytes: u64) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let app = AppName::new("myapp").unwrap();
            let file = LogFile::new(dir.path(), &app, Sizes { bytes, older: 2 });
            Self { dir, app, file }
        }

        fn write(&mut self, numbers: std::ops::Range<u32>) {
            for number in numbers {
                let line = format!("T app[web.1]: {number}\n");
                self.file.write(line.as_bytes()).unwrap();
            }
        }

        fn follow(&self, count: usize) -> (Vec<String>, Follow) {
            let begun = Follow::begin(self.dir.path(), &self.app, count, LogFilter::default());
            let (past, follow) = begun.unwrap();
            (past.into_iter().map(|(_, line)| line).collect(), follow)
        }
    }

    fn all(follow: &mut Follow) -> Vec<String> {
        let mut lines = Vec::new();
        while follow.read(|_, line| lines.push(line.to_owned())).unwrap() {}
        lines
    }

    fn last_words(lines: &[String]) -> Vec<&str> {
        lines
            .iter()
            .map(|line| line.rsplit(' ').next().unwrap())
            .collect()
    }

    #[test]
    fn a_follower_goes_from_file_to_file() {
        let mut case = Case::new(40);
        let (past, mut follow) = case.follow(9);
        assert!(past.is_empty() && all(&mut follow).is_empty());
        case.write(0..5);
        assert_eq!(last_words(&all(&mut follow)), ["0", "1", "2", "3", "4"]);
        assert!(all(&mut follow).is_empty());
        let (past, mut other) = case.follow(3);
        assert_eq!(last_words(&past), ["2", "3", "4"]);
        case.write(5..8);
        assert_eq!(last_words(&all(&mut follow)), ["5", "6", "7"]);
        assert_eq!(last_words(&all(&mut other)), ["5", "6", "7"]);
    }

    #[test]
    fn what_is_gone_is_counted() {
        let mut case = Case::new(40);
        case.write(0..1);
        let (_, mut follow) = case.follow(0);
        case.write(1..11);
        let lines = all(&mut follow);
        // Two lines a file: 0 1, which it holds open; 2 3 and 4 5 are gone.
        assert_eq!(last_words(&lines)[2..], ["6", "7", "8", "9", "10"]);
        assert_eq!(last_words(&lines)[0], "1");
        let said = lines[1].split_once(' ').unwrap().1;
        let expected =
            "slugline[logs]: Error L10 (output buffer overflow): 4 messages dropped since T";
        assert_eq!(said, expected);
    }

    #[test]
    fn each_line_has_a_number_after_which_one_goes_on() {
        let mut case = Case::new(40);
        case.write(0..5);
        let begin = |count| {
            let filter = LogFilter::default();
            Follow::begin(case.dir.path(), &case.app, count, filter).unwrap()
        };
        let (past, mut follow) = begin(9);
        let past: Vec<_> = past.into_iter().map(|(number, _)| number).collect();
        assert_eq!(past, [1, 2, 3, 4, 5]);
        case.write(5..8);
        let mut numbers = Vec::new();
        while follow.read(|number, _| numbers.push(number)).unwrap() {}
        assert_eq!(numbers, [6, 7, 8]);
        let after = |case: &Case, number| {
            let filter = LogFilter::default();
            all(&mut Follow::after(
                case.dir.path(),
                &case.app,
                number,
                filter,
            ))
        };
        // Two lines a file, and two older ones: 0 1 are gone.
        for number in 2..8 {
            let lines = after(&case, number);
            let expected: Vec<_> = (number..8).map(|it| it.to_string()).collect();
            assert_eq!(last_words(&lines), expected, "{number}");
        }
        let lines = after(&case, 1);
        assert!(lines[0].contains(": 1 message dropped since "), "{lines:?}");
        assert_eq!(last_words(&lines)[1..], ["2", "3", "4", "5", "6", "7"]);
        files::remove(case.dir.path(), &case.app).unwrap();
        case.write(20..21);
        assert_eq!(last_words(&after(&case, 8)), ["20"]);
    }

    #[test]
    fn a_log_that_is_removed_begins_anew() {
        let mut case = Case::new(1000);
        case.write(0..3);
        let (_, mut follow) = case.follow(0);
        files::remove(case.dir.path(), &case.app).unwrap();
        assert!(all(&mut follow).is_empty());
        case.write(7..9);
        assert_eq!(last_words(&all(&mut follow)), ["7", "8"]);
    }

    #[test]
    fn readers_in_the_midst_of_rotations_lose_and_double_nothing() {
        const LINES: u32 = 20_000;
        let dir = tempfile::tempdir().unwrap();
        let app = AppName::new("myapp").unwrap();
        let sizes = Sizes {
            bytes: 4_000,
            older: 100_000,
        };
        let mut file = LogFile::new(dir.path(), &app, sizes);
        let (path, name) = (dir.path(), &app);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let (past, mut follow) =
                        Follow::begin(path, name, 9, LogFilter::default()).unwrap();
                    assert!(past.is_empty());
                    scope.spawn(move || {
                        let mut lines = Vec::new();
                        let deadline =
                            std::time::Instant::now() + std::time::Duration::from_secs(60);
                        while lines.len() < LINES as usize {
                            assert!(
                                std::time::Instant::now() < deadline,
                                "{} lines",
                                lines.len()
                            );
                            follow.read(|_, line| lines.push(line.to_owned())).unwrap();
                        }
                        lines
                    })
                })
                .collect();
            let tailing = scope.spawn(move || {
                let mut last = 0;
                while last + 1 < LINES {
                    let lines = crate::tail(path, name, 300).unwrap();
                    let numbers: Vec<u32> = lines
                        .iter()
                        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
                        .collect();
                    assert!(
                        numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
                        "{numbers:?}"
                    );
                    last = numbers.last().copied().unwrap_or(0);
                }
            });
            for number in 0..LINES {
                let line = format!("T app[web.1]: {number}\n");
                file.write(line.as_bytes()).unwrap();
            }
            for reader in readers {
                let lines = reader.join().unwrap();
                let expected = (0..LINES).map(|number| format!("T app[web.1]: {number}"));
                assert!(lines.into_iter().eq(expected));
            }
            tailing.join().unwrap();
        });
    }
}
