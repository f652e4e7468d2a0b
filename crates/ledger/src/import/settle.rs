//! What an import adds to a history: what was pending has failed, and add-ons of which nothing is
//! here are removed, each by a release at the end. It must not change a release that was settled.

use std::collections::BTreeMap;

use slugline_core::actor::Actor;
use slugline_core::addon::ServiceName;
use slugline_core::app::AppName;
use slugline_core::change::Change;
use slugline_core::config::{ConfigKey, ConfigVars};
use slugline_core::release::Version;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

use super::check::{Document, PENDING};
use super::form::{self, Changed, Release, Status, Strict, Var};

impl Document {
    /// The same history of an app of another name.
    #[must_use]
    pub fn named(mut self, app: &AppName) -> Self {
        self.form.app.name = app.clone();
        self
    }

    /// Appends a release for each add-on that has something behind it, which removes it and the
    /// config vars that it lends: `Add-on remove memcache`, in the order of their names. They are
    /// made by `actor` at `at`.
    #[must_use]
    pub fn without_addons(mut self, actor: &Actor, at: Timestamp) -> Self {
        let lost: Vec<ServiceName> = self
            .lost_addons()
            .iter()
            .map(|addon| addon.plan.service().clone())
            .collect();
        for service in lost {
            let mut after = self.present.clone();
            remove(&mut after, &service);
            let slug = after
                .slug
                .as_ref()
                .and_then(|slug| self.form.slugs.iter().position(|held| held.0 == *slug));
            let version = self.form.last.next();
            let change = Change::AddonRemove { service };
            self.form.releases.push(Release {
                version,
                text: change.to_string(),
                change: Strict(change),
                actor: actor.clone(),
                at,
                status: Status::Succeeded,
                reason: None,
                slug,
                config: config_between(&self.newest.config, &after.config),
                addons: addons_between(&self.newest, &after),
                pinned: false,
                plugins: None,
                origin: None,
                digest: None,
                output: None,
                verdict: None,
            });
            self.form.last = version;
            self.form.current = Some(version);
            // From here on the tier is part of a release.
            self.form.first_tier = None;
            self.newest = after.clone();
            self.present = after;
        }
        self
    }

    /// How a release ended, as it is written down here.
    pub(crate) fn outcome(status: Status, reason: Option<&str>) -> (&'static str, Option<&str>) {
        match status {
            Status::Pending => ("failed", Some(PENDING)),
            Status::Succeeded => ("succeeded", None),
            Status::Failed => ("failed", reason),
        }
    }

    /// The number of the newest deploy, and the place of its slug.
    pub(crate) fn deploy(&self) -> Option<(Version, usize)> {
        let found = self.form.newest_deploy.as_ref()?;
        Some((found.version, found.slug))
    }
}

fn remove(state: &mut State, service: &ServiceName) {
    state.addons.remove(service);
    let kept = |owner: &slugline_core::config::Owner| !matches!(owner, slugline_core::config::Owner::Addon(of) if of == service);
    let vars = state.config.iter().filter(|(_, var)| kept(&var.owner));
    state.config = vars.map(|(key, var)| (key.clone(), var.clone())).collect();
}

/// What turns the config vars of one release into those of the next.
pub(crate) fn config_between(before: &ConfigVars, after: &ConfigVars) -> Changed<ConfigKey, Var> {
    let set = after
        .iter()
        .filter(|(key, var)| before.get(key) != Some(var));
    let set = set.map(|(key, var)| {
        let owner = match &var.owner {
            slugline_core::config::Owner::User => None,
            slugline_core::config::Owner::Addon(service) => Some(service.clone()),
        };
        let value = Some(var.value.reveal().to_owned());
        (key.clone(), Var { value, owner })
    });
    let gone = before.iter().filter(|(key, _)| after.get(key).is_none());
    Changed {
        set: set.collect::<BTreeMap<_, _>>(),
        removed: gone.map(|(key, _)| key.clone()).collect(),
    }
}

/// What turns the add-ons of one release into those of the next.
pub(crate) fn addons_between(before: &State, after: &State) -> Changed<ServiceName, form::Addon> {
    let (before, after) = (&before.addons, &after.addons);
    let set = after
        .iter()
        .filter(|(service, addon)| before.get(service) != Some(addon));
    let set = set.map(|(service, addon)| {
        let addon = form::Addon {
            plan: addon.plan.clone(),
            price: addon.price,
            resource: addon.resource.clone(),
        };
        (service.clone(), addon)
    });
    Changed {
        set: set.collect(),
        removed: before
            .keys()
            .filter(|service| !after.contains_key(*service))
            .cloned()
            .collect(),
    }
}
