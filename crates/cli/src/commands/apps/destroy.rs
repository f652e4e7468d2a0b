//! `slugline apps:destroy`

use crate::commands::{Outcome, confirm, git};
use crate::context::Context;
use crate::exit::Status;
use crate::progress::Narrator;

#[derive(clap::Args)]
pub struct Args {
    /// The app's name again, instead of being asked for it
    #[arg(long, value_name = "APP")]
    confirm: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let app = context.app()?;
    let wired = context.wired()?;
    let engine = wired.engine();
    engine
        .ledger
        .moment(&app)
        .map_err(|error| context.no_app(engine.ledger, error.into(), &app))?;
    confirm::confirm(context, &app, args.confirm.as_deref())?;
    let actor = context.actor()?;
    let request = context.request(&app, &actor, None)?;
    let left = engine.destroy_app(
        &request,
        &mut Narrator::new(&context.ui, &|_| String::new()),
    )?;
    wired.forget(&app)?;
    git::repository::remove(context, &app)?;
    context.ui.data(format_args!(
        "Destroying {app} (including all add-ons)... done"
    ));
    for why in left {
        context.ui.warning(why);
    }
    Ok(Status::Done)
}
