//! The port of webhooks: which an app has, what happened that they are told of, and what became of that.
//! It must not know how anything is sent.

use crate::app::AppName;
use crate::port::LedgerError;
use crate::time::Timestamp;
use crate::webhook::{Delivery, Due, Happened, Progress, Tried, Webhook, WebhookId};

/// Keeps webhooks, and what is to be sent to them. Each method that writes is one transaction.
///
/// What happens to releases and add-ons is written down with the change itself.
pub trait Webhooks {
    /// The webhooks of an app, oldest first.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn webhooks(&self, app: &AppName) -> Result<Vec<Webhook>, LedgerError>;

    /// Keeps a webhook, in place of one of its name.
    ///
    /// # Errors
    /// [`LedgerError::NoApp`], [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn put_webhook(&self, app: &AppName, webhook: &Webhook) -> Result<(), LedgerError>;

    /// Forgets a webhook of an app with its deliveries. Answers whether there was one.
    ///
    /// # Errors
    /// As [`Webhooks::put_webhook`].
    fn remove_webhook(&self, app: &AppName, id: &WebhookId) -> Result<bool, LedgerError>;

    /// What happened to an app that its webhooks were told of, oldest first: the newest
    /// [`crate::webhook::KEPT`] at most.
    ///
    /// # Errors
    /// As [`Webhooks::webhooks`].
    fn happened(&self, app: &AppName) -> Result<Vec<Happened>, LedgerError>;

    /// The deliveries of these events, oldest first.
    ///
    /// # Errors
    /// As [`Webhooks::webhooks`].
    fn deliveries(&self, app: &AppName) -> Result<Vec<Delivery>, LedgerError>;

    /// Of each webhook of any app the oldest delivery that is not over, where it is due.
    ///
    /// # Errors
    /// [`LedgerError::Storage`], [`LedgerError::Corrupt`].
    fn due(&self, now: Timestamp) -> Result<Vec<Due>, LedgerError>;

    /// Notes how a try ended, how far the delivery has come by it, and when it is tried again. One that is
    /// gone is passed over.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Storage`].
    fn tried(
        &self,
        place: i64,
        tried: &Tried,
        then: (Progress, Timestamp),
    ) -> Result<(), LedgerError>;
}
