//! For plugins in Rust that are dynamic libraries: implement [`Plugin`], and export it with
//! [`crate::export!`]. A panic becomes an error of the call. It must not know how a library is
//! loaded.
//!
//! ```
//! use slugline_plugin_api::message::ReleaseCheck;
//! use slugline_plugin_api::sdk::{Context, Failure, Plugin, deny};
//!
//! #[derive(Default)]
//! struct NoFridays;
//!
//! impl Plugin for NoFridays {
//!     const NAME: &'static std::ffi::CStr = c"no-fridays";
//!
//!     fn release_check(&self, check: &ReleaseCheck, context: &Context<'_>) -> Result<(), Failure> {
//!         let day: String = context.settings()?;
//!         if check.deploy && day == "friday" { deny("not on a Friday") } else { Ok(()) }
//!     }
//! }
//!
//! slugline_plugin_api::export!(NoFridays);
//! # fn main() {}
//! ```

mod context;
mod shim;

use std::ffi::CStr;

use serde::{Deserialize, Serialize};

use crate::hook::Hook;
use crate::message::{
    AddonChanged, BillingCheck, ChangePlanRequest, DeprovisionRequest, KeepRequest, Kept,
    Provision, ProvisionRequest, ReleaseCheck, ReleaseCreated, ReleaseFailed, ReleaseWatch, Reply,
    Request, RollbackCheck, TierRollback,
};
use crate::protocol::PluginSettings;

pub use context::Context;
pub use shim::table;

/// What a library is called with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What it is asked or told: the fields `hook` and `request`.
    #[serde(flatten)]
    pub request: Request,
    /// What the operator has set for it.
    #[serde(default)]
    pub settings: PluginSettings,
}

/// Why a plugin does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It forbids it; the reason is for the person.
    Denied(String),
    /// It does not work.
    Broken(String),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Broken(error.to_string())
    }
}

/// What a plugin thinks of a release that is watched, where it is not bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opinion {
    /// It cannot tell, or not yet: it is asked again.
    #[default]
    Unsure,
    /// The release is good: it is not asked again.
    Good,
}

/// Forbids what is asked, or calls it bad, with a reason for the person.
///
/// # Errors
/// Always: it is the error.
pub fn deny<T>(reason: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Denied(reason.into()))
}

/// A plugin. Each function answers one hook; implement those that the manifest promises. A fresh
/// value is made for each call.
pub trait Plugin: Default {
    /// Its name, as in the manifest.
    const NAME: &'static CStr;

    /// Makes a resource. It may be called again with the same `key`, and then answers the same.
    ///
    /// # Errors
    /// [`Failure`]: the resource cannot be made.
    fn provision(
        &self,
        request: &ProvisionRequest,
        context: &Context<'_>,
    ) -> Result<Provision, Failure> {
        let _ = (request, context);
        missing(Hook::AddonProvision)
    }

    /// Moves a resource to another plan. What it answers replaces all that was answered before.
    ///
    /// # Errors
    /// [`Failure`]: the resource stays as it is.
    fn change_plan(
        &self,
        request: &ChangePlanRequest,
        context: &Context<'_>,
    ) -> Result<Provision, Failure> {
        let _ = (request, context);
        missing(Hook::AddonChangePlan)
    }

    /// Destroys a resource; one that is gone already is no error.
    ///
    /// # Errors
    /// [`Failure`]: it is tried again later.
    fn deprovision(
        &self,
        request: &DeprovisionRequest,
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        let _ = (request, context);
        Ok(())
    }

    /// May a release be made?
    ///
    /// # Errors
    /// [`Failure`]: it may not; see [`deny`].
    fn release_check(&self, check: &ReleaseCheck, context: &Context<'_>) -> Result<(), Failure> {
        let _ = (check, context);
        missing(Hook::ReleaseCheck)
    }

    /// May an add-on change, given what it costs?
    ///
    /// # Errors
    /// [`Failure`]: it may not; see [`deny`].
    fn billing_check(&self, check: &BillingCheck, context: &Context<'_>) -> Result<(), Failure> {
        let _ = (check, context);
        missing(Hook::BillingCheck)
    }

    /// May a release be rolled back to?
    ///
    /// # Errors
    /// [`Failure`]: it may not; see [`deny`].
    fn rollback_check(&self, check: &RollbackCheck, context: &Context<'_>) -> Result<(), Failure> {
        let _ = (check, context);
        missing(Hook::RollbackCheck)
    }

    /// Is a release that has taken over bad? Asked every few seconds while it is watched.
    ///
    /// # Errors
    /// [`Failure::Denied`]: it is bad, and is undone; see [`deny`]. [`Failure::Broken`] says nothing
    /// about it.
    fn release_watch(
        &self,
        watch: &ReleaseWatch,
        context: &Context<'_>,
    ) -> Result<Opinion, Failure> {
        let _ = (watch, context);
        missing(Hook::ReleaseWatch)
    }

    /// A release has become current.
    ///
    /// # Errors
    /// [`Failure`]: it is told again later.
    fn release_created(
        &self,
        event: &ReleaseCreated,
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        let _ = (event, context);
        missing(Hook::ReleaseCreated)
    }

    /// A release has failed.
    ///
    /// # Errors
    /// [`Failure`]: it is told again later.
    fn release_failed(&self, event: &ReleaseFailed, context: &Context<'_>) -> Result<(), Failure> {
        let _ = (event, context);
        missing(Hook::ReleaseFailed)
    }

    /// An add-on was added, removed or moved to another plan.
    ///
    /// # Errors
    /// [`Failure`]: it is told again later.
    fn addon_changed(&self, event: &AddonChanged, context: &Context<'_>) -> Result<(), Failure> {
        let _ = (event, context);
        missing(Hook::AddonChanged)
    }

    /// Which releases does the tier keep? `None`: all of them.
    ///
    /// # Errors
    /// [`Failure`]: nothing is pruned.
    fn keep(
        &self,
        request: &KeepRequest,
        context: &Context<'_>,
    ) -> Result<Option<Vec<u64>>, Failure> {
        let _ = (request, context);
        Ok(None)
    }

    /// Does the tier permit a rollback?
    ///
    /// # Errors
    /// [`Failure`]: it does not; see [`deny`].
    fn rollback(&self, request: &TierRollback, context: &Context<'_>) -> Result<(), Failure> {
        let _ = (request, context);
        Ok(())
    }
}

fn missing<T>(hook: Hook) -> Result<T, Failure> {
    Err(Failure::Broken(format!(
        "the library does not answer {hook}"
    )))
}

/// Calls the function of the hook.
fn answer<P: Plugin>(request: &Request, context: &Context<'_>) -> Result<Reply, Failure> {
    let plugin = P::default();
    let heard = match request {
        Request::Provision(it) => {
            return plugin.provision(it, context).map(Reply::Provision);
        }
        Request::ChangePlan(it) => {
            return plugin.change_plan(it, context).map(Reply::Provision);
        }
        Request::Keep(it) => {
            let kept = plugin.keep(it, context)?;
            return Ok(kept.map_or(Reply::Done, |versions| Reply::Kept(Kept { versions })));
        }
        Request::ReleaseWatch(it) => {
            return Ok(match plugin.release_watch(it, context)? {
                Opinion::Unsure => Reply::Done,
                Opinion::Good => Reply::Good,
            });
        }
        Request::Deprovision(it) => plugin.deprovision(it, context),
        Request::ReleaseCheck(it) => plugin.release_check(it, context),
        Request::BillingCheck(it) => plugin.billing_check(it, context),
        Request::RollbackCheck(it) => plugin.rollback_check(it, context),
        Request::ReleaseCreated(it) => plugin.release_created(it, context),
        Request::ReleaseFailed(it) => plugin.release_failed(it, context),
        Request::AddonChanged(it) => plugin.addon_changed(it, context),
        Request::Rollback(it) => plugin.rollback(it, context),
    };
    heard.map(|()| Reply::Done)
}
