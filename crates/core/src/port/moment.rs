//! An app as it is now: with all that planning a change needs, and without its config vars, which
//! costs far less to read. It must not know where either comes from.

use crate::addon::{Addons, PlanName, ServiceName};
use crate::app::App;
use crate::release::{Release, Version};
use crate::slug::Slug;
use crate::state::State;

/// The newest deploy that succeeded, kept even when its release has been pruned (S22).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The release that it made.
    pub version: Version,
    /// Its code.
    pub slug: Slug,
}

/// An app at one moment: all that planning a change needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The app.
    pub app: App,
    /// The newest number that was used; [`Version::NONE`] before the first release.
    pub last: Version,
    /// The current release: the newest that succeeded (S3).
    pub current: Option<Release>,
    /// What the app is now: the current release's state, and a first tier that made no release
    /// (S9).
    pub state: State,
    /// The newest deploy.
    pub newest_deploy: Option<Deployed>,
    /// Whether rolled-back code stays through events that recompile (S22).
    pub code_pinned: bool,
    /// A release that was recorded and never settled: its operation runs or died.
    pub pending: Option<Version>,
}

/// A [`Moment`] without the config vars: what can be told of an app without opening what is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The app.
    pub app: App,
    /// As [`Moment::last`].
    pub last: Version,
    /// As [`Moment::current`]; its slug is the app's code.
    pub current: Option<Release>,
    /// The add-ons of [`Moment::state`].
    pub addons: Addons,
    /// As [`Moment::pending`].
    pub pending: Option<Version>,
}

impl Outline {
    /// The tier that tracks the app's releases (S9).
    #[must_use]
    pub fn tier(&self) -> Option<&PlanName> {
        self.addons
            .get(&ServiceName::tier())
            .map(|addon| &addon.plan)
    }

    /// The number that is current, if there is one.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.current.as_ref().map(|release| release.version)
    }
}
