//! A home of many apps, made through the ledger for whoever measures the program itself with it
//! (`scripts/bench`). It must not measure anything.

use std::path::Path;

use slugline_core::port::Ledger;
use slugline_core::state::State;
use slugline_ledger::SqliteLedger;
use slugline_testkit::values::{app, config_add, name, release, resource, resource_id, service};

use super::nth_state;

/// The first argument of a process that makes a home.
pub(super) const WORD: &str = "apps";

/// `HOME APPS VARS`: makes so many apps, `app-0` first, each with one release of so many config vars,
/// a tier and an add-on with a resource; none has code.
pub(super) fn make(words: &[String]) {
    let [home, apps, vars] = words else {
        return;
    };
    let ledger = SqliteLedger::open(Path::new(home)).unwrap();
    for nth in 0..apps.parse().unwrap() {
        let one = format!("app-{nth}");
        ledger.create_app(&app(&one)).unwrap();
        let made = resource(nth, "memcache:free", None);
        ledger.put_resource(&name(&one), &made).unwrap();
        let state = of_app(nth, vars.parse().unwrap());
        release(&ledger, &one, &config_add("VAR_1"), &state);
    }
}

fn of_app(nth: u64, vars: u64) -> State {
    let mut state = nth_state(nth, vars);
    state.slug = None;
    let addon = state.addons.get_mut(&service("memcache")).unwrap();
    addon.resource = Some(resource_id(nth));
    state
}
