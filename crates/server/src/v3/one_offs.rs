//! `POST /apps/{app}/dynos`: commands that are run once. It must not know how one is started, nor how a
//! client comes to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Extension, Json};
use slugline_core::access::Permission;
use slugline_core::app::App;
use slugline_core::config::{ConfigKey, ConfigValue, InvalidConfig};
use slugline_core::query;
use tokio::time::Instant;

use crate::backend::{Attach, Begun, Changing, Process};
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::here;
use crate::rendezvous::{Rendezvous, Waiting, wait};
use crate::wire::error::Errors;
use crate::wire::process::{Dyno, NewDyno};

/// The longest that a command may be let live, in seconds: a day.
const LONGEST: u64 = 86_400;
/// The size of a terminal that nobody told of.
const SIZE: (u16, u16) = (80, 24);

/// Runs a command once, with the code and the config vars of the current release
///
/// With `attach`, `attach_url` is `rendezvous://HOST:PORT/SECRET`: whoever connects there by TLS and sends the
/// secret and a line end is answered `rendezvous`, and reads and writes for the command from then on. It is
/// ended where nobody comes for five minutes, and when they leave.
#[utoipa::path(post, path = "/apps/{app}/dynos", tag = "dynos",
    params(("app" = String, Path, description = "Its name or id")), request_body = NewDyno,
    responses((status = 201, body = Dyno), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Path(app): Path<String>,
    Extension(rendezvous): Extension<Arc<Rendezvous>>,
    (uri, headers): (Uri, HeaderMap),
    body::Json(new): body::Json<NewDyno>,
) -> Result<(StatusCode, Json<Dyno>), ApiError> {
    let place = place(&headers, &uri)?;
    let (dyno, waiting) = started(desk, app, new).await?;
    let dyno = match waiting {
        Some(waiting) => {
            let secret = wait(&rendezvous, waiting);
            dyno.attached(format!("rendezvous://{place}/{secret}"))
        }
        None => dyno,
    };
    Ok((StatusCode::CREATED, Json(dyno)))
}

/// The host and the port that clients come to.
pub(crate) fn place(headers: &HeaderMap, uri: &Uri) -> Result<String, ApiError> {
    let host = here::host(headers, uri);
    let host = host.ok_or_else(|| ApiError::new(Kind::BadRequest, "The request names no host."))?;
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']'));
    Ok(match (has_port, here::scheme(headers)) {
        (true, _) => host,
        (false, "https") => format!("{host}:443"),
        (false, _) => format!("{host}:80"),
    })
}

/// Starts what is asked for. Answers it, with what is to be met.
pub(crate) async fn started(
    desk: Desk,
    app: String,
    new: NewDyno,
) -> Result<(Dyno, Option<Waiting>), ApiError> {
    let invalid = |text: &str| ApiError::new(Kind::InvalidParams, text);
    if new.command.trim().is_empty() || new.command.contains('\0') {
        return Err(invalid("There is no command."));
    }
    let attached = new.attach == Some(true);
    let limit = match new.time_to_live {
        None => None,
        Some(_) if !attached => return Err(invalid("time_to_live is only for what is attached.")),
        Some(seconds @ 1..=LONGEST) => Some(Duration::from_secs(seconds)),
        Some(_) => return Err(invalid("time_to_live is 1 to 86400 seconds.")),
    };
    let attach = attach(&new);
    let until = limit.map(|limit| Instant::now() + limit);
    let env = env(&new).map_err(|error| invalid(&error.to_string()))?;
    let standing = desk.standing_in(Permission::Deploy);
    let (dyno, app, held) = desk
        .change((app, Permission::Deploy), move |changing, app, _| {
            let launch = query::launch_once(changing.ledger(), &app.name, None, env)?;
            let Begun { name, held } = changing.run_once(&launch, &new.command, attach)?;
            let process = listed(changing, app, name, (&new.command, launch.version))?;
            Ok((Dyno::new(app, &process), app.clone(), held))
        })
        .await?;
    let waiting = held.map(|held| Waiting {
        held,
        terminal: attach != Attach::Pipes,
        standing: standing(app),
        until,
    });
    Ok((dyno, waiting))
}

fn attach(new: &NewDyno) -> Attach {
    let number = |name: &str, other: u16| {
        let value = new.env.as_ref().and_then(|env| env.get(name));
        let number = value.and_then(|value| value.to_string().parse().ok());
        number
            .filter(|number| (1..=4096).contains(number))
            .unwrap_or(other)
    };
    match (new.attach, new.force_no_tty) {
        (Some(true), Some(true)) => Attach::Pipes,
        (Some(true), _) => Attach::Terminal(number("COLUMNS", SIZE.0), number("LINES", SIZE.1)),
        _ => Attach::Log,
    }
}

type Env = (BTreeMap<ConfigKey, ConfigValue>, Option<String>);

/// The variables that are for it alone, and the kind of its terminal.
fn env(new: &NewDyno) -> Result<Env, InvalidConfig> {
    let (mut env, mut term) = (BTreeMap::new(), None);
    for (name, value) in new.env.iter().flatten() {
        match name.as_str() {
            "TERM" => term = Some(value.to_string()),
            name => {
                let key = ConfigKey::new(name)?;
                let value = ConfigValue::new(&key, value.to_string())?;
                env.insert(key, value);
            }
        }
    }
    Ok((env, term))
}

/// The process of this name; as it was begun, where it has ended already.
fn listed(
    changing: &dyn Changing,
    app: &App,
    name: String,
    (command, version): (&str, slugline_core::release::Version),
) -> Result<Process, ApiError> {
    let all = changing.processes(&app.name)?;
    let found = all.into_iter().find(|process| process.name == name);
    Ok(found.unwrap_or_else(|| Process {
        name,
        server: false,
        state: "starting",
        since: changing.clock().now(),
        command: command.to_owned(),
        version,
    }))
}
