//! The home itself: that it is there, its owner's alone, and has room. It must not know what is in
//! the files.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use slugline_ledger::KEY_FILE;

use super::finding::{Check, RESTORE, Report, quoted};
use crate::context::Context;
use crate::render::size;

/// Files that hold what is secret.
const PRIVATE: [&str; 4] = [KEY_FILE, "ledger.db", "ledger.db-wal", "ledger.db-shm"];

/// Less than this, in bytes, is little for a deploy.
const LITTLE: u64 = 1 << 30;

/// Whether there is anything to look at.
pub fn is_there(context: &Context, report: &mut Report) -> bool {
    let home = &context.home;
    let shown = home.display();
    let entries = std::fs::read_dir(home).map(Iterator::count);
    match entries {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let what = format!("there is nothing at {shown} yet");
            report.warning(Check::Home, what, Some("slugline apps:create".to_owned()));
            false
        }
        Err(error) => {
            let what = format!("{shown} cannot be read: {error}");
            report.problem(Check::Home, what, None);
            false
        }
        Ok(_) if home.join("ledger.db").exists() => true,
        Ok(count) => {
            let (what, mend) = match count {
                0 => (format!("{shown} is empty"), "slugline apps:create"),
                _ => (format!("ledger.db is missing from {shown}"), RESTORE),
            };
            let mend = Some(mend.to_owned());
            match count {
                0 => report.warning(Check::Home, what, mend),
                _ => report.problem(Check::Home, what, mend),
            }
            count > 0
        }
    }
}

pub fn check(context: &Context, report: &mut Report) {
    let home = &context.home;
    private(home, 0o700, report);
    for name in PRIVATE {
        private(&home.join(name), 0o600, report);
    }
    let text = format!("{} is its owner's alone", home.display());
    report.ok_unless_found(Check::Home, text);
    disk(home, report);
}

fn private(path: &Path, wanted: u32, report: &mut Report) {
    let Ok(found) = std::fs::metadata(path) else {
        return;
    };
    let (shown, place) = (path.display(), quoted(path));
    if let Some(mode) = open_to_others(&found) {
        let what = format!("others can look into {shown} (mode {mode:o})");
        report.problem(Check::Home, what, Some(format!("chmod {wanted:o} {place}")));
    }
    let own = nix::unistd::geteuid().as_raw();
    if found.uid() != own {
        let what = format!("{shown} belongs to user {}, and not to you", found.uid());
        report.problem(Check::Home, what, Some(format!("chown {own} {place}")));
    }
}

/// Whether there is such a file, and others than its owner can read or write it.
pub fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| open_to_others(&found).is_some())
}

fn open_to_others(found: &Metadata) -> Option<u32> {
    let mode = found.mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

fn disk(home: &Path, report: &mut Report) {
    let space = || std::io::Result::Ok((fs4::available_space(home)?, fs4::total_space(home)?));
    let (free, all) = match space() {
        Ok(space) => space,
        Err(error) => return report.cannot(Check::Disk, &error),
    };
    let what = format!("{} of {} are free", size(free), size(all));
    match is_little(free, all) {
        true => report.warning(Check::Disk, what, Some("slugline gc".to_owned())),
        false => report.ok(Check::Disk, what),
    }
}

fn is_little(free: u64, all: u64) -> bool {
    free < LITTLE || free < all / 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_less_than_a_gibibyte_or_a_twentieth() {
        let gibibytes = |count: u64| count << 30;
        let check = |free, all, expected| assert_eq!(is_little(free, all), expected);
        check(gibibytes(1), gibibytes(20), false);
        check(gibibytes(1) - 1, gibibytes(2), true);
        check(gibibytes(4), gibibytes(100), true);
        check(gibibytes(5), gibibytes(100), false);
    }
}
