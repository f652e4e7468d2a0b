//! Whom a client trusts: the authorities of the system, and those of `SLUGLINE_CA`. It must not know what is said.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};

use super::host::Host;
use crate::env::Env;
use crate::error::CommandError;

/// A connection that has not said anything yet.
///
/// # Errors
/// Where `SLUGLINE_CA` cannot be read, or nobody is trusted.
pub fn begin(host: &Host, env: &Env) -> Result<ClientConnection, CommandError> {
    let mut roots = RootCertStore::empty();
    // Of those of the system that cannot be read nobody is trusted; the others are as good as ever.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = env.get("SLUGLINE_CA") {
        let wrong = |why: String| CommandError::usage(format!("SLUGLINE_CA={file} {why}"));
        let text =
            std::fs::read(&file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let given: Vec<_> = CertificateDer::pem_slice_iter(&text).flatten().collect();
        if roots.add_parsable_certificates(given).0 == 0 {
            return Err(wrong("holds no certificate in PEM.".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(roots);
    let trusted = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
    let trusted = trusted.map_err(|_| {
        let text = "This machine trusts no certificate: it has no authorities.";
        CommandError::failed(text).hint(TRUST)
    })?;
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .map_err(|error| CommandError::because(&error))?
        .with_webpki_verifier(trusted)
        .with_no_client_auth();
    let name = ServerName::try_from(host.name().to_owned());
    let name = name.map_err(|error| CommandError::because(&error))?;
    ClientConnection::new(Arc::new(config), name).map_err(|error| CommandError::because(&error))
}

const TRUST: &str = "If it is the server's own: `slugline certs:show > slugline.pem` at the server, and here \
                     export SLUGLINE_CA=slugline.pem";

/// What a failed handshake means to a person.
pub fn refused(host: &Host, error: &Error) -> CommandError {
    let place = host.place();
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            let text = format!("The certificate of {place} is not one that this machine trusts.");
            CommandError::failed(text).hint(TRUST)
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            let text = format!("The certificate of {place} is for another name.");
            let hint = "Use a name that it is for; or give the server one for this name: `slugline serve \
                        --api-cert FILE --api-key FILE`";
            CommandError::failed(text).hint(hint)
        }
        other => CommandError::failed(format!("{place} cannot be spoken to by TLS: {other}")),
    }
}
