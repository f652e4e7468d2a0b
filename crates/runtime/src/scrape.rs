//! The page that a monitoring system reads its figures from: `GET /metrics`, at an address of its own. It must
//! not know what the figures are.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use slugline_core::time::Timestamp;
use tokio::net::TcpListener;

use crate::router::routes::Routes;
use crate::supervisor::Asking;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the page is made of.
pub(crate) struct Page {
    pub(crate) asking: Asking,
    pub(crate) routes: Arc<Routes>,
    pub(crate) since: Timestamp,
}

/// Serves the page for ever.
pub(crate) async fn serve(listener: TcpListener, page: Page) {
    let page = Arc::new(page);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, mostly: some will be free again.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let page = Arc::clone(&page);
        let answer = service_fn(move |request| {
            let page = Arc::clone(&page);
            async move { Ok::<_, Infallible>(page.answer(&request).await) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        // An error is a client that went away.
        tokio::spawn(connection);
    }
}

impl Page {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let asked = (request.method(), request.uri().path());
        let (status, text) = match asked {
            (&Method::GET | &Method::HEAD, "/metrics") => match self.asking.status().await {
                Some(apps) => (
                    StatusCode::OK,
                    self.routes.metrics().text(self.since, &apps),
                ),
                None => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
            },
            _ => (
                StatusCode::NOT_FOUND,
                "The figures are at /metrics\n".to_owned(),
            ),
        };
        let kind = match status {
            StatusCode::OK => OPEN_METRICS,
            _ => "text/plain",
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        let kind = hyper::header::HeaderValue::from_static(kind);
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}
