//! The files of a log: `APP.log`, to which lines are appended, and the older ones, `APP.log.N`, where
//! N is the number of the last line in it, counted over all files. So whoever reads can tell which
//! file comes after another, and how many lines are gone where one is missing. It must not know who
//! writes lines, nor who reads them.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;

/// How large the files of one app may become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// The bytes at which a file is full.
    pub(crate) bytes: u64,
    /// How many full ones are kept.
    pub(crate) older: usize,
}

/// The file to which lines are appended.
pub(crate) fn current(dir: &Path, app: &AppName) -> PathBuf {
    dir.join(format!("{app}.log"))
}

/// The older files, oldest first, each with the number of its last line.
pub(crate) fn older(dir: &Path, app: &AppName) -> Result<Vec<(u64, PathBuf)>> {
    let before = format!("{app}.log.");
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(&before)?.parse().ok());
        found.extend(number.map(|number| (number, dir.join(&name))));
    }
    found.sort();
    Ok(found)
}

/// Removes the log of an app.
pub(crate) fn remove(dir: &Path, app: &AppName) -> Result<()> {
    let older = older(dir, app)?.into_iter().map(|(_, path)| path);
    for path in older.chain([current(dir, app)]) {
        gone_is_fine(std::fs::remove_file(path))?;
    }
    Ok(())
}

/// What makes a file this one, whatever its name.
pub(crate) fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The identity of the file at a path; `None` where there is none.
pub(crate) fn identity_at(path: &Path) -> Result<Option<(u64, u64)>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        metadata => Ok(Some(identity(&metadata?))),
    }
}

/// How many lines end in a file.
pub(crate) fn count_lines(file: &File) -> Result<u64> {
    count_lines_to(file, u64::MAX)
}

/// How many lines end in the first `end` bytes of a file.
pub(crate) fn count_lines_to(file: &File, end: u64) -> Result<u64> {
    let (mut buffer, mut at, mut lines) = (vec![0; 256 * 1024], 0, 0);
    while at < end {
        let size = usize::try_from(end - at).unwrap_or(usize::MAX);
        let size = size.min(buffer.len());
        match file.read_at(&mut buffer[..size], at)? {
            0 => break,
            count => {
                lines += line_ends(&buffer[..count]);
                at += count as u64;
            }
        }
    }
    Ok(lines)
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn gone_is_fine(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The writing end of a log.
pub(crate) struct LogFile {
    dir: PathBuf,
    app: AppName,
    path: PathBuf,
    sizes: Sizes,
    open: Option<Open>,
}

struct Open {
    file: File,
    identity: (u64, u64),
    length: u64,
    /// The number of the last line.
    lines: u64,
}

impl LogFile {
    /// Nothing is created before the first line.
    pub(crate) fn new(dir: &Path, app: &AppName, sizes: Sizes) -> Self {
        Self {
            dir: dir.to_owned(),
            app: app.clone(),
            path: current(dir, app),
            sizes,
            open: None,
        }
    }

    /// Appends whole lines. Where that fails, some of them may be there, each whole.
    pub(crate) fn write(&mut self, mut text: &[u8]) -> Result<()> {
        // Somebody may have removed it, with the app or by hand.
        let there = identity_at(&self.path)?;
        if self
            .open
            .as_ref()
            .is_some_and(|open| Some(open.identity) != there)
        {
            self.open = None;
        }
        while !text.is_empty() {
            let length = self.open()?.length;
            let room =
                usize::try_from(self.sizes.bytes.saturating_sub(length)).unwrap_or(usize::MAX);
            let fits = whole_lines(text, room);
            if fits == 0 && length > 0 {
                self.rotate()?;
                continue;
            }
            // A line that is larger than a file has one for itself.
            let fits = if fits > 0 { fits } else { first_line(text) };
            let (now, later) = text.split_at(fits);
            self.open()?.append(now)?;
            text = later;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<&mut Open> {
        match &mut self.open {
            Some(_) => {}
            open => *open = Some(Open::begin(&self.dir, &self.app, &self.path)?),
        }
        self.open.as_mut().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn rotate(&mut self) -> Result<()> {
        if let Some(open) = self.open.take() {
            let full = self.dir.join(format!("{}.log.{}", self.app, open.lines));
            std::fs::rename(&self.path, full)?;
        }
        let older = older(&self.dir, &self.app)?;
        let surplus = older.len().saturating_sub(self.sizes.older);
        for (_, path) in &older[..surplus] {
            gone_is_fine(std::fs::remove_file(path))?;
        }
        Ok(())
    }
}

impl Open {
    fn begin(dir: &Path, app: &AppName, path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(path)?;
        let metadata = file.metadata()?;
        let before = older(dir, app)?.last().map_or(0, |(number, _)| *number);
        let mut open = Self {
            identity: identity(&metadata),
            length: metadata.len(),
            lines: before + count_lines(&file)?,
            file,
        };
        // Whoever wrote it was killed in the middle of a line.
        let mut last = [b'\n'];
        if open.length > 0 {
            open.file.read_exact_at(&mut last, open.length - 1)?;
        }
        if last != [b'\n'] {
            open.append(b"\n")?;
        }
        Ok(open)
    }

    fn append(&mut self, text: &[u8]) -> Result<()> {
        let written = self.file.write_all(text);
        if written.is_err() {
            // A full disk takes part of it, and the next line must not begin in the middle of one.
            let _ = self.file.set_len(self.length);
        } else {
            self.length += text.len() as u64;
            self.lines += line_ends(text);
        }
        written
    }
}

/// How much of `text` is whole lines, in at most `room` bytes.
fn whole_lines(text: &[u8], room: usize) -> usize {
    let within = &text[..room.min(text.len())];
    within
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1)
}

fn first_line(text: &[u8]) -> usize {
    let end = text.iter().position(|byte| *byte == b'\n');
    end.map_or(text.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(bytes: u64) -> (tempfile::TempDir, AppName, LogFile) {
        let dir = tempfile::tempdir().unwrap();
        let app = AppName::new("myapp").unwrap();
        let file = LogFile::new(dir.path(), &app, Sizes { bytes, older: 2 });
        (dir, app, file)
    }

    fn numbers(dir: &Path, app: &AppName) -> Vec<u64> {
        older(dir, app)
            .unwrap()
            .iter()
            .map(|(number, _)| *number)
            .collect()
    }

    #[test]
    fn a_full_file_makes_room_and_its_name_counts_its_lines() {
        let (dir, app, mut file) = begin(10);
        file.write(b"1\n2\n3\n").unwrap();
        assert!(numbers(dir.path(), &app).is_empty());
        file.write(b"4\n5\n6\n7\n").unwrap();
        assert_eq!(numbers(dir.path(), &app), [5]);
        // Another writer goes on counting, and the oldest goes.
        let mut file = LogFile::new(
            dir.path(),
            &app,
            Sizes {
                bytes: 10,
                older: 2,
            },
        );
        file.write(b"8\n9\n10\n11\n12\n13\n14\n15\n").unwrap();
        assert_eq!(numbers(dir.path(), &app), [9, 12]);
        let now = std::fs::read(current(dir.path(), &app)).unwrap();
        assert_eq!(now, b"13\n14\n15\n");
    }

    #[test]
    fn a_line_that_is_larger_than_a_file_is_kept_whole() {
        let (dir, app, mut file) = begin(4);
        file.write(b"a\n123456789\nb\n").unwrap();
        assert_eq!(numbers(dir.path(), &app), [1, 2]);
    }

    #[test]
    fn a_line_that_was_cut_by_a_kill_is_ended() {
        let (dir, app, mut file) = begin(100);
        std::fs::write(current(dir.path(), &app), "whole\nhal").unwrap();
        file.write(b"next\n").unwrap();
        let now = std::fs::read(current(dir.path(), &app)).unwrap();
        assert_eq!(now, b"whole\nhal\nnext\n");
    }

    #[test]
    fn a_file_that_is_removed_is_made_again() {
        let (dir, app, mut file) = begin(4);
        file.write(b"a\nb\nc\nd\ne\n").unwrap();
        remove(dir.path(), &app).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        file.write(b"f\n").unwrap();
        assert_eq!(std::fs::read(current(dir.path(), &app)).unwrap(), b"f\n");
    }
}
