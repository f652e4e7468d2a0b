//! Whether a document is a history that could have been: every number once, each release following
//! from the one before, and what is said to be current the newest that succeeded. It must not know
//! what is in the home that it is imported into.

use slugline_core::addon::{Addon, Addons, ServiceName};
use slugline_core::app::AppName;
use slugline_core::change::Change;
use slugline_core::config::{ConfigValue, ConfigVar, Owner};
use slugline_core::release::Version;
use slugline_core::slug::SlugId;
use slugline_core::state::State;
use slugline_core::time::Timestamp;

use super::form::{self, Changed, Status, Var};
use super::parse::InvalidDocument;

/// Why a release that was pending is one that failed where it is imported.
pub(crate) const PENDING: &str = "it was pending when the history was exported";

/// A history that can be imported: all of it was checked.
#[derive(Debug)]
pub struct Document {
    pub(crate) form: form::Document,
    /// What the newest number is a snapshot of.
    pub(crate) newest: State,
    /// What the app is: the current release's state and its first tier.
    pub(crate) present: State,
    /// The name of the app where it comes from.
    pub(crate) from: AppName,
    /// How many of its releases are from there.
    pub(crate) exported: usize,
}

impl Document {
    /// Reads a history that `export` wrote. The whole of it is in memory: at most
    /// [`MAX_BYTES`](super::MAX_BYTES), and some three times that for what it says.
    ///
    /// # Errors
    /// [`InvalidDocument`], with the first place that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidDocument> {
        check(super::parse::form(bytes)?)
    }

    /// The name of the app where it comes from.
    #[must_use]
    pub fn from(&self) -> &AppName {
        &self.from
    }

    /// The newest number.
    #[must_use]
    pub fn last(&self) -> Version {
        self.form.last
    }

    /// The current release.
    #[must_use]
    pub fn current(&self) -> Option<Version> {
        self.form.current
    }

    /// When it was exported.
    #[must_use]
    pub fn exported_at(&self) -> Timestamp {
        self.form.exported_at
    }

    /// How many releases are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.form.releases.len()
    }

    /// How many were pruned.
    #[must_use]
    pub fn pruned(&self) -> usize {
        self.form.receipts.len()
    }

    /// What the app is now.
    #[must_use]
    pub fn present(&self) -> &State {
        &self.present
    }

    /// The slugs of all releases that are kept and have one.
    pub fn release_slugs(&self) -> impl Iterator<Item = &SlugId> {
        let places = self.form.releases.iter().filter_map(|release| release.slug);
        places.filter_map(|place| Some(&self.form.slugs.get(place)?.0.id))
    }

    /// The digest of the newest release that has one, in the home that it comes from, and its number.
    #[must_use]
    pub fn newest_digest(&self) -> Option<(Version, String)> {
        let releases = self.form.releases.iter();
        let all = releases.map(|release| (release.version, release.digest));
        let receipts = self.form.receipts.iter();
        let all = all.chain(receipts.map(|receipt| (receipt.version, receipt.digest)));
        let newest = all
            .filter_map(|(version, digest)| Some((version, digest?)))
            .max_by_key(|it| it.0)?;
        Some((newest.0, crate::keys::hex(&newest.1.0)))
    }

    /// The add-ons that the app has now and that have something behind them, which is not here.
    #[must_use]
    pub fn lost_addons(&self) -> Vec<&Addon> {
        let addons = self.present.addons.values();
        addons.filter(|addon| addon.resource.is_some()).collect()
    }
}

type Checked<T = ()> = Result<T, InvalidDocument>;

fn wrong<T>(path: impl Into<String>, what: impl Into<String>) -> Checked<T> {
    let (path, what) = (path.into(), what.into());
    Err(InvalidDocument::At { path, what })
}

fn check(form: form::Document) -> Checked<Document> {
    if !form.values {
        return Err(InvalidDocument::WithoutValues);
    }
    if form
        .app
        .branch
        .as_ref()
        .is_some_and(|name| name.is_empty() || name.chars().any(char::is_control))
    {
        return wrong("app.branch", "expected the name of a branch");
    }
    numbers(&form)?;
    for (index, receipt) in form.receipts.iter().enumerate() {
        receipt_of(&form, receipt, &format!("receipts[{index}]"))?;
    }
    let mut newest = State::default();
    let mut current = None;
    for (index, release) in form.releases.iter().enumerate() {
        let path = format!("releases[{index}]");
        release_of(&form, release, &path)?;
        apply(&form, release, &path, &mut newest)?;
        if release.status == Status::Succeeded {
            current = Some((release.version, newest.clone()));
        }
    }
    let present = pointers(&form, current)?;
    Ok(Document {
        from: form.app.name.clone(),
        exported: form.releases.len(),
        form,
        newest,
        present,
    })
}

/// Every number from 1 to the last one is there once, in one of the two lists, which are sorted.
fn numbers(form: &form::Document) -> Checked {
    let (mut kept, mut pruned) = (0, 0);
    let last = form.last.number();
    if last > i64::MAX as u64 - 1_000_000 {
        return wrong("last", "expected a number that leaves room for more");
    }
    let mut number = 0;
    loop {
        let release = form.releases.get(kept).map(|it| it.version.number());
        let receipt = form.receipts.get(pruned).map(|it| it.version.number());
        if release.is_none() && receipt.is_none() {
            break;
        }
        number += 1;
        if release == Some(number) {
            kept += 1;
        } else if receipt == Some(number) {
            pruned += 1;
        } else {
            let path = match (release, receipt) {
                (Some(release), Some(receipt)) if receipt < release => {
                    format!("receipts[{pruned}]")
                }
                (Some(_), _) => format!("releases[{kept}]"),
                (None, _) => format!("receipts[{pruned}]"),
            };
            return wrong(
                path + ".version",
                format!("expected {number}: numbers have no gaps, and each is there once"),
            );
        }
    }
    match number == last {
        true => Ok(()),
        false => wrong(
            "last",
            format!("expected {number}, the newest number there is"),
        ),
    }
}

fn outcome(status: Status, reason: Option<&String>, path: &str) -> Checked {
    match (status, reason) {
        (Status::Failed, None) => wrong(format!("{path}.reason"), "expected why it failed"),
        (Status::Pending | Status::Succeeded, Some(_)) => wrong(
            format!("{path}.reason"),
            "expected null: only what failed has a reason",
        ),
        _ => Ok(()),
    }
}

fn within(index: Option<usize>, list: usize, path: &str, name: &str) -> Checked {
    match index {
        Some(index) if index >= list => {
            let what = format!("expected null or a place in the list of {name}, which has {list}");
            wrong(path, what)
        }
        _ => Ok(()),
    }
}

fn text(change: &Change, text: &str, path: &str) -> Checked {
    match change.to_string() == text {
        true => Ok(()),
        false => wrong(
            format!("{path}.text"),
            format!("expected {:?}, as its change says", change.to_string()),
        ),
    }
}

fn release_of(form: &form::Document, release: &form::Release, path: &str) -> Checked {
    text(&release.change.0, &release.text, path)?;
    outcome(release.status, release.reason.as_ref(), path)?;
    within(
        release.slug,
        form.slugs.len(),
        &format!("{path}.slug"),
        "slugs",
    )?;
    within(
        release.plugins,
        form.plugins.len(),
        &format!("{path}.plugins"),
        "plugins",
    )?;
    within(
        release.origin,
        form.origins.len(),
        &format!("{path}.origin"),
        "origins",
    )?;
    match (release.status, release.digest) {
        (Status::Pending, Some(_)) => wrong(
            format!("{path}.digest"),
            "expected null: a pending release has none",
        ),
        _ => Ok(()),
    }
}

fn receipt_of(form: &form::Document, receipt: &form::Receipt, path: &str) -> Checked {
    text(&receipt.change.0, &receipt.text, path)?;
    if receipt.status == Status::Pending {
        return wrong(
            format!("{path}.status"),
            "expected succeeded or failed: a pending release is never pruned",
        );
    }
    if receipt.status == Status::Succeeded {
        outcome(receipt.status, receipt.reason.as_ref(), path)?;
    }
    if receipt.actor.is_some() != receipt.at.is_some() {
        return wrong(path, "expected both an actor and a time, or none");
    }
    within(
        receipt.plugins,
        form.plugins.len(),
        &format!("{path}.plugins"),
        "plugins",
    )?;
    within(
        receipt.origin,
        form.origins.len(),
        &format!("{path}.origin"),
        "origins",
    )
}

/// Takes the state of the release before to that of this one.
pub(crate) fn apply(
    form: &form::Document,
    release: &form::Release,
    path: &str,
    state: &mut State,
) -> Checked {
    state.slug = release
        .slug
        .and_then(|index| form.slugs.get(index))
        .map(|slug| slug.0.clone());
    let Changed { set, removed } = &release.config;
    for key in removed {
        if state.config.remove(key).is_none() || set.contains_key(key) {
            let what = format!(
                "expected config vars of the release before: {key} is not one, or is set again"
            );
            return wrong(format!("{path}.config.removed"), what);
        }
    }
    for (key, var) in set {
        let path = || format!("{path}.config.set.{key}");
        let var = var_of(key, var).or_else(|what| wrong(path(), what))?;
        state.config.insert(key.clone(), var);
    }
    if !set.is_empty()
        && let Err(error) = state.config.check_size()
    {
        return wrong(format!("{path}.config"), error.to_string());
    }
    addons(&release.addons, path, &mut state.addons)
}

/// A config var of the form.
fn var_of(key: &slugline_core::config::ConfigKey, var: &Var) -> Result<ConfigVar, String> {
    let value = var.value.clone().ok_or("missing field `value`")?;
    let value = ConfigValue::new(key, value).map_err(|error| error.to_string())?;
    let owner = var.owner.clone().map_or(Owner::User, Owner::Addon);
    Ok(ConfigVar { value, owner })
}

/// An add-on of the form.
fn addon_of(addon: &form::Addon) -> Addon {
    Addon {
        plan: addon.plan.clone(),
        price: addon.price,
        resource: addon.resource.clone(),
    }
}

fn addons(changed: &Changed<ServiceName, form::Addon>, path: &str, state: &mut Addons) -> Checked {
    for service in &changed.removed {
        if state.remove(service).is_none() || changed.set.contains_key(service) {
            let what = format!(
                "expected add-ons of the release before: {service} is not one, or is set again"
            );
            return wrong(format!("{path}.addons.removed"), what);
        }
    }
    for (service, addon) in &changed.set {
        if addon.plan.service() != service {
            return wrong(
                format!("{path}.addons.set.{service}.plan"),
                format!("expected a plan of {service}"),
            );
        }
        state.insert(service.clone(), addon_of(addon));
    }
    Ok(())
}

/// What is called current, the newest deploy and the first tier; answers what the app is now.
fn pointers(form: &form::Document, current: Option<(Version, State)>) -> Checked<State> {
    let (newest, mut present) = current.map_or((None, State::default()), |(version, state)| {
        (Some(version), state)
    });
    let pruned = form
        .receipts
        .iter()
        .rev()
        .find(|receipt| receipt.status == Status::Succeeded);
    if let Some(receipt) = pruned.filter(|receipt| Some(receipt.version) > newest) {
        let what = format!(
            "expected a release that is kept: {} is the newest that succeeded, which is never pruned",
            receipt.version
        );
        return wrong("receipts", what);
    }
    if form.current != newest {
        let newest = newest.map_or("null".to_owned(), |version| version.number().to_string());
        return wrong(
            "current",
            format!("expected {newest}, the newest release that succeeded"),
        );
    }
    deploy(form)?;
    if let Some(tier) = &form.first_tier {
        if !tier.plan.service().is_tier() {
            return wrong("first_tier.plan", "expected a plan of releases");
        }
        if tier.since > form.last || newest > Some(tier.since) {
            return wrong(
                "first_tier.since",
                "expected the newest number when it was installed, after which no release succeeded",
            );
        }
        let (service, addon) = (ServiceName::tier(), first_tier(tier));
        present.addons.insert(service, addon);
    }
    for (index, used) in form.usage.iter().enumerate() {
        if used.to.is_some_and(|to| to < used.from) {
            return wrong(
                format!("usage[{index}].to"),
                "expected a time after its beginning",
            );
        }
    }
    Ok(present)
}

fn first_tier(tier: &form::FirstTier) -> Addon {
    Addon {
        plan: tier.plan.clone(),
        price: tier.price,
        resource: None,
    }
}

/// The newest deploy that succeeded, kept or pruned, is the one that is called so, and has its code.
fn deploy(form: &form::Document) -> Checked {
    let mut newest: Option<(Version, Option<&SlugId>)> = None;
    for release in &form.releases {
        if release.status == Status::Succeeded && release.change.0.is_deploy() {
            let slug = release.slug.and_then(|index| form.slugs.get(index));
            newest = Some((release.version, slug.map(|slug| &slug.0.id)));
        }
    }
    for receipt in &form.receipts {
        let deployed = receipt.status == Status::Succeeded && receipt.change.0.is_deploy();
        if deployed && newest.is_none_or(|(version, _)| receipt.version > version) {
            newest = Some((receipt.version, receipt.slug.as_ref()));
        }
    }
    match (newest, &form.newest_deploy) {
        (None, None) => Ok(()),
        (None, Some(_)) => wrong("newest_deploy", "expected null: no deploy has succeeded"),
        (Some((version, slug)), found) => {
            let said = found.as_ref().map(|found| {
                (
                    found.version,
                    form.slugs.get(found.slug).map(|slug| &slug.0.id),
                )
            });
            if said.is_some_and(|(said, id)| {
                said == version && id.is_some() && (id == slug || slug.is_none())
            }) {
                return Ok(());
            }
            wrong(
                "newest_deploy",
                format!(
                    "expected {} and the place of its slug in the list",
                    version.number()
                ),
            )
        }
    }
}
