//! `slugline apps:create`

use slugline_core::app::AppName;
use slugline_core::corridor::{Failure, Silent};
use slugline_core::port::Providers;
use slugline_core::refusal::Refusal;

use crate::clock::random;
use crate::commands::addons::add;
use crate::commands::{Outcome, git};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::identity;

#[derive(clap::Args)]
pub struct Args {
    /// Its name; a random one where none is given
    name: Option<String>,
    /// Add-ons to begin with, such as releases:basic,memcache
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    addons: Vec<String>,
    /// Do not add a git remote to the repository around this folder
    #[arg(long)]
    no_remote: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let name = match &args.name {
        Some(name) => AppName::new(name)?,
        None => AppName::made_up(random()),
    };
    let unknown = |error| Failure::Refused(vec![Refusal::from(error)]);
    for plan in &args.addons {
        let host = context.plugin_host()?;
        host.catalogue().find(plan).map_err(unknown)?;
    }
    create(context, &name)?;
    for plan in &args.addons {
        if let Err(error) = add::add(context, &name, plan, &[]) {
            discard(context, &name)?;
            return Err(error.hint(&format!("{name} has been removed again.")));
        }
    }
    let repository = context.repository(&name);
    let wired = context.wired()?;
    context.ui.data(format_args!(
        "{} | {}",
        wired.engine().launcher.url(&name),
        context.git_url(&name)
    ));
    if context.asked.is_some() {
        // The git repository around the client's folder is the client's matter.
        return Ok(Status::Done);
    }
    let inside_git = identity::git(&["rev-parse", "--git-dir"]).is_some();
    if inside_git && !args.no_remote {
        git::remote::point(
            &context.ui,
            context.remote_name(),
            &repository.display().to_string(),
        )?;
    }
    Ok(Status::Done)
}

/// Creates the app and the repository that it owns.
///
/// # Errors
/// Where the name is taken, or git fails; there is no app then.
pub fn create(context: &Context, name: &AppName) -> Result<(), CommandError> {
    let wired = context.wired()?;
    let actor = context.actor()?;
    let request = context.request(name, &actor, None)?;
    wired.engine().create_app(&request)?;
    if let Err(error) = git::repository::create(context, name) {
        let engine = wired.engine();
        engine.ledger.destroy_app(name, engine.clock.now())?;
        return Err(error);
    }
    context.ui.data(format_args!("Creating {name}... done"));
    Ok(())
}

/// Takes back an app whose add-ons could not all be added, so that the command changes nothing.
fn discard(context: &Context, name: &AppName) -> Result<(), CommandError> {
    let wired = context.wired()?;
    let actor = context.actor()?;
    let request = context.request(name, &actor, None)?;
    for why in wired.engine().destroy_app(&request, &mut Silent)? {
        context.ui.warning(why);
    }
    git::repository::remove(context, name)
}
