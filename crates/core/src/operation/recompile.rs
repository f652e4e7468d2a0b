//! S22: an event that recompiles the slug takes the app back to its newest deploy's code, unless
//! rolled-back code is pinned.

use super::Code;
use crate::port::Moment;

/// Whether the code that runs is not that of the newest deploy, and so is temporary.
pub(super) fn is_rolled_back(moment: &Moment) -> bool {
    match (&moment.state.slug, &moment.newest_deploy) {
        (Some(running), Some(newest)) => running.source != newest.slug.source,
        _ => false,
    }
}

/// The code after an event that recompiles, and a warning where the app leaves rolled-back code.
pub(super) fn recompile(moment: &Moment) -> (Code, Option<String>) {
    let (Some(running), Some(newest)) = (&moment.state.slug, &moment.newest_deploy) else {
        return (Code::Take(moment.state.slug.clone()), None);
    };
    let rolled_back = is_rolled_back(moment);
    let taken = if rolled_back && moment.code_pinned {
        running
    } else {
        &newest.slug
    };
    let code = Code::Compile {
        source: taken.source.clone(),
        commit: taken.commit.clone(),
    };
    let leaves = rolled_back && !moment.code_pinned;
    let current = moment
        .current
        .as_ref()
        .map(|release| release.version)
        .unwrap_or_default();
    let warning = leaves.then(|| {
        format!(
            "{current} runs rolled-back code ({old}), which is temporary.\n\
             This takes the app back to the newest deploy, {newest} ({new}).\n\
             Rolled-back code stays through changes where the rollback is made with --pin.",
            old = running.commit.short(),
            new = newest.slug.commit.short(),
            newest = newest.version,
        )
    });
    (code, warning)
}
