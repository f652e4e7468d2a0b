//! Connections to drains, with TLS or without. It must not know what is sent over them.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::address::DrainAddress;

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// Why lines were not delivered. It names no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("it cannot be connected to: {0}")]
    Connect(std::io::Error),
    #[error("its TLS is refused: {0}")]
    Tls(String),
    #[error("the connection broke: {0}")]
    Broke(String),
    #[error("it took longer than {} s", .0.as_secs_f64())]
    Late(std::time::Duration),
    #[error("it answered {0}")]
    Answered(u16),
    /// To send the same again would be in vain.
    #[error("it does not take lines: it answered {0}")]
    Refused(u16),
}

/// Connects to a drain.
pub(super) async fn connect(address: &DrainAddress) -> Result<Box<dyn Stream>, SendError> {
    let to = (address.host.as_str(), address.port);
    let stream = TcpStream::connect(to).await.map_err(SendError::Connect)?;
    // Messages are whole by now: none has to wait for more.
    let _ = stream.set_nodelay(true);
    if !address.tls {
        return Ok(Box::new(stream));
    }
    let config = tls().map_err(SendError::Tls)?;
    let name = ServerName::try_from(address.host.clone());
    let name = name.map_err(|error| SendError::Tls(error.to_string()))?;
    let connected = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    Ok(Box::new(
        connected.map_err(|error| SendError::Tls(error.to_string()))?,
    ))
}

/// Trusts the authorities that browsers trust, and those in the file that `SSL_CERT_FILE` names.
fn tls() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(file) = std::env::var_os("SSL_CERT_FILE") {
        let own = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
        roots.add_parsable_certificates(own.flatten());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
