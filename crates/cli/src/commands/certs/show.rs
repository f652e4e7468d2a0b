//! `slugline certs:show`

use crate::certificate;
use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

#[derive(clap::Args)]
pub struct Args {}

/// Prints the certificate without its key, for a file that clients are told to trust.
pub fn run(context: &Context, _args: &Args) -> Outcome {
    let path = certificate::path(context);
    let text = std::fs::read_to_string(&path).map_err(|_| {
        CommandError::failed(
            "The API has no certificate of its own yet: `slugline serve` makes one",
        )
    })?;
    let one = certificate::certificate(context, None)?;
    let end = "-----END CERTIFICATE-----\n";
    let (begin, length) = (text.find("-----BEGIN CERTIFICATE-----"), text.find(end));
    let (Some(begin), Some(length)) = (begin, length) else {
        return Err(CommandError::failed(format!(
            "{} holds none",
            path.display()
        )));
    };
    context.ui.part(&text[begin..length + end.len()]);
    let ui = context.ui;
    ui.status(format_args!("SHA-256 {}", one.fingerprint()));
    ui.status("Trust it: slugline certs:show > slugline.pem, and then");
    ui.status("  git config --global http.https://HOST:PORT/.sslCAInfo slugline.pem");
    ui.status("  export NODE_EXTRA_CA_CERTS=slugline.pem");
    ui.status("  curl --cacert slugline.pem https://HOST:PORT/");
    Ok(Status::Done)
}
