//! From source to slug: source comes into the store from a folder, a tarball or a commit; a
//! buildpack compiles it; the result is packed, the same bytes for the same input, and kept under
//! its digest.
//!
//! It must not know releases, the ledger, or how a slug is run; nor does it read the process's own
//! environment, print, or decide what a build may cost.

pub mod backup;
mod bring;
mod buildpack;
mod compile;
mod digest;
mod environment;
mod extract;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hold;
mod inspect;
mod links;
mod pack;
pub mod procfile;
mod release;
mod run;
mod scratch;
mod slugignore;
mod source;
mod store;
mod sweep;
mod walk;

pub use bring::{BringError, Claims};
pub use buildpack::{BUILDPACKS, Buildpack, BuildpackError, Buildpacks};
pub use compile::{SlugCompiler, TIME_LIMIT, stack};
pub use environment::is_for_builds;
pub use extract::{ExtractError, Limits, unpack_folder};
pub use inspect::{Damage, damage};
pub use pack::{PackError, pack_files, pack_folder};
pub use slugignore::SlugignoreError;
pub use source::SourceError;
pub use store::{SlugStore, StoreError};
pub use sweep::{Garbage, Needed, Sweep};
