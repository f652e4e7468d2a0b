//! What others think of a release that is watched: they are asked every few seconds, and at the end.
//! It must not know who they are, nor what makes a release bad.

use std::collections::BTreeSet;
use std::sync::Arc;

use slugline_core::app::AppName;
use slugline_core::port::Seen;
use slugline_core::release::Version;
use tokio::time::Instant;

use super::watch::Watching;
use super::{App, CandidateId, Input};
use crate::desired::Opinion;
use crate::launch::Context;
use crate::limits::Limits;
use crate::supervisor::Event;

/// The questions of one watch.
pub(super) struct Asking {
    /// When the last question was put; at first, when the watch began.
    asked: Instant,
    /// A question is out.
    waiting: bool,
    /// That one is the last.
    last: bool,
    /// The requests that had ended before the watch began, and those of them that had failed.
    before: (u64, u64),
    /// Who needs not be asked again.
    pub(super) content: BTreeSet<String>,
    /// What the log has been told.
    said: BTreeSet<String>,
}

impl Asking {
    pub(super) fn new(before: (u64, u64)) -> Self {
        Self {
            asked: Instant::now(),
            waiting: false,
            last: false,
            before,
            content: BTreeSet::new(),
            said: BTreeSet::new(),
        }
    }

    /// Whether it is time for a question, the last one where the watch is `over`. Where it is, the
    /// question counts as put.
    pub(super) fn are_due(&mut self, over: bool, limits: &Limits) -> bool {
        let due = over || self.asked.elapsed() >= limits.opinion_every;
        if self.waiting || !due {
            return false;
        }
        (self.asked, self.waiting, self.last) = (Instant::now(), true, over);
        true
    }

    /// Of the requests that have ended, those that did so during the watch; and the failed ones.
    pub(super) fn since(&self, ended: (u64, u64)) -> (u64, u64) {
        let (all, failed) = self.before;
        (ended.0.saturating_sub(all), ended.1.saturating_sub(failed))
    }
}

/// Puts a question; [`App::thought`] is told the answer, whatever becomes of those who are asked.
pub(super) fn ask(app: &AppName, id: CandidateId, version: Version, seen: Seen, cx: &Arc<Context>) {
    let (desired, app, events) = (Arc::clone(&cx.desired), app.clone(), cx.events.clone());
    tokio::spawn(async move {
        let asked = app.clone();
        let asking = move || desired.opinion(&asked, version, &seen);
        // Whoever panics has no opinion.
        let opinion = tokio::task::spawn_blocking(asking)
            .await
            .unwrap_or_default();
        // It fails when the supervisor has ended.
        let _ = events.send(Event::App(
            app,
            Input::Watch(id, Watching::Thought(opinion)),
        ));
    });
}

impl App {
    /// Others have said what they think of what is watched.
    pub(super) fn thought(&mut self, id: CandidateId, opinion: Opinion, cx: &Arc<Context>) {
        let Some(watch) = self.watch.as_mut().filter(|watch| watch.id == id) else {
            return;
        };
        let asking = &mut watch.opinions;
        asking.waiting = false;
        asking.content.extend(opinion.content);
        let lines = opinion.said.into_iter();
        let fresh: Vec<_> = lines.filter(|it| asking.said.insert(it.clone())).collect();
        let last = asking.last;
        if !fresh.is_empty() {
            let log = cx.logs.app(&self.name);
            let write = move || log.append("slugline", fresh.iter().map(String::as_str));
            tokio::task::spawn_blocking(write);
        }
        if opinion.bad.is_some() {
            self.watched(opinion.bad, cx);
        } else if last {
            self.end_watch(cx);
        }
    }
}
