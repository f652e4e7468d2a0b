//! The certificates of a home: one file a host, which holds chain and key and only its owner may read.
//! Commands write them; the router reads them, and notices by itself when they have changed. It must
//! not know which app has which host.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use slugline_core::settings::Host;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring::{default_provider, sign::any_supported_type};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

const FOLDER: &str = "certs";
/// Two changes of the folder within this time may look like one.
const COARSE: Duration = Duration::from_secs(1);

/// Why a certificate cannot be used. No message holds anything of the key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// There is no certificate in the file.
    #[error("the first file holds no certificate in PEM")]
    NoCertificate,
    /// There is no private key in the file.
    #[error("the second file holds no private key in PEM")]
    NoKey,
    /// It is a key of a kind that is not supported, or broken.
    #[error("the private key cannot be used: it must be RSA, ECDSA or Ed25519, without a password")]
    BadKey,
    /// They do not belong together.
    #[error("the private key does not belong to the certificate")]
    OtherKey,
    /// It is for other names.
    #[error("the certificate is not for {0}")]
    OtherHost(Host),
    /// A file cannot be read or written.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

fn cannot(what: &'static str) -> impl FnOnce(std::io::Error) -> CertificateError {
    move |source| CertificateError::Io { what, source }
}

/// Keeps a certificate and its key, in place of those that the host had. Both are PEM; the chain comes
/// with the certificate, which is first.
///
/// # Errors
/// [`CertificateError`]; what was there is as it was.
pub fn add_certificate(
    home: &Path,
    host: &Host,
    chain: &[u8],
    key: &[u8],
) -> Result<(), CertificateError> {
    let parsed = certified(chain, key)?;
    check_host(&parsed, host)?;
    let folder = home.join(FOLDER);
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    made.map_err(cannot("make the folder of certificates"))?;
    let fresh = folder.join(format!("{host}.new"));
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(chain)?;
        file.write_all(b"\n")?;
        file.write_all(key)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path(home, host))
    };
    write().map_err(cannot("write the certificate"))
}

/// The hosts that have a certificate, sorted.
///
/// # Errors
/// [`CertificateError::Io`].
pub fn certificates(home: &Path) -> Result<Vec<Host>, CertificateError> {
    let listed = match std::fs::read_dir(home.join(FOLDER)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(cannot("list the certificates"))?,
    };
    let host = |name: std::ffi::OsString| Host::new(name.to_str()?.strip_suffix(".pem")?).ok();
    let mut hosts: Vec<_> = listed
        .filter_map(|entry| host(entry.ok()?.file_name()))
        .collect();
    hosts.sort();
    Ok(hosts)
}

/// Removes the certificate of a host; false where it has none.
///
/// # Errors
/// [`CertificateError::Io`].
pub fn remove_certificate(home: &Path, host: &Host) -> Result<bool, CertificateError> {
    match std::fs::remove_file(path(home, host)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(cannot("remove the certificate")(error)),
    }
}

fn path(home: &Path, host: &Host) -> PathBuf {
    home.join(FOLDER).join(format!("{host}.pem"))
}

fn certified(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|_| CertificateError::NoCertificate)?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
    let key = any_supported_type(&key).map_err(|_| CertificateError::BadKey)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InvalidCertificate(_)) => Err(CertificateError::NoCertificate),
        Err(_) => Err(CertificateError::OtherKey),
    }
}

fn check_host(certified: &CertifiedKey, host: &Host) -> Result<(), CertificateError> {
    let other = || CertificateError::OtherHost(host.clone());
    let first = certified
        .cert
        .first()
        .ok_or(CertificateError::NoCertificate)?;
    let parsed = ParsedCertificate::try_from(first).map_err(|_| CertificateError::NoCertificate)?;
    // One of the names that a wildcard stands for: it is for all of them, or for none.
    let name = host.as_str().replace('*', "any");
    let name = ServerName::try_from(name).map_err(|_| other())?;
    verify_server_name(&parsed, &name).map_err(|_| other())
}

/// The certificates as the router uses them.
pub(crate) struct Certificates {
    home: PathBuf,
    read: RwLock<Read>,
}

#[derive(Default)]
struct Read {
    /// When the folder had been changed by then.
    changed: Option<SystemTime>,
    /// By host; a wildcard without its star.
    keys: BTreeMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    pub(crate) fn new(home: &Path) -> Self {
        let read = RwLock::default();
        let home = home.to_owned();
        Self { home, read }
    }

    /// What is offered to clients: HTTP/2 and HTTP/1.1, over TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// Where the library does not know these versions, which it does.
    pub(crate) fn config(self: Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let changed = std::fs::metadata(self.home.join(FOLDER)).and_then(|it| it.modified());
        let changed = changed.ok();
        // Clocks of files are coarse: what has just changed may have changed once more.
        let recent = |at: SystemTime| at.elapsed().is_ok_and(|ago| ago < COARSE);
        if self.lock().changed != changed || changed.is_some_and(recent) {
            let keys = self.read_all();
            let mut read = self.read.write().unwrap_or_else(PoisonError::into_inner);
            *read = Read { changed, keys };
        }
        let read = self.lock();
        let wildcard = || read.keys.get(&name[name.find('.')?..]);
        read.keys.get(name).or_else(wildcard).cloned()
    }

    fn lock(&self) -> std::sync::RwLockReadGuard<'_, Read> {
        self.read.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that cannot be read is one that is not there, and does not keep the others from being used.
    fn read_all(&self) -> BTreeMap<String, Arc<CertifiedKey>> {
        let hosts = certificates(&self.home).unwrap_or_default();
        let read = |host: Host| {
            let text = std::fs::read(path(&self.home, &host)).ok()?;
            let key = Arc::new(certified(&text, &text).ok()?);
            let name = host.as_str();
            Some((name.strip_prefix('*').unwrap_or(name).to_owned(), key))
        };
        hosts.into_iter().filter_map(read).collect()
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(&hello.server_name()?.to_ascii_lowercase())
    }
}
