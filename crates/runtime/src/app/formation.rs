//! Changing how many processes of a release run, and stopping or restarting some of them, without
//! another release. It must not know who asked, nor how a launch is made.

use std::sync::Arc;

use super::App;
use super::candidate::Generation;
use crate::drain::{Retiring, Then, tell_to_end};
use crate::launch::{Context, Handle};
use crate::unit::After;

impl App {
    /// Brings what runs to the formation that is set by now: what is missing starts beside the
    /// others, what is too much ends, the highest numbers first, once its requests have finished.
    pub(super) fn scale(&mut self, cx: &Arc<Context>) {
        let before = self.route.targets();
        let mut surplus = Vec::new();
        if let Some(current) = &mut self.current {
            surplus = bring(current, true, cx);
        }
        self.set_route();
        self.retiring.push(Retiring::begin(
            surplus,
            Then::Nothing,
            &before,
            cx.limits.drain,
        ));
    }

    /// Stops a process, or all of a type, until it is restarted or another release runs. Answers how
    /// many those are.
    pub(super) fn stop_some(&mut self, which: &str, cx: &Arc<Context>) -> usize {
        let targets = self.route.targets();
        let mut count = 0;
        for unit in self.named(which) {
            unit.leaving = true;
            count += 1;
        }
        // No request comes to them from here on.
        self.set_route();
        for unit in self.named(which) {
            tell_to_end(unit, &targets, cx.limits.drain);
        }
        count
    }

    /// Puts new processes in the place of one, or of all of a type; those that were stopped start
    /// again. With preboot a new process does not wait for the old one's end. Answers how many those
    /// are.
    pub(super) fn restart_some(&mut self, which: &str, cx: &Arc<Context>) -> usize {
        let targets = self.route.targets();
        let Some(current) = &mut self.current else {
            return 0;
        };
        let mut old = Vec::new();
        for unit in current.units.iter_mut().filter(|unit| is(unit, which)) {
            let Some((kind, number)) = unit.kind() else {
                continue;
            };
            let after = match current.spec.settings.preboot {
                true => Vec::new(),
                false => vec![After::End(unit.progress.clone())],
            };
            let new = cx.process(&current.spec, kind, number, true, after);
            old.push(std::mem::replace(unit, new));
        }
        let count = old.len();
        self.set_route();
        let then = Then::Nothing;
        let drain = cx.limits.drain.min(cx.limits.hold);
        self.retiring
            .push(Retiring::begin(old, then, &targets, drain));
        count
    }

    fn named(&mut self, which: &str) -> impl Iterator<Item = &mut Handle> {
        let units = self.current.iter_mut().flat_map(|it| &mut it.units);
        units.filter(move |unit| is(unit, which))
    }
}

/// Whether a process has this name, or is of this type.
fn is(unit: &Handle, which: &str) -> bool {
    unit.label == which || unit.kind().is_some_and(|(kind, _)| kind == which)
}

/// Starts what a release has too little, and answers what it has too much.
pub(super) fn bring(running: &mut Generation, adopted: bool, cx: &Arc<Context>) -> Vec<Handle> {
    let spec = Arc::clone(&running.spec);
    let wanted = |unit: &Handle| {
        let kind = unit.kind();
        kind.is_some_and(|(kind, number)| number <= spec.settings.of_type(kind).count)
    };
    let surplus = running.units.extract_if(.., |unit| !wanted(unit)).collect();
    for (kind, number) in spec.formation() {
        if !running
            .units
            .iter()
            .any(|it| it.kind() == Some((kind, number)))
        {
            let unit = cx.process(&spec, kind, number, adopted, Vec::new());
            running.units.push(unit);
        }
    }
    running
        .units
        .sort_by(|one, other| one.kind().cmp(&other.kind()));
    surplus
}
