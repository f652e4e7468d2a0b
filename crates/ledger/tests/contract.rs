//! The SQLite ledger passes the contract of every ledger.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop where tests do")]

use slugline_core::port::Ledger;
use slugline_ledger::SqliteLedger;

fn with_fresh(case: fn(&dyn Ledger)) {
    let home = slugline_testkit::private_folder();
    case(&SqliteLedger::open(home.path()).unwrap());
}

slugline_testkit::ledger_contract!(with_fresh);
