//! What the tests of the host share: proposals, resources, and a folder of plugins.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod native;

use std::fs;
use std::path::Path;
use std::time::Duration;

use slugline_core::actor::Actor;
use slugline_core::addon::PlanName;
use slugline_core::app::AppName;
use slugline_core::change::Change;
use slugline_core::event::{Event, Subject};
use slugline_core::port::{HistoryEntry, InstalledAddon, Proposal};
use slugline_core::release::Version;
use slugline_core::resource::ResourceId;
use slugline_core::slug::Commit;
use slugline_core::time::Timestamp;
use slugline_plugin_host::{HostError, Limits, PluginHost, Settings, install};

/// The commit of the deploy in the manual.
pub(crate) const COMMIT: &str = "575bfa8c0ffee00000000000000000000000cafe";
/// The one before it.
pub(crate) const BEFORE: &str = "7c35f770000000000000000000000000000cafe0";

pub(crate) fn app() -> AppName {
    AppName::new("myapp").unwrap()
}

pub(crate) fn jim() -> Actor {
    Actor::new("jim@example.com").unwrap()
}

pub(crate) fn plan(text: &str) -> PlanName {
    text.parse().unwrap()
}

pub(crate) fn id() -> ResourceId {
    ResourceId::new("0123456789abcdef0123456789abcdef").unwrap()
}

/// A host with only the plugins that ship.
pub(crate) fn shipped(settings: Settings) -> PluginHost {
    PluginHost::load(None, settings).unwrap()
}

/// Writes a plugin into a home.
pub(crate) fn install(home: &Path, folder: &str, manifest: &str, script: &str) {
    let folder = home.join("plugins").join(folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("plugin.yaml"), manifest).unwrap();
    fs::write(folder.join("init.lua"), script).unwrap();
}

/// Approves all plugins of a home that can be, as they are now.
pub(crate) fn approve(home: &Path) {
    // There may be no such folder.
    for entry in fs::read_dir(home.join("plugins")).into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Ok((info, digest)) = install::installed(home, &name) {
            install::approve(home, &name, &info, &digest).unwrap();
        }
    }
}

/// Loads all plugins of a home, approved as they are.
pub(crate) fn load(home: &Path, settings: Settings) -> Result<PluginHost, HostError> {
    approve(home);
    PluginHost::load(Some(home), settings)
}

/// Settings as they are in earnest, with time enough for a busy machine.
pub(crate) fn settings() -> Settings {
    Settings {
        limits: Limits {
            check: Duration::from_secs(20),
            ..Limits::default()
        },
        program: env!("CARGO_BIN_EXE_plugin-process").into(),
        ..Settings::default()
    }
}

/// Settings with short deadlines, for plugins that never end.
pub(crate) fn quick() -> Settings {
    Settings {
        limits: Limits {
            check: Duration::from_millis(700),
            call: Duration::from_secs(5),
            ..Limits::default()
        },
        ..settings()
    }
}

/// A deploy that is proposed.
pub(crate) fn deploy() -> Change {
    Change::Deploy {
        commit: Commit::new(COMMIT).unwrap(),
    }
}

pub(crate) fn proposal<'a>(app: &'a AppName, actor: &'a Actor, change: &'a Change) -> Proposal<'a> {
    Proposal {
        app,
        actor,
        change,
        current: Version::new(3),
        config_keys: vec![],
        addons: vec![],
        bill: None,
        owner: actor,
        owner_bill: None,
        rollback: None,
    }
}

pub(crate) fn entry(version: u64, status: &'static str) -> HistoryEntry {
    HistoryEntry {
        version: Version::new(version),
        age_days: 1,
        change: "Config add A".into(),
        actor: "jim@example.com".into(),
        status,
        deploy: false,
    }
}

pub(crate) fn subject(deploy: bool) -> Subject {
    Subject {
        version: Version::new(10),
        change: if deploy {
            "Deploy 575bfa8"
        } else {
            "Config add A"
        }
        .into(),
        actor: "jim@example.com".into(),
        at: Timestamp(1_700_000_000_000),
        url: "http://myapp.localhost:8080".into(),
        commit: Some(Commit::new(COMMIT).unwrap()),
        previous_commit: Some(Commit::new(BEFORE).unwrap()),
        git_log: "575bfa8 Say hello & goodbye".into(),
        deploy,
    }
}

pub(crate) fn created(deploy: bool) -> Event {
    Event::ReleaseCreated(subject(deploy))
}

pub(crate) fn installed(name: &str, options: &[(&str, &str)]) -> InstalledAddon {
    let option = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    InstalledAddon {
        plan: plan(name),
        resource: Some(id()),
        options: options.iter().map(option).collect(),
    }
}
