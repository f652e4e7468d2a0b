//! What the operator sets for a partner add-on, in `settings.yaml` beside its manifest. It must not
//! know the vendor. A value is never repeated in an error: it may be a secret.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use slugline_plugin_api::message::Secret;
use slugline_plugin_api::protocol::PluginSettings;

use super::manifest::Base;

/// How long a vendor may take that answers later, in seconds: as long as its grant lives.
const WAIT: u64 = 300;
/// Nobody waits longer than this, in seconds.
const WAIT_MAX: u64 = 3600;
const REGION: &str = "amazon-web-services::us-east-1";

/// What the operator has set. `Debug` hides the secret.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    /// Whether the vendor's `test` URL is used instead of `production`.
    pub(super) test: bool,
    /// Where vendors reach the listener from outside, without a slash at the end.
    pub(super) callback_url: Option<String>,
    /// Where the listener is.
    pub(super) listen: SocketAddr,
    /// How long a vendor that answers later is waited for.
    pub(super) wait: Duration,
    /// The region that the vendor is told.
    pub(super) region: String,
    /// What the vendor must say with its grant, besides the grant.
    pub(super) client_secret: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Environment {
    Production,
    Test,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    environment: Option<Environment>,
    callback_url: Option<String>,
    listen: Option<SocketAddr>,
    wait: Option<u64>,
    region: Option<String>,
    client_secret: Option<Secret>,
}

impl Operator {
    /// Reads what was set.
    pub(super) fn of(settings: PluginSettings) -> Result<Self, String> {
        let known = "environment (production or test), callback_url, listen (127.0.0.1:4780), wait \
                     (seconds), region and client_secret";
        let written: Written = serde_json::from_value(Json::Object(settings.0))
            .map_err(|_| format!("settings.yaml holds {known}, and nothing else"))?;
        let wait = written.wait.unwrap_or(WAIT);
        if wait == 0 || wait > WAIT_MAX {
            return Err(format!("settings.yaml: wait is 1 to {WAIT_MAX} seconds"));
        }
        let callback_url = written.callback_url.map(|url| {
            let url = url.trim_end_matches('/').to_owned();
            Base::of(&url)
                .map_err(|what| format!("settings.yaml: callback_url: {what}"))
                .map(|base| base.url)
        });
        Ok(Self {
            test: matches!(written.environment, Some(Environment::Test)),
            callback_url: callback_url.transpose()?,
            listen: written
                .listen
                .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            wait: Duration::from_secs(wait),
            region: written.region.unwrap_or_else(|| REGION.to_owned()),
            client_secret: written.client_secret,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_or_refused_without_a_value() {
        let read = |text: &str| Operator::of(serde_json::from_str(text).unwrap());
        let plain = read("{}").unwrap();
        assert_eq!((plain.test, plain.wait.as_secs()), (false, WAIT));
        let set = r#"{"environment":"test","callback_url":"https://ops.example.com/cb/","wait":9}"#;
        let set = read(set).unwrap();
        assert!(set.test);
        assert_eq!(set.callback_url.unwrap(), "https://ops.example.com/cb");
        for bad in [
            r#"{"client_secret":["s3cret"]}"#,
            r#"{"secret":"s3cret"}"#,
            r#"{"wait":0}"#,
            r#"{"listen":"s3cret"}"#,
            r#"{"callback_url":"http://s3cret.example.com"}"#,
        ] {
            let told = read(bad).unwrap_err();
            assert!(!told.contains("s3cret"), "{told}");
        }
    }
}
