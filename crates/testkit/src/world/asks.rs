//! Operations as tests ask for them, and an app that has its tier. It must not know what they lead to.

use slugline_core::corridor::Silent;
use slugline_core::operation::addons;
use slugline_core::operation::config;
use slugline_core::operation::deploy::Deploy;
use slugline_core::resource::Options;

use super::{World, request};
use crate::values::{actor, commit, name, resource_id, slug, var};

/// A deploy of the code of this number.
#[must_use]
pub fn deploy(number: u64) -> Deploy {
    Deploy {
        source: slug(number).source,
        commit: commit(number),
        git_log: String::new(),
    }
}

/// One change of these config vars.
#[must_use]
pub fn set<'a>(vars: impl IntoIterator<Item = (&'a str, &'a str)>) -> config::Add {
    let vars = vars.into_iter().map(|(key, value)| var(key, value));
    config::Add {
        vars: vars.map(|(key, var)| (key, var.value)).collect(),
    }
}

/// An add-on of this plan, whose resource is the one of this number.
#[must_use]
pub fn add(plan: &str, id: u64) -> addons::Add {
    addons::Add {
        plan: plan.to_owned(),
        options: Options::new(),
        id: resource_id(id),
    }
}

impl World {
    /// A world with the app `myapp`, whose releases this tier tracks.
    ///
    /// # Panics
    /// Where there is no such tier.
    #[must_use]
    pub fn tracked_by(tier: &str) -> Self {
        let world = Self::with_app();
        let (app, jim) = (name("myapp"), actor("jim@example.com"));
        let installed =
            world
                .engine()
                .install_first_tier(&request(&app, &jim), &add(tier, 7), &mut Silent);
        installed.expect("there is such a tier");
        world
    }
}
