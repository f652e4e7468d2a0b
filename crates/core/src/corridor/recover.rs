//! Before an operation begins: what an operation that died left behind. Whoever holds the app's
//! lock knows that the one before is gone, since the kernel frees it then.

use super::Engine;
use crate::app::AppName;
use crate::port::{LedgerError, Outcome, Settlement};

impl Engine<'_> {
    /// Marks a release that was recorded and never settled as failed. The app's lock is held.
    pub(super) fn recover(&self, app: &AppName) -> Result<(), LedgerError> {
        let Some(version) = self.ledger.moment(app)?.pending else {
            return Ok(());
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
        )
    }
}
