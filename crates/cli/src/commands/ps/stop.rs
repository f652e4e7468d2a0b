//! `slugline ps:stop`

use super::each;
use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// A process such as web.1 or run.1, or a type such as web
    #[arg(value_name = "PROCESS")]
    process: String,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let which = args.process.as_str();
    each(context, which, "Stopping", |control, app| {
        control.stop_some(app, which)
    })?;
    if !which.starts_with("run.") {
        context.ui.status(format_args!(
            "It starts again with the next release, or with: slugline restart {which}"
        ));
    }
    Ok(Status::Done)
}
