//! The processes of this machine: the supervisor that runs each app's current release, the router
//! that brings requests to it, its logs, and the control socket through which commands speak to
//! all of that.
//!
//! It knows apps and releases by name only: it must not know the ledger, how slugs are packed, or
//! what a plugin is. What is to run comes in as an [`AppSpec`]; what is current is asked for
//! through [`Desired`].
//!
//! The daemon is one thread. Its parts speak by messages:
//!
//! ```text
//!   control connection ──┐                       ┌──▶ route table ◀── router ◀── browsers
//!   (one task each)      ├─ Event ─▶ supervisor ─┤
//!   unit ── UnitChange ──┘          (one task)   └─ UnitRequest ─▶ unit (one task each)
//!                                                                   └── process ──▶ logs
//! ```
//!
//! The supervisor is the one place where events meet, one after the other; each unit owns one
//! process and its restarts. They share nothing but the route table.

mod app;
mod background;
mod certificates;
mod command;
mod control;
mod desired;
mod drain;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod health;
mod home;
mod launch;
mod leftovers;
mod limits;
mod logs;
mod metrics;
mod oneoff;
mod ports;
mod preexec;
mod process;
mod quota;
mod router;
mod scrape;
mod serve;
mod servers;
mod service;
mod shut;
mod spec;
mod static_site;
mod supervisor;
mod unit;
mod written;

pub use background::{StartError, start_background};
pub use certificates::{CertificateError, add_certificate, certificates, remove_certificate};
pub use control::client::{Candidate, Control, ControlError};
pub use control::protocol::{AppStatus, ProcessState, ProcessStatus, Refusal, ShutIn, Status};
pub use desired::{Desired, Opinion, Watched};
pub use home::Home;
pub use limits::Limits;
pub use logs::drains::address::{DrainAddress, InvalidDrain};
pub use logs::follow::Follow;
pub use logs::line::{LogFilter, LogLine};
pub use logs::remove_log;
pub use logs::tail::{tail, tail_matching};
pub use oneoff::client::{Alive, Caught, Ended, Given, Held, Stdio};
pub use oneoff::terminal::Raw;
pub use router::RouterLimits;
pub use serve::{Ready, ServeError, ServeOptions, serve};
pub use spec::{AppSpec, ServerSpec};
pub use static_site::{StaticError, serve_static};
pub use written::{Phases, Written};
