//! The server whose apps are meant: where it is, and that nothing is said to it in the clear. It must not know
//! what is said.

use std::net::IpAddr;
use std::str::FromStr;

use slugline_core::app::AppName;

use crate::error::CommandError;

/// The ports that nobody has to say.
const TLS: u16 = 443;
const PLAIN: u16 = 80;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    tls: bool,
    /// A name, or an address without brackets.
    name: String,
    port: u16,
}

impl Host {
    /// Whether TLS is spoken with it.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Its name or address.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its name with its port, as in an address; without the port that nobody has to say.
    pub fn place(&self) -> String {
        let name = match self.name.contains(':') {
            true => format!("[{}]", self.name),
            false => self.name.clone(),
        };
        let default = if self.tls { TLS } else { PLAIN };
        match self.port == default {
            true => name,
            false => format!("{name}:{}", self.port),
        }
    }

    fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.place())
    }

    /// Where an app's code is pushed to.
    pub fn git_url(&self, app: &AppName) -> String {
        format!("{}/{app}.git", self.url())
    }

    /// The app whose code is pushed to this address, where it is one of this server's.
    pub fn app_of(&self, url: &str) -> Option<AppName> {
        let (place, path) = url.split_once("://")?.1.split_once('/')?;
        let scheme = url.split_once("://")?.0;
        // Who pushes, and with which token, is not part of the place.
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        let same = format!("{scheme}://{place}").parse::<Self>().ok()? == *self;
        let app = path.strip_suffix(".git").filter(|_| same)?;
        AppName::new(app).ok()
    }
}

impl FromStr for Host {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, CommandError> {
        let wrong = || {
            let text = format!("SLUGLINE_HOST={text} is not the address of a server.");
            CommandError::usage(text).hint("Write it as https://paas.example.com:8081")
        };
        let (scheme, place) = text.split_once("://").ok_or_else(wrong)?;
        let place = place.strip_suffix('/').unwrap_or(place);
        let (tls, default) = match scheme {
            "https" => (true, TLS),
            "http" => (false, PLAIN),
            _ => return Err(wrong()),
        };
        let (name, port) = split(place).ok_or_else(wrong)?;
        let port = port.map_or(Some(default), |port| port.parse().ok());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        let good = !name.is_empty() && name.len() <= 255 && name.bytes().all(plain);
        let port = port.filter(|port| good && *port > 0).ok_or_else(wrong)?;
        let name = name.to_ascii_lowercase();
        let here = name == "localhost" || name.parse().is_ok_and(|it: IpAddr| it.is_loopback());
        if !tls && !here {
            let text = format!("{text} would be spoken to in the clear, and the token with it.");
            let hint = format!("Use https://{place}: the server speaks it at the same port.");
            return Err(CommandError::usage(text).hint(&hint));
        }
        Ok(Self { tls, name, port })
    }
}

/// A name and a port; an address with colons is in brackets.
fn split(place: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = place.strip_prefix('[') {
        let (name, rest) = rest.split_once(']')?;
        name.parse::<IpAddr>().ok()?;
        return match rest {
            "" => Some((name, None)),
            rest => Some((name, Some(rest.strip_prefix(':')?))),
        };
    }
    match place.split_once(':') {
        Some((name, port)) if !port.contains(':') => Some((name, Some(port))),
        Some(_) => None,
        None => Some((place, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Option<Host> {
        text.parse().ok()
    }

    #[test]
    fn an_address_is_read_and_another_refused() {
        let check = |text: &str, tls: bool, place: &str| {
            let found = host(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (found.tls(), found.place()),
                (tls, place.to_owned()),
                "{text}"
            );
        };
        check(
            "https://PaaS.example.com:8081",
            true,
            "paas.example.com:8081",
        );
        check("https://paas.example.com/", true, "paas.example.com");
        check("http://127.0.0.1:8081", false, "127.0.0.1:8081");
        check("http://localhost", false, "localhost");
        check("http://localhost:443", false, "localhost:443");
        check("http://[::1]:9", false, "[::1]:9");
        check("https://[2001:db8::1]", true, "[2001:db8::1]");
        for bad in [
            "paas.example.com",
            "ftp://x",
            "https://",
            "https://a/b",
            "https://jim:secret@a",
            "https://a:0",
            "https://a:port",
            "https://a:1:2",
            "https://[x]",
            "https://a?b",
            "https://a b",
            "http://paas.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
        ] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_remote_of_this_server_names_an_app() {
        let host = host("https://paas.example.com:8081").unwrap();
        let check = |url: &str, expected: Option<&str>| {
            let found = host.app_of(url);
            assert_eq!(found.as_ref().map(AppName::as_str), expected, "{url}");
        };
        check("https://paas.example.com:8081/shop.git", Some("shop"));
        check(
            "https://heroku:slg_x@paas.example.com:8081/shop.git",
            Some("shop"),
        );
        check("https://paas.example.com/shop.git", None);
        check("https://example.com:8081/shop.git", None);
        check("https://paas.example.com:8081/a/shop.git", None);
        check("/home/jim/shop.git", None);
    }
}
