//! After the switch: a release that goes bad while it is watched is undone by itself, by a rollback
//! like any other (S30). It must not know how a release is watched, nor what makes it bad.

use super::{Done, Engine, Failure, LedgerPast, Progress, Request};
use crate::actor::Actor;
use crate::app::AppName;
use crate::change::Change;
use crate::operation::Past as _;
use crate::operation::rollback::Rollback;
use crate::port::{Kept, LedgerError, Moment};
use crate::release::{Release, Status, Version};

/// Who undoes a release that went bad.
pub const ITSELF: &str = "slugline";

/// What became of a release that went bad.
#[derive(Debug)]
pub enum Undone {
    /// An earlier release has taken over, as this one.
    TakenOver(Box<Done>),
    /// It stays; with the reason, in one line.
    Stays(String),
    /// Another release is current by now: nothing is to be done.
    Replaced,
}

impl Engine<'_> {
    /// Goes back from a release that went bad to the newest before it that did not, and keeps why
    /// with the release (S39). It is done once: a release that took over like this stays, whatever
    /// becomes of it. `reason` is one line.
    ///
    /// # Errors
    /// [`LedgerError`]: nothing has been changed.
    pub fn undo_bad(
        &self,
        app: &AppName,
        version: Version,
        reason: &str,
        progress: &mut dyn Progress,
    ) -> Result<Undone, LedgerError> {
        let moment = self.ledger.moment(app)?;
        let Some(current) = moment.current.clone().filter(|it| it.version == version) else {
            return Ok(Undone::Replaced);
        };
        let undone = match self.take_over(app, &moment, &current, progress)? {
            Err(Failure::Ledger(error)) => return Err(error),
            Err(why) => Undone::Stays(one_line(&why.to_string())),
            Ok(done) => Undone::TakenOver(Box::new(done)),
        };
        // Somebody else may have changed the app while its lock was waited for.
        let now = self.ledger.moment(app)?.current.map(|it| it.version);
        if matches!(undone, Undone::Stays(_)) && now != Some(version) {
            return Ok(Undone::Replaced);
        }
        let became = match &undone {
            Undone::TakenOver(done) => format!("{} took over", done.release.version),
            Undone::Stays(why) => format!("it stays: {why}"),
            Undone::Replaced => String::new(),
        };
        let verdict = one_line(&format!("{reason}; {became}"));
        match self.ledger.keep(app, version, Kept::Verdict, &verdict) {
            // The tier may have pruned it by now.
            Ok(()) | Err(LedgerError::NoRelease(..)) => Ok(undone),
            Err(error) => Err(error),
        }
    }

    /// The inner error says why nothing takes over.
    fn take_over(
        &self,
        app: &AppName,
        moment: &Moment,
        bad: &Release,
        progress: &mut dyn Progress,
    ) -> Result<Result<Done, Failure>, LedgerError> {
        let stays = |why: String| Ok(Err(crate::refusal::Refusal::new(why).into()));
        let version = bad.version;
        if bad.actor.as_str() == ITSELF && matches!(bad.change, Change::Rollback { .. }) {
            return stays(format!("{version} took over from one that went bad itself"));
        }
        let Ok(itself) = Actor::new(ITSELF) else {
            return stays(format!("{ITSELF} is no name"));
        };
        let Some(target) = self.good_before(app, version)? else {
            return stays(format!("there is no good release before {version}"));
        };
        let rollback = Rollback {
            target: Some(target),
            // It ran with what its own release phase has done.
            skip_release_phase: true,
            pin: moment.code_pinned,
            ..Rollback::default()
        };
        let request = Request {
            app,
            actor: &itself,
            confirmed: false,
            if_current: Some(version),
            wait: true,
        };
        Ok(self.change(&request, &rollback, progress))
    }

    /// The newest release before this one that succeeded and never went bad.
    fn good_before(&self, app: &AppName, version: Version) -> Result<Option<Version>, LedgerError> {
        let past = LedgerPast {
            ledger: self.ledger,
            app,
        };
        let mut before = version;
        loop {
            let page = past.history(Some(before), 50)?;
            let Some(last) = page.last() else {
                return Ok(None);
            };
            before = last.version;
            for release in page {
                let ran = release.status == Status::Succeeded;
                let of = release.version;
                if ran && past.verdict(of)?.is_none() {
                    return Ok(Some(of));
                }
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}
