//! The certificate with which the API speaks TLS: read from PEM, or made for itself. It must not know where
//! it is kept.

use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How long one is good that was made here, in days: some clients take none that is good for longer.
const DAYS: i64 = 800;
/// It is made anew when it is good for fewer days than these.
const RENEWED: i64 = 60;
/// What the first line of one begins with that was made here.
const UNTIL: &str = "# good until ";

/// Why there is no certificate. No message holds anything of the key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// There is no certificate in the text.
    #[error("there is no certificate in PEM")]
    NoCertificate,
    /// There is no private key in the text.
    #[error("there is no private key in PEM")]
    NoKey,
    /// They do not belong together, or are of a kind that is not supported.
    #[error("the certificate cannot be used with this private key")]
    Unusable(#[source] tokio_rustls::rustls::Error),
    /// None could be made.
    #[error("a certificate cannot be made")]
    NotMade(#[from] rcgen::Error),
}

/// A certificate with its chain and key.
#[derive(Clone)]
pub struct Certificate {
    first: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}

impl Certificate {
    /// Reads chain and key, both PEM; they may be in one text.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn read(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::NoCertificate)?;
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let first = first.clone();
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(CertificateError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(CertificateError::Unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let config = Arc::new(config);
        Ok(Self { first, config })
    }

    /// The SHA-256 of the certificate, as clients show it: pairs of hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.first);
        let pairs: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

/// The certificate with which new connections are spoken to: another one from when it is renewed.
#[derive(Clone, Debug)]
pub struct InUse(Arc<Mutex<Certificate>>);

impl InUse {
    /// Begins with this one.
    #[must_use]
    pub fn new(first: Certificate) -> Self {
        Self(Arc::new(Mutex::new(first)))
    }

    /// Goes on with this one. Answers whether it is another.
    pub fn renew(&self, next: Certificate) -> bool {
        let mut certificate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let differs = certificate.first != next.first;
        *certificate = next;
        differs
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let certificate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        certificate.config()
    }
}

/// Makes a certificate and its key for these names and addresses, from today on: one text.
///
/// # Errors
/// [`CertificateError::NotMade`].
pub fn make(names: Vec<String>, today: jiff::civil::Date) -> Result<String, CertificateError> {
    let day = |days: i64| {
        let day = today.saturating_add(jiff::Span::new().days(days));
        let (month, of_month) = (day.month().unsigned_abs(), day.day().unsigned_abs());
        (
            day,
            rcgen::date_time_ymd(day.year().into(), month, of_month),
        )
    };
    let mut params = CertificateParams::new(names)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Slugline API");
    params.distinguished_name = name;
    // The clocks of clients may be behind.
    params.not_before = day(-1).1;
    let (until, not_after) = day(DAYS);
    params.not_after = not_after;
    let key = KeyPair::generate()?;
    let made = params.self_signed(&key)?;
    Ok(format!(
        "{UNTIL}{until}\n{}{}",
        made.pem(),
        key.serialize_pem()
    ))
}

/// Whether one that [`make`] made is to be made anew.
#[must_use]
pub fn is_old(text: &str, today: jiff::civil::Date) -> bool {
    let until = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(UNTIL));
    let until = until.and_then(|date| date.parse::<jiff::civil::Date>().ok());
    let soon = today.saturating_add(jiff::Span::new().days(RENEWED));
    until.is_none_or(|until| until < soon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_made_is_read_and_grows_old() {
        let today = jiff::civil::date(2026, 11, 23);
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let text = make(names.clone(), today).unwrap();
        let one = Certificate::read(text.as_bytes(), text.as_bytes()).unwrap();
        assert_eq!(one.fingerprint().len(), 95);
        assert!(!is_old(&text, today));
        let later = |days: i64| today.saturating_add(jiff::Span::new().days(days));
        assert!(!is_old(&text, later(DAYS - RENEWED)));
        assert!(is_old(&text, later(DAYS - RENEWED + 1)));
        let other = make(names, today).unwrap();
        let broken = Certificate::read(text.as_bytes(), other.as_bytes());
        assert!(matches!(broken, Err(CertificateError::Unusable(_))));
        let none = Certificate::read(b"", text.as_bytes());
        assert!(matches!(none, Err(CertificateError::NoCertificate)));
    }
}
