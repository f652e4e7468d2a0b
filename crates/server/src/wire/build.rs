//! Slugs, sources and builds. It must not know where code is kept, nor how it is built.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slugline_core::app::App;
use slugline_core::build::{Brought, Build as Kept, BuildId, Said};
use slugline_core::slug::{self, SlugId};
use utoipa::ToSchema;
use uuid::Uuid;

use super::app::STACK;
use super::release::SlugRef;
use super::{AppRef, UserRef, time};
use crate::ids;

/// Where code is sent, or fetched.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Blob {
    /// `PUT` where it is to be sent, else `GET`.
    #[schema(example = "PUT")]
    method: &'static str,
    /// Missing where the code of a slug has not come.
    url: Option<String>,
}

impl Blob {
    /// Where it is to be sent.
    pub(crate) fn put(url: String) -> Self {
        let url = Some(url);
        Self { method: "PUT", url }
    }

    /// Where it is fetched.
    pub(crate) fn get(url: Option<String>) -> Self {
        Self { method: "GET", url }
    }
}

/// A stack, named.
#[derive(Debug, Serialize, ToSchema)]
struct StackRef {
    id: Uuid,
    name: &'static str,
}

/// A slug: code that is ready to run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Slug {
    id: Uuid,
    /// A tarball that holds the app in `./app`, compressed with gzip.
    blob: Blob,
    #[schema(example = "Python")]
    buildpack_provided_description: Option<String>,
    /// The SHA-256 of what was sent; missing of what was compiled here.
    #[schema(example = "SHA256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    checksum: Option<String>,
    commit: Option<String>,
    commit_description: Option<String>,
    process_types: BTreeMap<String, String>,
    /// In bytes, as it is kept here.
    size: Option<u64>,
    stack: StackRef,
    created_at: Option<String>,
    updated_at: Option<String>,
}

fn stack() -> StackRef {
    StackRef {
        id: ids::of("stack", STACK),
        name: STACK,
    }
}

fn checksum(said: &Said) -> Option<String> {
    said.checksum.as_ref().map(|hex| format!("SHA256:{hex}"))
}

impl Slug {
    /// One that somebody brings or brought.
    pub(crate) fn brought(brought: &Brought, blob: Blob) -> Self {
        let said = &brought.said;
        let slug = brought.slug.as_ref();
        let processes = slug.map(|slug| slug.processes.clone());
        Self {
            id: id(&brought.id),
            blob,
            buildpack_provided_description: said.buildpack.clone(),
            checksum: checksum(said),
            commit: said
                .version
                .clone()
                .or_else(|| slug.map(|slug| slug.commit.to_string())),
            commit_description: said.description.clone(),
            process_types: processes
                .or_else(|| said.processes.clone())
                .unwrap_or_default(),
            size: slug.map(|slug| slug.size),
            stack: stack(),
            created_at: Some(time(brought.created_at)),
            updated_at: Some(time(brought.updated_at)),
        }
    }

    /// One that was compiled here.
    pub(crate) fn compiled(slug: &slug::Slug, blob: Blob) -> Self {
        Self {
            id: slug_id(&slug.id),
            blob,
            buildpack_provided_description: Some(slug.buildpack.clone()),
            checksum: None,
            commit: Some(slug.commit.to_string()),
            commit_description: None,
            process_types: slug.processes.clone(),
            size: Some(slug.size),
            stack: stack(),
            created_at: None,
            updated_at: None,
        }
    }
}

/// The id of a build or a brought slug.
pub(crate) fn id(id: &BuildId) -> Uuid {
    Uuid::parse_str(id.as_str()).unwrap_or_default()
}

/// The id of a slug that was compiled here.
pub(crate) fn slug_id(id: &SlugId) -> Uuid {
    ids::of("slug", id.as_str())
}

/// A slug that is to be brought.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct NewSlug {
    /// Its process types with their commands, in place of those of its Procfile.
    #[schema(example = json!({"web": "./serve $PORT"}))]
    pub(crate) process_types: Option<BTreeMap<String, String>>,
    /// The commit that it is of; one of 7 to 64 hexadecimal digits names it in the history.
    pub(crate) commit: Option<String>,
    pub(crate) commit_description: Option<String>,
    /// The SHA-256 of the tarball, as `SHA256:` and hexadecimal digits: it must be that.
    pub(crate) checksum: Option<String>,
    /// What compiled it.
    pub(crate) buildpack_provided_description: Option<String>,
}

/// Where source is sent, and what a build calls it then.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Source {
    pub(crate) source_blob: SourceBlob,
}

/// The addresses of source. They need no token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceBlob {
    /// For a build, and to fetch it again.
    pub(crate) get_url: String,
    /// Where a tarball is sent with `PUT`, once.
    pub(crate) put_url: String,
}

/// A build that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewBuild {
    pub(crate) source_blob: NewSourceBlob,
    /// Each build finds its buildpack by itself: none can be asked for.
    pub(crate) buildpacks: Option<Vec<AnyBuildpack>>,
}

/// A buildpack that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AnyBuildpack {}

/// The source of a build.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewSourceBlob {
    /// Where it is: the `get_url` of a source, or another address of `https` or `http`.
    pub(crate) url: String,
    /// Its SHA-256, as `SHA256:` and hexadecimal digits: it must be that.
    pub(crate) checksum: Option<String>,
    /// Its commit, or another name of it; one of 7 to 64 hexadecimal digits names it in the history.
    #[schema(example = "575bfa8")]
    pub(crate) version: Option<String>,
    pub(crate) version_description: Option<String>,
}

/// A build.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Build {
    id: Uuid,
    app: AppRef,
    buildpacks: Vec<String>,
    /// Where what it writes can be read, while it runs and afterwards, without a token.
    output_stream_url: Option<String>,
    source_blob: KeptSource,
    release: Option<BuiltRelease>,
    slug: Option<SlugRef>,
    stack: &'static str,
    #[schema(example = "pending")]
    status: &'static str,
    user: UserRef,
    created_at: String,
    updated_at: String,
}

/// What is kept of what was said of a source: not its address, which may hold what is secret.
#[derive(Debug, Serialize, ToSchema)]
struct KeptSource {
    checksum: Option<String>,
    url: Option<String>,
    version: Option<String>,
    version_description: Option<String>,
}

/// A release, named.
#[derive(Debug, Serialize, ToSchema)]
struct BuiltRelease {
    id: Uuid,
}

impl Build {
    pub(crate) fn new(app: &App, build: &Kept, output: Option<String>) -> Self {
        let said = &build.said;
        Self {
            id: id(&build.id),
            app: app.into(),
            buildpacks: Vec::new(),
            output_stream_url: output,
            source_blob: KeptSource {
                checksum: checksum(said),
                url: None,
                version: said.version.clone(),
                version_description: said.description.clone(),
            },
            release: build.release.map(|version| BuiltRelease {
                id: ids::release(app, version),
            }),
            slug: build
                .slug
                .as_ref()
                .map(|slug| SlugRef { id: slug_id(slug) }),
            stack: STACK,
            status: build.status.word(),
            user: (&build.actor).into(),
            created_at: time(build.created_at),
            updated_at: time(build.updated_at),
        }
    }
}

/// What a build has written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BuildResult {
    pub(crate) build: BuildOfResult,
    /// 0 where it succeeded, 1 where it failed; missing while it runs.
    pub(crate) exit_code: Option<i32>,
    pub(crate) lines: Vec<BuildLine>,
}

/// A build, named.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BuildOfResult {
    pub(crate) id: Uuid,
    pub(crate) status: &'static str,
    pub(crate) output_stream_url: Option<String>,
}

/// A line that a build wrote.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BuildLine {
    pub(crate) line: String,
    pub(crate) stream: &'static str,
}
