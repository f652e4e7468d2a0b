//! Plugins in the operator's folder `HOME/plugins`, and what the operator has approved of them, in
//! `HOME/plugins.lock`. A plugin that is not approved, or has changed since, is not loaded. It must
//! not know who asked the operator.

mod digest;
mod lock;
mod package;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use slugline_plugin_api::manifest::Manifest;

use crate::catalogue::Offers;
use crate::error::HostError;
use crate::host::PluginInfo;
use crate::manifest::{ManifestError, check_manifest};
use crate::plugin::Plugin;
use crate::source::{MANIFEST, Source};

pub use lock::{Approval, Lock};
pub use package::Package;

pub(crate) use digest::{DEPTH, of_files as digest_of_files, of_folder as digest_of_folder};
pub(crate) use lock::FILE as LOCK;

/// Why a plugin is not installed, approved or removed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A file or folder cannot be read or written.
    #[error("cannot use {}: {cause}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The lock file is not one.
    #[error("{} is no lock file: {what}", path.display())]
    Lock {
        /// Where it is.
        path: PathBuf,
        /// One line.
        what: String,
    },
    /// There is no plugin in what was named.
    #[error("{} is no plugin: {what}", path.display())]
    NoPlugin {
        /// The folder or the tarball.
        path: PathBuf,
        /// One line.
        what: String,
    },
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It does not go with the plugins that there are.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A plugin of this name is installed.
    #[error("{0} is installed already")]
    Installed(String),
    /// A plugin of this name is not installed.
    #[error("there is no plugin {0} in the folder of plugins")]
    NotInstalled(String),
}

impl InstallError {
    fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        move |cause| Self::File {
            path: path.to_owned(),
            cause,
        }
    }
}

/// Where a plugin is installed.
#[must_use]
pub fn place(home: &Path, name: &str) -> PathBuf {
    home.join("plugins").join(name)
}

/// Whether a plugin of this name is installed, approved or not.
#[must_use]
pub fn is_installed(home: &Path, name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('/') && place(home, name).is_dir()
}

/// The plugin that is installed there now, approved or not, and its digest.
///
/// # Errors
/// [`InstallError`]: there is none, its manifest is wrong, or it does not go with the others.
pub fn installed(home: &Path, name: &str) -> Result<(PluginInfo, String), InstallError> {
    if !is_installed(home, name) {
        return Err(InstallError::NotInstalled(name.to_owned()));
    }
    let folder = place(home, name);
    let source = Source::Folder(folder.clone());
    let manifest = check_manifest(&source.manifest()?, &source.label(MANIFEST))?;
    beside_others(home, name, &manifest)?;
    let digest = digest_of_folder(&folder).map_err(InstallError::file(&folder))?;
    Ok((Plugin::new(manifest, source).info(), digest))
}

/// Approves what is installed under this name, as it was looked at.
///
/// # Errors
/// [`InstallError`]: the disk fails, or the lock file is none.
pub fn approve(
    home: &Path,
    name: &str,
    info: &PluginInfo,
    digest: &str,
) -> Result<(), InstallError> {
    let approval = Approval::of(info, digest);
    changing(home, |lock| {
        lock.plugins.insert(name.to_owned(), approval);
    })
}

/// Installs a package, in the place of what is there under its name, and approves it. Until the end
/// both the old and the new are approved, so that an end half-way leaves one of them in use.
///
/// # Errors
/// [`InstallError`]: the disk fails, or the lock file is none.
pub fn install(home: &Path, package: &Package) -> Result<(), InstallError> {
    let name = &package.info().name;
    let staged = home.join("plugins").join(format!(".new-{name}"));
    let old = home.join("plugins").join(format!(".old-{name}"));
    remove_folder(&staged)?;
    remove_folder(&old)?;
    package.write(&staged)?;
    let target = place(home, name);
    // What the operator has set stays.
    let settings = target.join("settings.yaml");
    if settings.exists() {
        let kept = staged.join("settings.yaml");
        fs::copy(&settings, &kept).map_err(InstallError::file(&kept))?;
    }
    changing(home, |lock| {
        let before = lock.plugins.get(name).map(|it| it.digest.clone());
        let approval = Approval::of(package.info(), package.digest());
        let approval = Approval { before, ..approval };
        lock.plugins.insert(name.clone(), approval);
    })?;
    if target.exists() {
        fs::rename(&target, &old).map_err(InstallError::file(&target))?;
    }
    fs::rename(&staged, &target).map_err(InstallError::file(&target))?;
    remove_folder(&old)?;
    approve(home, name, package.info(), package.digest())
}

/// Removes what is installed under this name, and what was approved of it.
///
/// # Errors
/// [`InstallError`]: there is nothing, the disk fails, or the lock file is none.
pub fn remove(home: &Path, name: &str) -> Result<(), InstallError> {
    if !is_installed(home, name) {
        return Err(InstallError::NotInstalled(name.to_owned()));
    }
    let (folder, old) = (
        place(home, name),
        home.join("plugins").join(format!(".old-{name}")),
    );
    remove_folder(&old)?;
    fs::rename(&folder, &old).map_err(InstallError::file(&folder))?;
    remove_folder(&old)?;
    forget(home, name)
}

/// Forgets what was approved of a plugin that is gone.
///
/// # Errors
/// [`InstallError`]: the disk fails, or the lock file is none.
pub fn forget(home: &Path, name: &str) -> Result<(), InstallError> {
    changing(home, |lock| {
        lock.plugins.remove(name);
    })
}

/// The services and tiers that the plugin under this name provides, as far as anything knows: what
/// was approved of it, and what its manifest says now.
#[must_use]
pub fn provides(home: &Path, name: &str) -> BTreeSet<String> {
    let lock = Lock::read(home).unwrap_or_default();
    let approved = lock.plugins.get(name).map(|it| it.provides.clone());
    let mut all: BTreeSet<String> = approved.into_iter().flatten().collect();
    let source = Source::Folder(place(home, name));
    let manifest = source.manifest().ok();
    let manifest = manifest.and_then(|text| check_manifest(&text, MANIFEST).ok());
    if let Some(manifest) = manifest {
        let info = Plugin::new(manifest, source).info();
        all.extend(info.services.into_iter().chain(info.tiers));
    }
    all
}

/// Whether a plugin would go with all the others that there are, but for the one in its own place.
fn beside_others(home: &Path, name: &str, manifest: &Manifest) -> Result<(), HostError> {
    let own = place(home, name);
    let mut sources: Vec<Source> = Source::embedded().collect();
    sources.extend(Source::installed(home)?);
    let mut others = Vec::new();
    for source in sources {
        if matches!(&source, Source::Folder(folder) if *folder == own) {
            continue;
        }
        // One that is broken is told of by the commands that need it.
        if let Ok(text) = source.manifest()
            && let Ok(other) = check_manifest(&text, MANIFEST)
        {
            if other.name == manifest.name {
                return Err(HostError::PluginTwice {
                    name: other.name,
                    first: source.to_string(),
                    second: own.display().to_string(),
                });
            }
            others.push(other);
        }
    }
    others.push(manifest.clone());
    Offers::of(&others.iter().collect::<Vec<_>>()).map(|_| ())
}

/// Changes the lock file, one after the other where several do.
fn changing(home: &Path, change: impl FnOnce(&mut Lock)) -> Result<(), InstallError> {
    fs::create_dir_all(home.join("plugins")).map_err(InstallError::file(home))?;
    let folder = File::open(home).map_err(InstallError::file(home))?;
    let held = Flock::lock(folder, FlockArg::LockExclusive);
    let _held = held.map_err(|(_, error)| InstallError::file(home)(error.into()))?;
    let mut lock = Lock::read(home)?;
    change(&mut lock);
    lock.write(home)
}

fn remove_folder(folder: &Path) -> Result<(), InstallError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(InstallError::file(folder)(error))
        }
        _ => Ok(()),
    }
}
