//! What the newest release of an app holds, remembered by the process that read or wrote it last: who
//! makes the next one need not open every config var again to see which of them differ. It must not
//! be believed on its number alone.
//!
//! It is held against the keyed digest of the newest release's content, as the ledger has it in the
//! transaction that asks. So it does not matter what others have written since, nor whether the file
//! is still the same.

use std::cell::RefCell;

use slugline_core::addon::Addons;
use slugline_core::config::ConfigVars;

use crate::chain::Digest;

/// What one release of one app holds.
struct Held {
    app: i64,
    content: Digest,
    config: ConfigVars,
    addons: Addons,
}

/// The newest release that this process knows. `Debug` hides it.
#[derive(Default)]
pub(crate) struct Newest(RefCell<Option<Held>>);

impl std::fmt::Debug for Newest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Newest")
    }
}

impl Newest {
    /// Remembers what the release with this content holds, in place of the one before.
    pub(crate) fn put(&self, app: i64, content: Digest, config: ConfigVars, addons: Addons) {
        *self.0.borrow_mut() = Some(Held {
            app,
            content,
            config,
            addons,
        });
    }

    /// Takes it out, if it is the release with this content.
    pub(crate) fn take(&self, app: i64, content: Option<&[u8]>) -> Option<(ConfigVars, Addons)> {
        let held = self.0.borrow_mut().take()?;
        let same = held.app == app && content.is_some_and(|content| content == held.content);
        same.then_some((held.config, held.addons))
    }
}
