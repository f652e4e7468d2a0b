//! What a history must say: each release is the one before it with what its command asked for, where
//! the command is known by the name of who gave it. It must not know how commands end.

use std::collections::BTreeMap;

use slugline_core::change::Change;
use slugline_core::config::Owner;
use slugline_core::state::State;

/// What an app is, as far as the torture changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct App {
    /// The config vars that people set.
    pub(crate) config: BTreeMap<String, String>,
    /// The plans of its add-ons.
    pub(crate) plans: Vec<String>,
    /// The commit that it runs.
    pub(crate) commit: Option<String>,
}

impl App {
    /// As the ledger has it.
    pub(crate) fn of(state: &State) -> Self {
        let own = state
            .config
            .iter()
            .filter(|(_, var)| matches!(var.owner, Owner::User));
        let text = |(key, var): (
            &slugline_core::config::ConfigKey,
            &slugline_core::config::ConfigVar,
        )| { (key.as_str().to_owned(), var.value.reveal().to_owned()) };
        Self {
            config: own.map(text).collect(),
            plans: state
                .addons
                .values()
                .map(|addon| addon.plan.to_string())
                .collect(),
            commit: state.slug.as_ref().map(|slug| slug.commit.to_string()),
        }
    }
}

/// What a command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A var is set.
    Set(String, String),
    /// A var is removed.
    Unset(String),
    /// Code is deployed.
    Deploy(String),
    /// An add-on is on this plan from now on.
    Plan(String),
    /// There is no add-on of this service any more.
    Remove(String),
    /// An earlier release, or half of it.
    Back { code: bool, config: bool },
    /// No release.
    Nothing,
}

/// The history of one app as it must be, by what was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// The newest release that was gone through.
    pub(crate) last: u64,
    /// What the app is now.
    pub(crate) now: App,
    deployed: Option<String>,
    /// What releases that succeeded were, the newest of them.
    states: BTreeMap<u64, App>,
}

/// Rollbacks further back than this are not gone through again.
const REMEMBERED: usize = 400;

impl Past {
    /// Takes up what is there, as the beginning.
    pub(crate) fn begin(last: u64, now: App) -> Self {
        let deployed = now.commit.clone();
        Self {
            last,
            now,
            deployed,
            states: BTreeMap::new(),
        }
    }

    /// The next release, which failed.
    pub(crate) fn failed(&mut self, version: u64) {
        self.last = version;
    }

    /// The next release, which succeeded: what it must be.
    ///
    /// # Errors
    /// What it is instead, in words.
    pub(crate) fn succeeded(
        &mut self,
        version: u64,
        asked: &Asked,
        change: &Change,
        is: &App,
    ) -> Result<(), String> {
        let mut must = self.now.clone();
        // An event that recompiles takes the app back to the newest deploy (S22).
        match asked {
            Asked::Set(key, value) => {
                must.config.insert(key.clone(), value.clone());
                must.commit.clone_from(&self.deployed);
            }
            Asked::Unset(key) => {
                must.config.remove(key);
                must.commit.clone_from(&self.deployed);
            }
            Asked::Deploy(commit) => {
                must.commit = Some(commit.clone());
                self.deployed = Some(commit.clone());
            }
            Asked::Plan(plan) => {
                let service = plan.split(':').next().unwrap_or_default().to_owned() + ":";
                let had = must.plans.iter().any(|other| other.starts_with(&service));
                must.plans.retain(|other| !other.starts_with(&service));
                must.plans.push(plan.clone());
                must.plans.sort();
                if !had {
                    must.commit.clone_from(&self.deployed);
                }
            }
            Asked::Remove(service) => {
                must.plans
                    .retain(|plan| !plan.starts_with(service.as_str()));
            }
            Asked::Back { code, config } => {
                let Change::Rollback { target: to, .. } = change else {
                    return Err(format!("v{version} should be a rollback: {change}"));
                };
                match self.states.get(&to.number()) {
                    Some(target) if *code => must.commit.clone_from(&target.commit),
                    None if *code => must.commit.clone_from(&is.commit),
                    _ => {}
                }
                match self.states.get(&to.number()) {
                    Some(target) if *config => must.config.clone_from(&target.config),
                    None if *config => must.config.clone_from(&is.config),
                    _ => {}
                }
            }
            Asked::Nothing => return Err(format!("v{version} was never asked for: {change}")),
        }
        self.last = version;
        let before = std::mem::replace(&mut self.now, is.clone());
        self.states.insert(version, is.clone());
        while self.states.len() > REMEMBERED {
            self.states.pop_first();
        }
        if *is == must {
            return Ok(());
        }
        Err(format!(
            "v{version}, {asked:?}: {is:?}\nmust be {must:?}\nbefore it {before:?}"
        ))
    }
}
