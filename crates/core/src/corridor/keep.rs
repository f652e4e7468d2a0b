//! What is kept of an app's history, decided by a person (S13, S15): a release is pinned so that no
//! tier prunes it, let go again, or the tier is asked now instead of after the next release. None
//! of them makes a release. It must not know what a tier keeps.

use super::plan::refuse_stale;
use super::{Engine, Failure, Progress, Request};
use crate::query::{not_kept, tier_of};
use crate::release::Version;
use crate::retention;

impl Engine<'_> {
    /// Sets whether a release is pinned.
    ///
    /// # Errors
    /// [`Failure::Refused`] without a tier (S10), where the release is not kept, or where another
    /// is current than was expected (S32); [`Failure::Nothing`] where it is so already.
    pub fn pin_release(
        &self,
        request: &Request<'_>,
        version: Version,
        pinned: bool,
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        let what = if pinned { "Pin" } else { "Unpin" };
        let (_lock, moment) = self.enter(request, &format!("{what} {version}"), progress)?;
        refuse_stale(&moment, request)?;
        tier_of(moment.state.tier())?;
        let Some(release) = self.ledger.release(request.app, version)? else {
            let (last, tier) = (moment.last, moment.state.tier());
            return Err(not_kept(self.ledger, request.app, (last, tier), version)?);
        };
        match (release.pinned, pinned) {
            (true, true) => Err(Failure::Nothing(format!("{version} is pinned already."))),
            (false, false) => Err(Failure::Nothing(format!("{version} is not pinned."))),
            _ => Ok(self
                .ledger
                .set_release_pinned(request.app, version, pinned)?),
        }
    }

    /// Asks the app's tier now, and removes what it does not keep. Answers the numbers, oldest
    /// first.
    ///
    /// # Errors
    /// [`Failure::Refused`] without a tier (S10), where it fails (S13), or where another release is
    /// current than was expected (S32); nothing has been removed then.
    pub fn prune_releases(
        &self,
        request: &Request<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Version>, Failure> {
        let (_lock, moment) = self.enter(request, "Prune", progress)?;
        refuse_stale(&moment, request)?;
        tier_of(moment.state.tier())?;
        Ok(retention::prune(self, request.app)?)
    }
}
