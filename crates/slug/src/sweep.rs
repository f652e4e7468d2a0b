//! What nothing needs any more, found and removed while nobody uses the store: slugs, sources and
//! builds that no release refers to, caches of apps that are gone, buildpacks of other versions,
//! and what was being written when its writer died. It must not know what a release is, nor touch a
//! file that the store did not make.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;
use slugline_core::slug::{Slug, SlugId, SourceId};

use crate::hold::Hold;
use crate::store::StoreError;

/// What is needed, and so stays.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// The slugs of all kept releases and newest deploys.
    pub slugs: BTreeSet<SlugId>,
    /// Their sources.
    pub sources: BTreeSet<SourceId>,
    /// The apps that there are.
    pub apps: BTreeSet<AppName>,
    /// The digest of the buildpacks that are in use: [`crate::Buildpacks::digest`].
    pub buildpacks: String,
}

/// Something that nothing needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Garbage {
    /// What it is, in the plural: `slugs`.
    pub kind: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// How many bytes its files have.
    pub bytes: u64,
}

impl Garbage {
    /// A file or folder, measured.
    #[must_use]
    pub fn new(kind: &'static str, path: PathBuf) -> Self {
        let bytes = bytes(&path);
        Self { kind, path, bytes }
    }

    /// Removes it; what is gone already is no error.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove(&self) -> Result<(), StoreError> {
        let is_folder = fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_dir());
        let removed = match is_folder {
            true => fs::remove_dir_all(&self.path),
            false => fs::remove_file(&self.path),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// The store of one home while nobody else uses it.
#[derive(Debug)]
pub struct Sweep {
    home: PathBuf,
    _alone: Hold,
}

impl Sweep {
    /// Takes the store for itself; `None` while somebody uses it.
    ///
    /// What is needed is to be asked after this, and not before.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn begin(home: &Path) -> Result<Option<Self>, StoreError> {
        let alone = Hold::alone(home).map_err(StoreError::io("lock", home))?;
        Ok(alone.map(|alone| Self {
            home: home.to_owned(),
            _alone: alone,
        }))
    }

    /// All that nothing needs, sorted. Nothing is removed.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn find(&self, needed: &Needed) -> Result<Vec<Garbage>, StoreError> {
        let mut found = Vec::new();
        let mut folder = |name: &'static str, garbage: &dyn Fn(&Path, &str) -> bool| {
            for path in entries(&self.home.join(name))? {
                let Some(file) = path.file_name().and_then(|name| name.to_str()) else {
                    continue;
                };
                if file.starts_with(".new-") || garbage(&path, file) {
                    found.push(Garbage::new(kind(name), path));
                }
            }
            Ok::<(), StoreError>(())
        };
        folder("slugs", &|_, file| {
            let id = file.strip_suffix(".slug").map(SlugId::new);
            matches!(id, Some(Ok(id)) if !needed.slugs.contains(&id))
        })?;
        folder("sources", &|_, file| {
            let id = file.strip_suffix(".src").map(SourceId::new);
            matches!(id, Some(Ok(id)) if !needed.sources.contains(&id))
        })?;
        folder("builds", &|path, file| {
            file.ends_with(".json") && !leads_to(path, &needed.slugs)
        })?;
        folder("cache", &|_, file| {
            AppName::new(file).is_ok_and(|app| !needed.apps.contains(&app))
        })?;
        folder("buildpacks", &|_, file| file != needed.buildpacks)?;
        folder("build", &|_, _| true)?;
        found.sort();
        Ok(found)
    }
}

fn kind(folder: &'static str) -> &'static str {
    match folder {
        "cache" => "caches",
        "build" => "scratch folders",
        other => other,
    }
}

/// Whether a build made one of these slugs. One that cannot be read leads nowhere.
pub(crate) fn leads_to(path: &Path, slugs: &BTreeSet<SlugId>) -> bool {
    let slug = fs::read(path)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Slug>(&bytes).ok());
    slug.is_some_and(|slug| slugs.contains(&slug.id))
}

/// What is in a folder; nothing where there is none.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let read = |error| StoreError::io("read", folder)(error);
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(read(error)),
        Ok(all) => all
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()
            .map_err(read),
    }
}

/// The bytes of all files below; what cannot be looked at counts for nothing.
fn bytes(path: &Path) -> u64 {
    let Ok(found) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !found.is_dir() {
        return found.len();
    }
    let inside = fs::read_dir(path).into_iter().flatten().flatten();
    inside.map(|entry| bytes(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SlugStore;

    #[test]
    fn only_what_nothing_needs_is_found() {
        let home = tempfile::tempdir().unwrap();
        drop(SlugStore::open(home.path()).unwrap());
        let [kept, gone] = ["a", "b"].map(|digit| digit.repeat(64));
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let slug = |id: &str| {
            format!(
                r#"{{"id":"{id}","size":1,"commit":"{id}","source":"{id}","buildpack":"b",
                "processes":{{}},"default_env":{{}}}}"#
            )
        };
        for id in [&kept, &gone] {
            write(&format!("slugs/{id}.slug"), "slug");
            write(&format!("sources/{id}.src"), "source");
            write(&format!("builds/{id}.json"), &slug(id));
            write(&format!("buildpacks/{id}/bin/detect"), "#!");
        }
        write("slugs/.new-xyz", "half");
        write("slugs/README", "somebody's own");
        write("cache/myapp/python/wheel", "kept");
        write("cache/oldapp/python/wheel", "12345");
        write("build/.tmpx/app/file", "123");
        write("builds/torn.json", "{");
        let needed = Needed {
            slugs: [SlugId::new(&kept).unwrap()].into(),
            sources: [SourceId::new(&kept).unwrap()].into(),
            apps: [AppName::new("myapp").unwrap()].into(),
            buildpacks: kept,
        };
        let sweep = Sweep::begin(home.path()).unwrap().unwrap();
        let found = sweep.find(&needed).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|it| {
                let path = it.path.strip_prefix(home.path()).unwrap();
                (it.kind, path.to_str().unwrap().replace(&gone, "GONE"))
            })
            .collect();
        let expected = [
            ("buildpacks", "buildpacks/GONE"),
            ("builds", "builds/GONE.json"),
            ("builds", "builds/torn.json"),
            ("caches", "cache/oldapp"),
            ("scratch folders", "build/.tmpx"),
            ("slugs", "slugs/.new-xyz"),
            ("slugs", "slugs/GONE.slug"),
            ("sources", "sources/GONE.src"),
        ];
        assert_eq!(shown, expected.map(|(kind, path)| (kind, path.to_owned())));
        let sizes: Vec<_> = found.iter().map(|it| it.bytes).collect();
        assert_eq!(sizes[2..], [1, 5, 3, 4, 4, 6]);
        for garbage in &found {
            garbage.remove().unwrap();
            garbage.remove().unwrap();
        }
        assert_eq!(sweep.find(&needed).unwrap(), []);
        assert!(home.path().join("slugs/README").exists());
    }

    #[test]
    fn a_store_in_use_is_not_swept() {
        let home = tempfile::tempdir().unwrap();
        let store = SlugStore::open(home.path()).unwrap();
        let other = store.clone();
        drop(store);
        assert!(Sweep::begin(home.path()).unwrap().is_none());
        drop(other);
        assert!(Sweep::begin(home.path()).unwrap().is_some());
    }
}
