//! Something that is wrong with a plugin's files, and where. It must not know how it was found.

use std::path::Path;

use serde::Serialize;

use crate::error::HostError;
use crate::fault::Fault;
use crate::manifest::{ManifestError, place_of};
use crate::partner::is_entry as is_partner;
use crate::plugin::Plugin;
use crate::source::MANIFEST;

/// Something that is wrong. `Display` is like that of [`ManifestError`]: the place and what, then
/// the line and a caret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}", shown(self))]
pub struct Finding {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters. Of a script only the line is known, and this is where it begins.
    pub column: usize,
    /// What is wrong, in one line.
    pub what: String,
    /// The text of the line; empty where there is none.
    #[serde(skip)]
    pub source_line: String,
}

fn shown(finding: &Finding) -> String {
    let Finding { line, column, .. } = finding;
    let place = format!("{}:{line}:{column}: {}", finding.file, finding.what);
    if finding.source_line.is_empty() {
        return place;
    }
    format!(
        "{place}\n{line:4} | {}\n     | {:>column$}",
        finding.source_line, "^"
    )
}

impl From<ManifestError> for Finding {
    fn from(error: ManifestError) -> Self {
        Self {
            file: error.file,
            line: error.line,
            column: error.column,
            what: error.what,
            source_line: error.source_line,
        }
    }
}

impl Finding {
    /// Something about a file that cannot be read.
    pub(super) fn of_file(folder: &Path, file: &str, why: &dyn std::fmt::Display) -> Self {
        Self {
            file: folder.join(file).display().to_string(),
            line: 1,
            column: 1,
            what: why.to_string(),
            source_line: String::new(),
        }
    }

    pub(super) fn of_host(error: HostError, folder: &Path) -> Self {
        match error {
            HostError::Manifest(error) => error.into(),
            HostError::Read { cause, .. } => {
                Self::of_file(folder, MANIFEST, &format_args!("cannot read it: {cause}"))
            }
            other => Self::of_file(folder, MANIFEST, &other),
        }
    }

    /// Why a plugin could not be loaded: at a line of the script where one is named, and else at
    /// the part of the manifest that is not kept.
    pub(super) fn of_fault(fault: &Fault, plugin: &Plugin, folder: &Path) -> Self {
        let (said, entry) = (fault.to_string(), &plugin.manifest.entry);
        let numbered = said
            .strip_prefix(entry.as_str())
            .and_then(|rest| rest.strip_prefix(':'))
            .and_then(|rest| rest.split_once(": "))
            .and_then(|(line, what)| Some((line.parse::<usize>().ok()?, what)));
        let Some((line, what)) = numbered else {
            let text = plugin.source.manifest().unwrap_or_default();
            let file = folder.join(MANIFEST).display().to_string();
            return place_of(&said, &plugin.manifest, &text, &file).into();
        };
        if is_partner(entry) {
            // The line may hold the vendor's password.
            return Self {
                line,
                what: what.to_owned(),
                ..Self::of_file(folder, entry, &"")
            };
        }
        let text = plugin.source.read(entry, usize::MAX).unwrap_or_default();
        let source_line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let before = source_line.chars().take_while(|c| c.is_whitespace());
        Self {
            file: folder.join(entry).display().to_string(),
            line,
            column: before.count() + 1,
            what: what.to_owned(),
            source_line: source_line.replace('\t', " ").chars().take(120).collect(),
        }
    }
}
