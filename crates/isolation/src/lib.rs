//! Shuts processes in: each gets a private folder, a view of the machine's files in which that is
//! all it can change, a user of its app's own, and limits of memory, CPU and number; as far as the
//! kernel lets us, which is tried out before anything is promised.
//!
//! ```text
//!   Isolation ── what is in force, found out once
//!      └─ enclose ─▶ Enclosure ── the folder and the limits of one process
//!                       └─ apply ─▶ Command ── what its child does before exec
//! ```
//!
//! It must not know what an app, a release or a slug is: it is told a name, a tree and a home that is
//! to be hidden.

mod apply;
mod cgroup;
mod enclosure;
#[cfg(target_os = "linux")]
mod enter;
mod folder;
mod isolation;
#[cfg(target_os = "linux")]
mod rules;
mod users;
#[cfg(target_os = "linux")]
mod view;

pub use cgroup::Limits;
pub use enclosure::{Enclosure, Inmate};
pub use isolation::{Isolation, IsolationError, Level, UnknownWish, Wanted};
pub use users::{FIRST_USER, LAST_USER, Users, UsersError};
