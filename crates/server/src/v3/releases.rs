//! `/apps/{app}/releases`. It must not know the rules of a rollback.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use slugline_core::access::{Permission, Token};
use slugline_core::app::App;
use slugline_core::build::Brought;
use slugline_core::corridor::Progress;
use slugline_core::corridor::launch::RELEASE_PHASE;
use slugline_core::operation::Operation;
use slugline_core::operation::retry::Retry;
use slugline_core::operation::rollback::Rollback;
use slugline_core::operation::take::Take;
use slugline_core::port::{Kept, Ledger};
use slugline_core::query::{Listed, eligibility};
use slugline_core::release::{self, Status, Version};
use slugline_core::slug::Slug;
use uuid::Uuid;

use super::code::slug_of;
use crate::address::{Addresses, Asked};
use crate::backend::{Asking, Changing};
use crate::body;
use crate::error::{ApiError, Kind};
use crate::ids;
use crate::range::{Bound, Order, Part, Range};
use crate::wire::build::id;
use crate::wire::error::Errors;
use crate::wire::release::{Beside, NewRelease, Release};

/// What the list is sorted by; an id says the number.
const FIELDS: &[&str] = &["version", "id"];

/// The releases of an app: all that are kept, or the current one alone where it has no tier
#[utoipa::path(get, path = "/apps/{app}/releases", tag = "releases",
    params(("app" = String, Path, description = "Its name or id"),
        ("Range" = Option<String>, Header, example = "version ..; max=15, order=desc")),
    responses((status = 200, body = Vec<Release>),
        (status = 206, body = Vec<Release>, description = "A part; `Next-Range` leads on"), Errors))]
pub(crate) async fn list(
    Asked { desk, addresses }: Asked,
    Path(app): Path<String>,
    range: Range,
) -> Result<Part<Release>, ApiError> {
    desk.asking_plugins((app, Permission::Read), move |asking, app| {
        let part = part(asking.reading().ledger(), app, &range)?;
        part.turned(|rows| described(asking, app, rows, &addresses))
    })
    .await
}

/// One release
#[utoipa::path(get, path = "/apps/{app}/releases/{release}", tag = "releases",
    params(("app" = String, Path, description = "Its name or id"),
        ("release" = String, Path, description = "Its id, `40` or `v40`")),
    responses((status = 200, body = Release), Errors))]
pub(crate) async fn info(
    Asked { desk, addresses }: Asked,
    Path((app, release)): Path<(String, String)>,
) -> Result<Json<Release>, ApiError> {
    let read = desk.asking_plugins((app, Permission::Read), move |asking, app| {
        let ledger = asking.reading().ledger();
        let found = ledger.release(&app.name, version(app, &release)?)?;
        let found = found.ok_or_else(|| ApiError::no_such("release"))?;
        one(asking, app, found, &addresses)
    });
    Ok(Json(read.await?))
}

/// Rolls back to a release, releases a slug, or makes the newest one once more where it failed
///
/// Where its code has a release command, the answer comes when that begins: the release is `pending`, and
/// what the command writes can be read at `output_stream_url`. Else it comes when the release runs.
#[utoipa::path(post, path = "/apps/{app}/releases", tag = "releases",
    params(("app" = String, Path, description = "Its name or id")),
    request_body = NewRelease,
    responses((status = 201, body = Release, description = "The new release"), Errors))]
pub(crate) async fn create(
    Asked { desk, addresses }: Asked,
    Path(app): Path<String>,
    body::Json(new): body::Json<NewRelease>,
) -> Result<(StatusCode, Json<Release>), ApiError> {
    let permission = match new.release {
        Some(_) => Permission::Rollback,
        None => Permission::Deploy,
    };
    let token = desk.token().clone();
    let made = desk.change_telling((app, permission), move |changing, app, request, tell| {
        let operation = operation(changing, &token, app, &new)?;
        let mut told = |version| {
            let release = changing.ledger().release(&app.name, version);
            let release = release.ok().flatten();
            let release = release.map(|release| one(changing, app, release, &addresses));
            if let Some(Ok(release)) = release {
                tell(release);
            }
        };
        let mut progress = Begins(&mut told);
        let done = changing
            .engine()
            .change(request, &*operation, &mut progress)?;
        one(changing, app, done.release, &addresses)
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

/// Hears when a release command begins.
pub(super) struct Begins<'a>(pub(super) &'a mut dyn FnMut(Version));

impl Progress for Begins<'_> {
    fn releasing(&mut self, version: Version) {
        (self.0)(version);
    }
}

fn operation(
    changing: &dyn Changing,
    token: &Token,
    app: &App,
    new: &NewRelease,
) -> Result<Box<dyn Operation>, ApiError> {
    if let Some(release) = &new.release {
        return Ok(Box::new(Rollback {
            target: Some(version(app, &release.to_string())?),
            ..Rollback::default()
        }));
    }
    let retries = new
        .description
        .as_deref()
        .is_some_and(|text| text.starts_with("Retry of"));
    let slug = new
        .slug
        .map(|slug| slug_of(changing.reading(), token, app, slug));
    let slug = slug.transpose()?;
    match slug {
        Some(slug) if !retries || !failed_with(changing, app, &slug)? => Ok(Box::new(Take {
            slug,
            again: retries,
        })),
        _ if retries => Ok(Box::new(Retry)),
        _ => Err(ApiError::new(
            Kind::InvalidParams,
            "Say which release to roll back to, {\"release\": \"v40\"}, or which slug to release.",
        )),
    }
}

/// Whether the newest release failed, and was of this slug.
fn failed_with(changing: &dyn Changing, app: &App, slug: &Slug) -> Result<bool, ApiError> {
    let newest = changing.ledger().history(&app.name, None, 1)?.pop();
    Ok(newest.is_some_and(|newest| {
        let of = newest.slug.as_ref();
        newest.status != Status::Succeeded && of.is_some_and(|of| of.id == slug.id)
    }))
}

/// The number that a release is named by.
pub(crate) fn version(app: &App, text: &str) -> Result<Version, ApiError> {
    if let Ok(id) = text.parse::<Uuid>() {
        return ids::version(app, id).ok_or_else(|| ApiError::no_such("release"));
    }
    text.parse()
        .map_err(|error: release::InvalidVersion| ApiError::new(Kind::NotFound, error.to_string()))
}

/// The releases of a range, read from either end and no further than is asked.
fn part(ledger: &dyn Ledger, app: &App, range: &Range) -> Result<Part<release::Release>, ApiError> {
    let field = range.field(FIELDS)?;
    let number = |bound: &Bound| version(app, &bound.value).map(|version| version.number());
    let lowest = match &range.from {
        None => 1,
        Some(bound) => number(bound)?.saturating_add(u64::from(bound.exclusive)),
    };
    let highest = match &range.to {
        None => u64::MAX >> 1,
        Some(bound) => number(bound)?.saturating_sub(u64::from(bound.exclusive)),
    };
    let outline = ledger.outline(&app.name)?;
    let mut rows = match (outline.tier(), range.order) {
        // Only the current one is kept for sure (S10): what came before it goes any time.
        (None, _) => outline.current.into_iter().collect(),
        (_, Order::Descending) => {
            let before = Version::new(highest.saturating_add(1));
            ledger.history(&app.name, Some(before), range.max + 1)?
        }
        (_, Order::Ascending) => {
            let after = Version::new(lowest.saturating_sub(1));
            ledger.history_after(&app.name, Some(after), range.max + 1)?
        }
    };
    rows.retain(|release| (lowest..=highest).contains(&release.version.number()));
    let more = rows.len() > range.max;
    rows.truncate(range.max);
    let key = |release: &release::Release| match field {
        "id" => ids::release(app, release.version).to_string(),
        _ => release.version.number().to_string(),
    };
    let last = rows.last().filter(|_| more).map(&key);
    Ok(Part {
        next: last.map(|last| range.after(field, &last)),
        bounds: rows.first().zip(rows.last()).map(|(first, last)| {
            format!("{field} {}..{}; max={}", key(first), key(last), range.max)
        }),
        fields: FIELDS,
        rows,
    })
}

fn one(
    asking: &dyn Asking,
    app: &App,
    release: release::Release,
    addresses: &Addresses,
) -> Result<Release, ApiError> {
    let described = described(asking, app, vec![release], addresses)?;
    let mut described = described.into_iter();
    described.next().ok_or_else(|| ApiError::no_such("release"))
}

/// Releases as clients see them. The current one counts as one that can be rolled back to: clients
/// count from it.
fn described(
    asking: &dyn Asking,
    app: &App,
    releases: Vec<release::Release>,
    addresses: &Addresses,
) -> Result<Vec<Release>, ApiError> {
    let (reading, policies) = (asking.reading(), asking.policies());
    let ledger = reading.ledger();
    let current = ledger.outline(&app.name)?.version();
    let asked = (policies, reading.clock().now());
    let listed = eligibility(ledger, asked, &app.name, releases)?;
    let brought = reading.builds().brought(&app.name)?;
    let brought_as = |slug: &Slug| {
        let is = |one: &&Brought| one.slug.as_ref().is_some_and(|it| it.id == slug.id);
        brought.iter().find(is).map(|one| id(&one.id))
    };
    let one = |Listed {
                   release,
                   ineligible,
               }: Listed| {
        let plans = plans(ledger, app, release.version)?;
        let is_current = current == Some(release.version);
        let output = match has_output(ledger, app, &release)? {
            true => addresses.output(app, &release.version.to_string()),
            false => None,
        };
        let beside = Beside {
            current: is_current,
            eligible: is_current || ineligible.is_none(),
            plans,
            output,
            brought: release.slug.as_ref().and_then(brought_as),
        };
        Ok(Release::new(app, &release, beside))
    };
    listed.into_iter().map(one).collect()
}

/// Whether its release command has written something, or may yet.
fn has_output(
    ledger: &dyn Ledger,
    app: &App,
    release: &release::Release,
) -> Result<bool, ApiError> {
    let slug = release.slug.as_ref();
    if !slug.is_some_and(|slug| slug.processes.contains_key(RELEASE_PHASE)) {
        return Ok(false);
    }
    let kept = || ledger.kept(&app.name, release.version, Kept::Output);
    Ok(release.status == Status::Pending || kept()?.is_some())
}

fn plans(ledger: &dyn Ledger, app: &App, version: Version) -> Result<Vec<String>, ApiError> {
    let addons = ledger.addons_at(&app.name, version)?;
    Ok(addons
        .values()
        .map(|addon| addon.plan.to_string())
        .collect())
}
