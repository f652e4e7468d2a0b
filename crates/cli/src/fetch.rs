//! Fetching source from where a client says: over HTTP, of limited size and within limited time, from no
//! address that is not meant for it. The address that is checked is the one that is connected to, wherever
//! a redirect leads. It must not know what is fetched.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use ureq::Agent;
use ureq::http::Uri;
use ureq::unversioned::transport::DefaultConnector;

use crate::webhooks::post::{Allowed, Guarded, said};

/// How long a server may take: until it answers, and all in all.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));
/// So many redirects are followed.
const REDIRECTS: u32 = 5;
/// The longest URL, in characters.
const LONGEST: usize = 8000;

/// Whether a URL can be one that source is fetched from. Whether it may is looked at when it is connected to.
///
/// # Errors
/// Why not.
pub fn acceptable(url: &str) -> Result<(), String> {
    let uri: Option<Uri> = url.parse().ok().filter(|_| url.len() <= LONGEST);
    let good = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    match good {
        true => Ok(()),
        false => Err(
            "The URL of the source must begin with https:// or http://, and name a host."
                .to_owned(),
        ),
    }
}

/// Fetches what is at a URL into a file, of so many bytes at most, unless it is not `wanted` any more.
/// Answers its SHA-256, in hexadecimal digits.
///
/// # Errors
/// Why not, in words that do not repeat the URL: it may hold what is secret.
pub fn fetch(
    url: &str,
    to: &mut File,
    (allowed, most): (Allowed, u64),
    wanted: &dyn Fn() -> bool,
) -> Result<String, String> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE.0))
        .timeout_recv_response(Some(PATIENCE.0))
        .timeout_global(Some(PATIENCE.1))
        .max_redirects(REDIRECTS)
        .proxy(None)
        .user_agent(concat!("slugline/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = Agent::with_parts(config, DefaultConnector::new(), Guarded::new(allowed));
    let failed = |why: &str| format!("The source cannot be fetched: {why}.{}", hint(why));
    let answer = agent.get(url).call();
    let mut answer = answer.map_err(|error| failed(said(&error)))?;
    if !answer.status().is_success() {
        return Err(failed(&format!(
            "it is answered {}",
            answer.status().as_u16()
        )));
    }
    let mut body = answer.body_mut().as_reader();
    let (mut hasher, mut read, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        if !wanted() {
            return Err("The build was cancelled.".to_owned());
        }
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(said(&ureq::Error::from(error)))),
        };
        read += count as u64;
        if read > most {
            return Err(failed(&format!("it is larger than {most} bytes")));
        }
        hasher.update(&buffer[..count]);
        let written = to.write_all(&buffer[..count]);
        written.map_err(|error| failed(&error.to_string()))?;
    }
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn hint(why: &str) -> &'static str {
    match why == crate::webhooks::post::NOT_ALLOWED {
        true => {
            " It is at an address of this machine or of a private network. The operator can allow it: \
             SLUGLINE_SOURCES=any slugline serve"
        }
        false => "",
    }
}
