//! The ports: how the engine sees the world, and what each side guarantees the other. Adapters
//! implement them; only the edge of the program knows which.

pub mod access;
pub mod builds;
pub mod compiler;
pub mod launcher;
pub mod ledger;
pub mod lock;
pub mod moment;
pub mod policies;
pub mod providers;
pub mod webhooks;

use crate::resource::ResourceId;
use crate::time::Timestamp;

pub use access::{Access, SecretDigest};
pub use builds::Builds;
pub use compiler::{CompileError, CompileRequest, Compiler};
pub use launcher::{LaunchError, LaunchSpec, Launched, Launcher, Said, Server};
pub use ledger::{
    Asked, Kept, Ledger, LedgerError, NewRelease, Outcome, ResourceChange, Settlement, Waiting,
};
pub use lock::{AppLock, Holder, Lock};
pub use moment::{Deployed, Moment, Outline};
pub use policies::{
    Announcement, Answers, HistoryEntry, InstalledAddon, Keep, Objection, Opinions, Policies,
    PolicyError, Proposal, RollbackRequest, Seen, Watching,
};
pub use providers::{ChangePlanRequest, ProviderError, Providers, ProvisionRequest};
pub use webhooks::Webhooks;

/// The error of whatever lies behind a port.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Tells the time.
pub trait Clock {
    /// Now. May go backwards between two calls, as clocks do.
    fn now(&self) -> Timestamp;
}

/// Makes names that were never used before.
pub trait Ids {
    /// A resource's name, random, so that nobody can guess it.
    fn resource(&self) -> ResourceId;
}
