//! The compiler: source in the store becomes a slug in the store, by way of a buildpack, or is
//! found there. It must not know releases, apps beyond their names, or where the source came from.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use slugline_core::config::ConfigVars;
use slugline_core::port::{CompileError, CompileRequest, Compiler};
use slugline_core::slug::{ProcessType, Slug, SourceId};

use crate::buildpack::{Buildpack, Buildpacks};
use crate::digest::{hex, part};
use crate::environment;
use crate::procfile;
use crate::release::{self, Release};
use crate::run::{Ended, Errors, Until, run};
use crate::scratch::Scratch;
use crate::store::SlugStore;

/// How long one program of a buildpack may run.
pub const TIME_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Goes into every build key. Raise it when this crate makes other slugs of the same input.
const GENERATION: &[u8] = b"slugline build 1";

/// The name of the platform that slugs are built for and run on, such as `linux-x86_64`.
#[must_use]
pub fn stack() -> String {
    use std::env::consts::{ARCH, OS};
    format!("{OS}-{ARCH}")
}

/// The [`Compiler`] of this machine.
#[derive(Clone, Debug)]
pub struct SlugCompiler {
    store: SlugStore,
    buildpacks: Buildpacks,
    env: BTreeMap<String, String>,
    stack: String,
    limit: Duration,
    stopped: Option<Arc<AtomicBool>>,
}

/// An app unpacked in a scratch folder, with what its Procfile says.
struct Unpacked {
    scratch: Scratch,
    processes: BTreeMap<ProcessType, String>,
}

impl Unpacked {
    fn app(&self) -> PathBuf {
        self.scratch.path().join("app")
    }

    fn folder(&self, name: &str) -> Result<PathBuf, CompileError> {
        let folder = self.scratch.path().join(name);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(storage("a folder cannot be created for the build", error))
            }
            _ => Ok(folder),
        }
    }
}

/// The buildpack that took an app.
struct Detected<'a> {
    buildpack: &'a Buildpack,
    /// What it calls the app, such as `Python`.
    name: String,
}

impl SlugCompiler {
    /// A compiler that uses these buildpacks. `env` is the calling environment, of which a build
    /// sees only what package managers need. `stack` names all else that a slug depends on, and is
    /// part of what identifies a build: see [`stack`].
    #[must_use]
    pub fn new(
        store: SlugStore,
        buildpacks: Buildpacks,
        env: BTreeMap<String, String>,
        stack: String,
    ) -> Self {
        Self {
            store,
            buildpacks,
            env,
            stack,
            limit: TIME_LIMIT,
            stopped: None,
        }
    }

    /// The same compiler with another limit than [`TIME_LIMIT`].
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The same compiler; what it does ends where this becomes true.
    #[must_use]
    pub fn stopped_by(mut self, stopped: Arc<AtomicBool>) -> Self {
        self.stopped = Some(stopped);
        self
    }

    fn refuse_stopped(&self) -> Result<(), CompileError> {
        let stopped = self.stopped.as_ref();
        match stopped.is_some_and(|stopped| stopped.load(Ordering::Relaxed)) {
            true => Err(CompileError::Cancelled),
            false => Ok(()),
        }
    }

    /// What the app is, by the name its buildpack gives, such as `Python`, without a build.
    ///
    /// # Errors
    /// Those of a compile that come before the build.
    pub fn detect(&self, source: &SourceId) -> Result<String, CompileError> {
        let unpacked = self.unpack(source)?;
        self.detected(&unpacked).map(|detected| detected.name)
    }

    /// What identifies a build by this buildpack (S23). All buildpacks are in it, since a change
    /// to one may change which of them takes an app.
    fn key(&self, buildpack: &Buildpack, source: &SourceId, config: &ConfigVars) -> String {
        let mut hasher = Sha256::new();
        part(&mut hasher, GENERATION);
        part(&mut hasher, source.as_str().as_bytes());
        part(&mut hasher, self.buildpacks.digest().as_bytes());
        part(&mut hasher, buildpack.name.as_bytes());
        part(&mut hasher, self.stack.as_bytes());
        for (key, value) in environment::visible(config, &buildpack.env) {
            part(&mut hasher, key.as_bytes());
            part(&mut hasher, value.as_bytes());
        }
        hex(hasher)
    }

    /// The slug of an earlier build. Which buildpack it was is not known before the source is
    /// unpacked; so each is tried, and only the one that took the app can have made one.
    /// A slug that was brought is what its own source makes, whatever the config vars are.
    fn recall(&self, request: &CompileRequest<'_>) -> Option<Slug> {
        if let Some(brought) = self.store.recall(request.source.as_str()) {
            return Some(brought);
        }
        let keys = self.buildpacks.all().iter();
        keys.map(|buildpack| self.key(buildpack, request.source, request.config))
            .find_map(|key| self.store.recall(&key))
    }

    fn unpack(&self, source: &SourceId) -> Result<Unpacked, CompileError> {
        if !self.store.has_source(source) {
            return Err(CompileError::NoSource(source.clone()));
        }
        let scratch = self.store.scratch()?;
        let app = scratch.path().join("app");
        self.store.extract_source(source, &app)?;
        let processes = read_procfile(&app)?;
        Ok(Unpacked { scratch, processes })
    }

    fn detected(&self, unpacked: &Unpacked) -> Result<Detected<'_>, CompileError> {
        for buildpack in self.buildpacks.all() {
            let mut said = Vec::new();
            let mut line = |text: &str| said.push(text.to_owned());
            match self.program(buildpack, "detect", &[], unpacked, &mut line)? {
                Ended::Status(0) => {
                    let name = said.into_iter().find(|text| !text.trim().is_empty());
                    let name = name.unwrap_or_else(|| buildpack.name.clone());
                    return Ok(Detected { buildpack, name });
                }
                Ended::Status(1) => {}
                ended => return Err(refused(&buildpack.name, format!("bin/detect: {ended}"))),
            }
        }
        let names = self.buildpacks.all().iter().map(|pack| pack.name.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        Err(CompileError::NotDetected(names))
    }

    fn build(
        &self,
        request: &CompileRequest<'_>,
        detected: &Detected<'_>,
        unpacked: &Unpacked,
        line: &mut dyn FnMut(&str),
    ) -> Result<(), CompileError> {
        let buildpack = detected.buildpack;
        let cache = self.store.cache(request.app, &buildpack.name)?;
        let env = unpacked.scratch.path().join("env");
        environment::lay_out(&env, environment::visible(request.config, &buildpack.env))
            .map_err(|error| storage("config vars cannot be laid out for the build", error))?;
        match self.program(buildpack, "compile", &[&cache, &env], unpacked, line)? {
            Ended::Status(0) => Ok(()),
            ended => Err(refused(&detected.name, ended.to_string())),
        }
    }

    fn release(
        &self,
        detected: &Detected<'_>,
        unpacked: &Unpacked,
    ) -> Result<Release, CompileError> {
        let mut yaml = String::new();
        let mut line = |text: &str| {
            yaml.push_str(text);
            yaml.push('\n');
        };
        match self.program(detected.buildpack, "release", &[], unpacked, &mut line)? {
            Ended::Status(0) => release::parse(&yaml).map_err(|why| refused(&detected.name, why)),
            ended => Err(refused(&detected.name, format!("bin/release: {ended}"))),
        }
    }

    fn program(
        &self,
        buildpack: &Buildpack,
        name: &str,
        more: &[&Path],
        unpacked: &Unpacked,
        line: &mut dyn FnMut(&str),
    ) -> Result<Ended, CompileError> {
        let folder = self.buildpacks.folder(&self.store.buildpacks());
        let folder = folder.map_err(|error| storage("the buildpacks cannot be used", error))?;
        let program = folder.join(&buildpack.name).join("bin").join(name);
        let app = unpacked.app();
        let env = environment::of_build(&self.env, &self.stack, &unpacked.folder("tmp")?);
        let mut argv = vec![program.as_path(), app.as_path()];
        argv.extend(more);
        let errors = if name == "compile" {
            Errors::Merged
        } else {
            Errors::Dropped
        };
        let until = Until {
            limit: self.limit,
            stopped: self.stopped.as_deref(),
        };
        self.refuse_stopped()?;
        let ended = run(&argv, &app, &env, errors, until, line);
        self.refuse_stopped()?;
        ended.map_err(|error| storage("the buildpack cannot be run", error))
    }
}

impl Compiler for SlugCompiler {
    fn compile(
        &self,
        request: &CompileRequest<'_>,
        line: &mut dyn FnMut(&str),
    ) -> Result<Slug, CompileError> {
        self.refuse_stopped()?;
        if let Some(mut slug) = self.recall(request) {
            line("-----> Compiled before, with the same settings: using that slug");
            slug.commit = request.commit.clone();
            return Ok(slug);
        }
        let unpacked = self.unpack(request.source)?;
        let detected = self.detected(&unpacked)?;
        line(&format!("-----> {} app detected", detected.name));
        self.build(request, &detected, &unpacked, line)?;
        let release = self.release(&detected, &unpacked)?;
        tell_processes(&unpacked.processes, &release, &detected.name, line);
        let (id, size) = self.store.add_slug(&unpacked.app())?;
        let mut processes = release.default_process_types;
        processes.extend(unpacked.processes);
        let slug = Slug {
            id,
            size,
            commit: request.commit.clone(),
            source: request.source.clone(),
            buildpack: detected.name,
            processes,
            default_env: release.config_vars,
        };
        let key = self.key(detected.buildpack, request.source, request.config);
        self.store.remember(&key, &slug)?;
        Ok(slug)
    }
}

fn tell_processes(
    procfile: &BTreeMap<ProcessType, String>,
    release: &Release,
    name: &str,
    line: &mut dyn FnMut(&str),
) {
    let list = |types: Vec<&str>| types.join(", ");
    let declared: Vec<&str> = procfile.keys().map(String::as_str).collect();
    let defaults = release.default_process_types.keys().map(String::as_str);
    let defaults: Vec<&str> = defaults.filter(|name| !declared.contains(name)).collect();
    line("-----> Discovering process types");
    if declared.is_empty() && defaults.is_empty() {
        line(" !     No process types: nothing will run. Declare some in a Procfile.");
    }
    if !declared.is_empty() {
        line(&format!(
            "       Procfile declares types -> {}",
            list(declared)
        ));
    }
    if !defaults.is_empty() {
        line(&format!(
            "       Default types for {name} -> {}",
            list(defaults)
        ));
    }
}

pub(crate) fn read_procfile(app: &Path) -> Result<BTreeMap<ProcessType, String>, CompileError> {
    match fs::read(app.join(procfile::FILE)) {
        Ok(bytes) => procfile::parse(&bytes).map_err(|error| CompileError::Procfile {
            line: error.line,
            why: error.why,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(storage("the Procfile cannot be read", error)),
    }
}

fn refused(buildpack: &str, status: String) -> CompileError {
    CompileError::Failed {
        buildpack: buildpack.to_owned(),
        status,
    }
}

fn storage(what: &str, cause: impl std::error::Error + Send + Sync + 'static) -> CompileError {
    CompileError::Storage {
        what: what.to_owned(),
        cause: Box::new(cause),
    }
}
