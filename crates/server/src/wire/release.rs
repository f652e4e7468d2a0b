//! Releases. It must not know how one is found.

use serde::{Deserialize, Serialize};
use slugline_core::app::App;
use slugline_core::release::{self, Status};
use utoipa::ToSchema;
use uuid::Uuid;

use super::build::slug_id;
use super::{AppRef, UserRef, time};
use crate::ids;

/// The code of a release, named.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SlugRef {
    pub(crate) id: Uuid,
}

/// A release.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Release {
    id: Uuid,
    #[schema(example = 40)]
    version: u64,
    #[schema(example = "Deploy 575bfa8")]
    description: String,
    #[schema(example = "succeeded")]
    status: &'static str,
    /// Whether it is what runs.
    current: bool,
    /// Whether it can be rolled back to.
    eligible_for_rollback: bool,
    addon_plan_names: Vec<String>,
    slug: Option<SlugRef>,
    app: AppRef,
    user: UserRef,
    /// Where what its release command writes can be read.
    output_stream_url: Option<String>,
    created_at: String,
    updated_at: String,
}

/// What a release alone does not know of itself.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub(crate) current: bool,
    pub(crate) eligible: bool,
    pub(crate) plans: Vec<String>,
    pub(crate) output: Option<String>,
    /// The id under which its slug was brought.
    pub(crate) brought: Option<Uuid>,
}

impl Release {
    pub(crate) fn new(app: &App, release: &release::Release, beside: Beside) -> Self {
        let at = time(release.created_at);
        Self {
            id: ids::release(app, release.version),
            version: release.version.number(),
            description: release.change.to_string(),
            status: status(&release.status),
            current: beside.current,
            eligible_for_rollback: beside.eligible,
            addon_plan_names: beside.plans,
            slug: release.slug.as_ref().map(|slug| SlugRef {
                id: beside.brought.unwrap_or_else(|| slug_id(&slug.id)),
            }),
            app: app.into(),
            user: (&release.actor).into(),
            output_stream_url: beside.output,
            created_at: at.clone(),
            updated_at: at,
        }
    }
}

fn status(status: &Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Succeeded => "succeeded",
        Status::Failed(_) => "failed",
    }
}

/// A release to be made: of a slug, or as a rollback to `release`.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewRelease {
    /// The release to roll back to: its id, `40` or `v40`.
    pub(crate) release: Option<ReleaseName>,
    /// The slug to release: its id. It may be of another app that you may see.
    pub(crate) slug: Option<Uuid>,
    /// Where it begins with `Retry of`, the newest release is made once more, as it failed; or else the slug is
    /// released also where it runs already. Else the history says `Deploy`, and the slug's commit.
    pub(crate) description: Option<String>,
}

/// A release, named: as text, or by its number.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ReleaseName {
    /// `40`
    Number(u64),
    /// An id, `"40"` or `"v40"`.
    Text(String),
}

impl std::fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}
