//! Whether a process answers: a GET of the path that the app has declared for it, on a connection of
//! its own. It must not know what follows from the answer.

use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use slugline_core::app::AppName;
use slugline_core::settings::{HealthPath, Settings};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::ports::{address, answers};
use crate::process::Ending;

/// How long one answer is waited for.
const ONE_TRY: Duration = Duration::from_secs(5);

/// The pause after the first try; it doubles from there, to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(2);

/// When a process counts as up, and how long that may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boot {
    /// From its start on.
    pub(crate) limit: Duration,
    /// What has to answer once its port is open.
    pub(crate) check: Option<Check>,
}

/// A path that answers 2xx or 3xx where a process is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    host: String,
    path: HealthPath,
}

/// Why a process is not healthy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Sick {
    #[error("GET {0} answered {1}")]
    Answered(HealthPath, u16),
    #[error("GET {0} was not answered")]
    Silent(HealthPath),
}

impl Boot {
    /// Waits until a process is up; one without a port is at once.
    ///
    /// # Errors
    /// What it had not done when the time was over.
    pub(crate) async fn wait(&self, port: Option<u16>) -> Result<(), Ending> {
        let Some(port) = port else { return Ok(()) };
        let (limit, began) = (self.limit, Instant::now());
        if !answers(port, limit).await {
            return Err(Ending::Deaf { port, limit });
        }
        let Some(check) = &self.check else {
            return Ok(());
        };
        let healthy = check.wait(port, began + limit).await;
        healthy.map_err(|sick| Ending::Sick { sick, limit })
    }
}

impl Check {
    /// What is declared for the web processes of an app.
    pub(crate) fn of(app: &AppName, settings: &Settings) -> Option<Self> {
        let path = settings.health.clone()?;
        Some(Self {
            host: format!("{app}.localhost"),
            path,
        })
    }

    /// Asks again and again, until a process is healthy or it is too late.
    async fn wait(&self, port: u16, deadline: Instant) -> Result<(), Sick> {
        let mut pause = FIRST;
        loop {
            let Err(sick) = self.ask(port).await else {
                return Ok(());
            };
            if Instant::now() + pause >= deadline {
                return Err(sick);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Asks once.
    pub(crate) async fn ask(&self, port: u16) -> Result<(), Sick> {
        match timeout(ONE_TRY, self.get(port)).await {
            Ok(Some(status)) if status.is_success() || status.is_redirection() => Ok(()),
            Ok(Some(status)) => Err(Sick::Answered(self.path.clone(), status.as_u16())),
            Ok(None) | Err(_) => Err(Sick::Silent(self.path.clone())),
        }
    }

    /// The status of the answer; `None` where there is none that can be understood.
    async fn get(&self, port: u16) -> Option<StatusCode> {
        let stream = TcpStream::connect(address(port)).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let request = Request::get(self.path.as_str())
            .header(HOST, &self.host)
            .header(USER_AGENT, "slugline")
            .body(Empty::<Bytes>::new());
        let request = request.ok()?;
        let mut answer = std::pin::pin!(sender.send_request(request));
        let answer = tokio::select! {
            answer = &mut answer => answer,
            // The answer may have been the last that came of it.
            _ = connection => answer.await,
        };
        answer.ok().map(|answer| answer.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers one request with each of these, or closes the connection where it is empty; answers
    /// what was asked.
    async fn serve(answers: &'static [&'static str]) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind(address(0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let mut asked = String::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = [0; 1024];
                let count = stream.read(&mut bytes).await.unwrap();
                asked = String::from_utf8_lossy(&bytes[..count]).to_lowercase();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        });
        (port, served)
    }

    fn check() -> Check {
        let mut settings = Settings::default();
        let app = AppName::new("myapp").unwrap();
        assert_eq!(Check::of(&app, &settings), None);
        settings.health = HealthPath::new("/up").ok();
        Check::of(&app, &settings).unwrap()
    }

    #[tokio::test]
    async fn only_2xx_and_3xx_are_healthy() {
        let answer = |text: &'static str| async move {
            let (port, served) = serve(Box::leak(Box::new([text]))).await;
            let answer = check().ask(port).await;
            served.abort();
            answer.map_err(|sick| sick.to_string())
        };
        let sick = |text: &str| Err(text.to_owned());
        assert_eq!(answer("HTTP/1.1 204 No Content\r\n\r\n").await, Ok(()));
        assert_eq!(answer("HTTP/1.1 302 Found\r\n\r\n").await, Ok(()));
        assert_eq!(
            answer("HTTP/1.1 500 Oh\r\n\r\n").await,
            sick("GET /up answered 500")
        );
        assert_eq!(
            answer("HTTP/1.1 404 No\r\n\r\n").await,
            sick("GET /up answered 404")
        );
        assert_eq!(answer("").await, sick("GET /up was not answered"));
        assert_eq!(
            answer("nonsense\r\n").await,
            sick("GET /up was not answered")
        );
    }

    #[tokio::test]
    async fn it_is_asked_until_it_is_healthy() {
        let answers = &["HTTP/1.1 503 Soon\r\n\r\n", "", "HTTP/1.1 200 OK\r\n\r\n"];
        let (port, served) = serve(answers).await;
        let deadline = Instant::now() + Duration::from_secs(30);
        assert_eq!(check().wait(port, deadline).await, Ok(()));
        let asked = served.await.unwrap();
        assert!(
            asked.starts_with("get /up http/1.1\r\nhost: myapp.localhost\r\n"),
            "{asked}"
        );
    }
}
