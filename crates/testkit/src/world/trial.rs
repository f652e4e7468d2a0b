//! Every operation with every call that it makes going wrong, one at a time and two at a time: the
//! world counts the calls itself. Afterwards the next command has to work, and what is seen then has
//! to be legal (S31). It must not know which ledger is tried.

mod checks;
mod operations;

use std::rc::Rc;

use slugline_core::port::Ledger;
use slugline_core::time::Timestamp;

use super::{World, Wrong};
use crate::model::{Command, Verb};
use crate::values::{NOON, name};
use operations::{APP, Operation, command};

/// Later than anything that failed is tried again, in milliseconds.
const PAUSE: i64 = 2 * 3600 * 1000;

/// What went wrong in one trial.
#[derive(Clone, Copy, Debug, Default)]
struct Fault {
    first: Option<(usize, Wrong)>,
    second: Option<(usize, Wrong)>,
    /// From here on everything fails.
    dead: Option<usize>,
}

/// What came of trials.
#[derive(Debug, Default)]
pub struct Report {
    /// How many there were.
    pub trials: usize,
    /// Each operation with the number of its calls.
    pub calls: Vec<(&'static str, usize)>,
    /// What was found, a line each.
    pub found: Vec<String>,
}

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// One call goes wrong: every so many of them, each operation beginning with another.
    One(usize),
    /// Two do: whatever follows a failure may fail as well, each undo among it.
    Two,
}

/// Tries all operations over fresh ledgers.
#[must_use]
pub fn trial(fresh: &dyn Fn() -> Rc<dyn Ledger>, depth: Depth) -> Report {
    let mut report = Report::default();
    for (nth, operation) in operations::all().iter().enumerate() {
        try_all(fresh, depth, operation, nth, &mut report);
    }
    report
}

fn try_all(
    fresh: &dyn Fn() -> Rc<dyn Ledger>,
    depth: Depth,
    operation: &Operation,
    nth: usize,
    report: &mut Report,
) {
    let mut clean = Trial::begin(fresh(), operation);
    let old = clean.now();
    let calls = clean.attempt(operation, Fault::default());
    let new = clean.now();
    let mut one = |fault: Fault| {
        let mut trial = Trial::begin(fresh(), operation);
        let calls = trial.attempt(operation, fault);
        let found = trial.found(&old, &new);
        let at = |it: Option<(usize, Wrong)>| {
            let call = |(at, wrong): (usize, Wrong)| Some((at, *calls.get(at)?, wrong));
            it.and_then(call)
        };
        let fault = (at(fault.first), at(fault.second), fault.dead);
        let found = found
            .iter()
            .map(|what| format!("{} {fault:?}: {what}", operation.name));
        report.trials += 1;
        report.found.extend(found);
        calls
    };
    one(Fault::default());
    let (from, every) = match depth {
        Depth::One(every) => (nth % every.max(1), every.max(1)),
        Depth::Two => (0, 1),
    };
    for place in (from..calls.len()).step_by(every) {
        one(Fault {
            dead: Some(place),
            ..Fault::default()
        });
        for wrong in Wrong::ALL {
            // Only what is done outside of the ledger may be done twice.
            if wrong == Wrong::Twice
                && (calls[place].starts_with("ledger") || calls[place] == "switch")
            {
                continue;
            }
            let first = Some((place, wrong));
            let fault = Fault {
                first,
                ..Fault::default()
            };
            let then = one(fault);
            if depth != Depth::Two || wrong == Wrong::Twice {
                continue;
            }
            for later in place + 1..then.len() {
                for wrong in [Wrong::Before, Wrong::After] {
                    let second = Some((later, wrong));
                    one(Fault { second, ..fault });
                }
            }
        }
    }
    report.calls.push((operation.name, calls.len()));
}

/// One operation in a world of its own.
struct Trial {
    world: World,
    next: u64,
}

impl Trial {
    fn begin(ledger: Rc<dyn Ledger>, operation: &Operation) -> Self {
        let world = World::over(ledger);
        let mut trial = Self { world, next: 1 };
        for verb in operation.setup() {
            trial.obey(&verb);
        }
        trial
    }

    /// Time passes, and a command is given.
    fn obey(&mut self, verb: &Command) -> String {
        let at = PAUSE * i64::try_from(self.next).unwrap_or_default();
        self.world.now.set(Timestamp(NOON.0 + at));
        let command = Command {
            id: self.next,
            ..verb.clone()
        };
        self.next += 1;
        let moment = self.world.ledger.moment(&name(APP)).ok();
        let last = moment.as_ref().map_or(0, |it| it.last.number());
        let current = moment.and_then(|it| it.current);
        let current = current.map_or(0, |it| it.version.number());
        self.world.attempt(&command, last, current).kind
    }

    fn attempt(&mut self, operation: &Operation, fault: Fault) -> Vec<&'static str> {
        let wrong: Vec<_> = fault.first.into_iter().chain(fault.second).collect();
        self.world.script.begin(&wrong, fault.dead);
        self.obey(&operation.command);
        self.world.script.end()
    }

    /// What the app is now, in one line.
    fn now(&self) -> String {
        let lines = self.world.picture(&[APP]).into_iter();
        let mut lines = lines.filter(|line| line.starts_with("now:") || line.starts_with("no "));
        lines.next().unwrap_or_default()
    }

    /// The next commands are given, which have to work, and everything is looked at.
    fn found(mut self, old: &str, new: &str) -> Vec<String> {
        let mut found = Vec::new();
        // It starts what runs anew and recovers before it; an app without anything to run is
        // recovered as well.
        let first = self.obey(&command(Verb::Restart));
        if !["restarted", "refused", "no app"]
            .iter()
            .any(|it| first.starts_with(it))
        {
            found.push(format!("the next command says {first}"));
        }
        let now = self.now();
        if now != old && now != new {
            found.push(format!(
                "it is neither\n   {old} nor\n   {new} but\n   {now}"
            ));
        }
        if now.starts_with("no ") {
            let tidied = self.world.engine().tidy_ownerless();
            found.extend(tidied.err().map(|error| format!("tidy: {error}")));
            checks::gone(&self.world, &mut found);
            self.obey(&command(Verb::Create));
        }
        let next = self.obey(&command(Verb::Set(vec![("NEXT", "1".to_owned())])));
        if !next.starts_with('v') {
            found.push(format!("the second command says {next}"));
        }
        checks::legal(&self.world, &mut found);
        found
    }
}
