//! The journal: what an operation does outside of the ledger, written down before it is done, so
//! that whoever comes after an operation that died knows what to finish or to undo (S31). It must
//! not do anything itself: `corridor/effects.rs` does, and `corridor/recover.rs` after a death.
//!
//! An entry is there from before its effect begins until the release that it is for has succeeded,
//! or until the effect has been undone. Its stages change by [`next`] and in no other way.

use serde::{Deserialize, Serialize};

use crate::addon::PlanName;
use crate::resource::{Options, ResourceId};
use crate::time::Timestamp;

/// Something that is done outside of the ledger. Each may be begun again with the same result: the
/// resource's name is the idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// A provider makes a resource; undone by destroying it.
    Provision {
        /// Its name.
        id: ResourceId,
        /// Its plan.
        plan: PlanName,
        /// What the person said.
        options: Options,
    },
    /// A provider moves a resource to another plan; undone by moving it back.
    ChangePlan {
        /// The resource.
        id: ResourceId,
        /// The plan that it was on, and goes back to.
        from: PlanName,
        /// The plan that it is to be on.
        to: PlanName,
    },
    /// The app is destroyed with all that it has. It is finished, never undone.
    Destroy,
}

/// How far an effect has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is about to be done, is being done, or was when its operation died.
    Begun,
    /// It is done; its release is not settled yet.
    Done,
    /// It is to be undone.
    Undo,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Begun, Self::Done, Self::Undo];

    /// The word that the ledger keeps.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Undo => "undo",
        }
    }
}

/// What happens to an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It has been done.
    Answered,
    /// Whoever was asked refused, and has done nothing.
    Refused,
    /// Its release has succeeded.
    Succeeded,
    /// Its release has failed or was never recorded, or its operation died.
    Failed,
    /// It has been undone.
    Undone,
}

/// The stage that follows, or that the entry is gone.
///
/// # Errors
/// [`Impossible`] where that cannot happen at this stage: the entry stays as it is.
pub fn next(stage: Stage, happening: Happening) -> Result<Option<Stage>, Impossible> {
    match (stage, happening) {
        (Stage::Begun, Happening::Answered) => Ok(Some(Stage::Done)),
        (Stage::Begun, Happening::Refused)
        | (Stage::Done, Happening::Succeeded)
        | (Stage::Undo, Happening::Undone) => Ok(None),
        // One that was begun may have been done, whether or not anybody has heard of it.
        (_, Happening::Failed) => Ok(Some(Stage::Undo)),
        (stage, happening) => Err(Impossible { stage, happening }),
    }
}

/// Something that cannot happen to an entry at its stage.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("an effect in the journal that is {} cannot be {happening:?}", .stage.word())]
pub struct Impossible {
    /// The stage.
    pub stage: Stage,
    /// What was to happen.
    pub happening: Happening,
}

/// An entry of an app's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place: those begun later have a greater one.
    pub place: i64,
    /// The effect.
    pub effect: Effect,
    /// How far it has come.
    pub stage: Stage,
    /// How often it was tried to undo it.
    pub attempts: u32,
    /// When it is to be tried again.
    pub due: Timestamp,
}

/// When something that has failed so often is tried again: after 5 s, and after twice as long each
/// time, an hour at most.
#[must_use]
pub fn retry_at(now: Timestamp, attempts: u32) -> Timestamp {
    let seconds = 5_i64.saturating_mul(1 << attempts.min(12)).min(3600);
    Timestamp(now.0.saturating_add(seconds * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAPPENINGS: [Happening; 5] = [
        Happening::Answered,
        Happening::Refused,
        Happening::Succeeded,
        Happening::Failed,
        Happening::Undone,
    ];

    #[test]
    fn every_way_leads_out_of_the_journal_and_none_back_to_its_beginning() {
        for stage in Stage::ALL {
            let out = HAPPENINGS.map(|happening| next(stage, happening));
            assert!(out.contains(&Ok(None)), "{stage:?}");
            assert!(!out.contains(&Ok(Some(Stage::Begun))), "{stage:?}");
            assert_eq!(next(stage, Happening::Failed), Ok(Some(Stage::Undo)));
        }
    }

    #[test]
    fn what_cannot_happen_is_said() {
        let impossible: Vec<_> = Stage::ALL
            .into_iter()
            .flat_map(|stage| HAPPENINGS.map(|happening| next(stage, happening)))
            .filter(Result::is_err)
            .collect();
        assert_eq!(impossible.len(), 8);
        let error = next(Stage::Done, Happening::Answered).unwrap_err();
        let text = "an effect in the journal that is done cannot be Answered";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn it_is_tried_again_later_and_later() {
        let after = |attempts| retry_at(Timestamp(0), attempts).0 / 1000;
        assert_eq!([after(0), after(1), after(4), after(99)], [5, 10, 80, 3600]);
    }
}
