//! What goes on in `slugline serve` beside the apps: what operations that died have left is finished
//! or undone, what could not be announced is announced (S31), what nothing needs is removed, and the API's
//! certificate is renewed. It must not be needed: a command does the first for its own app, and `gc` the
//! third.

use std::cell::Cell;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use slugline_core::port::{Clock, Ledger};

use crate::args::Global;
use crate::certificate::Renewal;
use crate::clock::MachineClock;
use crate::context::Context;
use crate::env::Env;
use crate::error::CommandError;
use crate::garbage;
use crate::ui::Ui;

/// How often it is looked for things that are left to do.
const ROUND: Duration = Duration::from_secs(2);

/// In how many of these rounds also what apps that are gone have left is looked for.
const OWNERLESS: u32 = 150;

/// In how many of these rounds what nothing needs is removed.
const GARBAGE: u32 = 450;

/// The upkeep of one home.
pub struct Upkeep {
    ui: Ui,
    env: Env,
    /// Its end ends the thread.
    _going: Sender<()>,
    ended: Cell<Option<Receiver<()>>>,
}

impl Upkeep {
    /// Nothing is done yet.
    pub fn new(context: &Context) -> Self {
        let (going, ended) = mpsc::channel();
        Self {
            ui: context.ui,
            env: context.env.clone(),
            _going: going,
            ended: Cell::new(Some(ended)),
        }
    }

    /// Begins, and goes on until this value is dropped. What it is at then is left to the next
    /// command, as after any other death.
    pub fn begin(&self, mut renewal: Option<Renewal>) {
        let (ui, env) = (self.ui, self.env.clone());
        let Some(ended) = self.ended.take() else {
            return;
        };
        std::thread::spawn(move || {
            for round in 0_u32.. {
                if let Err(error) = in_round(round, ui, &env, renewal.as_mut()) {
                    ui.warning(error.text);
                }
                if ended.recv_timeout(ROUND) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
    }
}

fn in_round(
    round: u32,
    ui: Ui,
    env: &Env,
    renewal: Option<&mut Renewal>,
) -> Result<(), CommandError> {
    let context = Context::new(ui, env.clone(), Global::default())?;
    if let Some(renewal) = renewal {
        renewal.look(&context);
    }
    finish(&context, round.is_multiple_of(OWNERLESS))?;
    if round.is_multiple_of(GARBAGE) {
        garbage::tidy(&context.home, env, ui);
    }
    Ok(())
}

fn finish(context: &Context, ownerless: bool) -> Result<(), CommandError> {
    let ledger = context.ledger()?;
    let now = MachineClock::new(&context.env)?.now();
    let left = ownerless && !ledger.ownerless()?.is_empty();
    // Mostly there is nothing, and no plugin needs to be looked at.
    if !left && ledger.unfinished(now)?.is_empty() {
        return Ok(());
    }
    let wired = context.wired()?;
    let engine = wired.engine();
    let mut said = engine.tidy()?;
    if left {
        said.extend(engine.tidy_ownerless()?);
    }
    for line in said {
        context.ui.status(line);
    }
    Ok(())
}
