//! Where plugins come from: the binary itself, and the operator's folder `HOME/plugins`. It must
//! not know what a manifest says.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use slugline_plugin_api::protocol::Entry;

use crate::error::HostError;
use crate::fault::Fault;
use crate::install::{digest_of_files, digest_of_folder};
use crate::limits::Limits;
use crate::operator::OperatorSettings;

/// The plugins in the binary, sorted by name.
static SHIPPED: [(&str, Dir<'_>); 6] = [
    (
        "deployhooks",
        include_dir!("$CARGO_MANIFEST_DIR/../../plugins/deployhooks"),
    ),
    (
        "memcache",
        include_dir!("$CARGO_MANIFEST_DIR/../../plugins/memcache"),
    ),
    (
        "postgresql",
        include_dir!("$CARGO_MANIFEST_DIR/../../plugins/postgresql"),
    ),
    (
        "redis",
        include_dir!("$CARGO_MANIFEST_DIR/../../plugins/redis"),
    ),
    (
        "releases",
        include_dir!("$CARGO_MANIFEST_DIR/../../plugins/releases"),
    ),
    (
        "webhooks",
        include_dir!("$CARGO_MANIFEST_DIR/../../plugins/webhooks"),
    ),
];

/// The name of every manifest.
pub(crate) const MANIFEST: &str = "plugin.yaml";

/// What the operator has set for a plugin, beside its manifest.
pub(crate) const SETTINGS: &str = "settings.yaml";

/// How the name of a dynamic library ends.
const LIBRARY: [&str; 2] = [".so", ".dylib"];

/// A manifest or a file of settings may have so many bytes.
const MANIFEST_MAX: usize = 64 << 10;

/// Where one plugin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the binary, under this name.
    Embedded(&'static str),
    /// In this folder.
    Folder(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedded(_) => f.write_str("embedded"),
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Source {
    /// All plugins that ship with the binary.
    pub(crate) fn embedded() -> impl Iterator<Item = Self> {
        SHIPPED.iter().map(|(name, _)| Self::Embedded(name))
    }

    /// All folders in `HOME/plugins`, sorted; none where there is no such folder. Hidden ones are
    /// left out.
    pub(crate) fn installed(home: &Path) -> Result<Vec<Self>, HostError> {
        let root = home.join("plugins");
        let failed = |cause| HostError::Read {
            path: root.clone(),
            cause,
        };
        let entries = match fs::read_dir(&root) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.path().is_dir() {
                folders.push(entry.path());
            }
        }
        folders.sort();
        Ok(folders.into_iter().map(Self::Folder).collect())
    }

    /// What the file is called in errors.
    pub(crate) fn label(&self, file: &str) -> String {
        match self {
            Self::Embedded(name) => format!("{name}/{file}"),
            Self::Folder(path) => path.join(file).display().to_string(),
        }
    }

    /// The manifest's text.
    pub(crate) fn manifest(&self) -> Result<String, HostError> {
        self.read(MANIFEST, MANIFEST_MAX)
            .map_err(|cause| HostError::Read {
                path: PathBuf::from(self.label(MANIFEST)),
                cause,
            })
    }

    /// Whether an entry is a dynamic library; otherwise it is a script.
    pub(crate) fn is_library(&self, entry: &str) -> bool {
        LIBRARY.iter().any(|end| entry.ends_with(end))
    }

    /// The digest of its files as they are now, as an operator approves it.
    pub(crate) fn digest(&self) -> io::Result<String> {
        match self {
            Self::Embedded(name) => {
                let shipped = SHIPPED.iter().find(|(shipped, _)| shipped == name);
                let (_, folder) = shipped.ok_or(io::ErrorKind::NotFound)?;
                let mut files = BTreeMap::new();
                gather(folder, &mut files);
                Ok(digest_of_files(&files))
            }
            Self::Folder(path) => digest_of_folder(path),
        }
    }

    /// The plugin's entry, as its process is given it.
    pub(crate) fn entry(&self, entry: &str, limits: &Limits) -> Result<Entry, Fault> {
        let unreadable =
            |why: &dyn std::fmt::Display| Fault::Unreadable(format!("cannot read {entry}: {why}"));
        if !self.is_library(entry) {
            let source = self.read(entry, limits.source);
            return source.map(Entry::Script).map_err(|why| unreadable(&why));
        }
        let Self::Folder(folder) = self else {
            return Err(unreadable(&"a library cannot be loaded from the binary"));
        };
        let path = folder.join(entry).canonicalize();
        let path = path.map_err(|why| unreadable(&why))?.into_os_string();
        let path = path.into_string();
        path.map(Entry::Library)
            .map_err(|_| unreadable(&"its path is not UTF-8"))
    }

    /// What the operator has set for it; nothing where there is no such file.
    pub(crate) fn settings(&self) -> Result<OperatorSettings, Fault> {
        match (self, self.read(SETTINGS, MANIFEST_MAX)) {
            (Self::Folder(_), Ok(text)) => OperatorSettings::read(&text),
            (Self::Folder(_), Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                let what = format!("cannot read {SETTINGS}: {error}");
                Err(Fault::Unreadable(what))
            }
            _ => Ok(OperatorSettings::default()),
        }
    }

    /// A file of the plugin, of at most `limit` bytes of UTF-8.
    pub(crate) fn read(&self, file: &str, limit: usize) -> io::Result<String> {
        let too_large = || {
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("more than {limit} bytes"),
            )
        };
        let bytes = match self {
            Self::Embedded(name) => embedded_file(name, file)?.to_vec(),
            Self::Folder(path) => read_at_most(&path.join(file), limit)?,
        };
        if bytes.len() > limit {
            return Err(too_large());
        }
        let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
        String::from_utf8(bytes).map_err(not_text)
    }
}

fn embedded_file(name: &str, file: &str) -> io::Result<&'static [u8]> {
    let folder = SHIPPED.iter().find(|(shipped, _)| *shipped == name);
    let found = folder.and_then(|(_, folder)| folder.get_file(file));
    let found = found.map(include_dir::File::contents);
    found.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// All files of a folder in the binary, by path, but for what an operator would have set.
fn gather(folder: &Dir<'static>, files: &mut BTreeMap<String, &'static [u8]>) {
    for file in folder.files() {
        let path = file.path().to_string_lossy().into_owned();
        if path != SETTINGS {
            files.insert(path, file.contents());
        }
    }
    for folder in folder.dirs() {
        gather(folder, files);
    }
}

/// The file, or its first `limit + 1` bytes.
fn read_at_most(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_binary_has_the_digest_of_its_folder() {
        for (name, _) in &SHIPPED {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
            let folder = Source::Folder(folder.join(name));
            let embedded = Source::Embedded(name).digest().unwrap();
            assert_eq!(embedded, folder.digest().unwrap(), "{name}");
        }
    }
}
