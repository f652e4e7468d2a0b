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

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
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
    ($($noted:expr, $name:literal $(or $alias:literal)* $about:literal $($module:ident)::+;)*) => {
        const COMMANDS: &[Row] = &[$(Row {
            name: $name,
            aliases: &[$($alias),*],
            about: $about,
            declare: <$($module)::+::Args as Args>::augment_args,
            noted: $noted,
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

/// Runs the command that was typed. The outer error says that its arguments make no sense.
pub fn run(context: &Context, name: &str, matches: &ArgMatches) -> Result<Outcome, clap::Error> {
    match COMMANDS.iter().find(|row| row.name == name) {
        Some(row) => {
            context.typed.is(row.name);
            let outcome = (row.run)(context, matches)?;
            if let Some(noted) = row.noted {
                context.typed.note(context, noted, matches, &outcome);
            }
            Ok(outcome)
        }
        None => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
    }
}

commands! {
    SHOWS, "apps" or "apps:list" "List your apps" apps::list;
    always(&["name"]), "apps:create" or "create" "Create an app" apps::create;
    SHOWS, "apps:info" or "info" "Show an app" apps::info;
    notes(&[]), "apps:destroy" or "destroy" "Destroy an app with its add-ons and its history" apps::destroy;
    notes(&[]), "deploy" "Deploy a folder or a tarball, without git" deploy;
    notes(&["--branch"]), "git:remote" "Add a git remote for an app, or set the branch that deploys it" git::remote;
    notes(&[]), "git:receive" "" git::receive;
    SHOWS, "config" or "config:list" "Show config vars" config::list;
    SHOWS, "config:get" "Show one config var's bare value" config::get;
    notes(&["vars"]), "config:add" or "config:set" "Set config vars, in one release" config::add;
    notes(&["keys"]), "config:remove" or "config:unset" "Remove config vars, in one release" config::remove;
    SHOWS, "addons" "List an app's add-ons" addons::list;
    SHOWS, "addons:list" or "addons:services" "List the add-ons that there are" addons::services;
    SHOWS, "addons:plans" "List the plans of an add-on" addons::plans;
    SHOWS, "addons:info" "Show an add-on of an app" addons::info;
    notes(&["plan"]), "addons:add" or "addons:create" "Add an add-on or a release tier" addons::add;
    notes(&["plan"]), "addons:upgrade" "Move an add-on to a larger plan" addons::upgrade;
    notes(&["plan"]), "addons:downgrade" "Move an add-on to a smaller plan" addons::downgrade;
    notes(&["service"]), "addons:remove" or "addons:destroy" "Remove an add-on and destroy its resource" addons::remove;
    SHOWS, "releases" or "releases:list" "List the newest releases" releases::list;
    SHOWS, "releases:info" "Show a release" releases::info;
    SHOWS, "releases:output" "Show what a release's release command wrote" releases::output;
    notes(&[]), "releases:retry" "Try the newest release again, where it failed" releases::retry;
    SHOWS, "releases:diff" "Show what differs between two releases" releases::diff;
    notes(&["release"]), "releases:pin" "Pin a release, so that no tier prunes it" releases::pin;
    notes(&["release"]), "releases:unpin" "Let a pinned release go again" releases::unpin;
    notes(&[]), "releases:prune" "Prune releases now, or show what a tier would prune" releases::prune;
    SHOWS, "releases:verify" "Check that the history of an app, or of all, is as it was recorded" releases::verify;
    notes(&["release", "--code-only", "--config-only", "--pin", "--unpin", "--skip-release-phase"]), "rollback" or "releases:rollback" "Go back to an earlier release's code and config, as a new release" releases::rollback;
    SHOWS, "ps" "List an app's processes" ps;
    notes(&["counts"]), "ps:scale" or "scale" "Show or set how many processes of each type run" ps::scale;
    notes(&["process"]), "ps:stop" or "stop" "Stop a process or a type until it is restarted" ps::stop;
    notes(&["kind", "limits"]), "ps:limit" "Show or set what one process of a type may use" ps::limit;
    notes(&["process"]), "restart" or "ps:restart" "Restart an app's processes, or some of them" restart;
    notes(&["state"]), "preboot" "Show or set whether new processes start beside the old ones" preboot;
    notes(&["path", "--within"]), "health" "Show or set when a web process is healthy" health;
    notes(&["seconds"]), "watch" "Show or set how long a release is watched after it took over" watch;
    notes(&["--release"]), "run" "Run a command once, beside an app's processes" run;
    notes(&["--release"]), "run:detached" "Run a command once and leave it; its output goes to the log" run::detached;
    SHOWS, "drains" or "drains:list" "List where an app's log is sent" drains::list;
    notes(&[]), "drains:add" "Send each line of an app's log to a server" drains::add;
    notes(&[]), "drains:remove" "Send an app's log to a server no more" drains::remove;
    SHOWS, "logs" "Show an app's logs" logs;
    SHOWS, "domains" or "domains:list" "List the domains of an app" domains::list;
    notes(&["host"]), "domains:add" "Let an app answer under a domain" domains::add;
    notes(&["host"]), "domains:remove" "Let an app answer under a domain no more" domains::remove;
    SHOWS, "certs" or "certs:list" "List the certificates for TLS" certs::list;
    notes(&["host"]), "certs:add" "Let the router speak TLS for a host" certs::add;
    notes(&["host"]), "certs:remove" "Remove the certificate of a host" certs::remove;
    SHOWS, "certs:show" "Show the certificate of the HTTP API, and how to trust it" certs::show;
    SHOWS, "maintenance" "Say whether an app is in maintenance mode" maintenance::show;
    notes(&[]), "maintenance:on" "Show visitors of an app that it is under maintenance" maintenance::on;
    notes(&[]), "maintenance:off" "Let visitors see an app again" maintenance::off;
    SHOWS, "open" or "apps:open" "Open an app in the browser" open;
    SHOWS, "access" or "access:list" "List who may do what with an app" access::list;
    notes(&["user", "--role"]), "access:add" or "access:update" "Let somebody use an app through the API, in a role" access::add;
    notes(&["user"]), "access:remove" "Let somebody use an app no more" access::remove;
    SHOWS, "tokens" or "tokens:list" "List the tokens for the API" tokens::list;
    notes(&["--user", "--scope"]), "tokens:create" "Make a token for the API, and show it once" tokens::create;
    notes(&["id"]), "tokens:revoke" "Make a token good for nothing" tokens::revoke;
    SHOWS, "webhooks" or "webhooks:list" "List who is told of what happens to an app" webhooks::list;
    notes(&["--include", "--level"]), "webhooks:add" "Tell a server of what happens to an app" webhooks::add;
    notes(&["id"]), "webhooks:remove" "Tell a server no more" webhooks::remove;
    SHOWS, "webhooks:deliveries" "List what was told, and what became of it" webhooks::deliveries;
    SHOWS, "audit" "List what was done or refused, by whom and from where" audit;
    SHOWS, "billing" "Show what the add-ons of every app have cost, or of one --app" billing;
    SHOWS, "plugins" or "plugins:list" "List the plugins" plugins::list;
    notes(&["from"]), "plugins:install" "Install a plugin, and grant it what it asks for" plugins::install;
    notes(&["name", "from"]), "plugins:update" "Replace a plugin, or approve what has changed" plugins::update;
    notes(&["name"]), "plugins:remove" "Remove a plugin" plugins::remove;
    SHOWS, "plugins:new" "Write the skeleton of a plugin" plugins::new;
    SHOWS, "plugins:check" "Read a plugin, without side effects" plugins::check;
    SHOWS, "plugins:test" "Put a plugin through all that may happen to it" plugins::test;
    notes(&[]), "keys:rotate" "Seal every config var with new keys, and forget the old ones" keys::rotate;
    SHOWS, "tiers" or "tiers:list" "List the release tiers, and the apps on each" tiers::list;
    notes(&["name", "script"]), "tiers:add" "Add a release tier of your own: a script that says which releases are kept" tiers::add;
    notes(&["name"]), "tiers:remove" "Remove a release tier of your own" tiers::remove;
    SHOWS, "serve" "Run the apps: supervisor, router and logs" serve;
    SHOWS, "serve:install" "Have systemd run the apps, after a reboot too" serve::install;
    SHOWS, "static" "" static_site;
    SHOWS, "status" "Show what runs on this machine" status;
    SHOWS, "metrics" "Print figures for a monitoring system, as Prometheus reads them" metrics;
    SHOWS, "doctor" "Check everything, and say how to mend what is wrong" doctor;
    notes(&["file", "--without-key"]), "backup" "Write the whole home into one file, while it is in use" backup;
    SHOWS, "restore" "Make a home from a backup" restore;
    SHOWS, "export" "Write an app's whole history as JSON" export;
    notes(&["file", "--without-addons"]), "import" "Make an app with a history that was exported" import;
    notes(&[]), "gc" "Remove slugs, caches, logs and folders that nothing needs" gc;
    SHOWS, "recover" "" recover;
    SHOWS, "tour" "Watch the whole story on a sample app, in a fresh home" tour;
}

#[cfg(test)]
mod tests {
    use super::*;

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
