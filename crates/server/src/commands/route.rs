//! `POST /slugline/commands`: a command of our own client. What is refused is refused by an answer of HTTP; what
//! is not is carried out over the same connection. It must not know how words are understood.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequest as _, Request, State as Of};
use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;

use super::attend::{Frames, attend, speak};
use super::frame::{self, Kind as Says, NewCommand, PROTOCOL};
use super::place::{Place, Places};
use super::{Permitted, Understood, process, upload};
use crate::backend::Backend;
use crate::desk::{Admitted, Desk, State};
use crate::error::{ApiError, Kind};
use crate::stream::Closing;
use crate::wire::error::Errors;
use crate::{body, here};

/// Runs a command of Slugline's own command line, for its own client
///
/// The connection becomes one of frames: a letter, a length of four bytes and as many bytes, as
/// `docs/decisions/remote.md` says.
#[utoipa::path(post, path = "/slugline/commands", tag = "slugline", request_body = NewCommand,
    responses((status = 101, description = "The command may be run; frames follow"), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Of(state): Of<State>,
    Extension(places): Extension<Arc<Places>>,
    Extension(closing): Extension<Closing>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let upgrade = upgrade(&mut request)?;
    let url = url(request.headers(), request.uri())?;
    let body::Json(wanted) = body::Json::<NewCommand>::from_request(request, &()).await?;
    let backend = state.backend;
    let understood = understood(&backend, &wanted).await?;
    let place = places.take(&desk.token().id)?;
    let admitted = desk
        .attend(understood.name, understood.need, understood.app)
        .await?;
    let asked = Asked {
        backend,
        wanted,
        admitted,
        url,
        place,
    };
    tokio::spawn(async move {
        // Where it fails the client is gone.
        if let Ok(stream) = upgrade.await {
            let (from, to) = tokio::io::split(TokioIo::new(stream));
            let (mut frames, say) = (Frames::new(from), speak(to));
            match asked.begin(&mut frames).await {
                Ok((started, held)) => {
                    let watched = (closing, held.admitted.clone());
                    attend(frames, say, started, watched).await;
                    drop(held);
                }
                Err(why) => {
                    say.say(Says::Trouble, why.as_bytes()).await;
                    say.say(Says::Ended, &[1]).await;
                }
            }
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(frame::UPGRADE));
    Ok(response)
}

fn upgrade(request: &mut Request) -> Result<OnUpgrade, ApiError> {
    let meant = request.headers().get(UPGRADE);
    let meant = meant.is_some_and(|word| word.as_bytes() == frame::UPGRADE.as_bytes());
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    upgrade.filter(|_| meant).ok_or_else(|| {
        let text =
            "This is for Slugline's own client, with HTTP/1.1 and `Upgrade: slugline-command`.";
        ApiError::new(Kind::BadRequest, text)
    })
}

/// The API as the client has reached it.
fn url(headers: &HeaderMap, uri: &Uri) -> Result<String, ApiError> {
    let host = here::host(headers, uri);
    let host = host.ok_or_else(|| ApiError::new(Kind::BadRequest, "The request names no host."))?;
    Ok(format!("{}://{host}", here::scheme(headers)))
}

async fn understood(
    backend: &Arc<dyn Backend>,
    wanted: &NewCommand,
) -> Result<Understood, ApiError> {
    if wanted.protocol != PROTOCOL {
        let text = format!(
            "The client speaks protocol {}, and this server {PROTOCOL}: use the same version on both sides.",
            wanted.protocol
        );
        return Err(ApiError::new(Kind::BadRequest, text));
    }
    let invalid = |text: String| ApiError::new(Kind::InvalidParams, text);
    let (backend, asked) = (Arc::clone(backend), wanted.clone());
    let read = tokio::task::spawn_blocking(move || backend.understand(&asked));
    let lost = |_| ApiError::new(Kind::Internal, "The command could not be read.");
    let understood = read.await.map_err(lost)?.map_err(invalid)?;
    let sent = wanted.sent.iter().map(|one| &one.path);
    if !understood.paths.iter().eq(sent) {
        let text =
            "What is sent is not what the arguments name: use the same version on both sides.";
        return Err(invalid(text.to_owned()));
    }
    Ok(understood)
}

/// A command that may be run.
struct Asked {
    backend: Arc<dyn Backend>,
    wanted: NewCommand,
    admitted: Admitted,
    url: String,
    place: Place,
}

/// What is held as long as it runs.
struct Held {
    admitted: Admitted,
    _folder: TempDir,
    _place: Place,
}

impl Asked {
    /// Receives what is sent, and starts the process.
    async fn begin(
        self,
        frames: &mut Frames<impl tokio::io::AsyncRead + Unpin>,
    ) -> Result<(process::Started, Held), String> {
        let backend = Arc::clone(&self.backend);
        let made = tokio::task::spawn_blocking(move || backend.private_folder());
        let made = made.await.map_err(|error| error.to_string())?;
        let folder = made.map_err(|error| error.to_string())?;
        let sent = &self.wanted.sent;
        let paths = upload::receive(frames, sent, &self.backend, folder.path()).await?;
        let it = tokio::task::spawn_blocking(move || {
            let permitted = Permitted {
                wanted: &self.wanted,
                caller: &self.admitted.caller,
                app: self.admitted.app().cloned(),
                machine: self.admitted.machine,
                token: &self.admitted.token,
                only: self.admitted.only.clone(),
                url: self.url.clone(),
                paths,
                folder: folder.path(),
            };
            let program = self.backend.command(&permitted);
            let program = program.map_err(|error| error.to_string())?;
            Ok::<_, String>((self, folder, program))
        });
        let (this, folder, program) = it.await.map_err(|error| error.to_string())??;
        let started = process::start(program, &this.wanted);
        let started = started.map_err(|error| format!("The command cannot be started: {error}"))?;
        let held = Held {
            admitted: this.admitted,
            _folder: folder,
            _place: this.place,
        };
        Ok((started, held))
    }
}
