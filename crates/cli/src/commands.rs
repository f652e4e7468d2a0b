//! The commands: one file a verb. Each parses, calls one operation or query, and renders; it never
//! touches SQL, plugins or processes.

pub mod addons;
pub mod apps;
pub mod billing;
pub mod config;
pub mod confirm;
pub mod deploy;
pub mod dry_run;
pub mod git;
pub mod keys;
pub mod logs;
pub mod open;
pub mod plugin_host;
pub mod plugins;
pub mod ps;
pub mod releases;
pub mod restart;
pub mod serve;
pub mod static_site;
pub mod status;
pub mod tiers;
pub mod tour;

use clap::{ArgMatches, Args, FromArgMatches};

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

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
}

/// Declares the commands: names, what each does, and the module with its `Args` and its `run`.
macro_rules! commands {
    ($($name:literal $(or $alias:literal)* $about:literal $($module:ident)::+;)*) => {
        const COMMANDS: &[Row] = &[$(Row {
            name: $name,
            aliases: &[$($alias),*],
            about: $about,
            declare: <$($module)::+::Args as Args>::augment_args,
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
        Some(row) => (row.run)(context, matches),
        None => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
    }
}

commands! {
    "apps" or "apps:list" "List your apps" apps::list;
    "apps:create" or "create" "Create an app" apps::create;
    "apps:info" or "info" "Show an app" apps::info;
    "apps:destroy" or "destroy" "Destroy an app with its add-ons and its history" apps::destroy;
    "deploy" "Deploy a folder or a tarball, without git" deploy;
    "git:remote" "Add a git remote for an app, or set the branch that deploys it" git::remote;
    "git:receive" "" git::receive;
    "config" or "config:list" "Show config vars" config::list;
    "config:get" "Show one config var's bare value" config::get;
    "config:add" or "config:set" "Set config vars, in one release" config::add;
    "config:remove" or "config:unset" "Remove config vars, in one release" config::remove;
    "addons" "List an app's add-ons" addons::list;
    "addons:list" or "addons:services" "List the add-ons that there are" addons::services;
    "addons:plans" "List the plans of an add-on" addons::plans;
    "addons:info" "Show an add-on of an app" addons::info;
    "addons:add" or "addons:create" "Add an add-on or a release tier" addons::add;
    "addons:upgrade" "Move an add-on to a larger plan" addons::upgrade;
    "addons:downgrade" "Move an add-on to a smaller plan" addons::downgrade;
    "addons:remove" or "addons:destroy" "Remove an add-on and destroy its resource" addons::remove;
    "releases" or "releases:list" "List the newest releases" releases::list;
    "releases:info" "Show a release" releases::info;
    "releases:diff" "Show what differs between two releases" releases::diff;
    "releases:pin" "Pin a release, so that no tier prunes it" releases::pin;
    "releases:unpin" "Let a pinned release go again" releases::unpin;
    "releases:prune" "Prune releases now, or show what a tier would prune" releases::prune;
    "rollback" or "releases:rollback" "Go back to an earlier release's code and config, as a new release" releases::rollback;
    "ps" "List an app's processes" ps;
    "restart" or "ps:restart" "Restart an app's processes" restart;
    "logs" "Show an app's logs" logs;
    "open" or "apps:open" "Open an app in the browser" open;
    "billing" "Show what the add-ons of every app have cost, or of one --app" billing;
    "plugins" or "plugins:list" "List the plugins" plugins::list;
    "plugins:install" "Install a plugin, and grant it what it asks for" plugins::install;
    "plugins:update" "Replace a plugin, or approve what has changed" plugins::update;
    "plugins:remove" "Remove a plugin" plugins::remove;
    "plugins:new" "Write the skeleton of a plugin" plugins::new;
    "plugins:check" "Read a plugin, without side effects" plugins::check;
    "plugins:test" "Put a plugin through all that may happen to it" plugins::test;
    "keys:rotate" "Seal every config var with new keys, and forget the old ones" keys::rotate;
    "tiers" or "tiers:list" "List the release tiers, and the apps on each" tiers::list;
    "tiers:add" "Add a release tier of your own: a script that says which releases are kept" tiers::add;
    "tiers:remove" "Remove a release tier of your own" tiers::remove;
    "serve" "Run the apps: supervisor, router and logs" serve;
    "static" "" static_site;
    "status" "Show what runs on this machine" status;
    "tour" "Watch the whole story on a sample app, in a fresh home" tour;
}
