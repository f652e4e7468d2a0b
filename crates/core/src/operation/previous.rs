//! Which release a rollback without a number goes to: the newest before the current one that
//! succeeded and did not go bad (S16). It must not know what a rollback copies of it.

use super::rollback::Ineligible;
use super::{NotPlanned, View};
use crate::change::Half;
use crate::port::LedgerError;
use crate::refusal::Refusal;
use crate::release::{Release, Status, Version};

/// Why a release is passed over.
#[derive(Debug, thiserror::Error)]
enum Passed {
    /// It never ran.
    #[error("it failed ({0})")]
    Failed(String),
    /// Its operation runs still, or died.
    #[error("it is not finished")]
    Pending,
    /// It took over, and was bad.
    #[error("it went bad ({0})")]
    Bad(String),
    /// It would change nothing, since what runs is a copy of it: the way back from one that went bad.
    #[error("it is the same as {0}, which runs")]
    Same(Version),
}

/// The release to go back to, and a note on each that is passed over to reach it.
pub(super) fn previous(
    view: &View<'_>,
    half: Option<Half>,
) -> Result<(Release, Vec<String>), NotPlanned> {
    let Some(current) = &view.moment.current else {
        return Err(Refusal::new(Ineligible::NothingBefore.to_string()).into());
    };
    let (mut before, mut skipped, mut bad) = (current.version, Vec::new(), None);
    loop {
        let page = view.past.history(Some(before), 50)?;
        let Some(last) = page.last() else {
            return Err(nothing_before(&skipped, bad));
        };
        before = last.version;
        for release in page {
            let version = release.version;
            let passed = match passed_over(view, &release)? {
                None if bad.is_some() && is_same(view, version, half)? => {
                    Passed::Same(current.version)
                }
                None => return Ok((release, skipped)),
                Some(passed) => passed,
            };
            if matches!(passed, Passed::Bad(_)) {
                bad = bad.or(Some(version));
            }
            skipped.push(format!("Skipped {version}: {passed}"));
        }
    }
}

fn passed_over(view: &View<'_>, release: &Release) -> Result<Option<Passed>, LedgerError> {
    Ok(match &release.status {
        Status::Failed(why) => Some(Passed::Failed(why.clone())),
        Status::Pending => Some(Passed::Pending),
        Status::Succeeded => view.past.verdict(release.version)?.map(Passed::Bad),
    })
}

/// Whether what a rollback would copy of a release is what there is.
fn is_same(view: &View<'_>, version: Version, half: Option<Half>) -> Result<bool, LedgerError> {
    let (then, now) = (view.past.state_at(version)?, &view.moment.state);
    let code = half == Some(Half::Config) || then.slug == now.slug;
    let config = half == Some(Half::Code) || then.config.of_user() == now.config.of_user();
    Ok(code && config)
}

/// There is nothing to go back to; where one went bad, it can still be named.
fn nothing_before(skipped: &[String], bad: Option<Version>) -> NotPlanned {
    let refusal = Refusal::new(Ineligible::NothingBefore.to_string());
    let Some(bad) = bad else {
        return refusal.into();
    };
    let skipped = skipped.join("\n");
    let hint = format!("{skipped}\nTo go there all the same: slugline rollback {bad}");
    refusal.hint(hint).into()
}
