//! Posting to a webhook: signed, once, to no address that is not meant for it. The address that is
//! checked is the one that is connected to, and nothing leads on to another. It must not know what is told.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use slugline_core::port::Clock;
use slugline_core::webhook::{Target, Tried};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use crate::env::Env;
use crate::error::CommandError;

/// How long a receiver may take, all in all.
const PATIENCE: Duration = Duration::from_secs(10);
/// A URL, a secret and an authorization have at most so many characters.
const LONGEST: usize = 2000;

/// Which addresses may be posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Those of the public network.
    Public,
    /// All, this machine's among them.
    Any,
    /// One alone, to try that others are not.
    #[cfg(test)]
    Only(IpAddr),
}

impl Allowed {
    /// As the operator says in the variable of this name.
    ///
    /// # Errors
    /// Where that is not understood.
    pub fn of(env: &Env, name: &str) -> Result<Self, CommandError> {
        match env.get(name).as_deref() {
            None | Some("public") => Ok(Self::Public),
            Some("any") => Ok(Self::Any),
            Some(other) => Err(CommandError::usage(format!(
                "{name}={other} is not understood: it is public or any"
            ))),
        }
    }

    fn permits(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Any => true,
            #[cfg(test)]
            Self::Only(one) => address == one,
        }
    }
}

/// Whether an address is one of the public network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special = v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                // This network, carriers' own, protocol assignments, benchmarks, reserved.
                || a == 0
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19))
                || a >= 240;
            !special
        }
        IpAddr::V6(v6) => match carried(v6) {
            Some(v4) => is_public(IpAddr::V4(v4)),
            // Only 2000::/3 is given out; of it 2001:db8::/32 is for documentation, and 2001::/23 and
            // 2002::/16 lead elsewhere.
            None => {
                let [first, second, ..] = v6.segments();
                (first & 0xe000) == 0x2000
                    && !(first == 0x2001 && (second == 0xdb8 || second < 0x200))
                    && first != 0x2002
            }
        },
    }
}

/// The address of version 4 that one of version 6 stands for.
fn carried(v6: Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    let translated = v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let [.., a, b, c, d] = v6.octets();
    v6.to_ipv4_mapped()
        .or_else(|| translated.then(|| std::net::Ipv4Addr::new(a, b, c, d)))
}

/// Whether a target can be posted to, and may be as far as is known now. It is looked at again when it
/// is connected to.
///
/// # Errors
/// Why not.
pub fn acceptable(target: &Target, allowed: Allowed) -> Result<(), String> {
    let (url, secret) = (&target.url, &target.secret);
    let authorization = target.authorization.as_deref().unwrap_or_default();
    if [url, secret, authorization]
        .iter()
        .any(|text| text.len() > LONGEST)
    {
        return Err(format!(
            "A URL, a secret and an authorization have {LONGEST} characters at most."
        ));
    }
    if authorization
        .chars()
        .any(|c| c.is_control() || !c.is_ascii())
    {
        return Err("An authorization is one line of ASCII.".to_owned());
    }
    let wrong = || "The URL must begin with https:// or http://, and name a host.".to_owned();
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().filter(|host| !host.is_empty());
    let (Some("http" | "https"), Some(host)) = (uri.scheme_str(), host) else {
        return Err(wrong());
    };
    if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
        return Err("The URL must not hold a password: send it as \"authorization\".".to_owned());
    }
    let port = uri.port_u16().unwrap_or(443);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    // One that is not known yet may be when there is something to tell.
    let known = std::net::ToSocketAddrs::to_socket_addrs(&(bare, port));
    let mut known = known.into_iter().flatten().peekable();
    match known.peek().is_some() && !known.any(|it| allowed.permits(it.ip())) {
        true => Err(format!(
            "{bare} is an address of this machine or of a private network, which webhooks may not post \
             to. The operator can allow it: SLUGLINE_WEBHOOKS=any slugline serve"
        )),
        false => Ok(()),
    }
}

/// Finds the addresses of a host that may be posted to.
#[derive(Debug)]
pub struct Guarded {
    inner: DefaultResolver,
    allowed: Allowed,
}

impl Guarded {
    /// Those that are allowed.
    pub fn new(allowed: Allowed) -> Self {
        Self {
            inner: DefaultResolver::default(),
            allowed,
        }
    }
}

/// Why nothing was connected to, kept apart from a host that is not known.
pub const NOT_ALLOWED: &str = "address not allowed";

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut permitted = self.empty();
        let good = |it: &&SocketAddr| self.allowed.permits(it.ip());
        found.iter().filter(good).for_each(|it| permitted.push(*it));
        match permitted.is_empty() {
            true => Err(Error::BadUri(NOT_ALLOWED.to_owned())),
            false => Ok(permitted),
        }
    }
}

/// Posts a body. Redirects are not followed, proxies not asked, and what is answered not read.
pub fn post(target: &Target, body: &str, allowed: Allowed, clock: &dyn Clock) -> Tried {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("slugline/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = Agent::with_parts(config, DefaultConnector::new(), Guarded::new(allowed));
    let mut request = agent
        .post(&target.url)
        .header("Content-Type", "application/json")
        .header(
            "Heroku-Webhook-Hmac-SHA256",
            signature(&target.secret, body),
        );
    if let Some(authorization) = &target.authorization {
        request = request.header("Authorization", authorization);
    }
    let answered = request.send(body);
    Tried {
        at: clock.now(),
        code: answered
            .as_ref()
            .ok()
            .map(|answer| answer.status().as_u16()),
        error: answered.err().map(|error| said(&error).to_owned()),
    }
}

/// A try that came to nothing before anybody was asked.
pub fn failed(clock: &dyn Clock, why: &str) -> Tried {
    Tried {
        at: clock.now(),
        code: None,
        error: why.lines().next().map(str::to_owned),
    }
}

/// The signature of a body: HMAC-SHA256, in base 64.
fn signature(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, body.as_bytes()))
}

/// Why nothing was answered, in words that name no address.
pub fn said(error: &Error) -> &'static str {
    match error {
        Error::Timeout(_) => "timeout",
        Error::HostNotFound => "host not found",
        Error::BadUri(why) if why == NOT_ALLOWED => NOT_ALLOWED,
        Error::ConnectionFailed => "connection failed",
        Error::Io(cause) if cause.kind() == std::io::ErrorKind::ConnectionRefused => {
            "connection refused"
        }
        Error::Tls(_) | Error::Rustls(_) => "TLS failed",
        Error::Io(_) => "connection lost",
        _ => "no answer that can be read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_and_of_private_networks_are_not_public() {
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.9.9",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "192.0.2.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "::127.0.0.1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn targets_are_refused_in_every_spelling_of_an_inner_address() {
        let target = |url: &str| Target {
            url: url.to_owned(),
            secret: "s".to_owned(),
            authorization: None,
        };
        for url in [
            "http://127.0.0.1:1/",
            "https://localhost/",
            "http://[::1]:80/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://[::ffff:127.0.0.1]/",
            "http://0/",
            "http://169.254.169.254/latest",
        ] {
            let why = acceptable(&target(url), Allowed::Public).unwrap_err();
            assert!(why.contains("private network"), "{url}: {why}");
            assert_eq!(acceptable(&target(url), Allowed::Any), Ok(()), "{url}");
        }
        for url in [
            "",
            "ftp://example.com/",
            "example.com",
            "http://",
            "http:///x",
            "https://u:p@example.com/",
        ] {
            assert!(acceptable(&target(url), Allowed::Any).is_err(), "{url}");
        }
        assert_eq!(
            acceptable(&target("https://1.1.1.1/hook"), Allowed::Public),
            Ok(())
        );
    }

    #[test]
    fn a_signature_is_that_of_others() {
        // printf '{}' | openssl dgst -sha256 -hmac key -binary | base64
        let theirs = "p3dyTZQ+tI3Gm8qKSm1XoE2z+ex+HeTlgehgJlvfMDI=";
        assert_eq!(signature("key", "{}"), theirs);
    }
}
