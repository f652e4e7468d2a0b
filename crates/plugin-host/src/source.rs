//! Where plugins come from: the binary itself, and the operator's folder `HOME/plugins`. It must
//! not know what a manifest says.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::error::HostError;

static RELEASES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/releases");
static MEMCACHE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/memcache");
static DEPLOYHOOKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../plugins/deployhooks");

/// The name of every manifest.
pub(crate) const MANIFEST: &str = "plugin.yaml";

/// A manifest may have so many bytes.
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
    pub(crate) fn embedded() -> [Self; 3] {
        ["deployhooks", "memcache", "releases"].map(Self::Embedded)
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
    let folder = match name {
        "deployhooks" => &DEPLOYHOOKS,
        "memcache" => &MEMCACHE,
        _ => &RELEASES,
    };
    let found = folder.get_file(file).map(include_dir::File::contents);
    found.ok_or_else(|| io::ErrorKind::NotFound.into())
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
