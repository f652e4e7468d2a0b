//! The router: takes requests for `http://APP.localhost:PORT` to the app's web process. It must
//! not know processes; it sees targets, and the table that says which app has which.

pub(crate) mod forward;
mod headers;
mod pages;
pub(crate) mod route;
pub(crate) mod target;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use slugline_core::app::AppName;
use tokio::net::{TcpListener, TcpStream};

use forward::{Counted, Edge};
use route::Routes;

/// The body of an answer: an app's, or a page of ours.
pub(crate) type Body = Either<Counted, Full<Bytes>>;

/// Serves requests for ever.
pub(crate) async fn serve(listener: TcpListener, routes: Arc<Routes>, hold: Duration, port: u16) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&routes), hold, port));
            }
            // Out of descriptors, mostly: some will be free again.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connection(stream: TcpStream, routes: Arc<Routes>, hold: Duration, port: u16) {
    let Ok(peer) = stream.peer_addr() else {
        return;
    };
    // Small answers are not held back; where that cannot be set, they are only later.
    let _ = stream.set_nodelay(true);
    let edge = Edge {
        client: peer.ip(),
        port,
    };
    let service = service_fn(|request| {
        let (routes, edge) = (Arc::clone(&routes), edge.clone());
        async move { Ok::<_, Infallible>(answer(request, &routes, &edge, hold).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new());
    // An error is a client that went away or spoke no HTTP, which concerns nobody else.
    let _ = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

async fn answer(
    request: Request<Incoming>,
    routes: &Routes,
    edge: &Edge,
    hold: Duration,
) -> Response<Body> {
    let host = host(&request).unwrap_or_default().to_owned();
    let named = app_of(&host);
    match named.and_then(|app| routes.find(&app).map(|route| (app, route))) {
        Some((app, route)) => forward::forward(request, &app, &route, edge, hold).await,
        None => pages::no_app(&host, &routes.apps(), edge.port),
    }
}

/// The host that a request is for, with its port if it names one.
fn host<B>(request: &Request<B>) -> Option<&str> {
    let named = request
        .uri()
        .authority()
        .map(hyper::http::uri::Authority::as_str);
    named.or_else(|| request.headers().get(HOST)?.to_str().ok())
}

/// The app that a host names with its first label: `myapp.localhost:8080`, `myapp.example.com`.
fn app_of(host: &str) -> Option<AppName> {
    let (label, rest) = host.split_once('.')?;
    let app = AppName::new(&label.to_ascii_lowercase()).ok()?;
    (!rest.is_empty()).then_some(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_label_of_the_host_names_the_app() {
        let check = |host: &str, app: Option<&str>| {
            let found = app_of(host);
            assert_eq!(found.as_ref().map(AppName::as_str), app, "{host}");
        };
        check("myapp.localhost:8080", Some("myapp"));
        check("MyApp.localhost", Some("myapp"));
        check("myapp.example.com", Some("myapp"));
        for none in [
            "",
            "localhost:8080",
            "localhost",
            "127.0.0.1:8080",
            "[::1]:80",
            "-a.b",
            "a.",
        ] {
            check(none, None);
        }
    }
}
