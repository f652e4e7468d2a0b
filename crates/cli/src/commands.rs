//! The commands: one file a verb. Each parses, calls one operation or query, and renders; it never
//! touches SQL, plugins or processes.

pub mod access;
pub mod addons;
pub mod apps;
pub mod audit;
pub mod backup;
pub mod billing;
pub mod certs;
pub mod config;
pub mod confirm;
pub mod deploy;
pub mod doctor;
pub mod domains;
pub mod drains;
pub mod dry_run;
pub mod export;
pub mod gc;
pub mod git;
pub mod health;
pub mod import;
pub mod keys;
pub mod login;
pub mod logout;
pub mod logs;
pub mod maintenance;
pub mod metrics;
pub mod open;
pub mod plugin_host;
pub mod plugins;
pub mod preboot;
pub mod ps;
pub mod recover;
pub mod releases;
pub mod restart;
pub mod restore;
pub mod run;
pub mod serve;
pub mod setting;
pub mod static_site;
pub mod status;
pub mod tiers;
pub mod tokens;
pub mod tour;
pub mod watch;
pub mod webhooks;

use clap::{ArgMatches, Args, FromArgMatches};
use slugline_core::access::Permission::{Admin, Config, Deploy, Operate, Read, Rollback};

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::reach::Reach::{self, App, Either, Here, Machine, Making, Server, Sets, Token};
use crate::typed::Noted;

/// How a command ends.
pub type Outcome = Result<Status, CommandError>;

/// One command: what help lists of it, and how it is declared and run.
struct Row {
    name: &'static str,
    /// Other names, shown by help.
    aliases: &'static [&'static str],
    /// What it does, in one line; nothing for those that are not for people.
    about: &'static str,
    declare: fn(clap::Command) -> clap::Command,
    run: fn(&Context, &ArgMatches) -> Result<Outcome, clap::Error>,
    /// What the audit is told of it; nothing of a command that only shows.
    noted: Option<Noted>,
    /// Who may run it from another machine.
    reach: Reach,
}

/// A command that changes something, with the arguments that the audit names.
const fn notes(words: &'static [&'static str]) -> Option<Noted> {
    Some(Noted {
        words,
        always: false,
    })
}

/// The same of one that the audit tells of also where it made a release.
const fn always(words: &'static [&'static str]) -> Option<Noted> {
    Some(Noted {
        words,
        always: true,
    })
}

/// A command that only shows.
const SHOWS: Option<Noted> = None;

/// Declares the commands: names, what each does, and the module with its `Args` and its `run`.
macro_rules! commands {
    ($($reach:expr, $noted:expr, $name:literal $(or $alias:literal)* $about:literal $($module:ident)::+;)*) => {
        const COMMANDS: &[Row] = &[$(Row {
            name: $name,
            aliases: &[$($alias),*],
            about: $about,
            declare: <$($module)::+::Args as Args>::augment_args,
            noted: $noted,
            reach: $reach,
            run: |context, matches| {
                let args = <$($module)::+::Args>::from_arg_matches(matches)?;
                Ok($($module)::+::run(context, &args))
            },
        }),*];
    };
}

/// Adds every command. The arguments of one are declared only when it is the one that was typed:
/// declaring all of them would be a third of what a short command costs.
pub fn declare(line: clap::Command) -> clap::Command {
    COMMANDS.iter().fold(line, |line, row| {
        let command = clap::Command::new(row.name).about(row.about);
        let command = command
            .visible_aliases(row.aliases)
            .hide(row.about.is_empty());
        line.subcommand(command.defer(row.declare))
    })
}

/// The names and other names of all commands.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    COMMANDS
        .iter()
        .flat_map(|row| std::iter::once(row.name).chain(row.aliases.iter().copied()))
}

/// What is known of a command beside how it is run.
#[derive(Clone, Copy)]
pub struct Known {
    /// Its name, without aliases.
    pub name: &'static str,
    /// Who may run it from another machine.
    pub reach: Reach,
    /// Whether it changes something, and may have to ask before.
    pub changes: bool,
}

/// The command of this name; aliases are none.
pub fn known(name: &str) -> Option<Known> {
    let row = COMMANDS.iter().find(|row| row.name == name)?;
    Some(Known {
        name: row.name,
        reach: row.reach,
        changes: row.noted.is_some(),
    })
}

/// Runs the command that was typed. The outer error says that its arguments make no sense.
pub fn run(context: &Context, name: &str, matches: &ArgMatches) -> Result<Outcome, clap::Error> {
    match COMMANDS.iter().find(|row| row.name == name) {
        Some(row) => {
            context.typed.is(row.name);
            let outcome = (row.run)(context, matches)?.map_err(|error| context.as_typed(error));
            if let Some(noted) = row.noted {
                context.typed.note(context, noted, matches, &outcome);
            }
            Ok(outcome)
        }
        None => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
    }
}

commands! {
    Token, SHOWS, "apps" or "apps:list" "List your apps" apps::list;
    Making, always(&["name"]), "apps:create" or "create" "Create an app" apps::create;
    App(Read), SHOWS, "apps:info" or "info" "Show an app" apps::info;
    App(Admin), notes(&[]), "apps:destroy" or "destroy" "Destroy an app with its add-ons and its history" apps::destroy;
    App(Deploy), notes(&[]), "deploy" "Deploy a folder or a tarball, without git" deploy;
    Sets(Admin, &["branch"]), notes(&["--branch"]), "git:remote" "Add a git remote for an app, or set the branch that deploys it" git::remote;
    Here, notes(&[]), "git:receive" "" git::receive;
    App(Config), SHOWS, "config" or "config:list" "Show config vars" config::list;
    App(Config), SHOWS, "config:get" "Show one config var's bare value" config::get;
    App(Config), notes(&["vars"]), "config:add" or "config:set" "Set config vars, in one release" config::add;
    App(Config), notes(&["keys"]), "config:remove" or "config:unset" "Remove config vars, in one release" config::remove;
    App(Read), SHOWS, "addons" "List an app's add-ons" addons::list;
    Token, SHOWS, "addons:list" or "addons:services" "List the add-ons that there are" addons::services;
    Token, SHOWS, "addons:plans" "List the plans of an add-on" addons::plans;
    App(Read), SHOWS, "addons:info" "Show an add-on of an app" addons::info;
    App(Admin), notes(&["plan"]), "addons:add" or "addons:create" "Add an add-on or a release tier" addons::add;
    App(Admin), notes(&["plan"]), "addons:upgrade" "Move an add-on to a larger plan" addons::upgrade;
    App(Admin), notes(&["plan"]), "addons:downgrade" "Move an add-on to a smaller plan" addons::downgrade;
    App(Admin), notes(&["service"]), "addons:remove" or "addons:destroy" "Remove an add-on and destroy its resource" addons::remove;
    App(Read), SHOWS, "releases" or "releases:list" "List the newest releases" releases::list;
    App(Config), SHOWS, "releases:info" "Show a release" releases::info;
    App(Read), SHOWS, "releases:output" "Show what a release's release command wrote" releases::output;
    App(Deploy), notes(&[]), "releases:retry" "Try the newest release again, where it failed" releases::retry;
    Sets(Config, &["reveal"]), SHOWS, "releases:diff" "Show what differs between two releases" releases::diff;
    App(Rollback), notes(&["release"]), "releases:pin" "Pin a release, so that no tier prunes it" releases::pin;
    App(Rollback), notes(&["release"]), "releases:unpin" "Let a pinned release go again" releases::unpin;
    App(Admin), notes(&[]), "releases:prune" "Prune releases now, or show what a tier would prune" releases::prune;
    Either(Read), SHOWS, "releases:verify" "Check that the history of an app, or of all, is as it was recorded" releases::verify;
    App(Rollback), notes(&["release", "--code-only", "--config-only", "--pin", "--unpin", "--skip-release-phase"]), "rollback" or "releases:rollback" "Go back to an earlier release's code and config, as a new release" releases::rollback;
    App(Read), SHOWS, "ps" "List an app's processes" ps;
    Sets(Operate, &["counts"]), notes(&["counts"]), "ps:scale" or "scale" "Show or set how many processes of each type run" ps::scale;
    App(Operate), notes(&["process"]), "ps:stop" or "stop" "Stop a process or a type until it is restarted" ps::stop;
    Sets(Operate, &["kind"]), notes(&["kind", "limits"]), "ps:limit" "Show or set what one process of a type may use" ps::limit;
    App(Operate), notes(&["process"]), "restart" or "ps:restart" "Restart an app's processes, or some of them" restart;
    Sets(Operate, &["state"]), notes(&["state"]), "preboot" "Show or set whether new processes start beside the old ones" preboot;
    Sets(Operate, &["path", "within"]), notes(&["path", "--within"]), "health" "Show or set when a web process is healthy" health;
    Sets(Operate, &["seconds"]), notes(&["seconds"]), "watch" "Show or set how long a release is watched after it took over" watch;
    App(Deploy), notes(&["--release"]), "run" "Run a command once, beside an app's processes" run;
    App(Deploy), notes(&["--release"]), "run:detached" "Run a command once and leave it; its output goes to the log" run::detached;
    App(Admin), SHOWS, "drains" or "drains:list" "List where an app's log is sent" drains::list;
    App(Admin), notes(&[]), "drains:add" "Send each line of an app's log to a server" drains::add;
    App(Admin), notes(&[]), "drains:remove" "Send an app's log to a server no more" drains::remove;
    App(Read), SHOWS, "logs" "Show an app's logs" logs;
    App(Read), SHOWS, "domains" or "domains:list" "List the domains of an app" domains::list;
    App(Admin), notes(&["host"]), "domains:add" "Let an app answer under a domain" domains::add;
    App(Admin), notes(&["host"]), "domains:remove" "Let an app answer under a domain no more" domains::remove;
    Machine, SHOWS, "certs" or "certs:list" "List the certificates for TLS" certs::list;
    Machine, notes(&["host"]), "certs:add" "Let the router speak TLS for a host" certs::add;
    Machine, notes(&["host"]), "certs:remove" "Remove the certificate of a host" certs::remove;
    Token, SHOWS, "certs:show" "Show the certificate of the HTTP API, and how to trust it" certs::show;
    App(Read), SHOWS, "maintenance" "Say whether an app is in maintenance mode" maintenance::show;
    App(Operate), notes(&[]), "maintenance:on" "Show visitors of an app that it is under maintenance" maintenance::on;
    App(Operate), notes(&[]), "maintenance:off" "Let visitors see an app again" maintenance::off;
    App(Read), SHOWS, "open" or "apps:open" "Open an app in the browser" open;
    App(Read), SHOWS, "access" or "access:list" "List who may do what with an app" access::list;
    App(Admin), notes(&["user", "--role"]), "access:add" or "access:update" "Let somebody use an app through the API, in a role" access::add;
    App(Admin), notes(&["user"]), "access:remove" "Let somebody use an app no more" access::remove;
    Here, SHOWS, "login" "Keep a token for the server of SLUGLINE_HOST in ~/.netrc" login;
    Here, SHOWS, "logout" "Remove the token for the server of SLUGLINE_HOST from ~/.netrc" logout;
    Token, SHOWS, "tokens" or "tokens:list" "List the tokens for the API" tokens::list;
    Machine, notes(&["--user", "--scope"]), "tokens:create" "Make a token for the API, and show it once" tokens::create;
    Token, notes(&["id"]), "tokens:revoke" "Make a token good for nothing" tokens::revoke;
    App(Admin), SHOWS, "webhooks" or "webhooks:list" "List who is told of what happens to an app" webhooks::list;
    App(Admin), notes(&["--include", "--level"]), "webhooks:add" "Tell a server of what happens to an app" webhooks::add;
    App(Admin), notes(&["id"]), "webhooks:remove" "Tell a server no more" webhooks::remove;
    App(Read), SHOWS, "webhooks:deliveries" "List what was told, and what became of it" webhooks::deliveries;
    Either(Admin), SHOWS, "audit" "List what was done or refused, by whom and from where" audit;
    Either(Admin), SHOWS, "billing" "Show what the add-ons of every app have cost, or of one --app" billing;
    Machine, SHOWS, "plugins" or "plugins:list" "List the plugins" plugins::list;
    Machine, notes(&["from"]), "plugins:install" "Install a plugin, and grant it what it asks for" plugins::install;
    Machine, notes(&["name", "from"]), "plugins:update" "Replace a plugin, or approve what has changed" plugins::update;
    Machine, notes(&["name"]), "plugins:remove" "Remove a plugin" plugins::remove;
    Here, SHOWS, "plugins:new" "Write the skeleton of a plugin" plugins::new;
    Here, SHOWS, "plugins:check" "Read a plugin, without side effects" plugins::check;
    Here, SHOWS, "plugins:test" "Put a plugin through all that may happen to it" plugins::test;
    Server, notes(&[]), "keys:rotate" "Seal every config var with new keys, and forget the old ones" keys::rotate;
    Machine, SHOWS, "tiers" or "tiers:list" "List the release tiers, and the apps on each" tiers::list;
    Machine, notes(&["name", "script"]), "tiers:add" "Add a release tier of your own: a script that says which releases are kept" tiers::add;
    Machine, notes(&["name"]), "tiers:remove" "Remove a release tier of your own" tiers::remove;
    Server, SHOWS, "serve" "Run the apps: supervisor, router and logs" serve;
    Server, SHOWS, "serve:install" "Have systemd run the apps, after a reboot too" serve::install;
    Here, SHOWS, "static" "" static_site;
    Machine, SHOWS, "status" "Show what runs on this machine" status;
    Machine, SHOWS, "metrics" "Print figures for a monitoring system, as Prometheus reads them" metrics;
    Machine, SHOWS, "doctor" "Check everything, and say how to mend what is wrong" doctor;
    Machine, notes(&["file", "--without-key"]), "backup" "Write the whole home into one file, while it is in use" backup;
    Server, SHOWS, "restore" "Make a home from a backup" restore;
    App(Admin), SHOWS, "export" "Write an app's whole history as JSON" export;
    Machine, notes(&["file", "--without-addons"]), "import" "Make an app with a history that was exported" import;
    Machine, notes(&[]), "gc" "Remove slugs, caches, logs and folders that nothing needs" gc;
    Here, SHOWS, "recover" "" recover;
    Here, SHOWS, "tour" "Watch the whole story on a sample app, in a fresh home" tour;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_more_where_it_is_given_is_an_argument_of_the_command() {
        for row in COMMANDS {
            let Sets(_, ids) = row.reach else { continue };
            let command = (row.declare)(clap::Command::new(row.name));
            for id in ids {
                let known = command.get_arguments().any(|arg| arg.get_id() == id);
                assert!(known, "{} has no {id}", row.name);
            }
        }
    }

    #[test]
    fn what_the_audit_names_are_arguments_of_the_command() {
        for row in COMMANDS {
            let command = (row.declare)(clap::Command::new(row.name));
            let known: Vec<_> = command.get_arguments().collect();
            for word in row.noted.map_or(&[][..], |noted| noted.words) {
                let option = word.strip_prefix("--");
                let named = known.iter().find(|arg| match option {
                    Some(long) => arg.get_long() == Some(long),
                    None => arg.get_id() == word,
                });
                assert!(named.is_some(), "{} has no {word}", row.name);
            }
        }
    }
}
