//! A history that was checked, written down in one transaction. It must not decide anything about it.
//!
//! Digests are keyed and bound to the row of the app, so each release gets a new one. A receipt has
//! no content of which one could be made: the digest that it had where it comes from stands for it.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use slugline_core::actor::Actor;
use slugline_core::port::{Kept, LedgerError};
use slugline_core::settings::Settings;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

use super::check::{self, Document};
use super::form;
use crate::SqliteLedger;
use crate::addons::InstalledAddons;
use crate::chain::{self, Digest, Link, Made, NOTHING};
use crate::config::Config;
use crate::connection::{commit, writing};
use crate::decode::number;
use crate::fault::{Result, corrupt};
use crate::interval::{Interval, Kind, insert};
use crate::sealing::Ring;
use crate::{apps, kept, origins, plugin_sets, settings, slugs, sql, usage};

impl SqliteLedger {
    /// Makes an app with this history. Its numbers, changes, actors, times, outcomes, pins and
    /// receipts are as they were; its digests are new. What its add-ons cost is counted from `at` on,
    /// and the audit tells of it.
    ///
    /// # Errors
    /// [`LedgerError::NameTaken`], [`LedgerError::Key`], [`LedgerError::Busy`], [`LedgerError::Full`],
    /// [`LedgerError::Storage`]; nothing has changed then.
    pub fn import(
        &self,
        document: &Document,
        actor: &Actor,
        at: Timestamp,
    ) -> std::result::Result<(), LedgerError> {
        write(self, document, actor, at)?;
        if let Some(caller) = &self.caller {
            caller.recorded();
        }
        Ok(())
    }
}

fn write(ledger: &SqliteLedger, document: &Document, actor: &Actor, at: Timestamp) -> Result<()> {
    let form = &document.form;
    let tx = writing(&ledger.db)?;
    let app = &form.app.name;
    let created = tx.prepare_cached(sql::CREATE_APP)?.execute(params![
        app.as_str(),
        form.app.owner.as_str(),
        form.app.created_at.0,
        form.app.branch
    ])?;
    if created == 0 {
        return Err(LedgerError::NameTaken(app.clone()).into());
    }
    let origin = ledger
        .origin()
        .map(|origin| origins::intern(&tx, &origin))
        .transpose()?;
    let ring = ledger.keys.fresh(&tx)?;
    let id = apps::id(&tx, app)?;
    let mut writer = Writer {
        tx: &tx,
        ring: &ring,
        id,
        lists: Lists::of(&tx, form, origin)?,
        before: NOTHING,
        state: State::default(),
        config: BTreeMap::new(),
        addons: BTreeMap::new(),
    };
    writer.all(document)?;
    writer.ends(document)?;
    usage::account(&tx, &ledger.keys, (id, app), at)?;
    slugs::drop_unused(&tx, writer.lists.slugs.iter().copied())?;
    tx.prepare_cached(sql::ADD_AUDIT)?.execute(params![
        at.0,
        app.as_str(),
        actor.as_str(),
        "done",
        what(document),
        origin
    ])?;
    commit(tx)
}

/// What the audit says of it.
fn what(document: &Document) -> String {
    let from = document.from();
    let history = match document.newest_digest() {
        Some((version, digest)) => format!("{version} had the digest {digest} there"),
        None => "no release of it had a digest there".to_owned(),
    };
    format!(
        "import of {from} with {} releases and {} receipts; {history}",
        document.kept(),
        document.pruned()
    )
}

/// The rows of what releases name by its place in a list.
struct Lists {
    slugs: Vec<i64>,
    plugins: Vec<(i64, String)>,
    origins: Vec<i64>,
    /// Where the command comes from that imports.
    own: Option<i64>,
}

impl Lists {
    fn of(tx: &Connection, form: &form::Document, own: Option<i64>) -> Result<Self> {
        let mut lists = Self {
            slugs: Vec::new(),
            plugins: Vec::new(),
            origins: Vec::new(),
            own,
        };
        for slug in &form.slugs {
            let text = serde_json::to_string(&slug.0)?;
            lists.slugs.push(slugs::intern(tx, &slug.0, &text)?);
        }
        for set in &form.plugins {
            let text = serde_json::to_string(&set.0)?;
            let id =
                plugin_sets::intern(tx, Some(&text))?.ok_or_else(|| corrupt("plugin_set.id"))?;
            lists.plugins.push((id, text));
        }
        for origin in &form.origins {
            let origin = origins::Origin {
                command: origin.command.clone(),
                place: origin.place.clone(),
            };
            lists.origins.push(origins::intern(tx, &origin)?);
        }
        Ok(lists)
    }

    fn plugins(&self, index: Option<usize>) -> Option<&(i64, String)> {
        self.plugins.get(index?)
    }

    fn origin(&self, index: Option<usize>) -> Option<i64> {
        self.origins.get(index?).copied()
    }
}

/// From which number on each of a kind is as it is.
type Since<K> = BTreeMap<<K as Kind>::Key, i64>;

struct Writer<'a> {
    tx: &'a Connection,
    ring: &'a Ring,
    id: i64,
    lists: Lists,
    /// The digest of the release before.
    before: Digest,
    /// What the release before was a snapshot of.
    state: State,
    config: Since<Config>,
    addons: Since<InstalledAddons>,
}

impl Writer<'_> {
    /// Both lists are sorted: what comes next is the smaller number.
    fn all(&mut self, document: &Document) -> Result<()> {
        let mut receipts = document.form.receipts.iter().peekable();
        for (index, release) in document.form.releases.iter().enumerate() {
            while let Some(receipt) = receipts.next_if(|receipt| receipt.version < release.version)
            {
                self.receipt(receipt)?;
            }
            self.release(document, release, index >= document.exported)?;
        }
        receipts.try_for_each(|receipt| self.receipt(receipt))
    }

    fn receipt(&mut self, receipt: &form::Receipt) -> Result<()> {
        let (word, _) = Document::outcome(receipt.status, None);
        let content = receipt.digest.map(|digest| digest.0);
        let link = Link {
            app: self.id,
            version: number(receipt.version),
            change: serde_json::to_string(&receipt.change.0)?,
            status: word.to_owned(),
            reason: receipt.reason.clone(),
            slug: receipt.slug.as_ref().map(|slug| slug.as_str().to_owned()),
            content: content.unwrap_or(NOTHING),
        };
        self.before = chain::digest(self.ring, &self.before, &link);
        self.tx
            .prepare_cached(sql::IMPORT_RECEIPT)?
            .execute(params![
                self.id,
                link.version,
                link.change,
                link.status,
                link.slug,
                receipt.pruned_at.0,
                receipt.actor.as_ref().map(Actor::as_str),
                receipt.at.map(|at| at.0),
                link.reason,
                self.lists.plugins(receipt.plugins).map(|it| it.0),
                self.lists.origin(receipt.origin),
                content,
                self.before
            ])?;
        Ok(())
    }

    fn release(
        &mut self,
        document: &Document,
        release: &form::Release,
        is_new: bool,
    ) -> Result<()> {
        let form = &document.form;
        let version = number(release.version);
        let at = (self.tx, self.ring, self.id);
        let config = release
            .config
            .removed
            .iter()
            .chain(release.config.set.keys());
        for key in config {
            if let (Some(from), Some(var)) = (self.config.remove(key), self.state.config.get(key)) {
                past::<Config>(at, key, (from, version), var)?;
            }
        }
        for service in release
            .addons
            .removed
            .iter()
            .chain(release.addons.set.keys())
        {
            if let (Some(from), Some(addon)) =
                (self.addons.remove(service), self.state.addons.get(service))
            {
                past::<InstalledAddons>(at, service, (from, version), addon)?;
            }
        }
        check::apply(form, release, "", &mut self.state).map_err(|_| corrupt("import"))?;
        let keys = release.config.set.keys();
        self.config.extend(keys.map(|key| (key.clone(), version)));
        let services = release.addons.set.keys();
        self.addons
            .extend(services.map(|service| (service.clone(), version)));
        self.row(release, is_new)
    }

    fn row(&mut self, release: &form::Release, is_new: bool) -> Result<()> {
        let plugins = self.lists.plugins(release.plugins);
        let code = slugs::body(self.state.slug.as_ref())?;
        let made = Made {
            app: self.id,
            version: number(release.version),
            actor: release.actor.as_str(),
            at: release.at.0,
            plugins: plugins.map(|it| it.1.as_str()),
            slug: code.as_deref(),
        };
        let (word, reason) = Document::outcome(release.status, release.reason.as_deref());
        let link = Link {
            app: self.id,
            version: made.version,
            change: serde_json::to_string(&release.change.0)?,
            status: word.to_owned(),
            reason: reason.map(str::to_owned),
            slug: self
                .state
                .slug
                .as_ref()
                .map(|slug| slug.id.as_str().to_owned()),
            content: chain::content(self.ring, &made, &self.state.config, &self.state.addons),
        };
        self.before = chain::digest(self.ring, &self.before, &link);
        let origin = if is_new {
            self.lists.own
        } else {
            self.lists.origin(release.origin)
        };
        self.tx
            .prepare_cached(sql::IMPORT_RELEASE)?
            .execute(params![
                self.id,
                link.version,
                link.change,
                made.actor,
                made.at,
                link.status,
                link.reason,
                release.slug.and_then(|index| self.lists.slugs.get(index)),
                release.pinned,
                plugins.map(|it| it.0),
                origin,
                link.content,
                self.before
            ])?;
        let texts = [
            (Kept::Output, &release.output),
            (Kept::Verdict, &release.verdict),
        ];
        for (what, text) in texts {
            if let Some(text) = text {
                kept::put(self.tx, self.ring, (self.id, made.version), what, text)?;
            }
        }
        Ok(())
    }

    /// What holds at the newest number, and what points at releases.
    fn ends(&self, document: &Document) -> Result<()> {
        let at = (self.tx, self.ring, self.id);
        for (key, from) in &self.config {
            let var = self
                .state
                .config
                .get(key)
                .ok_or_else(|| corrupt("import"))?;
            now::<Config>(at, key, *from, var)?;
        }
        for (service, from) in &self.addons {
            let addon = self
                .state
                .addons
                .get(service)
                .ok_or_else(|| corrupt("import"))?;
            now::<InstalledAddons>(at, service, *from, addon)?;
        }
        let form = &document.form;
        let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<()> {
            self.tx.prepare_cached(sql)?.execute(values)?;
            Ok(())
        };
        run(sql::SET_LAST, params![self.id, number(form.last)])?;
        if let Some(current) = form.current {
            run(
                sql::SET_CURRENT,
                params![self.id, number(current), form.code_pinned],
            )?;
        }
        if form.settings != Settings::default() {
            settings::write(self.tx, self.ring, self.id, &form.settings)?;
        }
        if let Some((version, slug)) = document.deploy() {
            let slug = self.lists.slugs.get(slug);
            run(sql::SET_DEPLOY, params![self.id, number(version), slug])?;
        }
        if let Some(tier) = &form.first_tier {
            let price = i64::try_from(tier.price.cents()).unwrap_or(i64::MAX);
            let since = number(tier.since);
            run(
                sql::IMPORT_FIRST_TIER,
                params![self.id, since, tier.plan.to_string(), price],
            )?;
        }
        Ok(())
    }
}

/// Where intervals are written, and what seals them.
type At<'a> = (&'a Connection, &'a Ring, i64);

fn past<K: Kind>(
    (tx, ring, app): At<'_>,
    key: &K::Key,
    (from, to): (i64, i64),
    value: &K::Value,
) -> Result<()> {
    let key = K::key(key);
    let place = Interval {
        ring,
        app,
        key,
        from,
    };
    insert::<K>(tx, K::SQL.close, &[&app, &key, &to, &from], &place, value)
}

fn now<K: Kind>((tx, ring, app): At<'_>, key: &K::Key, from: i64, value: &K::Value) -> Result<()> {
    let key = K::key(key);
    let place = Interval {
        ring,
        app,
        key,
        from,
    };
    insert::<K>(tx, K::SQL.open, &[&app, &key, &from], &place, value)
}
