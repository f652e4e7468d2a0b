//! `slugline config:get`

use slugline_core::config::ConfigKey;
use slugline_core::suggest::nearest;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {
    /// Its key
    key: String,
    /// For programs: the value as a JSON string
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, args: &Args) -> Outcome {
    let key = ConfigKey::new(&args.key)?;
    let config = super::current(context)?;
    let Some(var) = config.get(&key) else {
        let error = CommandError::failed(format!("{key} is not set."));
        let known = config.iter().map(|(key, _)| key.as_str());
        return Err(match nearest(key.as_str(), known) {
            Some(meant) => error.hint(&format!("Did you mean {meant}?")),
            None => error,
        });
    };
    match args.json {
        true => context.ui.data(serde_json::to_string(var.value.reveal())?),
        false => context.ui.data(var.value.reveal()),
    }
    Ok(Status::Done)
}
