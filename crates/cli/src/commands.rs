//! The commands: one file a verb. Each parses, calls one operation or query, and renders; it never
//! touches SQL, plugins or processes.

pub mod addons;
pub mod apps;
pub mod config;
pub mod confirm;
pub mod deploy;
pub mod dry_run;
pub mod git;
pub mod logs;
pub mod open;
pub mod plugins;
pub mod ps;
pub mod releases;
pub mod restart;
pub mod serve;
pub mod static_site;
pub mod status;
pub mod tour;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

/// How a command ends.
pub type Outcome = Result<Status, CommandError>;

/// Declares the commands and sends each to its file.
macro_rules! commands {
    ($($(#[$meta:meta])* $name:ident($run:path, $args:ty);)*) => {
        /// Every command.
        #[derive(Subcommand)]
        pub enum Command {$(
            $(#[$meta])*
            $name($args),
        )*}

        impl Command {
            /// Runs it.
            pub fn run(self, context: &Context) -> Outcome {
                match self {$(
                    Self::$name(args) => $run(context, &args),
                )*}
            }
        }
    };
}

commands! {
    /// List your apps
    #[command(name = "apps", visible_alias = "apps:list")]
    Apps(apps::list::run, apps::list::Args);
    /// Create an app
    #[command(name = "apps:create", visible_alias = "create")]
    AppsCreate(apps::create::run, apps::create::Args);
    /// Show an app
    #[command(name = "apps:info", visible_alias = "info")]
    AppsInfo(apps::info::run, apps::info::Args);
    /// Destroy an app with its add-ons and its history
    #[command(name = "apps:destroy", visible_alias = "destroy")]
    AppsDestroy(apps::destroy::run, apps::destroy::Args);
    /// Deploy a folder or a tarball, without git
    #[command(name = "deploy")]
    Deploy(deploy::run, deploy::Args);
    /// Add a git remote for an app, or set the branch that deploys it
    #[command(name = "git:remote")]
    GitRemote(git::remote::run, git::remote::Args);
    /// Deploy what is being pushed (called by git)
    #[command(name = "git:receive", hide = true)]
    GitReceive(git::receive::run, git::receive::Args);
    /// Show config vars
    #[command(name = "config", visible_alias = "config:list")]
    Config(config::list::run, config::list::Args);
    /// Show one config var's bare value
    #[command(name = "config:get")]
    ConfigGet(config::get::run, config::get::Args);
    /// Set config vars, in one release
    #[command(name = "config:add", visible_alias = "config:set")]
    ConfigAdd(config::add::run, config::add::Args);
    /// Remove config vars, in one release
    #[command(name = "config:remove", visible_alias = "config:unset")]
    ConfigRemove(config::remove::run, config::remove::Args);
    /// List an app's add-ons
    #[command(name = "addons")]
    Addons(addons::list::run, addons::list::Args);
    /// List the add-ons that there are
    #[command(name = "addons:list", visible_alias = "addons:services")]
    AddonsServices(addons::services::run, addons::services::Args);
    /// List the plans of an add-on
    #[command(name = "addons:plans")]
    AddonsPlans(addons::plans::run, addons::plans::Args);
    /// Show an add-on of an app
    #[command(name = "addons:info")]
    AddonsInfo(addons::info::run, addons::info::Args);
    /// Add an add-on or a release tier
    #[command(name = "addons:add", visible_alias = "addons:create")]
    AddonsAdd(addons::add::run, addons::add::Args);
    /// Move an add-on to a larger plan
    #[command(name = "addons:upgrade")]
    AddonsUpgrade(addons::upgrade::run, addons::upgrade::Args);
    /// Move an add-on to a smaller plan
    #[command(name = "addons:downgrade")]
    AddonsDowngrade(addons::downgrade::run, addons::downgrade::Args);
    /// Remove an add-on and destroy its resource
    #[command(name = "addons:remove", visible_alias = "addons:destroy")]
    AddonsRemove(addons::remove::run, addons::remove::Args);
    /// List the newest releases
    #[command(name = "releases", visible_alias = "releases:list")]
    Releases(releases::list::run, releases::list::Args);
    /// Show a release
    #[command(name = "releases:info")]
    ReleasesInfo(releases::info::run, releases::info::Args);
    /// Show what differs between two releases
    #[command(name = "releases:diff")]
    ReleasesDiff(releases::diff::run, releases::diff::Args);
    /// Go back to an earlier release's code and config, as a new release
    #[command(name = "rollback", visible_alias = "releases:rollback")]
    Rollback(releases::rollback::run, releases::rollback::Args);
    /// List an app's processes
    #[command(name = "ps")]
    Ps(ps::run, ps::Args);
    /// Restart an app's processes
    #[command(name = "restart", visible_alias = "ps:restart")]
    Restart(restart::run, restart::Args);
    /// Show an app's logs
    #[command(name = "logs")]
    Logs(logs::run, logs::Args);
    /// Open an app in the browser
    #[command(name = "open", visible_alias = "apps:open")]
    Open(open::run, open::Args);
    /// List the plugins
    #[command(name = "plugins")]
    Plugins(plugins::run, plugins::Args);
    /// Run the apps: supervisor, router and logs
    #[command(name = "serve")]
    Serve(serve::run, serve::Args);
    /// Serve a folder of files (called by the static buildpack)
    #[command(name = "static", hide = true)]
    Static(static_site::run, static_site::Args);
    /// Show what runs on this machine
    #[command(name = "status")]
    Status(status::run, status::Args);
    /// Watch the whole story on a sample app, in a fresh home
    #[command(name = "tour")]
    Tour(tour::run, tour::Args);
}
