//! `slugline git:receive`: called by the hook of an app's repository with what is being pushed,
//! before git accepts it. Exit status 0 accepts the push, anything else rejects it whole.

use std::io::Read;

use slugline_core::app::AppName;
use slugline_core::operation::deploy::Deploy;
use slugline_core::port::Ledger;
use slugline_core::slug::Commit;

use crate::commands::{Outcome, deploy};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::identity;

#[derive(clap::Args)]
pub struct Args {}

/// One line that git writes to the hook.
#[derive(Debug, PartialEq, Eq)]
struct Update {
    old: Option<String>,
    new: Option<String>,
    name: String,
}

pub fn run(context: &Context, _args: &Args) -> Outcome {
    let app = context.app()?;
    let mut input = String::new();
    std::io::stdin()
        .read_to_string(&mut input)
        .map_err(|error| CommandError::because(&error))?;
    let ledger = context.ledger()?;
    let moment = ledger.moment(&app)?;
    let updates = parse(&input);
    let update = chosen(&app, moment.app.branch.as_deref(), &updates)?;
    drop(ledger);
    let Some(new) = &update.new else {
        return Err(CommandError::failed(format!(
            "{} deploys {app} and cannot be deleted",
            short(&update.name)
        )));
    };
    let commit = Commit::new(new)?;
    let wired = context.wired()?;
    let repository = context.repository(&app);
    let added = wired
        .store()
        .add_source_git(&repository, &commit, &context.env.all());
    let (source, _) = added.map_err(|error| CommandError::because(&error))?;
    let actor = context.actor_or(|| identity::git(&["log", "-1", "--format=%ce", new]))?;
    let request = context.request(&app, &actor, None)?;
    let git_log = log(update.old.as_deref(), new);
    let operation = Deploy {
        source,
        commit,
        git_log,
    };
    let status = deploy::deploy(context, &wired.engine(), &request, &operation)?;
    // A release that crashes and stays is current: the branch must agree with it.
    Ok(if status == Status::Crashed {
        Status::Done
    } else {
        status
    })
}

/// A branch as people call it; anything else in full.
fn short(name: &str) -> &str {
    name.strip_prefix("refs/heads/").unwrap_or(name)
}

/// The one update that deploys.
fn chosen<'a>(
    app: &AppName,
    branch: Option<&str>,
    updates: &'a [Update],
) -> Result<&'a Update, CommandError> {
    let deploys = |name: &str| match (name.strip_prefix("refs/heads/"), branch) {
        (Some(name), Some(branch)) => name == branch,
        (Some(name), None) => name == "main" || name == "master",
        (None, _) => false,
    };
    let wanted = branch.unwrap_or("main or master");
    let refuse = |name: &str| {
        let short = short(name);
        let target = branch.unwrap_or("main");
        CommandError::failed(format!(
            "{app} is deployed by a push to {wanted}, not to {short}"
        ))
        .hint(&format!(
            "Deploy what you have checked out: git push slugline HEAD:{target}"
        ))
    };
    match updates {
        [] => Err(CommandError::failed("Nothing was pushed.")),
        [update] if deploys(&update.name) => Ok(update),
        [update] => Err(refuse(&update.name)),
        several => match several.iter().find(|update| !deploys(&update.name)) {
            Some(other) => Err(refuse(&other.name)),
            None => Err(CommandError::failed(
                "Push one branch at a time: main or master",
            )),
        },
    }
}

fn parse(input: &str) -> Vec<Update> {
    let id = |text: &str| text.bytes().any(|b| b != b'0').then(|| text.to_owned());
    let update = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (old, new, name) = (words.next()?, words.next()?, words.next()?);
        Some(Update {
            old: id(old),
            new: id(new),
            name: name.to_owned(),
        })
    };
    input.lines().filter_map(update).collect()
}

/// One line a commit, newest first; at most 50.
fn log(old: Option<&str>, new: &str) -> String {
    let range = old.map_or(new.to_owned(), |old| format!("{old}..{new}"));
    identity::git(&["log", "-50", "--format=* %h %an: %s", &range]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(branch: Option<&str>, input: &str, expected: Result<&str, &str>) {
        let app = AppName::new("myapp").unwrap();
        let zeros = "0".repeat(40);
        let updates = parse(&input.replace('0', &zeros));
        let found = chosen(&app, branch, &updates);
        let found = found
            .map(|update| update.name.as_str())
            .map_err(|error| error.text);
        assert_eq!(found, expected.map_err(str::to_owned), "{input}");
    }

    #[test]
    fn only_a_push_of_the_deploying_branch_deploys() {
        check(None, "0 a refs/heads/main\n", Ok("refs/heads/main"));
        check(None, "b a refs/heads/master\n", Ok("refs/heads/master"));
        check(Some("live"), "b a refs/heads/live\n", Ok("refs/heads/live"));
        let other = "myapp is deployed by a push to main or master, not to topic\n\
                     Deploy what you have checked out: git push slugline HEAD:main";
        check(None, "0 a refs/heads/topic\n", Err(other));
        check(
            None,
            "0 a refs/heads/main\n0 a refs/heads/topic\n",
            Err(other),
        );
        let tag = "myapp is deployed by a push to live, not to refs/tags/v1\n\
                   Deploy what you have checked out: git push slugline HEAD:live";
        check(Some("live"), "0 a refs/tags/v1\n", Err(tag));
        let two = "Push one branch at a time: main or master";
        check(
            None,
            "0 a refs/heads/main\n0 a refs/heads/master\n",
            Err(two),
        );
        check(None, "", Err("Nothing was pushed."));
    }
}
