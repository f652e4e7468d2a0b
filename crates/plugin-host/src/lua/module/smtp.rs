//! `slugline.smtp`: mail through the operator's server. It must not choose the sender.

use std::rc::Rc;
use std::time::Duration;

use lettre::address::Address;
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use mlua::{Lua, Table};

use crate::settings::{SmtpSecurity, SmtpSettings};

use super::super::fault::one_line;
use super::super::state::State;
use super::{failed, function};

/// Each step of the conversation may take so long.
const TIME: Duration = Duration::from_secs(10);
/// So many people may get one mail.
const RECIPIENTS: usize = 20;
/// A body may have so many bytes.
const BODY: usize = 1 << 20;

pub(super) fn install(lua: &Lua, state: &Rc<State>, slugline: &Table) -> mlua::Result<()> {
    let smtp = lua.create_table()?;
    smtp.raw_set("configured", state.settings.smtp.is_some())?;
    let is_address = function(lua, "smtp.is_address", |_, text: String| {
        Ok(text.parse::<Address>().is_ok())
    })?;
    smtp.raw_set("is_address", is_address)?;
    let state = Rc::clone(state);
    let send = function(lua, "smtp.send", move |_, mail: Table| {
        state.in_call(|_| ())?;
        let server = state.settings.smtp.as_ref();
        let server = server.ok_or("no mail server is configured: set SLUGLINE_SMTP_URL")?;
        let message = message(server, &mail)?;
        let transport = transport(server, state.left().min(TIME))?;
        let sent = transport.send(&message);
        sent.map(|_| ()).map_err(|error| {
            let why = one_line(&error.to_string());
            format!("{}:{}: {why}", server.host, server.port)
        })
    })?;
    smtp.raw_set("send", send)?;
    smtp.set_readonly(true);
    slugline.raw_set("smtp", smtp)
}

fn message(server: &SmtpSettings, mail: &Table) -> Result<Message, String> {
    let field = |name: &str| -> Result<String, String> {
        let text: Option<String> = mail.get(name).map_err(failed)?;
        text.ok_or_else(|| format!("{name} is missing"))
    };
    let from: Mailbox = server
        .from
        .parse()
        .map_err(|_| "the sender that the operator set is no address")?;
    let (to, body) = (field("to")?, field("body")?);
    if body.len() > BODY {
        return Err(format!("the body is longer than {BODY} bytes"));
    }
    // A header is one line.
    let subject = field("subject")?.replace(char::is_control, " ");
    let mut builder = Message::builder().from(from).subject(subject);
    for recipient in to.split(',').take(RECIPIENTS) {
        let parsed: Mailbox = recipient
            .trim()
            .parse()
            .map_err(|_| "to must be an address, or several with commas between them")?;
        builder = builder.to(parsed);
    }
    let message = builder.header(ContentType::TEXT_PLAIN).body(body);
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
