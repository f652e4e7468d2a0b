//! `slugline static`: serves a folder of files on `PORT`, for apps of the static buildpack.

use std::path::PathBuf;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::Ui;

#[derive(clap::Args)]
pub struct Args {
    /// The folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let port = context.env.get("PORT").and_then(|port| port.parse().ok());
    let Some(port) = port else {
        return Err(CommandError::usage("Set PORT to the port to listen on."));
    };
    let folder = args.dir.display();
    let ready = |port| {
        context
            .ui
            .data(format_args!("Serving {folder} at port {port}"))
    };
    let log = |line: &str| Ui::new(true).data(line);
    slugline_runtime::serve_static(&args.dir, port, ready, log)
        .map(|()| Status::Done)
        .map_err(|error| CommandError::because(&error))
}
