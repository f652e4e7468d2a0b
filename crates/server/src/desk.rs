//! Where a request is received: whose token it carries, which app it is about, whether it may; and the way
//! to the engine, on a thread that may wait. It must not know what any route does.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use slugline_core::access::{Permission, Role, Token, TokenId};
use slugline_core::app::{App, AppName};
use slugline_core::corridor::Request;
use slugline_core::port::SecretDigest;
use slugline_core::release::Version;
use uuid::Uuid;

use crate::asking::Threads;
use crate::backend::{Asking, Backend, Caller, Changing, End, Reading};
use crate::commands::Need;
use crate::error::{ApiError, Kind};
use crate::ids;
use crate::request_id::RequestId;
use crate::secret::{TOKEN, digest};
use crate::turns::{Turn, Turns};

/// When a token was used is noted so often at most, in seconds.
const NOTED: u64 = 3600;

/// What every handler is given.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) asking: Arc<Threads>,
}

impl State {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            turns: Arc::default(),
            asking: Arc::default(),
        }
    }
}

/// The release that was current when something was read, for whoever compares.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(pub(crate) Arc<OnceLock<Version>>);

/// The release that must be current still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MustBe(pub(crate) Version);

/// A request of somebody who is known.
pub(crate) struct Desk {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) secret: SecretDigest,
    turns: Arc<Turns>,
    asking: Arc<Threads>,
    token: Token,
    command: String,
    place: String,
    seen: Option<Seen>,
    must_be: Option<MustBe>,
}

impl FromRequestParts<State> for Desk {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        let secret = secret(parts).ok_or_else(unauthorized)?;
        let backend = Arc::clone(&state.backend);
        let found = read(&backend, move |reading| known(reading, &secret)).await?;
        let token = found.ok_or_else(unauthorized)?;
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let address = address.map_or("somewhere".to_owned(), |it| it.0.ip().to_string());
        let id = parts.extensions.get::<RequestId>();
        let id = id.map_or_else(Uuid::nil, |id| id.0);
        Ok(Self {
            backend,
            secret,
            turns: Arc::clone(&state.turns),
            asking: Arc::clone(&state.asking),
            command: format!("{} {}", parts.method, safe(parts.uri.path())),
            place: format!("api {address} token {} request {id}", short(&token)),
            token,
            seen: parts.extensions.get().cloned(),
            must_be: parts.extensions.get().copied(),
        })
    }
}

/// The path without the address of a log drain, which may hold a password, and without tokens, which some
/// take for their ids.
fn safe(path: &str) -> String {
    let path = match path.split_once("/log-drains/") {
        Some((before, drain))
            if !drain
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') =>
        {
            format!("{before}/log-drains/…")
        }
        _ => path.to_owned(),
    };
    let part = |part: &str| match part.starts_with(TOKEN) {
        true => format!("{TOKEN}…"),
        false => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn short(token: &Token) -> &str {
    token.id.as_str().get(..8).unwrap_or_default()
}

pub(crate) fn unauthorized() -> ApiError {
    ApiError::new(Kind::Unauthorized, "Invalid credentials provided.")
}

/// The digest of the secret that a request carries: as a bearer's, or as the password of anybody.
pub(crate) fn secret(parts: &Parts) -> Option<SecretDigest> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = header.split_once(' ')?;
    let secret = if scheme.eq_ignore_ascii_case("bearer") {
        rest.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(rest.trim())
            .ok()?;
        let text = String::from_utf8(decoded).ok()?;
        text.split_once(':')?.1.to_owned()
    } else {
        return None;
    };
    Some(digest(&secret))
}

/// The token of this secret, if it is good for something.
pub(crate) fn known(
    reading: &dyn Reading,
    secret: &SecretDigest,
) -> Result<Option<Token>, ApiError> {
    let (access, now) = (reading.access(), reading.clock().now());
    let token = access.token_of(secret)?.filter(|token| !token.expired(now));
    if let Some(token) = &token
        && token
            .used_at
            .is_none_or(|at| now.seconds_since(at) >= NOTED)
    {
        // A disk that is full does not keep anybody from reading.
        let _ = access.token_used(&token.id, now);
    }
    Ok(token)
}

/// Runs what reads on a thread that may wait.
pub(crate) async fn read<T: Send + 'static>(
    backend: &Arc<dyn Backend>,
    work: impl FnOnce(&dyn Reading) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let backend = Arc::clone(backend);
    waiting(move || {
        let (mut work, mut answer) = (Some(work), None);
        backend.read(&mut |opened| {
            answer = work.take().map(|work| work(opened?));
        });
        answer.unwrap_or_else(|| Err(lost()))
    })
    .await
}

async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(lost()))
}

pub(crate) fn lost() -> ApiError {
    ApiError::new(Kind::Internal, "The request could not be carried out.")
}

impl Desk {
    /// Who asks.
    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// Reads what is about no one app.
    pub(crate) async fn read<T: Send + 'static>(
        self,
        work: impl FnOnce(&dyn Reading, &Token) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let token = self.token;
        read(&self.backend, move |reading| work(reading, &token)).await
    }

    /// Reads what a route needs to know before it can say which app it is about.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Reading, &Token) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let token = self.token.clone();
        read(&self.backend, move |reading| work(reading, &token)).await
    }

    /// Reads what plugins offer, which anybody may see.
    pub(crate) async fn of_plugins<T: Send + 'static>(
        self,
        work: impl FnOnce(&dyn Asking) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.asking.of_any(self.backend, work).await
    }

    /// Reads what is about one app, named by its name or its id, where that is permitted.
    pub(crate) async fn of_app<T: Send + 'static>(
        self,
        (app, permission): (String, Permission),
        work: impl FnOnce(&dyn Reading, &App) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (token, seen) = (self.token, self.seen);
        read(&self.backend, move |reading| {
            let app = admitted(reading, &token, &app, permission)?;
            note(reading, &app, seen.as_ref())?;
            work(reading, &app)
        })
        .await
    }

    /// Reads what plugins have a say in, of one app.
    pub(crate) async fn asking_plugins<T: Send + 'static>(
        self,
        (app, permission): (String, Permission),
        work: impl FnOnce(&dyn Asking, &App) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (token, seen) = (self.token, self.seen);
        let named = app.clone();
        let read = move |asking: &dyn Asking| {
            let reading = asking.reading();
            let app = admitted(reading, &token, &app, permission)?;
            note(reading, &app, seen.as_ref())?;
            work(asking, &app)
        };
        self.asking.of_app(self.backend, &named, read).await
    }

    /// Changes one app. What the settle left in the outbox is delivered after the answer.
    pub(crate) async fn change<T: Send + 'static>(
        self,
        about: (String, Permission),
        work: impl FnOnce(&dyn Changing, &App, &Request<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let work = |changing: &dyn Changing, app: &App, request: &Request<'_>, _: Tell<'_, T>| {
            work(changing, app, request)
        };
        self.change_telling(about, work).await
    }

    /// The same, where the answer may be told before the change is over; it goes on then.
    pub(crate) async fn change_telling<T: Send + 'static>(
        self,
        (app, permission): (String, Permission),
        work: impl FnOnce(&dyn Changing, &App, &Request<'_>, Tell<'_, T>) -> Result<T, ApiError>
        + Send
        + 'static,
    ) -> Result<T, ApiError> {
        let caller = self.caller();
        let (backend, token, must_be) = (self.backend, self.token, self.must_be);
        let turn = self.turns.of_app(&app).await;
        with_engine_telling((backend, turn), caller.clone(), move |changing, tell| {
            let found = admitted(changing.reading(), &token, &app, permission);
            let app = found.inspect_err(|error| ended(changing, None, error))?;
            let if_current = must_be.map(|must| must.0);
            let request = Request {
                app: &app.name,
                actor: &caller.actor,
                confirmed: false,
                if_current,
                wait: true,
            };
            let done = work(changing, &app, &request, tell).map_err(|error| {
                let is = changing.ledger().outline(&app.name);
                let is = is.ok().and_then(|outline| outline.version());
                match if_current {
                    Some(must) if is.unwrap_or_default() != must => crate::conditional::changed(),
                    _ => error,
                }
            });
            match &done {
                Ok(_) => changing.ended(Some(&app.name), End::Done, None),
                Err(error) => ended(changing, Some(&app.name), error),
            }
            done
        })
        .await
    }

    /// Changes what is about no one app, or makes one of this name, where the token may.
    pub(crate) async fn beyond_apps<T: Send + 'static>(
        self,
        (app, permission): (Option<AppName>, Permission),
        work: impl FnOnce(&dyn Changing, &Token) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.noted(app, move |changing, token| {
            match token.permits_beyond_apps(permission) {
                true => work(changing, token),
                false => Err(narrow(token)),
            }
        })
        .await
    }

    /// Changes what is the person's own, and so is permitted to any token that finds it.
    pub(crate) async fn own<T: Send + 'static>(
        self,
        work: impl FnOnce(&dyn Changing, &Token) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.noted(None, work).await
    }

    async fn noted<T: Send + 'static>(
        self,
        app: Option<AppName>,
        work: impl FnOnce(&dyn Changing, &Token) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let caller = self.caller();
        let (backend, token) = (self.backend, self.token);
        let turn = self.turns.any().await;
        with_engine((backend, turn), caller, move |changing| {
            let done = work(changing, &token);
            match &done {
                Ok(_) => changing.ended(app.as_ref(), End::Done, None),
                Err(error) => ended(changing, app.as_ref(), error),
            }
            done
        })
        .await
    }

    /// The app, named by its name or its id, where this is permitted: for what is done elsewhere than in the
    /// engine. That it is refused is on record, but where somebody only looks.
    pub(crate) async fn pass(
        self,
        (app, permission): (String, Permission),
    ) -> Result<(App, Caller), ApiError> {
        let caller = self.caller();
        let (backend, token) = (self.backend, self.token);
        let admitted = read(&backend, move |reading| {
            admitted(reading, &token, &app, permission)
        });
        let refused = match admitted.await {
            Ok(app) => return Ok((app, caller)),
            Err(error) if permission == Permission::Read => return Err(error),
            Err(error) => error,
        };
        let turn = self.turns.any().await;
        with_engine((backend, turn), caller, move |changing| {
            ended(changing, None, &refused);
            Err(refused)
        })
        .await
    }

    /// Waits for a turn to change an app.
    pub(crate) async fn turn(&self, app: &str) -> Turn {
        self.turns.of_app(app).await
    }

    /// Lets a command of our own client in, where it may; `app` is the one that is meant. That it is refused is
    /// on record, but where somebody only looks.
    pub(crate) async fn attend(
        mut self,
        command: &str,
        need: Need,
        app: Option<String>,
    ) -> Result<Admitted, ApiError> {
        command.clone_into(&mut self.command);
        let caller = self.caller();
        let (backend, token, secret) = (self.backend, self.token, self.secret);
        let turns = self.turns;
        let (machine, only) = (token.is_for_machine(), token.app.clone());
        let id = token.id.clone();
        let asked = (need, app.clone());
        let admitted = read(&backend, move |reading| {
            standing(reading, &token, asked.0, asked.1.as_deref())
        });
        let refused = match admitted.await {
            Ok(app) => {
                return Ok(Admitted {
                    backend,
                    secret,
                    caller,
                    need,
                    app,
                    machine,
                    token: id,
                    only,
                });
            }
            Err(error) => error,
        };
        if matches!(need, Need::Token | Need::Of(Permission::Read)) {
            return Err(refused);
        }
        let turn = turns.any().await;
        with_engine((backend, turn), caller, move |changing| {
            ended(changing, None, &refused);
            Err(refused)
        })
        .await
    }

    /// Who asks, as the audit tells of them.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            actor: self.token.user.clone(),
            command: self.command.clone(),
            place: self.place.clone(),
        }
    }
}

/// Whoever was let in to a command, and may go on for as long as that is so.
#[derive(Clone)]
pub(crate) struct Admitted {
    backend: Arc<dyn Backend>,
    secret: SecretDigest,
    need: Need,
    app: Option<App>,
    /// Who, with which command and from where.
    pub(crate) caller: Caller,
    /// Whether it is the machine's.
    pub(crate) machine: bool,
    /// The token that they act with.
    pub(crate) token: TokenId,
    /// The one app that the token is for.
    pub(crate) only: Option<AppName>,
}

impl Admitted {
    /// The app that the command is about.
    pub(crate) fn app(&self) -> Option<&AppName> {
        self.app.as_ref().map(|app| &app.name)
    }

    /// Asks once more whether it may be.
    pub(crate) async fn still(&self) -> Result<(), ApiError> {
        let it = self.clone();
        read(&self.backend, move |reading| {
            let token = known(reading, &it.secret)?.ok_or_else(unauthorized)?;
            let named = it.app().map(AppName::as_str);
            let app = standing(reading, &token, it.need, named)?;
            // Another app of that name is another one.
            match app.map(|app| app.created_at) == it.app.map(|app| app.created_at) {
                true => Ok(()),
                false => Err(ApiError::no_such("app")),
            }
        })
        .await
    }
}

/// Whether a token and its person may do this. Answers the app, where it is about one.
fn standing(
    reading: &dyn Reading,
    token: &Token,
    need: Need,
    app: Option<&str>,
) -> Result<Option<App>, ApiError> {
    let may = match need {
        Need::Token => true,
        Need::Beyond(permission) => token.permits_beyond_apps(permission),
        Need::Machine => token.is_for_machine(),
        Need::Of(permission) => {
            let no_app = || ApiError::new(Kind::InvalidParams, NO_APP);
            let named = app.ok_or_else(no_app)?;
            let found = admitted(reading, token, named, permission);
            return found
                .map(Some)
                .map_err(|error| match error.kind() == Kind::NotFound {
                    true => no_app_of(reading, token, named),
                    false => error,
                });
        }
    };
    match (may, need) {
        (true, _) => Ok(None),
        (false, Need::Machine) => {
            let text = format!("{}\n{MACHINE}", narrow(token).message());
            Err(ApiError::new(Kind::Forbidden, text))
        }
        (false, _) => Err(narrow(token)),
    }
}

const MACHINE: &str = "What is about the machine and all its apps needs one for that, which is made at the machine: \
                       slugline tokens:create --scope machine";

const NO_APP: &str =
    "No app specified.\nRun this command from an app folder, or say which app: --app NAME";

/// The error of an app that is not there, or not for this token, with the nearest that is.
fn no_app_of(reading: &dyn Reading, token: &Token, named: &str) -> ApiError {
    let known = crate::v3::visible(reading, token).unwrap_or_default();
    let names: Vec<_> = known.iter().map(|known| known.app.name.as_str()).collect();
    ApiError::new(
        Kind::NotFound,
        slugline_core::suggest::no_app(named, &names),
    )
}

/// Has it on record that a request was not carried out, and why.
fn ended(changing: &dyn Changing, app: Option<&AppName>, error: &ApiError) {
    let end = match error.is_refusal() {
        true => End::Refused,
        false => End::Failed,
    };
    changing.ended(app, end, Some(error.message()));
}

/// Tells an answer; only the first one is heard.
pub(crate) type Tell<'a, T> = &'a mut dyn FnMut(T);

pub(crate) async fn with_engine<T: Send + 'static>(
    way: (Arc<dyn Backend>, Turn),
    caller: Caller,
    work: impl FnOnce(&dyn Changing) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    with_engine_telling(way, caller, |changing, _| work(changing)).await
}

async fn with_engine_telling<T: Send + 'static>(
    (backend, turn): (Arc<dyn Backend>, Turn),
    caller: Caller,
    work: impl FnOnce(&dyn Changing, Tell<'_, T>) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    tokio::task::spawn_blocking(move || {
        // Until what comes after the answer is done as well.
        let _turn = turn;
        let (mut work, mut answer) = (Some(work), Some(answer));
        backend.change(&caller, &mut |opened| {
            let mut send = |done: Result<T, ApiError>| {
                // Whoever asked may be gone: what was done is done all the same.
                answer.take().map(|answer| answer.send(done));
            };
            if let Some(work) = work.take() {
                let done = match opened {
                    Ok(changing) => work(changing, &mut |told| send(Ok(told))),
                    Err(why) => Err(why.into()),
                };
                send(done);
            }
        });
    });
    answered.await.unwrap_or_else(|_| Err(lost()))
}

/// Notes which release is current while an app is read, for whoever compares.
fn note(reading: &dyn Reading, app: &App, seen: Option<&Seen>) -> Result<(), ApiError> {
    if let Some(seen) = seen {
        let version = reading.ledger().outline(&app.name)?.version();
        let _ = seen.0.set(version.unwrap_or_default());
    }
    Ok(())
}

/// The app of this name or id, if the token and its person may do this with it.
pub(crate) fn admitted(
    reading: &dyn Reading,
    token: &Token,
    reference: &str,
    permission: Permission,
) -> Result<App, ApiError> {
    let app = find(reading, reference)?.ok_or_else(|| ApiError::no_such("app"))?;
    let role = reading.access().role(&app.name, &token.user)?;
    let meant = token.app.as_ref().is_none_or(|only| *only == app.name);
    // A token for the machine is for all its apps.
    let role = match token.is_for_machine() {
        true => Some(Role::Admin),
        false => role,
    };
    // Who has nothing to do with an app is not told that it is there.
    let Some(role) = role.filter(|_| meant) else {
        return Err(ApiError::no_such("app"));
    };
    if !role.permits(permission) {
        let (user, deed) = (&token.user, permission.deed());
        let text = format!(
            "{user} may not {deed} {}: their role in it is {role}.",
            app.name
        );
        return Err(ApiError::new(Kind::Forbidden, text).of(&app.name));
    }
    match token.permits(permission, &app.name) {
        true => Ok(app),
        false => Err(narrow(token).of(&app.name)),
    }
}

pub(crate) fn narrow(token: &Token) -> ApiError {
    let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.word()).collect();
    let only = token.app.as_ref().map(|app| format!(" of {app}"));
    let text = format!(
        "This token may not be used for that: it is for {}{}.",
        scopes.join(", "),
        only.unwrap_or_default()
    );
    ApiError::new(Kind::Forbidden, text)
}

fn find(reading: &dyn Reading, reference: &str) -> Result<Option<App>, ApiError> {
    if let Ok(id) = reference.parse::<Uuid>() {
        let apps = reading.ledger().apps()?;
        return Ok(apps.into_iter().find(|app| ids::app(app) == id));
    }
    let Ok(name) = AppName::new(reference) else {
        return Ok(None);
    };
    match reading.ledger().outline(&name) {
        Ok(outline) => Ok(Some(outline.app)),
        Err(slugline_core::port::LedgerError::NoApp(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
