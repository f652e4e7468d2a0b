//! Commands for the apps of another machine: what was typed here is carried out there, and what it says is shown
//! here. Nothing is kept on this machine. It must not know any command, but for what has to be done here.

pub mod asked;
mod files;
pub mod host;
mod http;
pub mod netrc;
pub mod sent;
mod session;
pub mod stdio;
mod tls;
pub mod token;
mod wire;

use std::io::IsTerminal as _;

use clap::{ArgMatches, FromArgMatches as _};
use slugline_core::app::AppName;
use slugline_server::commands::frame::{NewCommand, PROTOCOL};

use crate::args::Global;
use crate::clock::random;
use crate::commands::{self, Known, Outcome, git, open};
use crate::context::Context;
use crate::env::Env;
use crate::error::CommandError;
use crate::exit::Status;
use crate::identity;
use crate::reach::Reach;
use crate::ui::Ui;
use host::Host;

/// `SLUGLINE_HOST`, where it is set.
pub fn host(env: &Env) -> Option<String> {
    env.get("SLUGLINE_HOST")
}

/// Runs the command that was typed: there, or here where it is about this machine. The outer error says that its
/// arguments make no sense.
pub fn run(
    ui: Ui,
    env: Env,
    matches: &ArgMatches,
    words: &[String],
    host: &str,
) -> Result<Outcome, clap::Error> {
    let global = Global::from_arg_matches(matches)?;
    let known = matches
        .subcommand()
        .and_then(|(name, given)| Some((commands::known(name)?, given)));
    let Some((known, given)) = known else {
        return Err(clap::Error::new(clap::error::ErrorKind::MissingSubcommand));
    };
    if matches!(known.reach, Reach::Here) {
        return match Context::new(ui, env, global) {
            Ok(context) => commands::run(&context, known.name, given),
            Err(error) => Ok(Err(error)),
        };
    }
    let remote = Remote {
        ui,
        env: &env,
        global,
        known,
        given,
    };
    Ok(remote.run(words, host))
}

/// What a server answers to a request that it grants.
///
/// # Errors
/// Where it cannot be reached, or does not grant it.
pub fn ask(host: &Host, env: &Env, token: &str, line: &str) -> Result<Vec<u8>, CommandError> {
    let mut wire = wire::Wire::connect(host, env)?;
    let answer = http::ask(&mut wire, (host, token), (line, ""), b"");
    let answer = answer.map_err(|error| session::lost(host, &error))?;
    match answer.status {
        200 => Ok(answer.rest),
        _ => Err(http::refused(host, &answer)),
    }
}

/// A command that is run there.
struct Remote<'a> {
    ui: Ui,
    env: &'a Env,
    global: Global,
    known: Known,
    given: &'a ArgMatches,
}

impl Remote<'_> {
    fn run(&self, words: &[String], host: &str) -> Outcome {
        self.env.check()?;
        let host: Host = host.parse()?;
        self.refuse(&host)?;
        let token = token::find(self.env, &host)?;
        let (mut words, mut made) = (words[1..].to_vec(), None);
        if matches!(self.known.reach, Reach::Making) {
            let name = self.named()?;
            if self.given.value_source("name").is_none() {
                words.push(name.to_string());
            }
            made = Some(name);
        }
        let app = self.app(&host)?;
        let files = files::find(
            &sent::paths(self.known.name, self.given),
            sent::is_deep(self.known.name),
        )?;
        let wanted = self.wanted(words, app.clone(), &files);
        let wire = wire::Wire::connect(&host, self.env)?;
        let ended = session::run(&self.ui, wire, (&host, &token), &wanted, &files)?;
        if ended.status == Status::Done {
            self.afterwards(
                &host,
                made.or(app.as_deref().and_then(|app| AppName::new(app).ok())),
                &ended.output,
            )?;
        }
        Ok(ended.status)
    }

    /// What no server is asked.
    fn refuse(&self, host: &Host) -> Result<(), CommandError> {
        let name = self.known.name;
        if matches!(self.known.reach, Reach::Server) {
            let text = format!("`slugline {name}` is for the machine that it is typed at.");
            let hint = format!(
                "Sign in at {}; or here, without SLUGLINE_HOST.",
                host.name()
            );
            return Err(CommandError::failed(text).hint(&hint));
        }
        if self.global.actor.is_some() {
            let text = "--as is not for a server: its token says who acts.";
            return Err(CommandError::usage(text));
        }
        match sent::written(name, self.given) {
            Some(why) => Err(CommandError::failed(why)),
            None => Ok(()),
        }
    }

    /// The name of an app that is to be made: a made-up one is made up here, where its git remote is.
    fn named(&self) -> Result<AppName, CommandError> {
        match self.given.get_one::<String>("name") {
            Some(name) => Ok(AppName::new(name)?),
            None => Ok(AppName::made_up(random())),
        }
    }

    /// The app that is meant, as far as this machine knows; `None` where the command may need none.
    fn app(&self, host: &Host) -> Result<Option<String>, CommandError> {
        if !matches!(self.known.reach, Reach::App(_) | Reach::Sets(..)) {
            return Ok(None);
        }
        let (app, remote) = (self.global.app.as_deref(), self.global.remote.as_deref());
        let app = identity::app_among(app, remote, self.env, &|url| host.app_of(url))?;
        Ok(Some(app.to_string()))
    }

    fn wanted(&self, words: Vec<String>, app: Option<String>, files: &[files::File]) -> NewCommand {
        let terminals = [
            std::io::stdin().is_terminal(),
            std::io::stdout().is_terminal(),
            std::io::stderr().is_terminal(),
        ];
        NewCommand {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            words,
            app,
            terminals,
            // What the command would not read is left for whoever reads next.
            input: match terminals[0] {
                true => self.known.changes,
                false => sent::is_piped(self.known.name, self.given),
            },
            size: stdio::size(),
            term: self.env.get("TERM"),
            zone: self.env.get("TZ").or_else(stdio::zone),
            no_colour: self.env.get("NO_COLOR").is_some(),
            sent: files.iter().map(files::File::sent).collect(),
        }
    }

    /// What is left to be done here.
    fn afterwards(
        &self,
        host: &Host,
        app: Option<AppName>,
        said: &str,
    ) -> Result<(), CommandError> {
        let Some(app) = app else { return Ok(()) };
        let flag = |id| self.given.try_get_one::<bool>(id).ok().flatten().copied() == Some(true);
        let inside_git = || identity::git(&["rev-parse", "--git-dir"]).is_some();
        let url = host.git_url(&app);
        let remote = self.global.remote.as_deref().unwrap_or("slugline");
        match self.known.name {
            "open" => open::browse(self.ui, self.env, said.trim()),
            "apps:create" if flag("no_remote") || !inside_git() => {}
            "apps:create" => git::remote::point(&self.ui, remote, &url)?,
            "git:remote" if inside_git() => git::remote::point(&self.ui, remote, &url)?,
            "git:remote" if self.given.value_source("branch").is_none() => {
                return Err(git::remote::nowhere());
            }
            _ => {}
        }
        Ok(())
    }
}
