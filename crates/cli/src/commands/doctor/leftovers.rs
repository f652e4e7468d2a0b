//! What was left behind by processes that were killed, and what `gc` would remove. It must not
//! remove anything.

use std::path::{Path, PathBuf};

use super::finding::{Check, Report, quoted};
use crate::context::Context;
use crate::garbage;
use crate::render::size;

/// How what is half-written is called, in the home and in its folder of plugins.
const HALF: [&str; 4] = [".ledger-", ".key-", ".new-", ".old-"];

/// The same, beside the home and in it: what `backup` and `restore` write.
const COPIES: [&str; 2] = [".slugline-backup-", ".slugline-restore-"];

/// `readable` is whether the ledger can be read as it is.
pub fn check(context: &Context, readable: bool, report: &mut Report) {
    let home = &context.home;
    let half = [home.clone(), home.join("plugins")];
    let half = half.iter().flat_map(|folder| entries(folder, &HALF));
    let above = home.parent().unwrap_or(home).to_owned();
    let copies = [above, home.clone()];
    let copies = copies.iter().flat_map(|folder| entries(folder, &COPIES));
    for path in half.chain(copies) {
        let what = format!(
            "{} was left half-written, unless somebody is at it",
            path.display()
        );
        let mend = Some(format!("rm -r {}", quoted(&path)));
        report.warning(Check::Leftovers, what, mend);
    }
    // It would be brought up to date, or is refused.
    if !readable {
        let what = "what nothing needs cannot be told without the ledger";
        report.problem(Check::Leftovers, what, None);
        return;
    }
    match garbage::find(home, &context.env, context.ui) {
        Ok(None) => {
            let what = "not looked for: a deploy, a change or a backup is under way";
            report.ok_unless_found(Check::Leftovers, what);
        }
        Ok(Some(found)) => {
            // Folders of resources are told of with the resources.
            let garbage = found.garbage.iter();
            let garbage = garbage.filter(|it| it.kind != garbage::FOLDERS);
            let (mut count, mut bytes) = (0, 0);
            for garbage in garbage {
                count += 1;
                bytes += garbage.bytes;
            }
            if count > 0 {
                let count = match count {
                    1 => "1 file or folder".to_owned(),
                    count => format!("{count} files and folders"),
                };
                let what = format!("{count} ({}) that nothing needs", size(bytes));
                let mend = Some("slugline gc".to_owned());
                report.warning(Check::Leftovers, what, mend);
            }
        }
        Err(error) => {
            let what = format!("cannot be looked for: {}", error.text);
            report.problem(Check::Leftovers, what, None);
        }
    }
    report.ok_unless_found(Check::Leftovers, "none");
}

/// What is in a folder under a name that begins so, sorted; nothing where it cannot be read.
fn entries(folder: &Path, begins: &[&str]) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let wanted = found.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        begins.iter().any(|begin| name.starts_with(begin))
    });
    let mut all: Vec<_> = wanted.map(|entry| entry.path()).collect();
    all.sort();
    all
}
