//! Read-only views of an app: history, one release, what differs. They answer values; how those
//! are shown, and in which order a person sees them, is not known here.

use std::collections::BTreeMap;

use crate::addon::PlanName;
use crate::app::AppName;
use crate::config::{ConfigKey, ConfigValue, Owner};
use crate::operation::rollback::{Ineligible, between, eligible, request_over};
use crate::port::{Kept, LaunchSpec, LedgerError, Policies};
use crate::refusal::Refusal;
use crate::release::{PluginsUsed, Release, Version};
use crate::state::State;
use crate::time::Timestamp;

use crate::corridor::launch::launch_spec;
use crate::corridor::{Engine, Failure, LedgerPast};

/// A release in the history, and whether it can be rolled back to (S18).
#[derive(Clone, Debug)]
pub struct Listed {
    /// The release.
    pub release: Release,
    /// Why it cannot be rolled back to; `None` where it can.
    pub ineligible: Option<String>,
}

/// A release with all that it is a snapshot of.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The release.
    pub release: Release,
    /// Its code, config vars and add-ons.
    pub state: State,
    /// The plugins that were asked for it.
    pub plugins: PluginsUsed,
    /// Why it went bad after it had taken over, and what became of that, if it did.
    pub verdict: Option<String>,
}

/// The tier that tracks an app's releases. Without one there is no history to see (S10).
///
/// # Errors
/// [`Failure::Refused`], with the line that installs one.
pub fn tier_of(tier: Option<&PlanName>) -> Result<&PlanName, Failure> {
    tier.ok_or_else(|| {
        let refusal = Refusal::new(Ineligible::NoTier.to_string());
        refusal.hint("slugline addons:add releases:basic").into()
    })
}

/// The newest `limit` releases, newest first. It reads only them.
///
/// # Errors
/// [`Failure::Refused`] without a tier (S10), [`Failure::Ledger`].
pub fn history(
    ledger: &dyn crate::port::Ledger,
    app: &AppName,
    limit: usize,
) -> Result<Vec<Release>, Failure> {
    tier_of(ledger.outline(app)?.tier())?;
    Ok(ledger.history(app, None, limit)?)
}

/// One release.
///
/// # Errors
/// [`Failure::Refused`] without a tier (S10) or where it is not kept, with what is nearest.
pub fn inspect(
    ledger: &dyn crate::port::Ledger,
    app: &AppName,
    version: Version,
) -> Result<Inspected, Failure> {
    let outline = ledger.outline(app)?;
    tier_of(outline.tier())?;
    let Some(release) = ledger.release(app, version)? else {
        let (last, tier) = (outline.last, outline.tier());
        return Err(not_kept(ledger, app, (last, tier), version)?);
    };
    Ok(Inspected {
        state: ledger.state_at(app, version)?,
        plugins: ledger.plugins_at(app, version)?,
        verdict: ledger.kept(app, version, Kept::Verdict)?,
        release,
    })
}

/// What a command is run with once: a release that is kept, or the current one, with the config vars
/// that add-ons lend as they are now (S19).
///
/// # Errors
/// [`Failure::Refused`] where the release is not kept or has no code; those of [`inspect`] where one
/// is named.
pub fn to_run_once(
    ledger: &dyn crate::port::Ledger,
    app: &AppName,
    version: Option<Version>,
) -> Result<(Version, State), Failure> {
    let moment = ledger.moment(app)?;
    let current = moment.current.as_ref().map(|release| release.version);
    let (version, state) = match version.filter(|version| current != Some(*version)) {
        None => (current.unwrap_or_default(), moment.state),
        Some(version) => {
            let mut state = inspect(ledger, app, version)?.state;
            state.config = state.config.of_user();
            let lent = moment.state.config.iter();
            for (key, var) in lent.filter(|(_, var)| var.owner != Owner::User) {
                state.config.insert(key.clone(), var.clone());
            }
            (version, state)
        }
    };
    match &state.slug {
        Some(_) => Ok((version, state)),
        None if version.number() == 0 || current == Some(version) => {
            let refusal = Refusal::new(format!("{app} has nothing to run yet"));
            let hint = "Deploy it: git push slugline main";
            Err(refusal.hint(hint).into())
        }
        None => Err(Refusal::new(Ineligible::NoCode(version).to_string()).into()),
    }
}

/// What a command is run with once, as it is handed to what starts it: the state of [`to_run_once`] with
/// variables of its own over the config vars. `term`, the kind of the person's terminal, counts where no
/// config var says another.
///
/// # Errors
/// Those of [`to_run_once`].
pub fn launch_once(
    ledger: &dyn crate::port::Ledger,
    app: &AppName,
    version: Option<Version>,
    (env, term): (BTreeMap<ConfigKey, ConfigValue>, Option<String>),
) -> Result<LaunchSpec, Failure> {
    let (version, state) = to_run_once(ledger, app, version)?;
    let settings = ledger.settings(app)?;
    let mut launch = launch_spec(app, version, &state, &[], settings);
    if let Some(term) = term {
        launch.env.entry("TERM".to_owned()).or_insert(term);
    }
    for (key, value) in env {
        let value = value.reveal().to_owned();
        launch.env.insert(key.to_string(), value);
    }
    Ok(launch)
}

/// Why a release of an app with this newest number and this tier is not kept, and what is nearest.
pub(crate) fn not_kept(
    ledger: &dyn crate::port::Ledger,
    app: &AppName,
    (last, tier): (Version, Option<&PlanName>),
    version: Version,
) -> Result<Failure, LedgerError> {
    if last == Version::NONE {
        return Ok(Refusal::new(format!("{app} has no release yet")).into());
    }
    let why = match tier {
        Some(tier) if version <= last => Ineligible::Pruned(version, tier.clone()),
        _ => Ineligible::Never(version, last),
    };
    // The nearest that is kept: the next older one, or else the oldest of all.
    let older = ledger.history(app, Some(version), 1)?;
    let nearest = match older.into_iter().next() {
        None => oldest(ledger, app)?,
        found => found,
    };
    let hint = nearest.map(|release| format!("The nearest that is kept is {}.", release.version));
    Ok(Refusal {
        hint,
        ..Refusal::new(why.to_string())
    }
    .into())
}

/// The oldest release that is kept, sought by halves: there may be a million.
fn oldest(ledger: &dyn crate::port::Ledger, app: &AppName) -> Result<Option<Release>, LedgerError> {
    // Nothing that is kept has a lower number than `lowest`.
    let (mut lowest, mut found) = (1, ledger.history(app, None, 1)?.pop());
    while let Some(number) = found.as_ref().map(|release| release.version.number())
        && lowest < number
    {
        let middle = lowest + (number - lowest).div_ceil(2);
        match ledger.history(app, Some(Version::new(middle)), 1)?.pop() {
            Some(older) => found = Some(older),
            None => lowest = middle,
        }
    }
    Ok(found)
}

impl Engine<'_> {
    /// As [`history`], saying of each release whether it can be rolled back to (S18).
    ///
    /// # Errors
    /// As [`history`].
    pub fn history_with_eligibility(
        &self,
        app: &AppName,
        limit: usize,
    ) -> Result<Vec<Listed>, Failure> {
        let releases = history(self.ledger, app, limit)?;
        let asked = (self.policies, self.clock.now());
        Ok(eligibility(self.ledger, asked, app, releases)?)
    }
}

/// Says of each of these releases whether it can be rolled back to (S18). The tier is asked about
/// each, as of this moment, so that it agrees with `rollback`.
///
/// # Errors
/// Those of the ledger.
pub fn eligibility(
    ledger: &dyn crate::port::Ledger,
    (policies, now): (&dyn Policies, Timestamp),
    app: &AppName,
    releases: Vec<Release>,
) -> Result<Vec<Listed>, LedgerError> {
    let moment = ledger.moment(app)?;
    let past = LedgerPast { ledger, app };
    let oldest = releases.iter().min_by_key(|release| release.version);
    let between = match (&moment.current, oldest) {
        (Some(current), Some(oldest)) => between(&past, current, oldest)?,
        _ => Vec::new(),
    };
    let why = |release: &Release| -> Result<Option<String>, LedgerError> {
        if let Err(why) = eligible(&moment, &past, release)? {
            return Ok(Some(why.to_string()));
        }
        let (Some(tier), Some(current)) = (moment.state.tier(), &moment.current) else {
            return Ok(Some(Ineligible::NothingBefore.to_string()));
        };
        let request = request_over(&between, current, release, now);
        let said = policies.may_rollback(tier, &request);
        Ok(said.err().map(|objection| objection.reason))
    };
    let listed = |release: Release| {
        why(&release).map(|ineligible| Listed {
            release,
            ineligible,
        })
    };
    releases.into_iter().map(listed).collect()
}
