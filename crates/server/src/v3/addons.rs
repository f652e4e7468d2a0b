//! `/addons` and `/apps/{app}/addons`: the add-ons that apps have, added, moved to another plan, removed.
//! It must not know what a provider does for them.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use slugline_core::access::Permission;
use slugline_core::addon::{Addon as Held, Catalogue, ServiceName};
use slugline_core::app::App;
use slugline_core::corridor::{Failure, Request, Silent};
use slugline_core::operation::addons::{Add, ChangePlan, Remove, Way};

use crate::backend::{Changing, Reading};
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::had::{self, Had, attached_as};
use crate::range::{Part, Range};
use crate::wire::addon::{Addon, AddonChange, AddonEnd, AddonSought, AddonVar, NewAddon, plan_id};
use crate::wire::error::Errors;

const FIELDS: &[&str] = &["name", "id"];
const WHAT: &str = "add-on";

/// The add-ons of all apps that the token's person may see
#[utoipa::path(get, path = "/addons", tag = "addons",
    params(("Range" = Option<String>, Header, example = "name ..; max=200")),
    responses((status = 200, body = Vec<Addon>),
        (status = 206, body = Vec<Addon>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list_all(desk: Desk, range: Range) -> Result<Part<Addon>, ApiError> {
    desk.read(move |reading, token| part(&range, &had::visible(reading, token)?))
        .await
}

/// The add-ons of an app
#[utoipa::path(get, path = "/apps/{app}/addons", tag = "addons",
    params(("app" = String, Path, description = "Its name or id"),
        ("Range" = Option<String>, Header, example = "name ..; max=200")),
    responses((status = 200, body = Vec<Addon>),
        (status = 206, body = Vec<Addon>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list(
    desk: Desk,
    Path(app): Path<String>,
    range: Range,
) -> Result<Part<Addon>, ApiError> {
    desk.of_app((app, Permission::Read), move |reading, app| {
        part(&range, &had::of_app(reading, app)?)
    })
    .await
}

fn part(range: &Range, all: &[Had]) -> Result<Part<Addon>, ApiError> {
    range.of(FIELDS, all.iter().map(Addon::new).collect(), Addon::key)
}

/// One add-on
#[utoipa::path(get, path = "/addons/{addon}", tag = "addons",
    params(("addon" = String, Path, description = "Its id or name; its service, plan or attachment where only one goes by that")),
    responses((status = 200, body = Addon), Errors))]
pub(crate) async fn info_of_any(
    desk: Desk,
    Path(addon): Path<String>,
) -> Result<Json<Addon>, ApiError> {
    let read = desk.read(move |reading, token| {
        let had = had::one(had::visible(reading, token)?, &addon, WHAT)?;
        Ok(Addon::new(&had))
    });
    Ok(Json(read.await?))
}

/// One add-on of an app
#[utoipa::path(get, path = "/apps/{app}/addons/{addon}", tag = "addons",
    params(("app" = String, Path, description = "Its name or id"),
        ("addon" = String, Path, description = "Its id, name, service, plan or attachment")),
    responses((status = 200, body = Addon), Errors))]
pub(crate) async fn info(
    desk: Desk,
    Path((app, addon)): Path<(String, String)>,
) -> Result<Json<Addon>, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        Ok(Addon::new(&find(reading, app, &addon)?))
    });
    Ok(Json(read.await?))
}

/// Which add-ons these words mean
#[utoipa::path(post, path = "/actions/addons/resolve", tag = "addons", request_body = AddonSought,
    responses((status = 200, body = Vec<Addon>, description = "One at least"), Errors))]
pub(crate) async fn resolve(
    desk: Desk,
    body::Json(sought): body::Json<AddonSought>,
) -> Result<Json<Vec<Addon>>, ApiError> {
    let read = desk.read(move |reading, token| {
        let mut all = had::visible(reading, token)?;
        had::narrow(
            &mut all,
            sought.app.as_deref(),
            sought.addon_service.as_deref(),
        );
        let found = had::meant(all, &sought.addon, WHAT)?;
        Ok(found.iter().map(Addon::new).collect())
    });
    Ok(Json(read.await?))
}

/// The config vars that an add-on lends, with their values
#[utoipa::path(get, path = "/addons/{addon}/config", tag = "addons",
    params(("addon" = String, Path, description = "Its id or name")),
    responses((status = 200, body = Vec<AddonVar>), Errors))]
pub(crate) async fn config(
    desk: Desk,
    Path(addon): Path<String>,
) -> Result<Json<Vec<AddonVar>>, ApiError> {
    let app = app_of(&desk, &addon).await?;
    let read = desk.of_app((app, Permission::Config), move |reading, app| {
        let had = find(reading, app, &addon)?;
        let config = had.resource.iter().flat_map(|resource| &resource.config);
        Ok(config.map(AddonVar::from).collect())
    });
    Ok(Json(read.await?))
}

/// Adds an add-on: a release, unless it is the app's first tier
#[utoipa::path(post, path = "/apps/{app}/addons", tag = "addons",
    params(("app" = String, Path, description = "Its name or id")), request_body = NewAddon,
    responses((status = 201, body = Addon), Errors))]
pub(crate) async fn create(
    desk: Desk,
    Path(app): Path<String>,
    body::Json(new): body::Json<NewAddon>,
) -> Result<(StatusCode, Json<Addon>), ApiError> {
    let made = desk.change((app, Permission::Admin), move |changing, app, request| {
        let confirmed = is_confirmed(app, new.confirm.as_deref())?;
        let request = Request {
            confirmed,
            ..request.clone()
        };
        let engine = changing.engine();
        let plan = plan_named(engine.providers.catalogue(), new.plan.words());
        refuse_names(&new, &plan)?;
        let options = new.config.iter();
        let options = options.map(|(name, value)| (name.clone(), value.to_string()));
        let operation = Add {
            options: options.collect(),
            id: engine.ids.resource(),
            plan,
        };
        let failed = |failure| unconfirmed(app, failure, CONFIRM);
        if engine
            .is_first_tier(&app.name, &operation.plan)
            .map_err(failed)?
        {
            let tier = engine.install_first_tier(&request, &operation, &mut Silent);
            return described(changing, app, &tier.map_err(failed)?, &[]);
        }
        let done = engine
            .change(&request, &operation, &mut Silent)
            .map_err(failed)?;
        let before = &done.plan.before.addons;
        let added = done
            .plan
            .addons
            .iter()
            .find(|(name, _)| !before.contains_key(*name));
        let (_, added) = added.ok_or_else(|| ApiError::no_such(WHAT))?;
        described(changing, app, added, &done.messages)
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

/// Moves an add-on to another plan: a release. What the plan costs says whether that is an upgrade
#[utoipa::path(patch, path = "/apps/{app}/addons/{addon}", tag = "addons",
    params(("app" = String, Path, description = "Its name or id"),
        ("addon" = String, Path, description = "Its id, name, service, plan or attachment")),
    request_body = AddonChange, responses((status = 200, body = Addon), Errors))]
pub(crate) async fn change(
    desk: Desk,
    Path((app, addon)): Path<(String, String)>,
    body::Json(wanted): body::Json<AddonChange>,
) -> Result<Json<Addon>, ApiError> {
    let changed = desk.change((app, Permission::Admin), move |changing, app, request| {
        let had = find(changing.reading(), app, &addon)?;
        let confirmed = is_confirmed(app, wanted.confirm.as_deref())?;
        let request = Request {
            confirmed,
            ..request.clone()
        };
        if wanted.name.as_ref().is_some_and(|name| *name != had.name()) {
            return Err(named_here());
        }
        let Some(plan) = &wanted.plan else {
            changing.changed_nothing();
            return Ok(Addon::new(&had));
        };
        let engine = changing.engine();
        let plan = plan_named(engine.providers.catalogue(), plan.words());
        let of_service = plan.split(':').next() == Some(had.service().as_str());
        if !of_service {
            let text = format!("{plan} is not a plan of {}.", had.service());
            return Err(ApiError::new(Kind::InvalidParams, text));
        }
        let way = Way::Either;
        let done = engine
            .change(&request, &ChangePlan { plan, way }, &mut Silent)
            .map_err(|failure| unconfirmed(app, failure, CONFIRM))?;
        let is = done.plan.addons.get(had.service());
        let is = is.ok_or_else(|| ApiError::no_such(WHAT))?;
        described(changing, app, is, &done.messages)
    });
    Ok(Json(changed.await?))
}

/// Moves an add-on to another plan, wherever it is
#[utoipa::path(patch, path = "/addons/{addon}", tag = "addons",
    params(("addon" = String, Path, description = "Its id or name")),
    request_body = AddonChange, responses((status = 200, body = Addon), Errors))]
pub(crate) async fn change_any(
    desk: Desk,
    Path(addon): Path<String>,
    wanted: body::Json<AddonChange>,
) -> Result<Json<Addon>, ApiError> {
    let app = app_of(&desk, &addon).await?;
    change(desk, Path((app, addon)), wanted).await
}

/// Removes an add-on, and destroys what its provider keeps for it: a release
///
/// It has to be confirmed: by `confirm` with the app's name, in the body or the query, or by `force`, which
/// Heroku's CLI sends once it has asked.
#[utoipa::path(delete, path = "/apps/{app}/addons/{addon}", tag = "addons",
    params(("app" = String, Path, description = "Its name or id"),
        ("addon" = String, Path, description = "Its id, name, service, plan or attachment"),
        ("confirm" = Option<String>, Query, description = "The app's name"),
        ("force" = Option<bool>, Query)),
    request_body = AddonEnd,
    responses((status = 200, body = Addon, description = "What it was"), Errors))]
pub(crate) async fn remove(
    desk: Desk,
    Path((app, addon)): Path<(String, String)>,
    query: Result<Query<AddonEnd>, QueryRejection>,
    body::Json(end): body::Json<AddonEnd>,
) -> Result<Json<Addon>, ApiError> {
    let Query(query) = query.map_err(|_| ApiError::new(Kind::BadRequest, BAD_QUERY))?;
    let (confirm, force) = (end.confirm.or(query.confirm), end.force.or(query.force));
    let gone = desk.change((app, Permission::Admin), move |changing, app, request| {
        let had = find(changing.reading(), app, &addon)?;
        let confirmed = is_confirmed(app, confirm.as_deref())?;
        if !confirmed && force.is_none() {
            let (service, app) = (had.service(), &app.name);
            let text = format!("Removing {service} from {app} destroys what it holds.\n{CONFIRM}");
            return Err(ApiError::new(Kind::ConfirmationRequired, text).of(app));
        }
        let confirmed = confirmed || force == Some(true);
        let request = Request {
            confirmed,
            ..request.clone()
        };
        let service = had.service().to_string();
        changing
            .engine()
            .change(&request, &Remove { service }, &mut Silent)
            .map_err(|failure| unconfirmed(app, failure, FORCE))?;
        Ok(Addon::new(&had).gone())
    });
    Ok(Json(gone.await?))
}

const CONFIRM: &str = "To do it all the same, send the app's name as \"confirm\".";
const FORCE: &str = "To do it all the same, send \"force\": true, as `heroku addons:destroy --force` \
                     does, or the app's name as \"confirm\".";
const BAD_QUERY: &str = "The query has confirm, an app's name, and force, true or false.";

/// The add-on of an app that words mean.
pub(super) fn find(reading: &dyn Reading, app: &App, words: &str) -> Result<Had, ApiError> {
    had::one(had::of_app(reading, app)?, words, WHAT)
}

/// The name of the app that an add-on is of.
pub(super) async fn app_of(desk: &Desk, addon: &str) -> Result<String, ApiError> {
    let addon = addon.to_owned();
    desk.look(move |reading, token| {
        let had = had::one(had::visible(reading, token)?, &addon, WHAT)?;
        Ok(had.app.name.to_string())
    })
    .await
}

/// Whether the app's name was sent; another app's is refused.
fn is_confirmed(app: &App, confirm: Option<&str>) -> Result<bool, ApiError> {
    match confirm {
        None | Some("") => Ok(false),
        Some(name) if name == app.name.as_str() => Ok(true),
        Some(other) => {
            let app = &app.name;
            let text = format!("Confirmed app {other} did not match the selected app {app}.");
            Err(ApiError::new(Kind::InvalidParams, text))
        }
    }
}

/// What went wrong; where it only was not confirmed, clients are told so, and how to.
fn unconfirmed(app: &App, failure: Failure, how: &str) -> ApiError {
    match failure {
        Failure::Refused(all) if all.iter().all(|one| one.confirmable) => {
            let texts: Vec<_> = all.iter().map(|one| one.text.as_str()).collect();
            let text = format!("{}\n{how}", texts.join("\n"));
            ApiError::new(Kind::ConfirmationRequired, text).of(&app.name)
        }
        other => other.into(),
    }
}

/// A plan by its name; one that is named by its id, too.
fn plan_named(catalogue: &Catalogue, words: &str) -> String {
    let Ok(id) = words.parse::<uuid::Uuid>() else {
        return words.to_owned();
    };
    let names = catalogue.0.iter().flat_map(|(service, spec)| {
        let plans = spec.plans.keys();
        plans.map(move |plan| format!("{service}:{plan}"))
    });
    let mut named = names.filter(|name| plan_id(name) == id);
    named.next().unwrap_or_else(|| words.to_owned())
}

/// Names that others would give are not taken: what is made is named by what it is.
fn refuse_names(new: &NewAddon, plan: &str) -> Result<(), ApiError> {
    let is_text = |text: &&String| !text.is_empty();
    if new.name.as_ref().filter(is_text).is_some() {
        return Err(named_here());
    }
    let wanted = new.attachment.as_ref().and_then(|it| it.name.as_ref());
    let service = plan.split(':').next().unwrap_or_default();
    let (Some(wanted), Ok(service)) = (wanted.filter(is_text), ServiceName::new(service)) else {
        return Ok(());
    };
    let is = attached_as(&service);
    match *wanted == is {
        true => Ok(()),
        false => {
            let text = format!("{service} is attached as {is}: leave its name out.");
            Err(ApiError::new(Kind::InvalidParams, text))
        }
    }
}

fn named_here() -> ApiError {
    let text = "An add-on is named by its service and its id here: leave the name out.";
    ApiError::new(Kind::InvalidParams, text)
}

/// An add-on as it is after a change.
fn described(
    changing: &dyn Changing,
    app: &App,
    addon: &Held,
    messages: &[String],
) -> Result<Addon, ApiError> {
    let had = find(changing.reading(), app, addon.plan.service().as_str())?;
    Ok(Addon::new(&had).saying(messages))
}
