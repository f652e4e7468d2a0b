//! Changing what is set of an app, which makes no release and can start or end processes at most. It
//! must not know what any setting means.

use super::plan::refuse_stale;
use super::{Engine, Failure, Progress, Request};
use crate::port::{LedgerError, Moment};
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::webhook::{By, Happening};

impl Engine<'_> {
    /// Changes what is set of an app, under its lock, and brings what runs to it. `what` tells those
    /// who wait what is done (S33); `change` may refuse. Answers what is set now.
    ///
    /// # Errors
    /// [`Failure::Refused`] where another release is current than was expected (S32), a host belongs to
    /// another app, or `change` refuses; [`Failure::Nothing`] where all is as it was, with an empty text
    /// (S5); [`Failure::Launch`] where it is set and what runs could not be brought to it yet.
    pub fn change_settings(
        &self,
        request: &Request<'_>,
        what: &str,
        change: &mut dyn FnMut(&Moment, &mut Settings) -> Result<(), Failure>,
        progress: &mut dyn Progress,
    ) -> Result<Settings, Failure> {
        let (_lock, moment) = self.enter(request, what, progress)?;
        refuse_stale(&moment, request)?;
        let before = self.ledger.settings(request.app)?;
        let mut settings = before.clone();
        change(&moment, &mut settings)?;
        if settings == before {
            return Err(Failure::Nothing(String::new()));
        }
        match self.ledger.set_settings(request.app, &settings) {
            Ok(()) => {}
            Err(error @ LedgerError::HostTaken(..)) => {
                return Err(Refusal::new(error.to_string()).into());
            }
            Err(error) => return Err(error.into()),
        }
        let what = Happening::of_settings(&before, &settings);
        if !what.is_empty() {
            let (actor, at) = (request.actor.clone(), self.clock.now());
            self.ledger
                .announce(request.app, &what, &By { actor, at })?;
        }
        self.launcher.configure(request.app, &settings)?;
        Ok(settings)
    }
}
