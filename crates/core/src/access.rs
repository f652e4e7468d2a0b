//! Who may do what through the API: the roles of an app's people, and the scopes that narrow a token.
//! It must not know how a token is carried or kept.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::app::AppName;
use crate::time::Timestamp;

/// One kind of thing that can be done to an app. Each route and command needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// See that it is there, its history, what runs, its logs; no config var.
    Read,
    /// See and change its config vars.
    Config,
    /// Change its code, and run commands with its code and config vars.
    Deploy,
    /// Go back to an earlier release.
    Rollback,
    /// Restart, stop and scale what runs.
    Operate,
    /// All else: what bills, who may do what, its hosts, its end.
    Admin,
}

impl Permission {
    /// What may not be done without it, for the end of "You may not …".
    #[must_use]
    pub fn deed(self) -> &'static str {
        match self {
            Self::Read => "see",
            Self::Config => "see or change the config vars of",
            Self::Deploy => "deploy or run commands in",
            Self::Rollback => "roll back",
            Self::Operate => "restart, stop or scale",
            Self::Admin => "administer",
        }
    }
}

/// What a person may do with one app (S43). The owner of an app is an admin of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees it.
    Viewer,
    /// Keeps it running: config vars, rollback, restart, scale. Does not change its code.
    Operator,
    /// Changes its code. Does not roll back, and sees no config var.
    Deployer,
    /// Everything.
    Admin,
}

/// What a token may be used for, whatever its person may do (S43).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Seeing, but no config var.
    Read,
    /// Config vars, and what `read` covers.
    Config,
    /// Code, one-off processes and what runs, and what `read` covers.
    Deploy,
    /// Rollbacks and what runs, and what `read` covers.
    Rollback,
    /// Everything of the apps in which the person has a role that includes it.
    Admin,
    /// The machine with all its apps, whatever the person's role in them: its plugins, tiers, certificates,
    /// tokens and backups too. Only made at the machine itself, where whoever is there may do everything.
    Machine,
}

macro_rules! named {
    ($type:ident, $what:literal, $(($variant:ident, $word:literal)),*) => {
        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that names it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $type {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let found = Self::ALL.iter().find(|one| one.word() == text);
                found.copied().ok_or_else(|| UnknownWord {
                    what: $what,
                    word: text.chars().take(40).collect(),
                    known: Self::ALL.iter().map(|one| one.word()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

/// A word that names neither a role nor a scope.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{word:?} is not a {what}: there are {known}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    known: String,
}

impl UnknownWord {
    /// Of a word that is none of what is meant, with those that are.
    pub(crate) fn new(what: &'static str, word: &str, known: String) -> Self {
        let word = word.chars().take(40).collect();
        Self { what, word, known }
    }
}

named!(
    Role,
    "role",
    (Viewer, "viewer"),
    (Operator, "operator"),
    (Deployer, "deployer"),
    (Admin, "admin")
);
named!(
    Scope,
    "scope",
    (Read, "read"),
    (Config, "config"),
    (Deploy, "deploy"),
    (Rollback, "rollback"),
    (Admin, "admin"),
    (Machine, "machine")
);

impl Role {
    /// Whether it includes a permission.
    #[must_use]
    pub fn permits(self, permission: Permission) -> bool {
        use Permission::{Config, Deploy, Operate, Read, Rollback};
        match self {
            Self::Viewer => matches!(permission, Read),
            Self::Operator => matches!(permission, Read | Config | Rollback | Operate),
            Self::Deployer => matches!(permission, Read | Deploy | Operate),
            Self::Admin => true,
        }
    }
}

impl Scope {
    /// Whether it includes a permission.
    #[must_use]
    pub fn permits(self, permission: Permission) -> bool {
        use Permission::{Config, Deploy, Operate, Read, Rollback};
        match self {
            Self::Read => matches!(permission, Read),
            Self::Config => matches!(permission, Read | Config),
            Self::Deploy => matches!(permission, Read | Deploy | Operate),
            Self::Rollback => matches!(permission, Read | Rollback | Operate),
            Self::Admin | Self::Machine => true,
        }
    }
}

/// A token's public name: 32 hexadecimal digits, random.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(String);

/// Text that names no token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a token is named by 32 hexadecimal digits: `slugline tokens` lists them")]
pub struct InvalidTokenId;

impl TokenId {
    /// Checks a name; dashes between the digits are left out.
    ///
    /// # Errors
    /// [`InvalidTokenId`].
    pub fn new(text: &str) -> Result<Self, InvalidTokenId> {
        let plain: String = text.chars().filter(|c| *c != '-').collect();
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        match plain.len() == 32 && plain.chars().all(hex) {
            true => Ok(Self(plain)),
            false => Err(InvalidTokenId),
        }
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A token, without its secret: only a digest of that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its public name.
    pub id: TokenId,
    /// Whose it is: who acts with it (S6).
    pub user: Actor,
    /// What it is for, in the words of who made it.
    pub description: String,
    /// What it may be used for; at least one.
    pub scopes: BTreeSet<Scope>,
    /// The one app that it is for; `None` for all that its person may use.
    pub app: Option<AppName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is good for nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub used_at: Option<Timestamp>,
}

impl Token {
    /// Whether it is good for nothing any more.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it may be used for this with this app (S43).
    #[must_use]
    pub fn permits(&self, permission: Permission, app: &AppName) -> bool {
        let meant = self.app.as_ref().is_none_or(|only| only == app);
        meant && self.scopes.iter().any(|scope| scope.permits(permission))
    }

    /// Whether it may be used for the machine itself (S43).
    #[must_use]
    pub fn is_for_machine(&self) -> bool {
        self.app.is_none() && self.scopes.contains(&Scope::Machine)
    }

    /// Whether it may be used for what is about no one app, such as making one.
    #[must_use]
    pub fn permits_beyond_apps(&self, permission: Permission) -> bool {
        self.app.is_none() && self.scopes.iter().any(|scope| scope.permits(permission))
    }

    /// Whether whoever has it sees another one, and may revoke it (S43): itself, and with one for everything all
    /// of its person.
    #[must_use]
    pub fn sees(&self, other: &Self) -> bool {
        let broad = self.permits_beyond_apps(Permission::Admin) && self.user == other.user;
        broad || self.id == other.id
    }
}

/// One person of an app beside its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collaborator {
    /// Who.
    pub user: Actor,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use Permission::{Admin, Config, Deploy, Operate, Read, Rollback};

    const EVERY: [Permission; 6] = [Read, Config, Deploy, Rollback, Operate, Admin];

    #[test]
    fn a_role_permits_what_the_table_says() {
        let table = [
            (Role::Viewer, vec![Read]),
            (Role::Operator, vec![Read, Config, Rollback, Operate]),
            (Role::Deployer, vec![Read, Deploy, Operate]),
            (Role::Admin, EVERY.to_vec()),
        ];
        for (role, permitted) in table {
            let is: Vec<_> = EVERY.into_iter().filter(|one| role.permits(*one)).collect();
            assert_eq!(is, permitted, "{role}");
        }
    }

    #[test]
    fn a_token_is_for_its_scopes_and_its_app() {
        let name = |text| AppName::new(text).unwrap();
        let token = Token {
            id: TokenId::new(&"0f".repeat(16)).unwrap(),
            user: Actor::new("jim@example.com").unwrap(),
            description: String::new(),
            scopes: [Scope::Config, Scope::Rollback].into(),
            app: Some(name("shop")),
            created_at: Timestamp(0),
            expires_at: Some(Timestamp(10)),
            used_at: None,
        };
        for permission in EVERY {
            let expected = !matches!(permission, Deploy | Admin);
            assert_eq!(token.permits(permission, &name("shop")), expected);
            assert!(!token.permits(permission, &name("blog")));
            assert!(!token.permits_beyond_apps(permission));
        }
        assert!(!token.expired(Timestamp(9)) && token.expired(Timestamp(10)));
        let broad = Token { app: None, ..token };
        assert!(broad.permits(Config, &name("blog")) && broad.permits_beyond_apps(Read));
        assert!(!broad.permits_beyond_apps(Admin) && !broad.is_for_machine());
        let machine = Token {
            scopes: [Scope::Machine].into(),
            ..broad
        };
        assert!(machine.is_for_machine() && machine.permits(Admin, &name("blog")));
        let admin = Token {
            scopes: [Scope::Admin].into(),
            ..machine
        };
        assert!(admin.permits_beyond_apps(Admin) && !admin.is_for_machine());
    }

    #[test]
    fn a_token_sees_itself_and_a_broad_one_all_of_its_person() {
        let token = |id: &str, user, scope, app: Option<&str>| Token {
            id: TokenId::new(&id.repeat(32)).unwrap(),
            user: Actor::new(user).unwrap(),
            description: String::new(),
            scopes: [scope].into(),
            app: app.map(|app| AppName::new(app).unwrap()),
            created_at: Timestamp(0),
            expires_at: None,
            used_at: None,
        };
        let (jim, eve) = ("jim@example.com", "eve@example.com");
        let all = [
            token("a", jim, Scope::Admin, None),
            token("b", jim, Scope::Admin, Some("shop")),
            token("c", jim, Scope::Deploy, None),
            token("d", eve, Scope::Admin, None),
        ];
        let seen = all.each_ref().map(|own| {
            let theirs = all.iter().filter(|other| own.sees(other));
            theirs
                .map(|other| &other.id.as_str()[..1])
                .collect::<String>()
        });
        assert_eq!(seen, ["abc", "b", "c", "d"]);
    }

    #[test]
    fn words_are_read_and_others_refused_with_those_there_are() {
        for role in Role::ALL {
            assert_eq!(role.word().parse(), Ok(*role));
        }
        let error = "root".parse::<Scope>().unwrap_err().to_string();
        assert_eq!(
            error,
            "\"root\" is not a scope: there are read, config, deploy, rollback, admin, machine"
        );
    }
}
