//! Step 5, launch: the new processes start beside the old ones and must become healthy. A release
//! that cannot boot never replaces one that can (S30).

use std::collections::BTreeMap;

use super::record::Recorded;
use super::release_phase::Heard;
use super::{Engine, Failure, Progress, Request};
use crate::port::{Kept, LaunchError, LaunchSpec, Launched, Outline, Server};
use crate::release::Version;
use crate::resource::Resource;
use crate::settings::Settings;
use crate::state::State;

/// The process type that runs once for each release, before any other.
pub const RELEASE_PHASE: &str = "release";

/// A change whose processes are up, or which has none.
pub struct Running {
    pub(super) recorded: Recorded,
    pub(super) how: How,
}

/// What is to be done with the processes once the release is settled.
pub(super) enum How {
    /// Send the requests to them.
    Switch(Box<dyn Launched>),
    /// They crash, and are to run all the same, since nothing better does (S30).
    RunCrashed {
        spec: Box<LaunchSpec>,
        reason: String,
        log: Vec<String>,
    },
    /// There is nothing to run any more.
    Stop,
    /// There was nothing to run and there is nothing.
    Nothing,
}

/// What is to run for an app that is in this state.
#[must_use]
pub fn launch_spec<'a>(
    app: &crate::app::AppName,
    version: Version,
    state: &State,
    resources: impl IntoIterator<Item = &'a Resource>,
    settings: Settings,
) -> LaunchSpec {
    let mut env: BTreeMap<String, String> = state
        .slug
        .as_ref()
        .map(|slug| slug.default_env.clone())
        .unwrap_or_default();
    for (key, var) in state.config.iter() {
        env.insert(key.as_str().to_owned(), var.value.reveal().to_owned());
    }
    let attached = |resource: &&Resource| {
        state
            .addons
            .values()
            .any(|addon| addon.resource.as_ref() == Some(&resource.id))
    };
    let server = |resource: &Resource| {
        let name = resource.plan.service().to_string();
        let (resource, port) = (resource.id.clone(), resource.port);
        move |command| Server {
            resource,
            name,
            command,
            port,
        }
    };
    let servers = resources
        .into_iter()
        .filter(attached)
        .filter_map(|resource| resource.process.clone().map(server(resource)))
        .collect();
    LaunchSpec {
        app: app.clone(),
        version,
        slug: state.slug.clone(),
        env,
        servers,
        settings,
        release_phase: false,
    }
}

/// Whether nothing of an app is to run, whatever its config vars are.
#[must_use]
pub fn is_idle(outline: &Outline, resources: &[Resource]) -> bool {
    let Some(current) = &outline.current else {
        return true;
    };
    let state = State {
        slug: current.slug.clone(),
        addons: outline.addons.clone(),
        ..State::default()
    };
    let settings = Settings::default();
    launch_spec(
        &outline.app.name,
        current.version,
        &state,
        resources,
        settings,
    )
    .is_empty()
}

impl LaunchSpec {
    /// Whether there is anything to run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slug.is_none() && self.servers.is_empty()
    }

    /// Whether its code says what is to be done once for each release.
    #[must_use]
    pub fn has_release_phase(&self) -> bool {
        let slug = self.slug.as_ref();
        slug.is_some_and(|slug| slug.processes.contains_key(RELEASE_PHASE))
    }
}

impl Engine<'_> {
    pub(super) fn launch(
        &self,
        request: &Request<'_>,
        recorded: Recorded,
        settings: Settings,
        progress: &mut dyn Progress,
    ) -> Result<Running, Failure> {
        let planned = &recorded.prepared.planned;
        let state = &recorded.prepared.state;
        let mut spec = launch_spec(
            request.app,
            recorded.version,
            state,
            planned.resources.values(),
            settings,
        );
        if spec.is_empty() {
            let ran = planned.plan.before.slug.is_some() || !planned.plan.before.addons.is_empty();
            let how = if ran { How::Stop } else { How::Nothing };
            return Ok(Running { recorded, how });
        }
        spec.release_phase = planned.plan.release_phase && spec.has_release_phase();
        let mut heard = Heard::new(recorded.version, spec.release_phase, progress);
        let launched = self.launcher.launch(&spec, &mut |said| heard.hear(said));
        if let Some(output) = heard.output() {
            // What cannot be kept is in the log all the same.
            let kept = Kept::Output;
            let _ = self
                .ledger
                .keep(request.app, recorded.version, kept, &output);
        }
        match launched {
            Ok(launched) => Ok(Running {
                recorded,
                how: How::Switch(launched),
            }),
            Err(LaunchError::Unhealthy { reason, log }) => {
                // Servers of add-ons that run are better than servers that do not; but an app's
                // first code stays, crashed.
                let first = planned.plan.before.slug.is_none() && state.slug.is_some();
                let better = !first && self.launcher.is_up(request.app)?;
                if better {
                    return Err(self.settle_failed(request, recorded, reason, log));
                }
                Ok(Running {
                    recorded,
                    how: How::RunCrashed {
                        spec: Box::new(spec),
                        reason,
                        log,
                    },
                })
            }
            // Not even where nothing better runs: its code counts on what its release phase does.
            Err(LaunchError::ReleasePhase { reason, .. }) => {
                // What it wrote has been heard.
                Err(self.settle_failed(request, recorded, reason, Vec::new()))
            }
            Err(error) => {
                self.settle_failed(request, recorded, error.to_string(), Vec::new());
                Err(error.into())
            }
        }
    }
}
