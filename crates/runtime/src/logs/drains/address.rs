//! The address of a log drain: what may be one, and how it is shown without what may be secret. It must
//! not know how lines get there.

use hyper::Uri;

/// Where a drain sends lines. No `Debug`: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DrainAddress {
    pub(super) kind: Kind,
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query, of a drain that is posted to.
    pub(super) path: String,
    /// `user:password` as it is written in the address.
    pub(super) user: Option<String>,
}

/// How lines are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// RFC 5424 with octet counting.
    Syslog,
    /// POST in Logplex' framing.
    Http,
}

/// Why a text is no address of a drain. It does not repeat the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDrain {
    /// It is no address at all.
    #[error("this is no address of a log drain")]
    NoAddress,
    /// Its scheme is none of those that there are.
    #[error("a log drain begins with syslog://, syslog+tcp://, syslog+tls://, http:// or https://")]
    Scheme,
    /// A syslog server takes neither a path nor a password.
    #[error("a syslog drain is a host and a port, and nothing more")]
    TooMuch,
}

impl DrainAddress {
    /// Accepts an address. Without a port it is 514 for syslog, 6514 with TLS, 80 or 443.
    ///
    /// # Errors
    /// [`InvalidDrain`].
    pub fn parse(text: &str) -> Result<Self, InvalidDrain> {
        let uri: Uri = text.parse().map_err(|_| InvalidDrain::NoAddress)?;
        let (kind, tls, port) = match uri.scheme_str().ok_or(InvalidDrain::Scheme)? {
            "syslog" | "syslog+tcp" => (Kind::Syslog, false, 514),
            "syslog+tls" => (Kind::Syslog, true, 6514),
            "http" => (Kind::Http, false, 80),
            "https" => (Kind::Http, true, 443),
            _ => return Err(InvalidDrain::Scheme),
        };
        let authority = uri.authority().ok_or(InvalidDrain::NoAddress)?;
        let user = authority
            .as_str()
            .rsplit_once('@')
            .map(|(user, _)| user.to_owned());
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if kind == Kind::Syslog && (user.is_some() || !matches!(path, "" | "/")) {
            return Err(InvalidDrain::TooMuch);
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let given = authority.as_str().rsplit('@').next().unwrap_or_default();
        let has_port = given
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.contains(']'));
        let port = match uri.port_u16() {
            None if has_port => return Err(InvalidDrain::NoAddress),
            Some(0) => return Err(InvalidDrain::NoAddress),
            given => given.unwrap_or(port),
        };
        if host.is_empty() {
            return Err(InvalidDrain::NoAddress);
        }
        Ok(Self {
            kind,
            tls,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
            user,
        })
    }

    /// Host and port as a request names them.
    pub(super) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// The address without what may be secret: user, password, path and query.
impl std::fmt::Display for DrainAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match (self.kind, self.tls) {
            (Kind::Syslog, false) => "syslog",
            (Kind::Syslog, true) => "syslog+tls",
            (Kind::Http, false) => "http",
            (Kind::Http, true) => "https",
        };
        let user = self.user.as_ref().map_or("", |_| "****:****@");
        let path = if self.path.len() > 1 { "/****" } else { "" };
        write!(f, "{scheme}://{user}{}{path}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let check = |text: &str, shown: Result<&str, InvalidDrain>| {
            let parsed = DrainAddress::parse(text).map(|address| address.to_string());
            assert_eq!(parsed, shown.map(str::to_owned), "{text}");
        };
        check("syslog://logs.example", Ok("syslog://logs.example:514"));
        check("syslog+tcp://10.0.0.1:5000/", Ok("syslog://10.0.0.1:5000"));
        check(
            "syslog+tls://logs.example",
            Ok("syslog+tls://logs.example:6514"),
        );
        check("syslog://[::1]:99", Ok("syslog://[::1]:99"));
        check("http://logs.example", Ok("http://logs.example:80"));
        check(
            "https://u:hunter2@logs.example/a?b=c",
            Ok("https://****:****@logs.example:443/****"),
        );
        check(
            "https://logs.example:8443?key=x",
            Ok("https://logs.example:8443/****"),
        );
        check("", Err(InvalidDrain::NoAddress));
        check("logs.example", Err(InvalidDrain::Scheme));
        check("logs.example:514", Err(InvalidDrain::Scheme));
        check("udp://logs.example:514", Err(InvalidDrain::Scheme));
        check("syslog://logs.example:0", Err(InvalidDrain::NoAddress));
        check("syslog://logs.example:70000", Err(InvalidDrain::NoAddress));
        check("syslog://logs.example/path", Err(InvalidDrain::TooMuch));
        check("syslog://u:p@logs.example", Err(InvalidDrain::TooMuch));
    }
}
