//! The hosts of an app. It must not know how they are routed.

use serde::{Deserialize, Serialize};
use slugline_core::app::App;
use slugline_core::settings::Host;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AppRef, time};
use crate::ids;

/// A host that an app answers under.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Domain {
    id: Uuid,
    app: AppRef,
    #[schema(example = "www.example.com")]
    hostname: String,
    /// `custom`, or `heroku` for the host that every app has.
    #[schema(example = "custom")]
    kind: &'static str,
    /// Where its name is to point: the host that every app has.
    cname: Option<String>,
    status: &'static str,
    acm_status: Option<String>,
    sni_endpoint: Option<String>,
    created_at: String,
    updated_at: String,
}

impl Domain {
    pub(crate) fn custom(app: &App, host: &Host, own: &str) -> Self {
        Self::of(app, host.as_str(), "custom", Some(own.to_owned()))
    }

    pub(crate) fn own(app: &App, own: &str) -> Self {
        Self::of(app, own, "heroku", None)
    }

    pub(crate) fn id_of(app: &App, host: &str) -> Uuid {
        ids::of("domain", &format!("{}:{host}", ids::app(app)))
    }

    fn of(app: &App, host: &str, kind: &'static str, cname: Option<String>) -> Self {
        let at = time(app.created_at);
        Self {
            id: Self::id_of(app, host),
            app: app.into(),
            hostname: host.to_owned(),
            kind,
            cname,
            // Nothing is to be waited for.
            status: "none",
            acm_status: None,
            sni_endpoint: None,
            created_at: at.clone(),
            updated_at: at,
        }
    }

    pub(crate) fn key(&self, field: &str) -> String {
        match field {
            "id" => self.id.to_string(),
            _ => self.hostname.clone(),
        }
    }
}

/// A host that an app is to answer under. Certificates are chosen by name: `sni_endpoint` is not looked at.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewDomain {
    #[schema(example = "www.example.com")]
    pub(crate) hostname: String,
}
