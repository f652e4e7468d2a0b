//! A small server for static files: the web process of apps that are nothing but files. It must
//! not know apps, releases or the daemon.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tower_http::services::fs::{ServeDir, ServeFileSystemResponseBody};

/// Why files are not served.
#[derive(Debug, thiserror::Error)]
pub enum StaticError {
    /// There is no such folder.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// The port cannot be opened.
    #[error("cannot open port {port}")]
    Port {
        /// The port.
        port: u16,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The event loop or its signals cannot be set up.
    #[error("cannot start the server")]
    Start(#[source] std::io::Error),
}

type Body = Either<ServeFileSystemResponseBody, Full<Bytes>>;
type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// Serves the files below `dir` at `port` of 127.0.0.1 (0 takes a free one) until SIGTERM or
/// SIGINT: `index.html` for a folder, `404.html` with status 404 where there is no such file, and
/// type, range and date of change as browsers expect them. `ready` is called once with the port;
/// `log` with one line for each request, such as `GET /style.css 200`.
///
/// # Errors
/// [`StaticError`].
pub fn serve_static(
    dir: &Path,
    port: u16,
    ready: impl FnOnce(u16),
    log: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(), StaticError> {
    if !dir.is_dir() {
        return Err(StaticError::NoFolder(dir.to_owned()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StaticError::Start)?;
    let site = Site {
        dir: dir.into(),
        log: Arc::new(log),
    };
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(StaticError::Start)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StaticError::Start)?;
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = bound.map_err(|source| StaticError::Port { port, source })?;
        let port = listener.local_addr().map_or(port, |address| address.port());
        ready(port);
        tokio::select! {
            () = site.accept(listener) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

#[derive(Clone)]
struct Site {
    dir: Arc<Path>,
    log: Log,
}

impl Site {
    async fn accept(&self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(self.clone().connection(stream))),
                // Out of descriptors, mostly: some will be free again.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(|request: Request<Incoming>| {
            let site = self.clone();
            async move { Ok::<_, Infallible>(site.answer(request).await) }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new());
        // An error is a client that went away.
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = match ServeDir::new(&self.dir).try_call(request).await {
            Ok(found) if found.status() == StatusCode::NOT_FOUND => self.not_found(&method).await,
            Ok(found) => found.map(Either::Left),
            Err(error) if is_absent(&error) => self.not_found(&method).await,
            Err(_) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "This file cannot be read.\n",
            ),
        };
        (self.log)(&format!(
            "{method} {} {}",
            path.escape_debug(),
            response.status().as_u16()
        ));
        response
    }

    async fn not_found(&self, method: &Method) -> Response<Body> {
        match tokio::fs::read(self.dir.join("404.html")).await {
            Ok(page) => {
                let page = if method == Method::HEAD {
                    Bytes::new()
                } else {
                    page.into()
                };
                let mut response = text(StatusCode::NOT_FOUND, page);
                let html = HeaderValue::from_static("text/html; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, html);
                response
            }
            Err(_) => text(StatusCode::NOT_FOUND, "There is no such page.\n"),
        }
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::new(body.into())));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
