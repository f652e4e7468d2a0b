//! Step 4, record: the release gets its number, pending, before any of its processes is started.

use super::prepare::Prepared;
use super::{Engine, Failure, Request};
use crate::port::NewRelease;
use crate::release::Version;
use crate::time::Timestamp;

/// A change that has a number and does not run yet.
pub struct Recorded {
    pub(super) prepared: Prepared,
    pub(super) version: Version,
    pub(super) at: Timestamp,
}

impl Engine<'_> {
    pub(super) fn record(
        &self,
        request: &Request<'_>,
        prepared: Prepared,
    ) -> Result<Recorded, Failure> {
        let at = self.clock.now();
        let (change, state) = (&prepared.planned.plan.change, &prepared.state);
        let release = NewRelease {
            change,
            actor: request.actor,
            at,
            state,
            plugins: &self.plugins_called(),
        };
        match self.ledger.record(request.app, &release) {
            Ok(version) => Ok(Recorded {
                prepared,
                version,
                at,
            }),
            Err(error) => {
                self.try_to_take_back(request.app);
                Err(error.into())
            }
        }
    }
}
