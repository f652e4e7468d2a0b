//! A home of its own for each test, and the shortest way to a compile.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "no test file uses all of them"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;
use slugline_core::config::{ConfigKey, ConfigValue, ConfigVar, ConfigVars, Owner};
use slugline_core::port::{CompileError, CompileRequest, Compiler as _};
use slugline_core::slug::{Commit, Slug, SourceId};
use slugline_slug::{Buildpacks, SlugCompiler, SlugStore};
use tempfile::TempDir;

/// A home with a store.
pub(crate) struct Home {
    pub(crate) dir: TempDir,
    pub(crate) store: SlugStore,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SlugStore::open(&dir.path().join("home")).unwrap();
        Self { dir, store }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes an app; names that end in `*` are executable.
    pub(crate) fn app(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = self.path(name);
        fs::create_dir_all(&root).unwrap();
        for (path, content) in files {
            write(
                &root.join(path.trim_end_matches('*')),
                content,
                path.ends_with('*'),
            );
        }
        root
    }

    pub(crate) fn source(&self, files: &[(&str, &str)]) -> SourceId {
        let root = self.app("app-to-add", files);
        let (id, size) = self.store.add_source_dir(&root).unwrap();
        fs::remove_dir_all(root).unwrap();
        assert_eq!(
            fs::metadata(self.store.source_path(&id)).unwrap().len(),
            size
        );
        id
    }

    pub(crate) fn shipped(&self) -> SlugCompiler {
        self.compiler(Buildpacks::shipped().unwrap())
    }

    pub(crate) fn compiler(&self, buildpacks: Buildpacks) -> SlugCompiler {
        let stack = slugline_slug::stack();
        SlugCompiler::new(self.store.clone(), buildpacks, calling(), stack)
    }

    /// Everything that is kept, without caches and unpacked buildpacks.
    pub(crate) fn kept(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in ["slugs", "sources", "builds", "build"] {
            for entry in fs::read_dir(self.path("home").join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                names.push(format!("{folder}/{name}"));
            }
        }
        names.sort();
        names
    }
}

pub(crate) fn calling() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

pub(crate) fn write(path: &Path, content: &str, executable: bool) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    let mode = if executable { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn commit() -> Commit {
    Commit::new("575bfa8c0ffee00000000000000000000000cafe").unwrap()
}

pub(crate) fn config(vars: &[(&str, &str)]) -> ConfigVars {
    let var = |(key, value): &(&str, &str)| {
        let key = ConfigKey::new(key).unwrap();
        let value = ConfigValue::new(&key, *value).unwrap();
        let owner = Owner::User;
        (key, ConfigVar { value, owner })
    };
    vars.iter().map(var).collect()
}

/// Compiles, and answers the lines too.
pub(crate) fn compile(
    compiler: &SlugCompiler,
    source: &SourceId,
    vars: &[(&str, &str)],
) -> (Result<Slug, CompileError>, Vec<String>) {
    let mut lines = Vec::new();
    let request = CompileRequest {
        app: &AppName::new("myapp").unwrap(),
        source,
        commit: &commit(),
        config: &config(vars),
    };
    let slug = compiler.compile(&request, &mut |line| lines.push(line.to_owned()));
    (slug, lines)
}
