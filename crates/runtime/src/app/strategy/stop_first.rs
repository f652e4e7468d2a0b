//! Without preboot: no process of the new release runs before the last of the old one has ended, for
//! apps that cannot run twice at once. Requests wait meanwhile. Where the new release fails, the old
//! one is started again. It must not know how the new one fares.

use std::sync::Arc;

use tokio::sync::watch;

use super::super::App;
use super::super::candidate::{Candidate, processes};
use crate::drain::{Retiring, Then};
use crate::launch::{Context, Handle};
use crate::unit::{After, Progress};

/// Ends what runs. Its requests are given no more time to finish than others have to wait.
pub(super) fn make_room(app: &mut App, cx: &Arc<Context>) -> Box<dyn Fn() -> Vec<After>> {
    let Some(current) = &mut app.current else {
        return Box::new(Vec::new);
    };
    let old = std::mem::take(&mut current.units);
    let ends = progress(&old);
    let (targets, limit) = (app.route.targets(), cx.limits.drain.min(cx.limits.hold));
    let then = Then::Retire(current.spec.version, current.spec.dir.clone());
    app.retiring
        .push(Retiring::begin(old, then, &targets, limit));
    after(ends)
}

/// Starts the old release again, once every other process has ended.
pub(super) fn give_back(
    app: &mut App,
    it: &Candidate,
    cx: &Arc<Context>,
) -> Vec<watch::Receiver<Progress>> {
    let leaving = app.retiring.iter().flat_map(|retiring| &retiring.units);
    let ends = progress(it.running.units.iter().chain(leaving));
    let Some(current) = &mut app.current else {
        return Vec::new();
    };
    // Where they are still there no room was made yet.
    if !current.units.is_empty() {
        return Vec::new();
    }
    current.units = processes(&current.spec, true, &*after(ends), cx);
    progress(&current.units)
}

fn progress<'a>(units: impl IntoIterator<Item = &'a Handle>) -> Vec<watch::Receiver<Progress>> {
    let units = units.into_iter();
    units.map(|unit| unit.progress.clone()).collect()
}

fn after(ends: Vec<watch::Receiver<Progress>>) -> Box<dyn Fn() -> Vec<After>> {
    Box::new(move || ends.iter().cloned().map(After::End).collect())
}
