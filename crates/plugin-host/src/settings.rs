//! What the edge hands to the host: where programs are, the mail server, the log. The host reads no
//! environment by itself.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::limits::Limits;
use crate::service::Store;

/// Receives what plugins log: the plugin's name and one line.
pub type LogSink = Rc<dyn Fn(&str, &str)>;

/// What the edge hands to the host.
#[derive(Clone)]
pub struct Settings {
    /// The folders where programs are looked for, as in `PATH`. Empty: none is found.
    pub path: String,
    /// The mail server; without one, a plugin that sends mail is told so.
    pub smtp: Option<SmtpSettings>,
    /// What a plugin may cost.
    pub limits: Limits,
    /// Where a plugin's lines go.
    pub log: LogSink,
    /// The binary that becomes the process of a plugin when its first argument is
    /// `plugin:host`; see [`crate::host_process`].
    pub program: PathBuf,
    /// Where plugins keep values; without one, a plugin that asks is told so.
    pub store: Option<Rc<dyn Store>>,
    /// Where resources have their folders; `resources` in the home, where there is one and nothing
    /// else is said. Without any, a plugin that asks is told so.
    pub folders: Option<PathBuf>,
    /// How services of Heroku's partners are called.
    pub partner: PartnerSettings,
}

/// How services of Heroku's partners are called: times, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartnerSettings {
    /// After so long without an answer a person is told.
    pub slow: Duration,
    /// After so long a call has failed.
    pub call: Duration,
    /// So long is waited before a call is made again; each time twice as long.
    pub pause: Duration,
    /// How long a service that answers later is waited for; where nothing is said, as the operator
    /// has set it, or else five minutes.
    pub wait: Option<Duration>,
    /// Whether services are called at the URL that is meant for tests, whatever the operator has set.
    pub test: bool,
}

impl Default for PartnerSettings {
    fn default() -> Self {
        Self {
            slow: Duration::from_secs(3),
            call: Duration::from_secs(25),
            pause: Duration::from_millis(250),
            wait: None,
            test: false,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: String::new(),
            smtp: None,
            limits: Limits::default(),
            log: Rc::new(|_, _| {}),
            program: PathBuf::from("/proc/self/exe"),
            store: None,
            folders: None,
            partner: PartnerSettings::default(),
        }
    }
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Not at all, for a server on the same machine.
    None,
    /// It begins in the clear and must be raised to TLS before anything is said (STARTTLS).
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// The mail server that plugins send through.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpSettings {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// The sender of every mail, `name@host` or `Name <name@host>`.
    pub from: String,
    /// User name and password, where the server asks for them.
    pub credentials: Option<(String, String)>,
}

impl std::fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut all = f.debug_struct("SmtpSettings");
        all.field("host", &self.host).field("port", &self.port);
        all.field("security", &self.security)
            .field("from", &self.from);
        all.field(
            "credentials",
            &self.credentials.as_ref().map(|_| "[hidden]"),
        );
        all.finish()
    }
}

/// A text that names no mail server. It is not repeated, since it may hold a password.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a mail server is written as smtp://host:port, smtp+starttls://user:password@host or \
     smtps://user:password@host"
)]
pub struct InvalidSmtpUrl;

impl SmtpSettings {
    /// Reads `smtp://`, `smtp+starttls://` or `smtps://`, then `[user:password@]host[:port]`. User
    /// and password may be percent-encoded. The ports are 25, 587 and 465 where none is named.
    ///
    /// # Errors
    /// [`InvalidSmtpUrl`] for anything else.
    pub fn from_url(url: &str, from: &str) -> Result<Self, InvalidSmtpUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidSmtpUrl)?;
        let (security, standard) = match scheme {
            "smtp" => (SmtpSecurity::None, 25),
            "smtp+starttls" => (SmtpSecurity::StartTls, 587),
            "smtps" => (SmtpSecurity::Tls, 465),
            _ => return Err(InvalidSmtpUrl),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, server) = match rest.rsplit_once('@') {
            Some((login, server)) => (Some(login), server),
            None => (None, rest),
        };
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| InvalidSmtpUrl)?),
            None => (server, standard),
        };
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            return Err(InvalidSmtpUrl);
        }
        let credentials = match login.map(|login| login.split_once(':').ok_or(InvalidSmtpUrl)) {
            Some(pair) => {
                let (user, password) = pair?;
                Some((decode(user)?, decode(password)?))
            }
            None => None,
        };
        let (host, from) = (host.to_owned(), from.to_owned());
        Ok(Self {
            host,
            port,
            security,
            from,
            credentials,
        })
    }
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, InvalidSmtpUrl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = tail.get(..2).ok_or(InvalidSmtpUrl)?;
            let digits = std::str::from_utf8(digits).map_err(|_| InvalidSmtpUrl)?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| InvalidSmtpUrl)?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).map_err(|_| InvalidSmtpUrl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_is_read_from_its_url() {
        let check = |url: &str, host: &str, port, security, credentials: Option<(&str, &str)>| {
            let read = SmtpSettings::from_url(url, "slugline@example.com").unwrap();
            let owned = |(user, password): (&str, &str)| (user.to_owned(), password.to_owned());
            let expected = SmtpSettings {
                host: host.into(),
                port,
                security,
                from: "slugline@example.com".into(),
                credentials: credentials.map(owned),
            };
            assert!(read == expected, "{url}: {read:?}");
            assert!(!format!("{read:?}").contains("p@ss"));
        };
        check(
            "smtp://localhost",
            "localhost",
            25,
            SmtpSecurity::None,
            None,
        );
        check(
            "smtp://127.0.0.1:2525/",
            "127.0.0.1",
            2525,
            SmtpSecurity::None,
            None,
        );
        check(
            "smtp+starttls://jim:p%40ss@mail.example.com",
            "mail.example.com",
            587,
            SmtpSecurity::StartTls,
            Some(("jim", "p@ss")),
        );
        check(
            "smtps://jim@example.com:p@mail.example.com:1465",
            "mail.example.com",
            1465,
            SmtpSecurity::Tls,
            Some(("jim@example.com", "p")),
        );
        for bad in [
            "",
            "localhost",
            "http://localhost",
            "smtp://",
            "smtp://h:port",
            "smtp://user@h",
            "smtp://u:%4@h",
        ] {
            assert!(SmtpSettings::from_url(bad, "a@b").is_err(), "{bad:?}");
        }
    }
}
