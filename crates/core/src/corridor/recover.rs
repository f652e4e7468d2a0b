//! Before an operation begins: what an operation that died left behind. Whoever holds the app's
//! lock knows that the one before is gone, since the kernel frees it then.

use super::Engine;
use crate::app::AppName;
use crate::port::{LedgerError, Moment, Outcome, Settlement};

impl Engine<'_> {
    /// The app as it is, once a release that was recorded and never settled is marked as failed.
    /// The app's lock is held.
    pub(super) fn recover(&self, app: &AppName) -> Result<Moment, LedgerError> {
        let moment = self.ledger.moment(app)?;
        let Some(version) = moment.pending else {
            return Ok(moment);
        };
        let outcome = Outcome::Failed("interrupted before it was finished".to_owned());
        self.ledger.settle(
            app,
            version,
            &Settlement {
                outcome,
                at: self.clock.now(),
                events: Vec::new(),
            },
        )?;
        self.ledger.moment(app)
    }
}
