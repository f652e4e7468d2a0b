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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::net::{IpAddr, TcpListener};

    /// A web server at an address of this machine that answers each path in its way. Answers where it is.
    fn server(address: &str, answer: impl Fn(&str) -> String + Send + 'static) -> String {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let place = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut line = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                reader.read_line(&mut line).unwrap();
                while reader.read_line(&mut String::new()).unwrap() > 2 {}
                let path = line.split(' ').nth(1).unwrap_or_default();
                let _ = stream.write_all(answer(path).as_bytes());
            }
        });
        format!("http://{place}")
    }

    fn answered(status: &str, header: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    }

    #[test]
    fn what_is_fetched_is_of_limited_size_and_from_nowhere_else() {
        let inside = server("127.0.0.2", |_| answered("200 OK", "", "secret"));
        let outside = server("127.0.0.1", move |path| match path {
            "/code" => answered("200 OK", "", "code"),
            "/moved" => answered("302 Found", "Location: /code\r\n", ""),
            "/inside" => answered("302 Found", &format!("Location: {inside}/\r\n"), ""),
            "/file" => answered("302 Found", "Location: file:///etc/passwd\r\n", ""),
            "/round" => answered("302 Found", "Location: /round\r\n", ""),
            "/short" => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncode".to_owned(),
            _ => answered("404 Not Found", "", "no"),
        });
        let only = Allowed::Only(IpAddr::from([127, 0, 0, 1]));
        let get = |path: &str, most: u64, wanted: bool| {
            let mut file = tempfile::tempfile().unwrap();
            fetch(
                &format!("{outside}{path}"),
                &mut file,
                (only, most),
                &|| wanted,
            )
        };
        let digest = "5694d08a2e53ffcae0c3103e5ad6f6076abd960eb1f8a56577040bc1028f702b";
        assert_eq!(get("/code", 4, true).as_deref(), Ok(digest));
        assert_eq!(get("/moved", 4, true).as_deref(), Ok(digest));
        for (path, expected) in [
            ("/inside", "address not allowed"),
            // Another scheme is taken for a path.
            ("/file", "it is answered 404"),
            ("/round", "no answer that can be read"),
            ("/short", "connection lost"),
            ("/none", "it is answered 404"),
        ] {
            let why = get(path, 4, true).unwrap_err();
            assert!(why.contains(expected), "{path}: {why}");
        }
        assert!(
            get("/code", 3, true)
                .unwrap_err()
                .contains("larger than 3 bytes")
        );
        assert!(get("/code", 4, false).unwrap_err().contains("cancelled"));
    }
}
