//! A plugin as a vendor hands it over: a folder or a tarball. Only what Slugline or the operator reads
//! is taken: the manifest, the entry, README, LICENSE and an example of settings. It must not know
//! where it goes.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tar::Archive;

use crate::host::PluginInfo;
use crate::manifest::check_manifest;
use crate::partner::is_entry as is_partner;
use crate::plugin::Plugin;
use crate::source::{MANIFEST, Source};

use super::{InstallError, beside_others, digest};

/// A file may have so many bytes: a library with all that it needs is seldom a tenth of it.
const FILE_MAX: u64 = 64 << 20;
/// A tarball may unpack to so many bytes.
const TARBALL_MAX: u64 = 512 << 20;

/// A plugin that could be installed.
#[derive(Clone, Debug)]
pub struct Package {
    info: PluginInfo,
    digest: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Package {
    /// Reads a folder, or a tarball (plain or gzip) with the plugin at its top or in one folder.
    ///
    /// # Errors
    /// [`InstallError`]: it cannot be read, is no plugin, or does not go with those in the home.
    pub fn read(path: &Path, home: &Path) -> Result<Self, InstallError> {
        let found = if path.is_dir() {
            of_folder(path)
        } else {
            of_tarball(path)
        };
        let mut found = found.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => InstallError::NoPlugin {
                path: path.to_owned(),
                what: error.to_string(),
            },
            _ => InstallError::file(path)(error),
        })?;
        let no_plugin = |what: &str| InstallError::NoPlugin {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let text = found.get(MANIFEST).cloned();
        let text = text.ok_or_else(|| no_plugin("there is no plugin.yaml in it"))?;
        let text = String::from_utf8(text).map_err(|_| no_plugin("plugin.yaml is not UTF-8"))?;
        let manifest = check_manifest(&text, &path.join(MANIFEST).display().to_string())?;
        if !found.contains_key(&manifest.entry) {
            let (entry, what) = (&manifest.entry, "is missing; is it built?");
            return Err(no_plugin(&format!("{entry} {what}")));
        }
        beside_others(home, &manifest.name, &manifest)?;
        found.retain(|name, _| name == MANIFEST || *name == manifest.entry || is_paper(name));
        let digest = digest::of_files(&found);
        let info = Plugin::new(manifest, Source::Folder(path.to_owned())).info();
        Ok(Self {
            info,
            digest,
            files: found,
        })
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &PluginInfo {
        &self.info
    }

    /// The digest of all that would be installed.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Writes it into a new folder.
    ///
    /// # Errors
    /// [`InstallError::File`].
    pub fn write(&self, folder: &Path) -> Result<(), InstallError> {
        fs::create_dir_all(folder).map_err(InstallError::file(folder))?;
        for (name, contents) in &self.files {
            let path = folder.join(name);
            // An add-on manifest of a partner has a password in it.
            let mode = if is_partner(name) { 0o600 } else { 0o666 };
            let mut new = OpenOptions::new();
            let file = new.write(true).create(true).truncate(true).mode(mode);
            file.open(&path)
                .and_then(|mut file| file.write_all(contents))
                .map_err(InstallError::file(&path))?;
        }
        Ok(())
    }
}

/// For people to read.
fn is_paper(name: &str) -> bool {
    name.starts_with("README") || name.starts_with("LICENSE") || name == "settings.yaml.example"
}

fn of_folder(folder: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let known = fs::metadata(entry.path());
        // A link to nowhere is nothing that is needed; if it is, it is found missing.
        if let (Ok(name), Ok(known)) = (entry.file_name().into_string(), known)
            && known.is_file()
            && is_wanted(&name)
        {
            let file = File::open(entry.path())?;
            found.insert(name.clone(), contents(file, &name)?);
        }
    }
    Ok(found)
}

/// Whether it can be anything that is installed; which entry it is, the manifest says.
fn is_wanted(name: &str) -> bool {
    let code = [".lua", ".luau", ".so", ".dylib", ".json"];
    name == MANIFEST || is_paper(name) || code.iter().any(|end| name.ends_with(end))
}

fn of_tarball(path: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut top: Option<PathBuf> = None;
    for entry in archive(path)?.entries()? {
        let entry = entry?;
        let at = entry.path()?.into_owned();
        let folder = at.parent().unwrap_or(Path::new("")).to_owned();
        let is_higher = |top: &PathBuf| folder.components().count() < top.components().count();
        if at.file_name().is_some_and(|name| name == MANIFEST) && top.as_ref().is_none_or(is_higher)
        {
            top = Some(folder);
        }
    }
    let mut found = BTreeMap::new();
    let Some(top) = top else { return Ok(found) };
    for entry in archive(path)?.entries()? {
        let entry = entry?;
        let at = entry.path()?.into_owned();
        let name = at
            .file_name()
            .and_then(|name| name.to_str())
            .map(str::to_owned);
        // Only the bare name is used: nothing in a tarball says where a file goes.
        if let Some(name) = name
            && at.parent() == Some(&top)
            && entry.header().entry_type().is_file()
            && is_wanted(&name)
        {
            found.insert(name.clone(), contents(entry, &name)?);
        }
    }
    Ok(found)
}

fn archive(path: &Path) -> io::Result<Archive<Box<dyn Read>>> {
    let mut first = [0; 2];
    let mut file = File::open(path)?;
    let zipped = file.read_exact(&mut first).is_ok() && first == [0x1f, 0x8b];
    let file = File::open(path)?;
    let plain: Box<dyn Read> = if zipped {
        Box::new(GzDecoder::new(file).take(TARBALL_MAX))
    } else {
        Box::new(file)
    };
    Ok(Archive::new(plain))
}

fn contents(from: impl Read, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_MAX {
        let what = format!("{name} has more than {FILE_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(bytes)
}
