//! Builds that the API was asked for: each on a thread of its own, from its source to the release that it makes,
//! as `slugline deploy` does it. It must not know how clients are told of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slugline_core::app::AppName;
use slugline_core::build::{Build, BuildId, BuildStatus};
use slugline_core::corridor::{Done, Engine, Failure, Progress, Request};
use slugline_core::operation::deploy::Deploy;
use slugline_core::port::{Builds as _, CompileError, CompileRequest, Compiler};
use slugline_core::release::Version;
use slugline_core::slug::{Commit, Slug, SlugId, SourceId};
use slugline_runtime::Written;
use slugline_server::backend::{Backend as _, Caller, Changing as _, End, Source, Unavailable};
use slugline_slug::SlugCompiler;

use crate::api::{Api, Room};
use crate::error::CommandError;
use crate::fetch::fetch;
use crate::render;
use crate::webhooks::post::Allowed;

/// So many builds run at once.
const MANY: usize = 8;
/// The largest source that is fetched, in bytes.
const LARGEST: u64 = 1 << 30;

/// The builds that run.
#[derive(Default)]
pub struct Running(Mutex<BTreeMap<BuildId, Arc<Job>>>);

/// A build that runs.
#[derive(Default)]
pub struct Job {
    pub written: Arc<Written>,
    /// Nobody wants it any more.
    cancelled: Arc<AtomicBool>,
    /// It is being released: it is too late to cancel it.
    passed: Mutex<bool>,
}

impl Running {
    fn all(&self) -> MutexGuard<'_, BTreeMap<BuildId, Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one of this name, while it runs.
    pub fn of(&self, id: &BuildId) -> Option<Arc<Job>> {
        self.all().get(id).map(Arc::clone)
    }
}

impl Job {
    fn passed(&self) -> MutexGuard<'_, bool> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, unless it is being released. Answers whether it ends.
    pub fn cancel(&self) -> bool {
        let passed = self.passed();
        if !*passed {
            self.cancelled.store(true, Ordering::Relaxed);
        }
        !*passed
    }

    /// From here on it cannot be cancelled; false where it was.
    fn pass(&self) -> bool {
        let mut passed = self.passed();
        *passed = !self.cancelled.load(Ordering::Relaxed);
        *passed
    }

    fn is_wanted(&self) -> bool {
        !self.cancelled.load(Ordering::Relaxed)
    }
}

/// Takes a job from those that run, however it ends.
struct Listed<'a>(&'a Running, &'a BuildId);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.0.all().remove(self.1) {
            job.written.end();
        }
    }
}

/// Begins a build.
///
/// # Errors
/// Where too many run, or it cannot be kept.
pub fn begin(
    api: Arc<Api>,
    caller: Caller,
    app: AppName,
    (build, source): (Build, Source),
) -> Result<(), Unavailable> {
    let job = Arc::<Job>::default();
    {
        let mut all = api.builds.all();
        if all.len() >= MANY {
            let text = format!("{MANY} builds run already. Try again when one has ended.");
            return Err(Unavailable(text));
        }
        all.insert(build.id.clone(), Arc::clone(&job));
    }
    let listed = Listed(&api.builds, &build.id);
    let kept = api.open()?.put_build(&app, &build, None);
    kept.map_err(|error| Unavailable(error.to_string()))?;
    std::mem::forget(listed);
    let id = build.id.clone();
    let of_thread = Arc::clone(&api);
    let run = move || {
        let _listed = Listed(&of_thread.builds, &id);
        run(&of_thread, &caller, &app, (build, source), &job);
    };
    std::thread::spawn(run);
    Ok(())
}

/// What a build came to.
struct Came {
    release: Option<Version>,
    slug: Option<SlugId>,
    failed: Option<CommandError>,
}

impl From<CommandError> for Came {
    fn from(error: CommandError) -> Self {
        Self {
            release: None,
            slug: None,
            failed: Some(error),
        }
    }
}

fn run(api: &Api, caller: &Caller, app: &AppName, (build, source): (Build, Source), job: &Job) {
    let fetched = fetched(api, source, &build, job);
    let mut build = Some(build);
    let mut end = |room: Result<&Room<'_>, Unavailable>| {
        let Some(mut build) = build.take() else {
            return;
        };
        let came = match (&room, &fetched) {
            (Ok(room), Ok(file)) => made(room, app, (&build, file), job),
            (Err(why), _) => CommandError::failed(&why.0).into(),
            (_, Err(why)) => CommandError::failed(why).into(),
        };
        if let Some(error) = &came.failed {
            for line in error.text.lines() {
                job.written.line(&format!(" !     {line}"));
            }
        }
        build.status = match came.failed {
            None => BuildStatus::Succeeded,
            Some(_) => BuildStatus::Failed,
        };
        (build.release, build.slug) = (came.release, came.slug);
        ended(api, room.ok(), app, (build, came.failed), job);
    };
    api.with_room(caller, &mut end);
}

/// Keeps what became of it, and has it on record.
fn ended(
    api: &Api,
    room: Option<&Room<'_>>,
    app: &AppName,
    (mut build, failed): (Build, Option<CommandError>),
    job: &Job,
) {
    let output = job.written.all();
    let kept = match room {
        Some(room) => {
            build.updated_at = room.engine().clock.now();
            room.wired.ledger().put_build(app, &build, Some(&output))
        }
        None => match api.open() {
            Ok(ledger) => ledger.put_build(app, &build, Some(&output)),
            // It is said to have failed when serve is started again.
            Err(_) => return,
        },
    };
    // An app that is gone has no builds.
    if let (Err(error), Some(room)) = (&kept, room) {
        let text = format!("what became of a build of {app} is not kept: {error}");
        room.context.ui.warning(text);
    }
    if let Some(room) = room {
        let end = match &failed {
            None => End::Done,
            Some(_) if build.release.is_some() => End::Failed,
            Some(_) => End::Refused,
        };
        room.ended(Some(app), end, failed.as_ref().map(CommandError::for_audit));
    }
}

/// The source, in a file that has no name.
fn fetched(api: &Api, source: Source, build: &Build, job: &Job) -> Result<File, String> {
    let (mut file, digest) = match source {
        Source::Here(file, digest) => (file, digest),
        Source::At(url) => {
            job.written.line("-----> Fetching the source");
            let allowed = Allowed::of(&api.env, "SLUGLINE_SOURCES").map_err(|error| error.text)?;
            let mut file = api.unnamed().map_err(|error| error.to_string())?;
            let wanted = || job.is_wanted();
            let digest = fetch(&url, &mut file, (allowed, LARGEST), &wanted)?;
            (file, digest)
        }
    };
    if build
        .said
        .checksum
        .as_ref()
        .is_some_and(|said| *said != digest)
    {
        return Err(format!(
            "The source is not what was announced: its checksum is SHA256:{digest}"
        ));
    }
    let begun = file.seek(SeekFrom::Start(0));
    begun.map_err(|error| format!("The source cannot be read: {error}"))?;
    Ok(file)
}

/// Compiles and releases it.
fn made(room: &Room<'_>, app: &AppName, (build, file): (&Build, &File), job: &Job) -> Came {
    let added = match room.wired.store().add_source_tar(file) {
        Ok((source, _)) => source,
        Err(error) => {
            let error = CommandError::because(&error);
            let text = format!("The source cannot be built: {}", error.text);
            return CommandError { text, ..error }.into();
        }
    };
    let commit = match commit_of(build, &added) {
        Ok(commit) => commit,
        Err(error) => return error.into(),
    };
    let operation = Deploy {
        source: added,
        commit,
        git_log: String::new(),
    };
    let request = Request {
        app,
        actor: &build.actor,
        confirmed: false,
        if_current: None,
        wait: true,
    };
    let compiler = Cancellable {
        inner: room
            .wired
            .compiler()
            .clone()
            .stopped_by(Arc::clone(&job.cancelled)),
        job,
    };
    let engine = Engine {
        compiler: &compiler,
        ..room.engine()
    };
    match engine.change(&request, &operation, &mut Telling(&job.written)) {
        // What it would release runs already.
        Err(Failure::Nothing(text)) => {
            job.written.line(&text);
            let current = engine.ledger.outline(app).ok().and_then(|it| it.current);
            Came {
                release: current.as_ref().map(|release| release.version),
                slug: current.and_then(|release| release.slug).map(|slug| slug.id),
                failed: None,
            }
        }
        done => came(done, &job.written, app),
    }
}

fn came(done: Result<Done, Failure>, written: &Written, app: &AppName) -> Came {
    match done {
        Ok(done) => {
            for line in crate::commands::deploy::answer(&done, app).lines() {
                written.line(&format!("       {}", line.trim()));
            }
            let failed = done.crashed.as_ref().map(|(reason, _)| {
                CommandError::failed(format!(
                    "{} is current and crashes: {reason}",
                    done.release.version
                ))
            });
            Came {
                release: Some(done.release.version),
                slug: done.release.slug.map(|slug| slug.id),
                failed,
            }
        }
        Err(failure) => {
            let release = match &failure {
                Failure::Unhealthy { version, .. } => Some(*version),
                _ => None,
            };
            Came {
                release,
                ..CommandError::from(failure).into()
            }
        }
    }
}

/// The commit that was said, where it is one; else the source's own digest.
fn commit_of(build: &Build, source: &SourceId) -> Result<Commit, CommandError> {
    let said = build.said.version.as_deref().map(Commit::new);
    match said {
        Some(Ok(commit)) => Ok(commit),
        _ => Ok(Commit::new(&source.as_str()[..40])?),
    }
}

/// A compiler whose work may be cancelled until it is done.
struct Cancellable<'a> {
    inner: SlugCompiler,
    job: &'a Job,
}

impl Compiler for Cancellable<'_> {
    fn compile(
        &self,
        request: &CompileRequest<'_>,
        line: &mut dyn FnMut(&str),
    ) -> Result<Slug, CompileError> {
        let slug = self.inner.compile(request, line)?;
        match self.job.pass() {
            true => Ok(slug),
            false => Err(CompileError::Cancelled),
        }
    }
}

/// Tells of a build as `slugline deploy` does.
struct Telling<'a>(&'a Written);

impl Progress for Telling<'_> {
    fn waiting(&mut self, holder: &str) {
        self.0.line(&format!("Waiting for {holder}"));
    }

    fn recovered(&mut self, text: &str) {
        self.0.line(text);
    }

    fn warning(&mut self, text: &str) {
        self.0.line(text);
    }

    fn build_line(&mut self, line: &str) {
        self.0.line(line);
    }

    fn compiled(&mut self, slug: &Slug) {
        let size = render::size(slug.size);
        self.0.line(&format!("-----> Compiled slug size is {size}"));
    }

    fn releasing(&mut self, _version: Version) {
        self.0.line("-----> Running release command...");
    }

    fn release_line(&mut self, line: &str) {
        self.0.line(&format!("       {line}"));
    }

    fn launching(&mut self, _version: Version) {
        self.0.line("-----> Launching...");
    }
}
