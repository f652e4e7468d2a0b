//! `slugline logout`

use crate::commands::{Outcome, login};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::remote::netrc;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(context: &Context, _args: &Args) -> Outcome {
    let place = login::server(context)?.place();
    let path = netrc::path(&context.env)?;
    if !netrc::remove(&path, &place)? {
        let text = format!("{} has no token for {place}", path.display());
        return Err(CommandError::failed(text));
    }
    context.ui.data(format_args!("Logged out of {place}"));
    context
        .ui
        .status("The token itself is as good as before. At the server: slugline tokens:revoke ID");
    Ok(Status::Done)
}
