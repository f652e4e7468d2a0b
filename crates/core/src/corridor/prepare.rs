//! Step 3, prepare: the effects run, each in the journal first. A build that fails ends here, without a
//! release and without a number (S29).

use super::check::Checked;
use super::plan::Planned;
use super::{Engine, Failure, Progress, Request};
use crate::operation::Code;
use crate::port::CompileRequest;
use crate::refusal::Refusal;
use crate::state::State;

/// A plan whose effects have run: what the release will be.
pub struct Prepared {
    pub(super) planned: Planned,
    /// What the app is to be.
    pub(super) state: State,
    pub(super) messages: Vec<String>,
}

impl Engine<'_> {
    pub(super) fn prepare(
        &self,
        request: &Request<'_>,
        checked: Checked,
        progress: &mut dyn Progress,
    ) -> Result<Prepared, Failure> {
        let planned = checked.into_planned();
        let state = State {
            addons: planned.plan.addons.clone(),
            ..State::default()
        };
        let mut prepared = Prepared {
            planned,
            state,
            messages: Vec::new(),
        };
        let done = self.run_effects(request, &mut prepared);
        match done.and_then(|()| self.compose(request, &mut prepared, progress)) {
            Ok(()) => Ok(prepared),
            Err(failure) => {
                self.try_to_take_back(request.app);
                Err(failure)
            }
        }
    }

    /// What the release is to hold, now that the effects have run.
    fn compose(
        &self,
        request: &Request<'_>,
        prepared: &mut Prepared,
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        let plan = &prepared.planned.plan;
        let lenders = prepared.planned.resources.iter();
        let lenders = lenders.filter(|(service, _)| plan.addons.contains_key(*service));
        prepared.state.config = plan
            .config_with(lenders.map(|(_, resource)| resource))
            .map_err(|error| Refusal::new(error.to_string()))?;
        prepared.state.slug = match &plan.code {
            Code::Take(slug) => slug.clone(),
            Code::Compile { source, commit } => {
                let config = &prepared.state.config;
                let wanted = CompileRequest {
                    app: request.app,
                    source,
                    commit,
                    config,
                };
                let slug = self
                    .compiler
                    .compile(&wanted, &mut |line| progress.build_line(line))?;
                progress.compiled(&slug);
                Some(slug)
            }
        };
        Ok(())
    }
}
