//! The certificate of the HTTP API: the operator's, or one that the home keeps for itself. It must not
//! know how TLS is spoken.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::civil::Date;
use slugline_server::certificate::{Certificate, InUse, is_old, make};

use crate::context::Context;
use crate::error::CommandError;
use crate::identity;

/// Where the certificate is kept that the home has made, with its key, in the home.
const FILE: &str = "api-cert.pem";

/// The operator's own.
#[derive(Clone, Debug)]
pub struct Given {
    /// The chain, in PEM.
    pub chain: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
}

/// Where the certificate is that the home has made for itself.
pub fn path(context: &Context) -> PathBuf {
    context.home.join(FILE)
}

/// The operator's certificate; where there is none the home's own, made when there is none yet or it ends
/// soon.
///
/// # Errors
/// Where a file cannot be read or written, or holds none.
pub fn certificate(context: &Context, given: Option<&Given>) -> Result<Certificate, CommandError> {
    if let Some(given) = given {
        let (chain, key) = (read(&given.chain)?, read(&given.key)?);
        let read = Certificate::read(&chain, &key);
        return read.map_err(|error| {
            let place = given.chain.display();
            CommandError::failed(format!("{place} cannot be used: {error}"))
        });
    }
    let path = path(context);
    let today = today();
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let text = if is_old(&text, today) {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let names = names.into_iter().chain([identity::host(&context.env)]);
        let made = make(names.collect(), today).map_err(|error| CommandError::because(&error))?;
        write(&path, &made).map_err(|error| {
            CommandError::failed(format!("cannot write {}: {error}", path.display()))
        })?;
        made
    } else {
        text
    };
    Certificate::read(text.as_bytes(), text.as_bytes()).map_err(|error| {
        CommandError::failed(format!("{} cannot be used: {error}", path.display()))
    })
}

/// Keeps the certificate that is in use what it should be: the files may be replaced while it is.
pub struct Renewal {
    in_use: InUse,
    given: Option<Given>,
    seen: Stamp,
}

/// What differs where there may be another certificate: when files were written, and the day.
type Stamp = (Vec<Option<SystemTime>>, Date);

impl Renewal {
    /// Of the one in use, which was just read.
    pub fn new(context: &Context, in_use: InUse, given: Option<Given>) -> Self {
        let seen = stamp(context, given.as_ref());
        Self {
            in_use,
            given,
            seen,
        }
    }

    /// Goes on with another one, where there is one.
    pub fn look(&mut self, context: &Context) {
        let is = stamp(context, self.given.as_ref());
        if is == self.seen {
            return;
        }
        match certificate(context, self.given.as_ref()) {
            Ok(next) => {
                let fingerprint = next.fingerprint();
                if self.in_use.renew(next) {
                    let text =
                        format_args!("The API has another certificate: SHA-256 {fingerprint}");
                    context.ui.status(text);
                }
            }
            Err(error) => context.ui.warning(error.text),
        }
        // It may have been made just now.
        self.seen = match self.given {
            Some(_) => is,
            None => stamp(context, None),
        };
    }
}

fn stamp(context: &Context, given: Option<&Given>) -> Stamp {
    let files = match given {
        Some(given) => vec![given.chain.clone(), given.key.clone()],
        None => vec![path(context)],
    };
    let written = |file: &PathBuf| file.metadata().and_then(|data| data.modified()).ok();
    (files.iter().map(written).collect(), today())
}

/// Clients go by the true time, whatever `SLUGLINE_NOW` says.
fn today() -> Date {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    now.date()
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let cannot = |error| CommandError::failed(format!("cannot read {}: {error}", path.display()));
    std::fs::read(path).map_err(cannot)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}
