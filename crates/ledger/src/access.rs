//! Tokens and collaborators. It must not know a token's secret: only the digest of it comes here.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use slugline_core::access::{Collaborator, Role, Scope, Token, TokenId};
use slugline_core::actor::Actor;
use slugline_core::app::AppName;
use slugline_core::port::{Access, LedgerError, SecretDigest};
use slugline_core::time::Timestamp;

use crate::connection::{commit, reading, writing};
use crate::decode::{integer, integer_or_null, text, text_or_null};
use crate::fault::{Result, corrupt};
use crate::{SqliteLedger, apps, sql};

impl Access for SqliteLedger {
    fn tokens(&self) -> std::result::Result<Vec<Token>, LedgerError> {
        Ok(tokens(&self.db)?)
    }

    fn add_token(
        &self,
        token: &Token,
        secret: &SecretDigest,
    ) -> std::result::Result<(), LedgerError> {
        Ok(add_token(&self.db, token, secret)?)
    }

    fn token_of(&self, secret: &SecretDigest) -> std::result::Result<Option<Token>, LedgerError> {
        Ok(token_of(&self.db, secret)?)
    }

    fn token_used(&self, id: &TokenId, at: Timestamp) -> std::result::Result<(), LedgerError> {
        Ok(token_used(&self.db, id, at)?)
    }

    fn remove_token(&self, id: &TokenId) -> std::result::Result<bool, LedgerError> {
        Ok(remove_token(&self.db, id)?)
    }

    fn collaborators(&self, app: &AppName) -> std::result::Result<Vec<Collaborator>, LedgerError> {
        Ok(collaborators(&self.db, app)?)
    }

    fn role(&self, app: &AppName, user: &Actor) -> std::result::Result<Option<Role>, LedgerError> {
        Ok(role(&self.db, app, user)?)
    }

    fn apps_of(&self, user: &Actor) -> std::result::Result<BTreeSet<AppName>, LedgerError> {
        Ok(apps_of(&self.db, user)?)
    }

    fn set_collaborator(
        &self,
        app: &AppName,
        collaborator: &Collaborator,
    ) -> std::result::Result<(), LedgerError> {
        Ok(set_collaborator(&self.db, app, collaborator)?)
    }

    fn remove_collaborator(
        &self,
        app: &AppName,
        user: &Actor,
    ) -> std::result::Result<bool, LedgerError> {
        Ok(remove_collaborator(&self.db, app, user)?)
    }
}

fn tokens(db: &Connection) -> Result<Vec<Token>> {
    let mut statement = db.prepare_cached(sql::TOKENS)?;
    let mut rows = statement.query([])?;
    let mut tokens = Vec::new();
    while let Some(row) = rows.next()? {
        tokens.push(token(row)?);
    }
    Ok(tokens)
}

fn token_of(db: &Connection, secret: &SecretDigest) -> Result<Option<Token>> {
    let mut statement = db.prepare_cached(sql::TOKEN_OF)?;
    let mut rows = statement.query([&secret[..]])?;
    rows.next()?.map(token).transpose()
}

fn token(row: &Row<'_>) -> Result<Token> {
    Ok(Token {
        id: text(row, 0, "token.id", |id| TokenId::new(id).ok())?,
        user: text(row, 1, "token.user", |user| Actor::new(user).ok())?,
        description: text(row, 2, "token.description", |text| Some(text.to_owned()))?,
        scopes: text(row, 3, "token.scopes", scopes)?,
        app: text_or_null(row, 4, "app.name", |name| AppName::new(name).ok())?,
        created_at: Timestamp(integer(row, 5, "token.created_at")?),
        expires_at: integer_or_null(row, 6, "token.expires_at")?.map(Timestamp),
        used_at: integer_or_null(row, 7, "token.used_at")?.map(Timestamp),
    })
}

fn scopes(text: &str) -> Option<BTreeSet<Scope>> {
    text.split(' ').map(|word| word.parse().ok()).collect()
}

fn add_token(db: &Connection, token: &Token, secret: &SecretDigest) -> Result<()> {
    let tx = writing(db)?;
    let app = token
        .app
        .as_ref()
        .map(|app| apps::id(&tx, app))
        .transpose()?;
    let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.word()).collect();
    tx.prepare_cached(sql::ADD_TOKEN)?.execute(params![
        token.id.as_str(),
        &secret[..],
        token.user.as_str(),
        token.description,
        scopes.join(" "),
        app,
        token.created_at.0,
        token.expires_at.map(|at| at.0),
        token.used_at.map(|at| at.0)
    ])?;
    commit(tx)
}

fn token_used(db: &Connection, id: &TokenId, at: Timestamp) -> Result<()> {
    let tx = writing(db)?;
    tx.prepare_cached(sql::TOKEN_USED)?
        .execute(params![id.as_str(), at.0])?;
    commit(tx)
}

fn remove_token(db: &Connection, id: &TokenId) -> Result<bool> {
    let tx = writing(db)?;
    let removed = tx
        .prepare_cached(sql::REMOVE_TOKEN)?
        .execute([id.as_str()])?;
    commit(tx)?;
    Ok(removed > 0)
}

fn collaborators(db: &Connection, app: &AppName) -> Result<Vec<Collaborator>> {
    let tx = reading(db)?;
    let id = apps::id(&tx, app)?;
    let mut statement = tx.prepare_cached(sql::COLLABORATORS)?;
    let mut rows = statement.query([id])?;
    let mut people = Vec::new();
    while let Some(row) = rows.next()? {
        people.push(Collaborator {
            user: text(row, 0, "collaborator.user", |user| Actor::new(user).ok())?,
            role: text(row, 1, "collaborator.role", |role| role.parse().ok())?,
            since: Timestamp(integer(row, 2, "collaborator.since")?),
        });
    }
    Ok(people)
}

fn role(db: &Connection, app: &AppName, user: &Actor) -> Result<Option<Role>> {
    let mut statement = db.prepare_cached(sql::ROLE)?;
    let found = statement.query_row(params![app.as_str(), user.as_str()], |row| {
        Ok((row.get::<_, bool>(0)?, row.get::<_, Option<String>>(1)?))
    });
    match found.optional()? {
        None => Err(LedgerError::NoApp(app.clone()).into()),
        Some((true, _)) => Ok(Some(Role::Admin)),
        Some((false, None)) => Ok(None),
        Some((false, Some(word))) => match word.parse() {
            Ok(role) => Ok(Some(role)),
            Err(_) => Err(corrupt("collaborator.role")),
        },
    }
}

fn apps_of(db: &Connection, user: &Actor) -> Result<BTreeSet<AppName>> {
    let mut statement = db.prepare_cached(sql::APPS_OF)?;
    let rows = statement.query_and_then([user.as_str()], |row| {
        text(row, 0, "app.name", |name| AppName::new(name).ok())
    })?;
    rows.collect()
}

fn set_collaborator(db: &Connection, app: &AppName, one: &Collaborator) -> Result<()> {
    let tx = writing(db)?;
    let id = apps::id(&tx, app)?;
    tx.prepare_cached(sql::SET_COLLABORATOR)?.execute(params![
        id,
        one.user.as_str(),
        one.role.word(),
        one.since.0
    ])?;
    commit(tx)
}

fn remove_collaborator(db: &Connection, app: &AppName, user: &Actor) -> Result<bool> {
    let tx = writing(db)?;
    let id = apps::id(&tx, app)?;
    let removed = tx
        .prepare_cached(sql::REMOVE_COLLABORATOR)?
        .execute(params![id, user.as_str()])?;
    commit(tx)?;
    Ok(removed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slugline_core::app::App;
    use slugline_core::port::Ledger;

    fn actor(name: &str) -> Actor {
        Actor::new(name).unwrap()
    }

    fn ledger(home: &std::path::Path) -> (SqliteLedger, AppName) {
        let ledger = SqliteLedger::open(home).unwrap();
        let app = App {
            name: AppName::new("shop").unwrap(),
            owner: actor("jim@example.com"),
            created_at: Timestamp(1),
            branch: None,
        };
        ledger.create_app(&app).unwrap();
        (ledger, app.name)
    }

    #[test]
    fn a_token_is_found_by_its_secret_and_goes_with_its_app() {
        let home = slugline_testkit::private_folder();
        let (ledger, app) = ledger(home.path());
        let token = |digit: &str, app: Option<&AppName>| Token {
            id: TokenId::new(&digit.repeat(32)).unwrap(),
            user: actor("jim@example.com"),
            description: "for CI".to_owned(),
            scopes: [Scope::Read, Scope::Deploy].into(),
            app: app.cloned(),
            created_at: Timestamp(5),
            expires_at: Some(Timestamp(9)),
            used_at: None,
        };
        let (narrow, broad) = (token("a", Some(&app)), token("b", None));
        ledger.add_token(&narrow, &[1; 32]).unwrap();
        ledger.add_token(&broad, &[2; 32]).unwrap();
        assert_eq!(ledger.token_of(&[1; 32]).unwrap(), Some(narrow.clone()));
        assert_eq!(ledger.token_of(&[3; 32]).unwrap(), None);
        ledger.token_used(&narrow.id, Timestamp(7)).unwrap();
        let used = ledger.token_of(&[1; 32]).unwrap().unwrap().used_at;
        assert_eq!(used, Some(Timestamp(7)));
        assert_eq!(ledger.tokens().unwrap().len(), 2);
        ledger.destroy_app(&app, Timestamp(8)).unwrap();
        assert_eq!(ledger.tokens().unwrap(), std::slice::from_ref(&broad));
        assert!(ledger.remove_token(&broad.id).unwrap());
        assert!(!ledger.remove_token(&broad.id).unwrap());
        let gone = ledger.add_token(&narrow, &[1; 32]).unwrap_err();
        assert!(matches!(gone, LedgerError::NoApp(_)), "{gone}");
    }

    #[test]
    fn the_owner_is_an_admin_and_others_are_what_they_were_made() {
        let home = slugline_testkit::private_folder();
        let (ledger, app) = ledger(home.path());
        let (jim, ann) = (actor("jim@example.com"), actor("ann@example.com"));
        let ann_as = |role| Collaborator {
            user: ann.clone(),
            role,
            since: Timestamp(3),
        };
        assert_eq!(ledger.role(&app, &jim).unwrap(), Some(Role::Admin));
        assert_eq!(ledger.role(&app, &ann).unwrap(), None);
        for role in Role::ALL {
            ledger.set_collaborator(&app, &ann_as(*role)).unwrap();
            assert_eq!(ledger.role(&app, &ann).unwrap(), Some(*role));
            assert_eq!(ledger.collaborators(&app).unwrap(), [ann_as(*role)]);
            for user in [&ann, &jim] {
                assert_eq!(ledger.apps_of(user).unwrap(), [app.clone()].into());
            }
        }
        assert!(ledger.remove_collaborator(&app, &ann).unwrap());
        assert!(!ledger.remove_collaborator(&app, &ann).unwrap());
        assert_eq!(ledger.collaborators(&app).unwrap(), []);
        assert_eq!(ledger.apps_of(&ann).unwrap(), [].into());
        let none = AppName::new("none").unwrap();
        assert!(matches!(
            ledger.role(&none, &jim).unwrap_err(),
            LedgerError::NoApp(_)
        ));
    }
}
