//! TLS: which certificate is shown to whom, what is spoken over it, and what the app is told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use common::*;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use serde_json::Value;
use slugline_core::settings::{Host, Settings};
use slugline_runtime::{CertificateError, add_certificate, certificates, remove_certificate};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn host(name: &str) -> Host {
    Host::new(name).unwrap()
}

fn made_for(name: &str) -> CertifiedKey<KeyPair> {
    generate_simple_self_signed([name.to_owned()]).unwrap()
}

/// Keeps a new certificate for a host.
fn certify(daemon: &Daemon, name: &str) -> CertifiedKey<KeyPair> {
    let made = made_for(name);
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    add_certificate(
        daemon.home.path(),
        &host(name),
        chain.as_bytes(),
        key.as_bytes(),
    )
    .unwrap();
    made
}

/// A client that trusts nothing but this certificate.
fn trusting(made: &CertifiedKey<KeyPair>, protocol: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Arc::new(config)
}

/// Asks over TLS and HTTP/1.1; the error is that of the handshake.
fn ask(
    daemon: &Daemon,
    made: &CertifiedKey<KeyPair>,
    name: &str,
    path: &str,
) -> std::io::Result<String> {
    let server = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(trusting(made, "http/1.1"), server).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", daemon.tls_port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {name}\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut all = String::new();
    stream.read_to_string(&mut all)?;
    Ok(all.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn started() -> (Daemon, tempfile::TempDir) {
    let (daemon, dir) = (Daemon::start(), slug());
    let mut spec = web("myapp", 1, dir.path());
    spec.settings = Settings {
        domains: [host("www.shop.example"), host("*.pets.example")].into(),
        ..Settings::default()
    };
    daemon.release(&spec);
    (daemon, dir)
}

#[test]
fn each_host_has_its_certificate_and_new_ones_count_at_once() {
    let (daemon, _dir) = started();
    let home = daemon.home.path();
    let stranger = made_for("www.shop.example");
    assert!(ask(&daemon, &stranger, "www.shop.example", "/version").is_err());
    let shop = certify(&daemon, "www.shop.example");
    let pets = certify(&daemon, "*.pets.example");
    assert_eq!(
        certificates(home).unwrap(),
        [host("*.pets.example"), host("www.shop.example")]
    );
    let check = |made: &CertifiedKey<KeyPair>, name: &str, answers: bool| {
        let body = ask(&daemon, made, name, "/version").ok();
        assert_eq!(body.as_deref(), answers.then_some("v1"), "{name}");
    };
    check(&shop, "www.shop.example", true);
    check(&pets, "cats.pets.example", true);
    check(&pets, "www.shop.example", false);
    check(&pets, "a.cats.pets.example", false);
    // In place of the first.
    let renewed = certify(&daemon, "www.shop.example");
    check(&renewed, "www.shop.example", true);
    check(&shop, "www.shop.example", false);
    assert!(remove_certificate(home, &host("www.shop.example")).unwrap());
    assert!(!remove_certificate(home, &host("www.shop.example")).unwrap());
    check(&renewed, "www.shop.example", false);
    check(&pets, "cats.pets.example", true);
}

#[test]
fn the_app_is_told_that_it_was_tls() {
    let (daemon, _dir) = started();
    let shop = certify(&daemon, "www.shop.example");
    let body = ask(&daemon, &shop, "www.shop.example", "/headers").unwrap();
    let seen: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(seen["x-forwarded-proto"], "https");
    assert_eq!(seen["x-forwarded-port"], daemon.tls_port.to_string());
    daemon.wait_for_log(&app("myapp"), "bytes=");
    daemon.wait_for_log(&app("myapp"), " protocol=https");
}

#[test]
fn http2_is_spoken_where_both_agree_to() {
    let (daemon, _dir) = started();
    let shop = certify(&daemon, "www.shop.example");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", daemon.tls_port));
        let server = ServerName::try_from("www.shop.example").unwrap();
        let connector = TlsConnector::from(trusting(&shop, "h2"));
        let stream = connector
            .connect(server, stream.await.unwrap())
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let http = http2::Builder::new(TokioExecutor::new());
        let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get("https://www.shop.example/headers");
        let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap());
        let answer = tokio::time::timeout(PATIENCE, answer)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let seen: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(seen["x-forwarded-proto"], "https");
        assert_eq!(seen["host"], "www.shop.example");
    });
}

#[test]
fn only_a_certificate_that_will_do_is_kept_and_for_its_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let (made, other) = (made_for("www.shop.example"), made_for("www.shop.example"));
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let wrong_key = other.signing_key.serialize_pem();
    let add = |name: &str, chain: &str, key: &str| {
        add_certificate(home.path(), &host(name), chain.as_bytes(), key.as_bytes())
    };
    let check = |result: Result<(), CertificateError>, why: &str| {
        assert_eq!(result.unwrap_err().to_string(), why);
        assert_eq!(certificates(home.path()).unwrap(), []);
    };
    let name = "www.shop.example";
    check(
        add(name, "", &key),
        "the first file holds no certificate in PEM",
    );
    check(
        add(name, &key, &key),
        "the first file holds no certificate in PEM",
    );
    check(
        add(name, &chain, ""),
        "the second file holds no private key in PEM",
    );
    check(
        add(name, &chain, &chain),
        "the second file holds no private key in PEM",
    );
    check(
        add(name, &chain, &wrong_key),
        "the private key does not belong to the certificate",
    );
    check(
        add("a.example", &chain, &key),
        "the certificate is not for a.example",
    );
    check(
        add("*.shop.example", &chain, &key),
        "the certificate is not for *.shop.example",
    );
    add(name, &chain, &key).unwrap();
    let folder = home.path().join("certs");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1);
    assert_eq!(mode(&files[0]), 0o600);
}
