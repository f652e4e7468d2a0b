//! `slugline keys:rotate`

use crate::commands::Outcome;
use crate::context::Context;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _args: &Args) -> Outcome {
    let ledger = context.ledger()?;
    let rotated = ledger.rotate_keys(context.env.new_key())?;
    let values = match rotated.values {
        1 => "1 value is".to_owned(),
        count => format!("{count} values are"),
    };
    context.ui.data(format!("{values} sealed with a new key."));
    let said = match (rotated.master, context.env.new_key().is_some()) {
        (true, true) => {
            "From now on SLUGLINE_NEW_KEY is the ledger's key: keep it, and give it in \
                         SLUGLINE_KEY, to `slugline serve` as well, which has to be started again."
        }
        (true, false) => {
            "ledger.key is a new one: keep a copy of it elsewhere. Backups from before \
                          open with the old one."
        }
        (false, _) => {
            "The master key is the same as before. To replace it as well: \
                       SLUGLINE_NEW_KEY=$(openssl rand -hex 32) slugline keys:rotate"
        }
    };
    context.ui.status(said);
    Ok(Status::Done)
}
