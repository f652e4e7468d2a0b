//! A ledger in memory: what every other ledger must answer like, written to be plainly right. It
//! must not be quick, nor keep anything; each release holds its whole state.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};

use slugline_core::actor::Actor;
use slugline_core::addon::{Addon, Addons};
use slugline_core::app::{App, AppName};
use slugline_core::billing::Usage;
use slugline_core::journal::{self, Effect, Stage};
use slugline_core::port::{
    AppLock, Asked, Deployed, Holder, Kept, Ledger, LedgerError, Lock, Moment, NewRelease, Outcome,
    Outline, ResourceChange, Settlement, Waiting,
};
use slugline_core::release::{PluginsUsed, Release, Status, Version};
use slugline_core::resource::{Resource, ResourceId};
use slugline_core::settings::Settings;
use slugline_core::slug::Slug;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

type Answer<T> = Result<T, LedgerError>;

/// A ledger in memory, for one thread. Its locks exclude nobody.
#[derive(Debug, Default)]
pub struct MemoryLedger(RefCell<Everything>);

#[derive(Debug, Default)]
struct Everything {
    apps: BTreeMap<AppName, Entry>,
    resources: BTreeMap<ResourceId, (AppName, Resource)>,
    outbox: BTreeMap<i64, (AppName, Waiting)>,
    journal: BTreeMap<i64, (AppName, journal::Entry)>,
    places: i64,
    usage: Vec<Usage>,
}

impl Everything {
    /// Ends what an app has not any more, and begins what it has not had so far.
    fn account(&mut self, app: &AppName, at: Timestamp) {
        let entry = self.apps.get(app);
        let mut addons = entry.map_or_else(Addons::new, |entry| entry.moment().state.addons);
        let owner = entry.map(|entry| entry.app.owner.clone());
        let open = self.usage.iter_mut();
        for used in open.filter(|used| used.app == *app && used.to.is_none()) {
            let same = |addon: &Addon| {
                addon.plan == used.plan
                    && addon.price == used.price
                    && owner.as_ref() == Some(&used.owner)
            };
            match addons.get(used.plan.service()).is_some_and(same) {
                true => drop(addons.remove(used.plan.service())),
                false => used.to = Some(at.max(used.from)),
            }
        }
        let Some(owner) = owner else { return };
        self.usage.extend(addons.into_values().map(|addon| Usage {
            app: app.clone(),
            owner: owner.clone(),
            plan: addon.plan,
            price: addon.price,
            from: at,
            to: None,
        }));
    }
}

#[derive(Debug)]
struct Entry {
    app: App,
    last: Version,
    current: Option<Version>,
    deployed: Option<Deployed>,
    pinned: bool,
    /// The tier, and the newest number when it was installed.
    first_tier: Option<(Version, Addon)>,
    releases: BTreeMap<Version, (Release, State)>,
    plugins: BTreeMap<Version, PluginsUsed>,
    asked: Option<Asked>,
    settings: Settings,
    kept: BTreeMap<(Version, Kept), String>,
}

impl Entry {
    fn new(app: &App) -> Self {
        Self {
            app: app.clone(),
            last: Version::NONE,
            current: None,
            deployed: None,
            pinned: false,
            first_tier: None,
            releases: BTreeMap::new(),
            plugins: BTreeMap::new(),
            asked: None,
            settings: Settings::default(),
            kept: BTreeMap::new(),
        }
    }

    fn moment(&self) -> Moment {
        let current = self.current.and_then(|version| self.releases.get(&version));
        let mut state = current.map(|(_, state)| state.clone()).unwrap_or_default();
        if let Some((_, tier)) = &self.first_tier {
            state
                .addons
                .insert(tier.plan.service().clone(), tier.clone());
        }
        let newest = self.releases.get(&self.last);
        let pending = newest.filter(|(release, _)| release.status == Status::Pending);
        Moment {
            app: self.app.clone(),
            last: self.last,
            current: current.map(|(release, _)| release.clone()),
            state,
            newest_deploy: self.deployed.clone(),
            code_pinned: self.pinned,
            pending: pending.map(|(release, _)| release.version),
        }
    }

    fn outline(&self) -> Outline {
        let moment = self.moment();
        Outline {
            app: moment.app,
            last: moment.last,
            current: moment.current,
            addons: moment.state.addons,
            pending: moment.pending,
        }
    }

    fn settle(&mut self, version: Version, outcome: &Outcome) -> Answer<()> {
        let name = self.app.name.clone();
        let Some((release, _)) = self.releases.get_mut(&version) else {
            return Err(LedgerError::NoRelease(name, version));
        };
        if release.status != Status::Pending {
            return Err(LedgerError::NotPending(name, version));
        }
        let code_pinned = match outcome {
            Outcome::Failed(reason) => {
                release.status = Status::Failed(reason.clone());
                return Ok(());
            }
            Outcome::Succeeded { code_pinned } => *code_pinned,
        };
        release.status = Status::Succeeded;
        if self.current < Some(version) {
            self.current = Some(version);
            self.pinned = code_pinned;
        }
        let newer = self
            .deployed
            .as_ref()
            .is_none_or(|newest| newest.version < version);
        if let Some(slug) = release
            .slug
            .clone()
            .filter(|_| release.change.is_deploy() && newer)
        {
            self.deployed = Some(Deployed { version, slug });
        }
        self.first_tier.take_if(|(since, _)| *since < version);
        Ok(())
    }

    fn may_go(&self, version: Version) -> bool {
        let settled = |(release, _): &(Release, State)| release.status != Status::Pending;
        let before = self.releases.range(..version);
        let waits = before.into_iter().any(|(_, found)| !settled(found));
        let goes = |found: &(Release, State)| settled(found) && !found.0.pinned && !waits;
        self.current != Some(version) && self.releases.get(&version).is_some_and(goes)
    }
}

impl MemoryLedger {
    fn entry(&self, app: &AppName) -> Answer<Ref<'_, Entry>> {
        let found = Ref::filter_map(self.0.borrow(), |all| all.apps.get(app));
        found.map_err(|_| LedgerError::NoApp(app.clone()))
    }

    fn entry_mut(&self, app: &AppName) -> Answer<RefMut<'_, Entry>> {
        let found = RefMut::filter_map(self.0.borrow_mut(), |all| all.apps.get_mut(app));
        found.map_err(|_| LedgerError::NoApp(app.clone()))
    }

    fn kept(&self, app: &AppName, version: Version) -> Answer<State> {
        let entry = self.entry(app)?;
        let kept = entry.releases.get(&version).map(|(_, state)| state.clone());
        kept.ok_or_else(|| LedgerError::NoRelease(app.clone(), version))
    }
}

struct Free;

impl AppLock for Free {}

impl Ledger for MemoryLedger {
    fn lock(
        &self,
        _: &AppName,
        _: Lock,
        _: &Holder,
        _: &mut dyn FnMut(&Holder) -> bool,
    ) -> Answer<Box<dyn AppLock>> {
        Ok(Box::new(Free))
    }

    fn apps(&self) -> Answer<Vec<App>> {
        Ok(self
            .0
            .borrow()
            .apps
            .values()
            .map(|entry| entry.app.clone())
            .collect())
    }

    fn create_app(&self, app: &App) -> Answer<()> {
        let mut all = self.0.borrow_mut();
        if all.apps.contains_key(&app.name) {
            return Err(LedgerError::NameTaken(app.name.clone()));
        }
        all.apps.insert(app.name.clone(), Entry::new(app));
        Ok(())
    }

    fn destroy_app(&self, app: &AppName, at: Timestamp) -> Answer<()> {
        let mut all = self.0.borrow_mut();
        if all.apps.remove(app).is_none() {
            return Err(LedgerError::NoApp(app.clone()));
        }
        all.outbox.retain(|_, (of, _)| of != app);
        all.journal.retain(|_, (of, _)| of != app);
        all.account(app, at);
        Ok(())
    }

    fn set_branch(&self, app: &AppName, branch: Option<&str>) -> Answer<()> {
        self.entry_mut(app)?.app.branch = branch.map(str::to_owned);
        Ok(())
    }

    fn moment(&self, app: &AppName) -> Answer<Moment> {
        Ok(self.entry(app)?.moment())
    }

    fn outline(&self, app: &AppName) -> Answer<Outline> {
        Ok(self.entry(app)?.outline())
    }

    fn outlines(&self) -> Answer<Vec<Outline>> {
        Ok(self.0.borrow().apps.values().map(Entry::outline).collect())
    }

    fn release(&self, app: &AppName, version: Version) -> Answer<Option<Release>> {
        let entry = self.entry(app)?;
        Ok(entry
            .releases
            .get(&version)
            .map(|(release, _)| release.clone()))
    }

    fn history(
        &self,
        app: &AppName,
        before: Option<Version>,
        limit: usize,
    ) -> Answer<Vec<Release>> {
        let entry = self.entry(app)?;
        let older = |version: Version| before.is_none_or(|before| version < before);
        let newest_first = entry.releases.values().rev().map(|(release, _)| release);
        let rows = newest_first
            .filter(|release| older(release.version))
            .take(limit);
        Ok(rows.cloned().collect())
    }

    fn history_after(
        &self,
        app: &AppName,
        after: Option<Version>,
        limit: usize,
    ) -> Answer<Vec<Release>> {
        let entry = self.entry(app)?;
        let newer = |version: Version| after.is_none_or(|after| version > after);
        let oldest_first = entry.releases.values().map(|(release, _)| release);
        let rows = oldest_first
            .filter(|release| newer(release.version))
            .take(limit);
        Ok(rows.cloned().collect())
    }

    fn state_at(&self, app: &AppName, version: Version) -> Answer<State> {
        self.kept(app, version)
    }

    fn addons_at(&self, app: &AppName, version: Version) -> Answer<Addons> {
        Ok(self.kept(app, version)?.addons)
    }

    fn plugins_at(&self, app: &AppName, version: Version) -> Answer<PluginsUsed> {
        self.kept(app, version)?;
        Ok(self
            .entry(app)?
            .plugins
            .get(&version)
            .cloned()
            .unwrap_or_default())
    }

    fn record(&self, app: &AppName, release: &NewRelease<'_>) -> Answer<Version> {
        let mut entry = self.entry_mut(app)?;
        let version = entry.last.next();
        entry.last = version;
        let recorded = Release {
            version,
            change: release.change.clone(),
            actor: release.actor.clone(),
            created_at: release.at,
            status: Status::Pending,
            slug: release.state.slug.clone(),
            pinned: false,
        };
        entry
            .releases
            .insert(version, (recorded, release.state.clone()));
        entry.plugins.insert(version, release.plugins.clone());
        Ok(version)
    }

    fn settle(&self, app: &AppName, version: Version, settlement: &Settlement) -> Answer<()> {
        self.entry_mut(app)?.settle(version, &settlement.outcome)?;
        let mut all = self.0.borrow_mut();
        all.account(app, settlement.at);
        for event in &settlement.events {
            all.places += 1;
            let place = all.places;
            let waiting = Waiting {
                place,
                event: event.clone(),
                attempts: 0,
                due: settlement.at,
            };
            all.outbox.insert(place, (app.clone(), waiting));
        }
        match settlement.outcome {
            Outcome::Succeeded { .. } => all.journal.retain(|_, (of, _)| of != app),
            Outcome::Failed(_) => {
                let own = all.journal.values_mut().filter(|(of, _)| of == app);
                own.for_each(|(_, entry)| entry.stage = Stage::Undo);
            }
        }
        Ok(())
    }

    fn install_first_tier(&self, app: &AppName, tier: &Addon, at: Timestamp) -> Answer<()> {
        let mut entry = self.entry_mut(app)?;
        entry.first_tier = Some((entry.last, tier.clone()));
        drop(entry);
        self.0.borrow_mut().account(app, at);
        Ok(())
    }

    fn set_code_pinned(&self, app: &AppName, pinned: bool) -> Answer<()> {
        self.entry_mut(app)?.pinned = pinned;
        Ok(())
    }

    fn set_release_pinned(&self, app: &AppName, version: Version, pinned: bool) -> Answer<()> {
        let mut entry = self.entry_mut(app)?;
        match entry.releases.get_mut(&version) {
            Some((release, _)) => release.pinned = pinned,
            None => return Err(LedgerError::NoRelease(app.clone(), version)),
        }
        Ok(())
    }

    fn usage(&self, from: Timestamp, to: Timestamp) -> Answer<Vec<Usage>> {
        let all = self.0.borrow();
        let asked = |used: &&Usage| used.from < to && used.to.is_none_or(|end| end >= from);
        let mut found: Vec<Usage> = all.usage.iter().filter(asked).cloned().collect();
        found.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(found)
    }

    fn prune(&self, app: &AppName, versions: &[Version], _: Timestamp) -> Answer<()> {
        let mut entry = self.entry_mut(app)?;
        for version in versions {
            if entry.may_go(*version) {
                entry.releases.remove(version);
                entry.kept.retain(|(of, _), _| of != version);
            }
        }
        Ok(())
    }

    fn asked(&self, app: &AppName) -> Answer<Option<Asked>> {
        Ok(self.entry(app)?.asked.clone())
    }

    fn set_asked(&self, app: &AppName, asked: Option<&Asked>) -> Answer<()> {
        self.entry_mut(app)?.asked = asked.cloned();
        Ok(())
    }

    fn settings(&self, app: &AppName) -> Answer<Settings> {
        Ok(self.entry(app)?.settings.clone())
    }

    fn set_settings(&self, app: &AppName, settings: &Settings) -> Answer<()> {
        self.entry(app)?;
        for (other, entry) in self.0.borrow().apps.iter().filter(|(name, _)| *name != app) {
            if let Some(host) = settings
                .domains
                .intersection(&entry.settings.domains)
                .next()
            {
                return Err(LedgerError::HostTaken(host.clone(), other.clone()));
            }
        }
        self.entry_mut(app)?.settings = settings.clone();
        Ok(())
    }

    fn kept(&self, app: &AppName, version: Version, what: Kept) -> Answer<Option<String>> {
        Ok(self.entry(app)?.kept.get(&(version, what)).cloned())
    }

    fn keep(&self, app: &AppName, version: Version, what: Kept, text: &str) -> Answer<()> {
        let mut entry = self.entry_mut(app)?;
        if !entry.releases.contains_key(&version) {
            return Err(LedgerError::NoRelease(app.clone(), version));
        }
        entry.kept.insert((version, what), text.to_owned());
        Ok(())
    }

    fn slugs_in_use(&self) -> Answer<Vec<Slug>> {
        let all = self.0.borrow();
        let of_releases = all.apps.values().flat_map(|entry| entry.releases.values());
        let of_releases = of_releases.filter_map(|(release, _)| release.slug.clone());
        let deployed = all.apps.values().filter_map(|entry| entry.deployed.clone());
        let slugs = of_releases.chain(deployed.map(|deployed| deployed.slug));
        let mut known: Vec<Slug> = Vec::new();
        for slug in slugs {
            if !known.contains(&slug) {
                known.push(slug);
            }
        }
        Ok(known)
    }

    fn put_resource(&self, app: &AppName, resource: &Resource) -> Answer<()> {
        self.entry(app)?;
        let owned = (app.clone(), resource.clone());
        self.0
            .borrow_mut()
            .resources
            .insert(resource.id.clone(), owned);
        Ok(())
    }

    fn resources(&self, app: &AppName) -> Answer<Vec<Resource>> {
        let all = self.0.borrow();
        let own = all.resources.values().filter(|(of, _)| of == app);
        Ok(own.map(|(_, resource)| resource.clone()).collect())
    }

    fn remove_resource(&self, id: &ResourceId) -> Answer<()> {
        self.0.borrow_mut().resources.remove(id);
        Ok(())
    }

    fn ports_in_use(&self) -> Answer<Vec<u16>> {
        let all = self.0.borrow();
        let ports: BTreeSet<u16> = all.resources.values().filter_map(|(_, r)| r.port).collect();
        Ok(ports.into_iter().collect())
    }

    fn outbox(&self, app: &AppName) -> Answer<Vec<Waiting>> {
        self.entry(app)?;
        let all = self.0.borrow();
        let own = all.outbox.values().filter(|(of, _)| of == app);
        Ok(own.map(|(_, waiting)| waiting.clone()).collect())
    }

    fn delivered(&self, place: i64) -> Answer<()> {
        self.0.borrow_mut().outbox.remove(&place);
        Ok(())
    }

    fn undelivered(&self, place: i64, _: &str, due: Timestamp) -> Answer<()> {
        if let Some((_, waiting)) = self.0.borrow_mut().outbox.get_mut(&place) {
            waiting.attempts += 1;
            waiting.due = due;
        }
        Ok(())
    }

    fn begin_effects(&self, app: &AppName, effects: &[Effect]) -> Answer<Vec<i64>> {
        self.entry(app)?;
        let mut all = self.0.borrow_mut();
        let mut begin = |effect: &Effect| {
            all.places += 1;
            let place = all.places;
            let entry = journal::Entry {
                place,
                effect: effect.clone(),
                stage: Stage::Begun,
                attempts: 0,
                due: Timestamp(0),
            };
            all.journal.insert(place, (app.clone(), entry));
            place
        };
        Ok(effects.iter().map(&mut begin).collect())
    }

    fn step_effect(
        &self,
        app: &AppName,
        place: i64,
        to: Option<Stage>,
        change: ResourceChange<'_>,
    ) -> Answer<()> {
        self.entry(app)?;
        let mut all = self.0.borrow_mut();
        match to {
            None => drop(all.journal.remove(&place)),
            Some(stage) => {
                if let Some((_, entry)) = all.journal.get_mut(&place) {
                    entry.stage = stage;
                }
            }
        }
        match change {
            ResourceChange::None => {}
            ResourceChange::Put(resource) => {
                let owned = (app.clone(), resource.clone());
                all.resources.insert(resource.id.clone(), owned);
            }
            ResourceChange::Remove(id) => drop(all.resources.remove(id)),
        }
        Ok(())
    }

    fn delay_effect(&self, place: i64, due: Timestamp) -> Answer<()> {
        if let Some((_, entry)) = self.0.borrow_mut().journal.get_mut(&place) {
            entry.attempts += 1;
            entry.due = due;
        }
        Ok(())
    }

    fn journal(&self, app: &AppName) -> Answer<Vec<journal::Entry>> {
        self.entry(app)?;
        let all = self.0.borrow();
        let own = all.journal.values().filter(|(of, _)| of == app);
        Ok(own.map(|(_, entry)| entry.clone()).collect())
    }

    fn unfinished(&self, now: Timestamp) -> Answer<Vec<AppName>> {
        let all = self.0.borrow();
        let left = |app: &&AppName| {
            let begun = all
                .journal
                .values()
                .any(|(of, it)| of == *app && it.due <= now);
            let waits = all
                .outbox
                .values()
                .any(|(of, it)| of == *app && it.due <= now);
            let releases = all.apps[*app].releases.values();
            let pending = |(release, _): &(Release, State)| release.status == Status::Pending;
            begun || waits || releases.into_iter().any(pending)
        };
        Ok(all.apps.keys().filter(left).cloned().collect())
    }

    fn ownerless(&self) -> Answer<Vec<(AppName, Resource)>> {
        let all = self.0.borrow();
        let left = |(app, _): &&(AppName, Resource)| !all.apps.contains_key(app);
        Ok(all.resources.values().filter(left).cloned().collect())
    }

    fn monthly_cost(&self, owner: &Actor, but: &AppName) -> Answer<u64> {
        let all = self.0.borrow();
        let runs = |used: &&Usage| used.to.is_none() && used.owner == *owner && used.app != *but;
        let cents = all.usage.iter().filter(runs).map(|used| used.price.cents());
        Ok(cents.sum())
    }
}

#[cfg(test)]
mod tests {
    fn with_fresh(case: fn(&dyn slugline_core::port::Ledger)) {
        case(&super::MemoryLedger::default());
    }

    crate::ledger_contract!(with_fresh);
}
