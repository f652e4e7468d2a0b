//! The parsers of what comes with source, under fuzzing: whatever the bytes are, they answer or
//! refuse, and an archive leaves nothing outside of its folder. Compiled for `fuzz/` and for tests
//! only. It must not know how inputs are made.

use std::fs;
use std::path::Path;

use crate::extract::{Limits, extract};
use crate::slugignore::Slugignore;
use crate::{procfile, release};

/// The name of a target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("procfile", read_procfile),
    ("slugignore", slugignore),
    ("buildpack_release", buildpack_release),
    ("tar", tar),
];

/// A Procfile, which is read back from what was understood of it.
pub fn read_procfile(data: &[u8]) {
    let Ok(types) = procfile::parse(data) else {
        return;
    };
    let lines = types
        .iter()
        .map(|(name, command)| format!("{name}: {command}\n"));
    let again = procfile::parse(lines.collect::<String>().as_bytes());
    assert_eq!(again.ok(), Some(types));
}

/// A `.slugignore`, and a path that its patterns are asked about: the first line.
pub fn slugignore(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (path, patterns) = text.split_once('\n').unwrap_or(("a/b", text));
    if let Ok(patterns) = Slugignore::parse(patterns) {
        let path = Path::new(path);
        let inside = path
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if inside && !path.as_os_str().is_empty() {
            patterns.matches(path, false);
            patterns.matches(path, true);
        }
    }
}

/// What `bin/release` of a buildpack prints.
pub fn buildpack_release(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = release::parse(text);
    }
}

/// An archive of source or of a slug.
pub fn tar(data: &[u8]) {
    let Ok(outer) = tempfile::tempdir() else {
        return;
    };
    let limits = Limits {
        bytes: 1 << 20,
        entries: 200,
    };
    let inner = outer.path().join("inner");
    let extracted = extract(data, &inner, limits);
    let left = fs::read_dir(outer.path()).map_or(0, Iterator::count);
    assert_eq!(left, usize::from(extracted.is_ok()), "{extracted:?}");
    if extracted.is_ok() {
        links_stay_inside(&inner, &inner);
    }
}

fn links_stay_inside(folder: &Path, root: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_symlink() {
            // One to what is not there leads nowhere.
            if let (Ok(to), Ok(root)) = (path.canonicalize(), root.canonicalize()) {
                assert!(to.starts_with(root), "{path:?} leads to {to:?}");
            }
        } else if kind.is_dir() {
            links_stay_inside(&path, root);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpora_go_through() {
        slugline_testkit::corpus::run(super::TARGETS);
    }
}
