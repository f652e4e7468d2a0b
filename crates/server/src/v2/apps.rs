//! Apps, their people, hosts and maintenance, as of 2012. It must not know what an app runs.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use slugline_core::access::Permission;
use slugline_core::port::Outline;

use super::form::{Xml, element, field};
use super::settings::STACK;
use crate::backend::Reading;
use crate::body;
use crate::desk::Desk;
use crate::error::{ApiError, Kind};
use crate::here::Here;
use crate::v3;
use crate::wire::app::{AppChange, NewApp};

pub(crate) async fn list(desk: Desk) -> Result<Xml, ApiError> {
    let read = desk.read(|reading, token| {
        let one = |outline: &Outline| {
            let name = element("name", outline.app.name.as_str());
            let owner = element("owner", outline.app.owner.as_str());
            format!("<app>{name}{owner}</app>")
        };
        let all = v3::visible(reading, token)?;
        Ok(all.iter().map(one).collect::<String>())
    });
    Ok(Xml(format!("<apps type=\"array\">{}</apps>", read.await?)))
}

pub(crate) async fn info(desk: Desk, here: Here, Path(app): Path<String>) -> Result<Xml, ApiError> {
    let read = desk.of_app((app, Permission::Read), move |reading, app| {
        Ok(described(
            reading,
            &reading.ledger().outline(&app.name)?,
            &here,
        ))
    });
    read.await.map(Xml)
}

fn described(reading: &dyn Reading, outline: &Outline, here: &Here) -> String {
    let app = &outline.app;
    let current = outline.current.as_ref();
    let slug = current.and_then(|release| release.slug.as_ref());
    let size = slug.map_or(0, |slug| slug.size).to_string();
    let fields = [
        ("name", app.name.as_str()),
        ("owner", app.owner.as_str()),
        ("create_status", "complete"),
        ("stack", STACK),
        ("slug_size", &size),
        ("web_url", &reading.url(&app.name)),
        ("git_url", &here.git_url(reading, &app.name)),
    ];
    let fields = fields.map(|(name, text)| element(name, text));
    format!("<app>{}</app>", fields.concat())
}

pub(crate) async fn create(
    desk: Desk,
    here: Here,
    form: Bytes,
) -> Result<(StatusCode, Xml), ApiError> {
    let name = field(&form, "app[name]");
    let (status, made) = v3::apps::create(desk, here, body::Json(NewApp { name })).await?;
    let fields = [
        element("name", made.name()),
        element("create_status", "complete"),
        element("stack", STACK),
        element("web_url", made.web_url()),
        element("git_url", made.git_url()),
    ];
    Ok((status, Xml(format!("<app>{}</app>", fields.concat()))))
}

/// Whether it is made: it is, where it is there.
pub(crate) async fn status(
    desk: Desk,
    here: Here,
    app: Path<String>,
) -> Result<StatusCode, ApiError> {
    info(desk, here, app).await?;
    Ok(StatusCode::CREATED)
}

pub(crate) async fn rename(desk: Desk, Path(app): Path<String>) -> Result<StatusCode, ApiError> {
    let refused = desk.of_app((app, Permission::Admin), |_, app| {
        Err(v3::apps::no_other_name(&app.name))
    });
    refused.await
}

pub(crate) async fn destroy(
    desk: Desk,
    here: Here,
    app: Path<String>,
) -> Result<StatusCode, ApiError> {
    let _ = v3::apps::destroy(desk, here, app).await?;
    Ok(StatusCode::OK)
}

pub(crate) async fn maintenance(
    desk: Desk,
    here: Here,
    app: Path<String>,
    form: Bytes,
) -> Result<StatusCode, ApiError> {
    let maintenance = match field(&form, "maintenance_mode").as_deref() {
        Some("1") => Some(true),
        Some("0") => Some(false),
        _ => {
            return Err(ApiError::new(
                Kind::InvalidParams,
                "maintenance_mode is 1 or 0.",
            ));
        }
    };
    let wanted = AppChange {
        maintenance,
        ..AppChange::default()
    };
    let _ = v3::apps::change(desk, here, app, body::Json(wanted)).await?;
    Ok(StatusCode::OK)
}

pub(crate) async fn collaborators(desk: Desk, Path(app): Path<String>) -> Result<Xml, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        let others = reading.access().collaborators(&app.name)?;
        let others = others.into_iter().map(|one| one.user);
        let all = std::iter::once(app.owner.clone()).chain(others);
        let one = |user: slugline_core::actor::Actor| {
            format!(
                "<collaborator>{}</collaborator>",
                element("email", user.as_str())
            )
        };
        Ok(all.map(one).collect::<String>())
    });
    let all = read.await?;
    Ok(Xml(format!(
        "<collaborators type=\"array\">{all}</collaborators>"
    )))
}

pub(crate) async fn domains(desk: Desk, Path(app): Path<String>) -> Result<Xml, ApiError> {
    let read = desk.of_app((app, Permission::Read), |reading, app| {
        let settings = reading.ledger().settings(&app.name)?;
        let one = |host: &slugline_core::settings::Host| {
            format!("<domain>{}</domain>", element("domain", host.as_str()))
        };
        Ok(settings.domains.iter().map(one).collect::<String>())
    });
    let all = read.await?;
    Ok(Xml(format!("<domains type=\"array\">{all}</domains>")))
}

/// None: keys are the operator's to add.
pub(crate) async fn keys(desk: Desk) -> Result<Xml, ApiError> {
    desk.read(|_, _| Ok(Xml("<keys type=\"array\"></keys>".to_owned())))
        .await
}
