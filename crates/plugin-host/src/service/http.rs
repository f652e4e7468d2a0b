//! Whom a plugin may call by HTTP. It must not repeat a URL in an error, since a URL may hold a
//! password.

use std::collections::BTreeMap;

use ureq::http::Uri;

use crate::words::one_line;

/// A host that may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostRule {
    host: String,
    /// `None`: any.
    port: Option<u16>,
}

impl HostRule {
    /// What an entry of `permissions.http` permits in a call with these options; `options.NAME`
    /// permits nothing where there is no such option, or where it is no URL.
    pub(super) fn of(entry: &str, options: &BTreeMap<String, String>) -> Option<Self> {
        if let Some(name) = entry.strip_prefix("options.") {
            let uri: Uri = options.get(name)?.parse().ok()?;
            let (host, port) = authority(&uri)?;
            return Some(Self {
                host,
                port: Some(port),
            });
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let host = host.to_ascii_lowercase();
        Some(Self { host, port })
    }

    fn permits(&self, host: &str, port: u16) -> bool {
        self.host == host && self.port.is_none_or(|only| only == port)
    }
}

/// Whether these entries of `permissions.http` permit a host and a port, whatever the options.
pub(crate) fn permits(entries: &[String], host: &str, port: u16) -> bool {
    let rules = entries
        .iter()
        .filter_map(|it| HostRule::of(it, &BTreeMap::new()));
    rules.into_iter().any(|rule| rule.permits(host, port))
}

/// Host and port that an `http` or `https` URL leads to.
fn authority(uri: &Uri) -> Option<(String, u16)> {
    let standard = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = uri.host()?.to_ascii_lowercase();
    Some((host, uri.port_u16().unwrap_or(standard)))
}

/// The URL, if this call may go there.
pub(super) fn permitted(hosts: &[HostRule], url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| "this is no URL")?;
    let (host, port) = authority(&uri).ok_or("a URL begins with http:// or https://")?;
    let allowed = hosts.iter().any(|rule| rule.permits(&host, port));
    if allowed {
        Ok(uri)
    } else {
        let host = one_line(&host);
        Err(format!(
            "{host}:{port} is not granted under permissions.http in plugin.yaml"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_permits_a_host_or_the_host_of_an_option() {
        let url = "https://Hooks.example.com/x?token=1".to_owned();
        let options = [
            ("url".to_owned(), url),
            ("bad".to_owned(), "no url".to_owned()),
        ]
        .into();
        let check = |entry: &str, host: &str, port, permitted: bool| {
            let rule = HostRule::of(entry, &options);
            let granted = rule.is_some_and(|rule| rule.permits(host, port));
            assert_eq!(granted, permitted, "{entry} {host}:{port}");
        };
        check("api.example.com", "api.example.com", 80, true);
        check("api.example.com", "api.example.com", 8443, true);
        check("api.example.com", "example.com", 80, false);
        check("api.example.com", "api.example.com.evil.org", 80, false);
        check("api.example.com:8443", "api.example.com", 8443, true);
        check("api.example.com:8443", "api.example.com", 443, false);
        check("options.url", "hooks.example.com", 443, true);
        check("options.url", "hooks.example.com", 80, false);
        check("options.bad", "no url", 80, false);
        check("options.none", "hooks.example.com", 443, false);
    }
}
