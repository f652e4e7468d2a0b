//! What add-ons have cost (S28): intervals of use, laid over the months of a calendar. It must not
//! know a calendar: the edge says where each month begins and ends.
//!
//! Costs are prorated by the second over the real length of each month, and rounded half up to the
//! cent once for each line. An instant counts from the second that it lies in, so that two
//! intervals that touch never lose or share a second.

use std::collections::BTreeMap;

use crate::actor::Actor;
use crate::addon::PlanName;
use crate::app::AppName;
use crate::price::Price;
use crate::time::Timestamp;

/// A time during which an app had an add-on on one plan at one price. It holds names and no
/// references, and so outlives releases and apps. Sorted by app, beginning, plan, end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The app.
    pub app: AppName,
    /// Who owned it.
    pub owner: Actor,
    /// The plan.
    pub plan: PlanName,
    /// Its price, as agreed when the plan was taken.
    pub price: Price,
    /// When it began.
    pub from: Timestamp,
    /// When it ended, never before it began; `None` while it goes on.
    pub to: Option<Timestamp>,
}

impl Usage {
    /// What intervals are sorted by.
    #[must_use]
    pub fn order(&self) -> (&AppName, Timestamp, &PlanName, Timestamp) {
        let to = self.to.unwrap_or(Timestamp(i64::MAX));
        (&self.app, self.from, &self.plan, to)
    }
}

/// One month of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    /// Its name, such as `2026-11`.
    pub label: String,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// What one plan of one app has cost in one month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The month's label.
    pub month: String,
    /// Who owned the app.
    pub owner: Actor,
    /// The app; it may be gone.
    pub app: AppName,
    /// The plan.
    pub plan: PlanName,
    /// Its price; a plan that was had at two prices has two lines.
    pub price: Price,
    /// How long it was had, in whole seconds.
    pub seconds: u64,
    /// What that costs, in cents.
    pub cents: u64,
}

/// The lines of the months, in their order; within one sorted by owner, app, plan and price. What
/// goes on is counted up to `now`; a month that is not over is prorated over its whole length.
#[must_use]
pub fn lines(usage: &[Usage], months: &[Month], now: Timestamp) -> Vec<Line> {
    months
        .iter()
        .flat_map(|month| month_lines(usage, month, now))
        .collect()
}

fn month_lines(usage: &[Usage], month: &Month, now: Timestamp) -> Vec<Line> {
    let mut seconds: BTreeMap<_, u64> = BTreeMap::new();
    for used in usage {
        let Some(time) = time_in(used, month, now) else {
            continue;
        };
        let key = (&used.owner, &used.app, &used.plan, used.price);
        *seconds.entry(key).or_default() += time;
    }
    let length = between(month.from, month.to);
    let line =
        |((owner, app, plan, price), seconds): ((&Actor, &AppName, &PlanName, Price), u64)| Line {
            month: month.label.clone(),
            owner: owner.clone(),
            app: app.clone(),
            plan: plan.clone(),
            price,
            seconds,
            cents: prorated(price, seconds, length),
        };
    seconds.into_iter().map(line).collect()
}

/// The seconds of a use that lie in a month; `None` where none of it does.
fn time_in(used: &Usage, month: &Month, now: Timestamp) -> Option<u64> {
    let end = used.to.unwrap_or(now.max(used.from));
    let (from, to) = (used.from.max(month.from), end.min(month.to));
    // What lasted for less than the clock can tell still was there.
    let instant = used.from == end && month.from <= end && end < month.to;
    (from < to || instant).then(|| between(from, to))
}

/// Seconds from the one that `from` lies in to the one that `to` lies in.
fn between(from: Timestamp, to: Timestamp) -> u64 {
    let second = |at: Timestamp| at.0.div_euclid(1000);
    u64::try_from(second(to) - second(from)).unwrap_or(0)
}

/// A price a month for so many seconds of a month of this length, rounded half up to the cent.
fn prorated(price: Price, seconds: u64, length: u64) -> u64 {
    let length = u128::from(length.max(1));
    let exact = u128::from(price.cents()) * u128::from(seconds) * 2 + length;
    u64::try_from(exact / (2 * length)).unwrap_or(u64::MAX)
}

/// The cents of some lines together.
#[must_use]
pub fn total<'a>(lines: impl IntoIterator<Item = &'a Line>) -> u64 {
    lines
        .into_iter()
        .fold(0, |sum: u64, line| sum.saturating_add(line.cents))
}

/// The cents of some lines by whatever `of` tells of each, such as its owner; sorted by that.
#[must_use]
pub fn totals<'a, K: Ord>(
    lines: impl IntoIterator<Item = &'a Line>,
    of: impl Fn(&'a Line) -> K,
) -> BTreeMap<K, u64> {
    let mut all = BTreeMap::new();
    for line in lines {
        let sum: &mut u64 = all.entry(of(line)).or_default();
        *sum = sum.saturating_add(line.cents);
    }
    all
}

#[cfg(test)]
#[path = "billing_tests.rs"]
mod tests;
