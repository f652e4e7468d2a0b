//! What an app costs before and after a change (S26). It must not know who pays.

use crate::addon::Addons;

/// Cents a month of one app or several, before and after a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// Cents a month now.
    pub before: u64,
    /// Cents a month once the change is made.
    pub after: u64,
}

impl Bill {
    /// The bill of a change from one set of add-ons to another.
    #[must_use]
    pub fn between(before: &Addons, after: &Addons) -> Self {
        let total = |addons: &Addons| addons.values().map(|addon| addon.price.cents()).sum();
        Self {
            before: total(before),
            after: total(after),
        }
    }

    /// The bill together with what does not change: cents a month of other apps.
    #[must_use]
    pub fn beside(self, others: u64) -> Self {
        Self {
            before: self.before.saturating_add(others),
            after: self.after.saturating_add(others),
        }
    }

    /// What is added to the bill; negative where it shrinks.
    #[must_use]
    pub fn delta(&self) -> i64 {
        i64::try_from(self.after).unwrap_or(i64::MAX)
            - i64::try_from(self.before).unwrap_or(i64::MAX)
    }
}
