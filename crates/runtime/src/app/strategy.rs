//! How a release takes the place of the one that runs, as it is set of the app. It must not know when
//! that is done: the state machine does.

mod beside;
mod stop_first;

use std::sync::Arc;

use slugline_core::settings::Settings;
use tokio::sync::watch;

use super::App;
use super::candidate::Candidate;
use crate::launch::Context;
use crate::unit::{After, Progress};

/// A way to switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// The new processes start beside the old ones, which serve until they are healthy.
    Beside,
    /// The old processes end first.
    StopFirst,
}

impl Strategy {
    pub(super) fn of(settings: &Settings) -> Self {
        match settings.preboot {
            true => Self::Beside,
            false => Self::StopFirst,
        }
    }

    /// Whether what runs ends before a candidate begins.
    pub(super) fn makes_room(self) -> bool {
        self == Self::StopFirst
    }

    /// Makes room for a candidate whose servers are up. Answers what each of its processes waits for.
    pub(super) fn make_room(self, app: &mut App, cx: &Arc<Context>) -> Box<dyn Fn() -> Vec<After>> {
        match self {
            Self::Beside => beside::make_room(),
            Self::StopFirst => stop_first::make_room(app, cx),
        }
    }

    /// Undoes that for a candidate that is about to end. Answers the processes that are to be tried
    /// before its failure is told, so that by then it is known how they are.
    pub(super) fn give_back(
        self,
        app: &mut App,
        it: &Candidate,
        cx: &Arc<Context>,
    ) -> Vec<watch::Receiver<Progress>> {
        match self {
            Self::Beside => Vec::new(),
            Self::StopFirst => stop_first::give_back(app, it, cx),
        }
    }
}
