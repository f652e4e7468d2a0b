//! Apps. It must not know who may see one.

use serde::{Deserialize, Serialize};
use slugline_core::port::Outline;
use slugline_core::settings::Settings;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{UserRef, time};
use crate::ids;

/// The one region there is.
pub(crate) const REGION: &str = "us";
/// The one stack there is.
pub(crate) const STACK: &str = "slugline";

/// Something that there is one of here, with the name that clients expect.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Named {
    id: Uuid,
    name: &'static str,
}

impl Named {
    fn new(kind: &str, name: &'static str) -> Self {
        Self {
            id: ids::of(kind, name),
            name,
        }
    }
}

/// An app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct App {
    id: Uuid,
    #[schema(example = "shop")]
    name: String,
    owner: UserRef,
    /// When a release last became current.
    released_at: Option<String>,
    created_at: String,
    updated_at: String,
    maintenance: bool,
    /// Where it answers.
    web_url: String,
    /// Where code is pushed to.
    git_url: String,
    /// The size of its current slug, in bytes.
    slug_size: Option<u64>,
    repo_size: Option<u64>,
    create_status: &'static str,
    acm: bool,
    archived_at: Option<String>,
    buildpack_provided_description: Option<String>,
    internal_routing: Option<bool>,
    region: Named,
    stack: Named,
    build_stack: Named,
    generation: Named,
    organization: Option<Named>,
    space: Option<Named>,
    team: Option<Named>,
}

impl App {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn web_url(&self) -> &str {
        &self.web_url
    }

    pub(crate) fn git_url(&self) -> &str {
        &self.git_url
    }

    pub(crate) fn new(outline: &Outline, settings: &Settings, web: String, git: String) -> Self {
        let current = outline.current.as_ref();
        let released_at = current.map(|release| time(release.created_at));
        let slug = current.and_then(|release| release.slug.as_ref());
        let created_at = time(outline.app.created_at);
        Self {
            id: ids::app(&outline.app),
            name: outline.app.name.to_string(),
            owner: (&outline.app.owner).into(),
            updated_at: released_at.clone().unwrap_or_else(|| created_at.clone()),
            released_at,
            created_at,
            maintenance: settings.maintenance,
            web_url: web,
            git_url: git,
            slug_size: slug.map(|slug| slug.size),
            repo_size: None,
            create_status: "complete",
            acm: false,
            archived_at: None,
            buildpack_provided_description: slug.map(|slug| slug.buildpack.clone()),
            internal_routing: None,
            region: Named::new("region", REGION),
            stack: Named::new("stack", STACK),
            build_stack: Named::new("stack", STACK),
            generation: Named::new("generation", "cedar"),
            organization: None,
            space: None,
            team: None,
        }
    }
}

/// An app to be made. What there is one of here (`region`, `stack`) is not asked for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewApp {
    /// Its name: 1 to 30 lower-case letters, digits and dashes; made up where it is left out.
    #[schema(example = "shop")]
    pub(crate) name: Option<String>,
}

/// What is to be changed of an app.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct AppChange {
    /// Whether visitors see the page for maintenance instead of it.
    #[serde(default, deserialize_with = "super::perhaps")]
    pub(crate) maintenance: Option<bool>,
    /// Its name, which it keeps: any other is refused.
    pub(crate) name: Option<String>,
    /// The one stack there is: any other is refused.
    #[schema(example = "slugline")]
    pub(crate) build_stack: Option<String>,
}
