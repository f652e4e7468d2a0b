//! `slugline.smtp`: mail through the operator's server. It must not choose the sender.

use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use slugline_plugin_api::protocol::Mail;

use crate::settings::{SmtpSecurity, SmtpSettings};

use crate::words::one_line;

/// Each step of the conversation may take so long.
const TIME: Duration = Duration::from_secs(10);
/// So many people may get one mail.
const RECIPIENTS: usize = 20;
/// A body may have so many bytes.
const BODY: usize = 1 << 20;

/// Sends a mail.
pub(super) fn send(
    server: Option<&SmtpSettings>,
    mail: &Mail,
    left: Duration,
) -> Result<(), String> {
    let server = server.ok_or("no mail server is configured: set SLUGLINE_SMTP_URL")?;
    let message = message(server, mail)?;
    let transport = transport(server, left.min(TIME))?;
    let sent = transport.send(&message);
    sent.map(|_| ()).map_err(|error| {
        let why = one_line(&error.to_string());
        format!("{}:{}: {why}", server.host, server.port)
    })
}

fn message(server: &SmtpSettings, mail: &Mail) -> Result<Message, String> {
    let from: Mailbox = server
        .from
        .parse()
        .map_err(|_| "the sender that the operator set is no address")?;
    if mail.body.len() > BODY {
        return Err(format!("the body is longer than {BODY} bytes"));
    }
    // A header is one line.
    let subject = mail.subject.replace(char::is_control, " ");
    let mut builder = Message::builder().from(from).subject(subject);
    for recipient in mail.to.split(',').take(RECIPIENTS) {
        let parsed: Mailbox = recipient
            .trim()
            .parse()
            .map_err(|_| "to must be an address, or several with commas between them")?;
        builder = builder.to(parsed);
    }
    let message = builder
        .header(ContentType::TEXT_PLAIN)
        .body(mail.body.clone());
    message.map_err(|error| one_line(&error.to_string()))
}

fn transport(server: &SmtpSettings, time: Duration) -> Result<SmtpTransport, String> {
    let parameters =
        || TlsParameters::new(server.host.clone()).map_err(|error| one_line(&error.to_string()));
    let tls = match server.security {
        SmtpSecurity::None => Tls::None,
        SmtpSecurity::StartTls => Tls::Required(parameters()?),
        SmtpSecurity::Tls => Tls::Wrapper(parameters()?),
    };
    // "Dangerous" only names the builder that leaves TLS to the caller, as is done right above.
    let mut builder = SmtpTransport::builder_dangerous(&server.host)
        .port(server.port)
        .tls(tls)
        .timeout(Some(time));
    if let Some((user, password)) = &server.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}
