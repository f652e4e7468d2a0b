//! Sending what webhooks are told: each one's deliveries in order, and those of different ones beside each
//! other. It must not know what is told.
//!
//! Whoever sends holds the lock of the home's webhooks, so that nothing is sent twice at once: `serve`
//! as long as it runs, else the command that made something happen.

pub mod post;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use fs4::TryLockError;
use slugline_core::port::{Clock, Webhooks};
use slugline_core::webhook::{self, Due, WebhookId};
use slugline_ledger::SqliteLedger;

use crate::api;
use crate::args::Global;
use crate::clock::MachineClock;
use crate::context::Context;
use crate::env::Env;
use crate::error::CommandError;
use crate::ui::Ui;

/// How often it is looked for what is due.
const ROUND: Duration = Duration::from_millis(500);
/// So many webhooks are posted to at once.
const AT_ONCE: usize = 16;

/// Sends in the background until it is dropped.
pub struct Postman {
    going: Option<Sender<()>>,
}

impl Postman {
    /// Begins, for the home of this context.
    pub fn begin(context: &Context) -> Self {
        let (going, ended) = mpsc::channel();
        let (ui, env) = (context.ui, context.env.clone());
        std::thread::spawn(move || {
            if let Err(error) = rounds(ui, &env, &ended) {
                ui.warning(format_args!("Webhooks are not sent: {}", error.text));
            }
        });
        Self { going: Some(going) }
    }
}

impl Drop for Postman {
    /// What is on its way is tried again by whoever comes next.
    fn drop(&mut self) {
        drop(self.going.take());
    }
}

fn rounds(ui: Ui, env: &Env, ended: &Receiver<()>) -> Result<(), CommandError> {
    let context = Context::new(ui, env.clone(), Global::default())?;
    let clock = MachineClock::new(env)?;
    let (over, finished) = mpsc::channel::<WebhookId>();
    let mut busy = BTreeSet::new();
    let mut held = None;
    while ended.recv_timeout(ROUND) == Err(RecvTimeoutError::Timeout) {
        // A command may be sending still what it made happen before there was a daemon.
        if held.is_none() {
            held = lock(&context)?;
        }
        for done in finished.try_iter() {
            busy.remove(&done);
        }
        if held.is_none() {
            continue;
        }
        // The ledger may be busy, or its disk full: it is better later.
        let Ok(due) = context.ledger().and_then(|it| Ok(it.due(clock.now())?)) else {
            continue;
        };
        for one in due {
            let id = one.delivery.webhook.clone();
            if busy.len() >= AT_ONCE || !busy.insert(id.clone()) {
                continue;
            }
            let (env, over) = (env.clone(), over.clone());
            std::thread::spawn(move || {
                // What it could not write down is due still.
                let _ = Context::new(ui, env, Global::default())
                    .and_then(|context| send_on(&context, one));
                let _ = over.send(id);
            });
        }
    }
    Ok(())
}

/// Sends a delivery, and what is due to the same webhook after it.
fn send_on(context: &Context, first: Due) -> Result<(), CommandError> {
    let clock = MachineClock::new(&context.env)?;
    let webhook = first.delivery.webhook.clone();
    let mut next = Some(first);
    while let Some(due) = next {
        send(context, due)?;
        let mut all = context.ledger()?.due(clock.now())?.into_iter();
        next = all.find(|one| one.delivery.webhook == webhook);
    }
    Ok(())
}

/// Sends what is due, unless somebody else does, and waits for it: where no daemon runs.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn send_due(context: &Context) -> Result<(), CommandError> {
    let clock = MachineClock::new(&context.env)?;
    if context.ledger()?.due(clock.now())?.is_empty() {
        return Ok(());
    }
    let Some(_held) = lock(context)? else {
        return Ok(());
    };
    loop {
        let due = context.ledger()?.due(clock.now())?;
        if due.is_empty() {
            return Ok(());
        }
        for one in due {
            send(context, one)?;
        }
    }
}

/// The lock, if nobody has it.
fn lock(context: &Context) -> Result<Option<File>, CommandError> {
    let folder = context.home.join("locks");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| CommandError::because(&error))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("webhooks"))
        .map_err(|error| CommandError::because(&error))?;
    match fs4::FileExt::try_lock(&file) {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(CommandError::because(&error)),
    }
}

/// Posts one delivery, and writes down what came of it.
fn send(context: &Context, due: Due) -> Result<(), CommandError> {
    let desk = api::desk(context)?;
    let clock = MachineClock::new(&context.env)?;
    let body = slugline_server::webhook::body(&desk, &due);
    let tried = match body {
        Ok(body) => post::post(
            &due.target,
            &body,
            post::Allowed::of(&context.env, "SLUGLINE_WEBHOOKS")?,
            &clock,
        ),
        Err(error) => post::failed(&clock, &error.to_string()),
    };
    let then = webhook::after(&due.delivery, &tried);
    let ledger: SqliteLedger = context.ledger()?;
    Ok(ledger.tried(due.delivery.place, &tried, then)?)
}
