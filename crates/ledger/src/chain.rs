//! The proof of history: what each release's digest is made of, and how the chain grows. It must
//! not know how a chain is checked (`verify.rs`).
//!
//! `content` is a keyed digest of what a release is a snapshot of, made when it is recorded;
//! `digest` one of the whole release, its outcome and the digest of the release before, made when
//! it is settled. They are keyed, so that they tell nothing of a config var's value, and so that
//! whoever alters the file without the key cannot make them anew.

use std::ops::RangeInclusive;

use ring::hmac;
use rusqlite::{Connection, OptionalExtension, params};
use slugline_core::addon::Addons;
use slugline_core::config::{ConfigVars, Owner};

use crate::fault::{Result, corrupt};
use crate::sealing::Ring;
use crate::sql;

/// A digest: 32 bytes.
pub(crate) type Digest = [u8; 32];

/// What stands for the release before the first, and for one from before digests were kept.
pub(crate) const NOTHING: Digest = [0; 32];

/// Fields one after the other, each with its length, so that no two lists of fields are alike.
struct Fields(Vec<u8>);

impl Fields {
    fn new(what: &str) -> Self {
        let mut fields = Self(Vec::with_capacity(1024));
        fields.add(what.as_bytes());
        fields
    }

    fn add(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.extend(length.to_be_bytes());
        self.0.extend(bytes);
    }

    fn number(&mut self, number: i64) {
        self.0.extend(number.to_be_bytes());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.number(i64::from(text.is_some()));
        self.add(text.unwrap_or_default().as_bytes());
    }

    fn done(self, ring: &Ring) -> Digest {
        let mut digest = NOTHING;
        digest.copy_from_slice(hmac::sign(ring.history(), &self.0).as_ref());
        digest
    }
}

/// Who made a release, and when; and its code.
pub(crate) struct Made<'a> {
    pub(crate) app: i64,
    pub(crate) version: i64,
    pub(crate) actor: &'a str,
    pub(crate) at: i64,
    /// The plugins that were asked, as JSON.
    pub(crate) plugins: Option<&'a str>,
    /// As JSON ([`crate::slugs::body`]).
    pub(crate) slug: Option<&'a str>,
}

/// The digest of what a release is a snapshot of.
pub(crate) fn content(
    ring: &Ring,
    made: &Made<'_>,
    config: &ConfigVars,
    addons: &Addons,
) -> Digest {
    let mut fields = Fields::new("content");
    fields.number(made.app);
    fields.number(made.version);
    fields.add(made.actor.as_bytes());
    fields.number(made.at);
    fields.maybe(made.plugins);
    fields.maybe(made.slug);
    for (key, var) in config.iter() {
        let owner = match &var.owner {
            Owner::User => None,
            Owner::Addon(service) => Some(service.as_str()),
        };
        fields.add(key.as_str().as_bytes());
        fields.add(var.value.reveal().as_bytes());
        fields.maybe(owner);
    }
    fields.add(b"add-ons");
    for (service, addon) in addons {
        fields.add(service.as_str().as_bytes());
        fields.add(addon.plan.to_string().as_bytes());
        fields.number(i64::try_from(addon.price.cents()).unwrap_or(i64::MAX));
        fields.maybe(
            addon
                .resource
                .as_ref()
                .map(slugline_core::resource::ResourceId::as_str),
        );
    }
    fields.done(ring)
}

/// What is left of a release when it is pruned, and what its digest is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) app: i64,
    pub(crate) version: i64,
    /// As JSON.
    pub(crate) change: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    /// The digest of its code.
    pub(crate) slug: Option<String>,
    pub(crate) content: Digest,
}

/// The digest of a settled release that follows one with the digest `before`.
pub(crate) fn digest(ring: &Ring, before: &Digest, link: &Link) -> Digest {
    let mut fields = Fields::new("release");
    fields.add(before);
    fields.number(link.app);
    fields.number(link.version);
    fields.add(link.change.as_bytes());
    fields.add(link.status.as_bytes());
    fields.maybe(link.reason.as_deref());
    fields.maybe(link.slug.as_deref());
    fields.add(&link.content);
    fields.done(ring)
}

/// Gives the releases after one with the digest `before`, which waited for it, their digests.
pub(crate) fn extend(
    tx: &Connection,
    ring: &Ring,
    mut before: Digest,
    app: i64,
    waiting: RangeInclusive<i64>,
) -> Result<()> {
    for version in waiting {
        let Some(link) = link(tx, app, version)? else {
            break;
        };
        before = digest(ring, &before, &link);
        tx.prepare_cached(sql::SET_DIGEST)?
            .execute(params![app, version, before])?;
    }
    Ok(())
}

/// The digest that a release follows; `None` while the one before is pending.
pub(crate) fn before(tx: &Connection, app: i64, version: i64) -> Result<Option<Digest>> {
    let mut statement = tx.prepare_cached(sql::DIGEST_BEFORE)?;
    let found = statement
        .query_row([app, version - 1], |row| {
            Ok((row.get::<_, Option<Vec<u8>>>(0)?, row.get::<_, bool>(1)?))
        })
        .optional()?;
    match found {
        None | Some((None, false)) => Ok(Some(NOTHING)),
        Some((None, true)) => Ok(None),
        Some((Some(bytes), _)) => of_bytes(&bytes, "release.digest").map(Some),
    }
}

/// What the digest of a release is made of, if it is settled and has none.
fn link(tx: &Connection, app: i64, version: i64) -> Result<Option<Link>> {
    let mut statement = tx.prepare_cached(sql::LINK)?;
    let found = statement
        .query_row([app, version], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<String>>(2)?,
                row.get::<_, Option<String>>(3)?,
                row.get::<_, Vec<u8>>(4)?,
            ))
        })
        .optional()?;
    let Some((change, status, reason, slug, content)) = found else {
        return Ok(None);
    };
    let content = of_bytes(&content, "release.content")?;
    Ok(Some(Link {
        app,
        version,
        change,
        status,
        reason,
        slug,
        content,
    }))
}

/// A digest as it is stored.
pub(crate) fn of_bytes(bytes: &[u8], place: &str) -> Result<Digest> {
    bytes.try_into().map_err(|_| corrupt(place))
}
