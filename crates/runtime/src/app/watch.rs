//! The watch over a release that has just taken over: its crashes are counted and its health is asked
//! for, until its time is over or it has gone bad. It must not know what follows from that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::opinion::{self, Asking};
use super::{App, CandidateId, Input};
use slugline_core::port::Seen;

use crate::control::protocol::ProcessState;
use crate::desired::{Opinion, Watched};
use crate::health::Check;
use crate::launch::{Context, Handle};
use crate::supervisor::Event;
use crate::unit::UnitId;

/// How often one process may crash, and its health be bad in a row, before the release is bad.
const MOST: u32 = 3;

/// What happens while a release is watched.
pub(crate) enum Watching {
    /// It is time to look at it.
    Tick,
    /// Its processes were asked for their health; with why one is not well.
    Asked(Option<String>),
    /// Others were asked what they think of it.
    Thought(Opinion),
    /// What has gone bad has been dealt with, one way or the other.
    Judged,
}

/// The watch over what runs.
pub(super) struct Watch {
    pub(super) id: CandidateId,
    pub(super) since: Instant,
    deaths: BTreeMap<UnitId, u32>,
    /// How often in a row a process was not healthy.
    sick: u32,
    asking: bool,
    pub(super) opinions: Asking,
}

impl App {
    /// Begins to watch over what runs, if that is set.
    pub(super) fn begin_watch(&mut self, id: CandidateId, cx: &Arc<Context>) {
        self.watch = Some(Watch {
            id,
            since: Instant::now(),
            deaths: BTreeMap::new(),
            sick: 0,
            asking: false,
            opinions: Asking::new(self.route.traffic().ended()),
        });
        self.tick_later(id, cx);
    }

    /// Takes what happens while a release is watched.
    pub(super) fn watching(&mut self, id: CandidateId, input: Watching, cx: &Arc<Context>) {
        match input {
            Watching::Tick => self.tick(id, cx),
            Watching::Asked(sick) => self.asked(id, sick, cx),
            Watching::Thought(opinion) => self.thought(id, opinion, cx),
            Watching::Judged => {
                self.undoing.take_if(|undoing| *undoing == id);
            }
        }
    }

    fn tick_later(&self, id: CandidateId, cx: &Arc<Context>) {
        let (events, app, pause) = (cx.events.clone(), self.name.clone(), cx.limits.watch_every);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let _ = events.send(Event::App(app, Input::Watch(id, Watching::Tick)));
        });
    }

    /// Some time has passed.
    fn tick(&mut self, id: CandidateId, cx: &Arc<Context>) {
        let (Some(watch), Some(current)) = (&mut self.watch, &self.current) else {
            return;
        };
        if watch.id != id {
            return;
        }
        let settings = &current.spec.settings;
        let window = Duration::from_secs(settings.watch_seconds.into());
        // Where it was switched off there is nothing to tell.
        if window.is_zero() {
            self.watch = None;
            return;
        }
        let over = watch.since.elapsed() >= window;
        if watch.opinions.are_due(over, &cx.limits) {
            let seen = watch.seen(window, over, self.route.traffic().ended());
            opinion::ask(&self.name, id, current.spec.version, seen, cx);
        }
        if let (Some(check), false) = (Check::of(&self.name, settings), watch.asking) {
            let asked = current.units.iter().filter(|unit| unit.is_web());
            let asked = asked.filter(|unit| unit.state == ProcessState::Up);
            let asked: Vec<_> = asked
                .filter_map(|unit| Some((unit.label.clone(), unit.port?)))
                .collect();
            watch.asking = true;
            ask(self.name.clone(), id, check, asked, cx);
        }
        self.tick_later(id, cx);
    }

    /// The time is over, and so is what others had to say.
    pub(super) fn end_watch(&mut self, cx: &Arc<Context>) {
        let (Some(watch), Some(current)) = (&self.watch, &self.current) else {
            return;
        };
        let up = |unit: &Handle| unit.state == ProcessState::Up;
        let died = |unit: &&Handle| watch.deaths.contains_key(&unit.id);
        let down = current.units.iter().filter(died).find(|unit| !up(unit));
        let bad = down.map(|unit| format!("{} crashed, and is not up again", unit.label));
        self.watched(bad, cx);
    }

    /// The processes were asked for their health: one was not well, or all were.
    fn asked(&mut self, id: CandidateId, sick: Option<String>, cx: &Arc<Context>) {
        let Some(watch) = self.watch.as_mut().filter(|watch| watch.id == id) else {
            return;
        };
        watch.asking = false;
        match sick {
            None => watch.sick = 0,
            Some(why) => {
                watch.sick += 1;
                if watch.sick >= MOST {
                    self.watched(Some(format!("{why}, {MOST} times in a row")), cx);
                }
            }
        }
    }

    /// A process has died; `why` names it.
    pub(super) fn died(&mut self, unit: UnitId, why: &str, cx: &Arc<Context>) {
        let own = |running: &super::Generation| running.units.iter().any(|it| it.id == unit);
        let Some(watch) = &mut self.watch else { return };
        if !self.current.as_ref().is_some_and(own) {
            return;
        }
        let deaths = watch.deaths.entry(unit).or_default();
        *deaths += 1;
        if *deaths >= MOST {
            let seconds = watch.since.elapsed().as_secs().max(1);
            self.watched(Some(format!("{why}, {MOST} times within {seconds} s")), cx);
        }
    }

    /// The watch is over: whoever knows what is current is told.
    pub(super) fn watched(&mut self, bad: Option<String>, cx: &Arc<Context>) {
        let (Some(watch), Some(current)) = (self.watch.take(), &self.current) else {
            return;
        };
        let seen = Watched {
            version: current.spec.version,
            seconds: watch.since.elapsed().as_secs(),
            restarts: watch.deaths.values().sum(),
            bad,
        };
        self.undoing = seen.bad.is_some().then_some(watch.id);
        let (desired, app) = (Arc::clone(&cx.desired), self.name.clone());
        let (events, log) = (cx.events.clone(), cx.logs.app(&self.name));
        tokio::task::spawn_blocking(move || {
            let said = desired.watched(&app, &seen);
            log.append("slugline", said.iter().map(String::as_str));
            // It fails when the supervisor has ended.
            let _ = events.send(Event::App(app, Input::Watch(watch.id, Watching::Judged)));
        });
    }
}

impl Watch {
    /// What was seen of the release; `ended` are all requests that have ended so far.
    fn seen(&self, window: Duration, last: bool, ended: (u64, u64)) -> Seen {
        let (requests, failed) = self.opinions.since(ended);
        Seen {
            seconds: self.since.elapsed().as_secs(),
            window: window.as_secs(),
            last,
            restarts: self.deaths.values().copied().map(u64::from).sum(),
            requests,
            failed,
            content: self.opinions.content.clone(),
        }
    }
}

fn ask(
    app: slugline_core::app::AppName,
    id: CandidateId,
    check: Check,
    asked: Vec<(String, u16)>,
    cx: &Context,
) {
    let events = cx.events.clone();
    tokio::spawn(async move {
        let mut sick = None;
        for (label, port) in asked {
            if let Err(why) = check.ask(port).await {
                sick = Some(format!("{label}: {why}"));
                break;
            }
        }
        let _ = events.send(Event::App(app, Input::Watch(id, Watching::Asked(sick))));
    });
}
