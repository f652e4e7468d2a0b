//! How the processes of apps are shut in, as the daemon says, and whether no two apps have one user. It
//! must not know how that is done.

use std::collections::BTreeMap;
use std::path::Path;

use slugline_isolation::{Level, Users};
use slugline_runtime::{ShutIn, Status};

use super::finding::{Check, Report, quoted};
use crate::error::CommandError;

/// What is left to do where it is less than it could be.
const GUIDE: &str = "see docs/processes.md";

pub fn check(home: &Path, status: Option<&Status>, report: &mut Report) {
    check_users(home, report);
    match status.map(|status| status.shut.as_ref()) {
        None => report.ok_unless_found(
            Check::Isolation,
            "what can be done is found out by slugline serve when it starts",
        ),
        Some(None) => report.warning(
            Check::Isolation,
            "slugline serve is of a version that isolates nothing",
            Some("slugline serve --stop".to_owned()),
        ),
        Some(Some(shut)) => match less(shut) {
            Some(words) => report.warning(Check::Isolation, words, None),
            None => report.ok_unless_found(Check::Isolation, words(shut)),
        },
    }
}

fn check_users(home: &Path, report: &mut Report) {
    let mend = || {
        Some(format!(
            "slugline serve --stop; rm {}",
            quoted(&home.join("users"))
        ))
    };
    let all = match Users::new(home).all() {
        Ok(all) => all,
        Err(error) => {
            let why = CommandError::because(&error).text;
            return report.problem(Check::Isolation, why, mend());
        }
    };
    let mut by_user = BTreeMap::new();
    for (name, user) in &all {
        if let Some(other) = by_user.insert(user, name) {
            let what = format!("{other} and {name} have the same user, {user}");
            report.problem(Check::Isolation, what, mend());
        }
    }
}

/// What is in force.
fn words(shut: &ShutIn) -> String {
    let files = match shut.level {
        Level::Off => "none, as was asked for: processes share their tree and see what serve sees",
        Level::Copies => "each process has a copy of its tree, and sees all that serve sees",
        Level::Rules => "each process has a copy of its tree, and sees nothing else of the home",
        Level::View => "each process has its own view of the files, under the user of serve",
        Level::User => "each process has its own view of the files, and each app its own user",
    };
    format!("{files}; {}", limits(shut))
}

fn limits(shut: &ShutIn) -> String {
    let all = [
        (shut.memory, "memory"),
        (shut.cpu, "CPU"),
        (shut.processes, "processes"),
    ];
    let has: Vec<_> = all
        .iter()
        .filter(|(has, _)| *has)
        .map(|(_, it)| *it)
        .collect();
    match has.as_slice() {
        [] => "no limits by cgroups, so that those of memory are looked after by serve".to_owned(),
        [one] => format!("cgroups limit {one}"),
        [first @ .., last] => format!("cgroups limit {} and {last}", first.join(", ")),
    }
}

/// What is in force where processes have no view of their own though they are meant to, and why.
pub fn less(shut: &ShutIn) -> Option<String> {
    if shut.level == Level::Off || shut.level >= Level::View {
        return None;
    }
    let why = shut.lacking.as_deref().unwrap_or("the kernel has no more");
    Some(format!(
        "{}, since there is no more here: {why} ({GUIDE})",
        words(shut)
    ))
}
