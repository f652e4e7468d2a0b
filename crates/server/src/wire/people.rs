//! The people of an app. It must not know what a role permits.

use serde::{Deserialize, Serialize};
use slugline_core::access::{Collaborator as Known, Permission, Role};
use slugline_core::actor::Actor;
use slugline_core::app::App;
use slugline_core::time::Timestamp;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AppRef, UserRef, time};
use crate::ids;

/// One kind of thing that a collaborator may do.
#[derive(Debug, Serialize, ToSchema)]
struct Permitted {
    #[schema(example = "deploy")]
    name: &'static str,
    description: &'static str,
}

/// Somebody who may use an app; its owner is one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Collaborator {
    id: Uuid,
    app: AppRef,
    user: UserRef,
    /// `owner`, `admin`, `operator`, `deployer` or `viewer`.
    #[schema(example = "deployer")]
    role: &'static str,
    permissions: Vec<Permitted>,
    created_at: String,
    updated_at: String,
}

impl Collaborator {
    pub(crate) fn new(app: &App, known: &Known) -> Self {
        Self::of(
            app,
            &known.user,
            (known.role, known.role.word()),
            known.since,
        )
    }

    pub(crate) fn owner(app: &App) -> Self {
        Self::of(app, &app.owner, (Role::Admin, "owner"), app.created_at)
    }

    fn of(app: &App, user: &Actor, (role, word): (Role, &'static str), since: Timestamp) -> Self {
        let at = time(since);
        let all = [
            ("view", Permission::Read),
            ("config", Permission::Config),
            ("deploy", Permission::Deploy),
            ("rollback", Permission::Rollback),
            ("operate", Permission::Operate),
            ("manage", Permission::Admin),
        ];
        let permitted = all
            .into_iter()
            .filter(|(_, permission)| role.permits(*permission));
        Self {
            id: ids::of("collaborator", &format!("{}:{user}", ids::app(app))),
            app: app.into(),
            user: user.into(),
            role: word,
            permissions: permitted
                .map(|(name, permission)| Permitted {
                    name,
                    description: permission.deed(),
                })
                .collect(),
            created_at: at.clone(),
            updated_at: at,
        }
    }
}

/// Somebody who is to use an app.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewCollaborator {
    /// Their mail address.
    #[schema(example = "ann@example.com")]
    pub(crate) user: String,
    /// `viewer`, `operator`, `deployer` or `admin`; `deployer` where it is left out.
    pub(crate) role: Option<String>,
    /// Nobody is told by mail: it is not looked at.
    #[serde(default)]
    #[expect(dead_code, reason = "clients send it")]
    pub(crate) silent: Option<bool>,
}

/// What somebody is to be instead.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewRole {
    /// `viewer`, `operator`, `deployer` or `admin`.
    #[schema(example = "operator")]
    pub(crate) role: String,
}
