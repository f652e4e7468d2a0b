//! Where the requests of one app go: the set of targets at the end of its route. It must not know
//! HTTP, nor why a target comes or goes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slugline_core::app::AppName;
use slugline_core::settings::Host;
use tokio::sync::watch;
use tokio::time::timeout;

use super::target::{Destination, InFlight, Target};
use crate::logs::AppLog;
use crate::metrics::Traffic;

/// The route to one app. Moving it is one step for all its targets: once it is moved, no request
/// goes to a target that it does not lead to any more.
#[derive(Clone)]
pub(crate) struct Route(Arc<Shared>);

struct Shared {
    app: AppName,
    log: Arc<AppLog>,
    traffic: Traffic,
    maintenance: AtomicBool,
    domains: Mutex<BTreeSet<Host>>,
    /// How many requests the app has, those that wait among them.
    requests: AtomicUsize,
    way: watch::Sender<Way>,
    /// Counts requests, so that idle targets take turns.
    turns: AtomicU64,
}

/// What lies at the end of a route.
#[derive(Clone)]
enum Way {
    /// Web processes that answer; never none of them.
    Open(Vec<Arc<Target>>),
    /// One that is being started: requests wait for it.
    Soon,
    Closed(Closed),
}

/// Why a route leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// No release of the app runs.
    NotRunning,
    /// The release has no code.
    Blank,
    /// The release has no process that answers requests.
    NoWeb,
    /// Its web processes were told to end.
    Stopped,
    /// They died, and wait to be started again.
    Crashed,
    /// They are still being started, and the request has waited long enough.
    Booting,
}

/// A request that counts among those that an app has.
pub(crate) struct Request(Route);

impl Route {
    /// A route that leads nowhere yet.
    pub(super) fn new(app: AppName, log: Arc<AppLog>, traffic: Traffic) -> Self {
        Self(Arc::new(Shared {
            app,
            log,
            traffic,
            maintenance: AtomicBool::new(false),
            domains: Mutex::default(),
            requests: AtomicUsize::new(0),
            way: watch::Sender::new(Way::Closed(Closed::NotRunning)),
            turns: AtomicU64::new(1),
        }))
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Takes note of the app's domains; false where they were these before.
    pub(super) fn has_other_domains(&self, domains: &BTreeSet<Host>) -> bool {
        let mut known = self
            .0
            .domains
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let other = *known != *domains;
        if other {
            known.clone_from(domains);
        }
        other
    }

    pub(crate) fn app(&self) -> &AppName {
        &self.0.app
    }

    pub(super) fn log(&self) -> &Arc<AppLog> {
        &self.0.log
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.0.traffic
    }

    /// Shows visitors that the app is under maintenance, or does so no more.
    pub(crate) fn maintain(&self, on: bool) {
        self.0.maintenance.store(on, Ordering::Relaxed);
    }

    pub(super) fn is_maintained(&self) -> bool {
        self.0.maintenance.load(Ordering::Relaxed)
    }

    /// Counts a request in, whatever becomes of it. With it, how many the app has.
    pub(super) fn request(&self) -> (Request, usize) {
        let before = self.0.requests.fetch_add(1, Ordering::Relaxed);
        (Request(self.clone()), before + 1)
    }

    /// Opens the route to these web processes, in one step. A target that it leads to already stays
    /// the same one, with its requests in flight; with none of them, the route is closed.
    pub(crate) fn open(&self, destinations: &[Destination]) {
        self.0.way.send_if_modified(|way| {
            let before = match way {
                Way::Open(targets) => std::mem::take(targets),
                Way::Soon | Way::Closed(_) => Vec::new(),
            };
            let known = |it: &Destination| before.iter().find(|old| old.is(it)).cloned();
            let target = |it: &Destination| known(it).unwrap_or_else(|| Arc::new(Target::new(it)));
            let after: Vec<_> = destinations.iter().map(target).collect();
            let same = before.len() == after.len()
                && before
                    .iter()
                    .zip(&after)
                    .all(|(old, new)| Arc::ptr_eq(old, new));
            *way = if after.is_empty() {
                Way::Closed(Closed::Stopped)
            } else {
                Way::Open(after)
            };
            !same
        });
    }

    /// Lets requests wait for a web process that is being started.
    pub(crate) fn soon(&self) {
        self.0.way.send_replace(Way::Soon);
    }

    /// Refuses requests.
    pub(crate) fn close(&self, why: Closed) {
        self.0.way.send_replace(Way::Closed(why));
    }

    /// Where it leads now. Who takes targets from a route waits for each to be drained.
    pub(crate) fn targets(&self) -> Vec<Arc<Target>> {
        match &*self.0.way.borrow() {
            Way::Open(targets) => targets.clone(),
            Way::Soon | Way::Closed(_) => Vec::new(),
        }
    }

    /// Waits until the route does not lead to this target any more, at most for `limit`; not at
    /// all where it has others.
    pub(crate) async fn left(&self, target: &Target, limit: Duration) {
        let mut ways = self.0.way.subscribe();
        let left = ways.wait_for(|way| !matches!(way, Way::Open(all) if is_only(all, target)));
        // When the time is over, it still leads there: that is for the caller to find out.
        let _ = timeout(limit, left).await;
    }

    /// Waits until the route does not lead to this target any more, at most for `limit`; false where it
    /// still does.
    pub(crate) async fn lost(&self, target: &Target, limit: Duration) -> bool {
        let leads =
            |way: &Way| matches!(way, Way::Open(all) if all.iter().any(|it| is(it, target)));
        let mut ways = self.0.way.subscribe();
        let lost = ways.wait_for(|way| !leads(way));
        matches!(timeout(limit, lost).await, Ok(Ok(_)))
    }

    /// Counts a request in at the target with the fewest in flight, after waiting for one that is
    /// being started; not at `avoided`, if there is another.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn enter(
        &self,
        hold: Duration,
        avoided: Option<&Target>,
    ) -> Result<InFlight, Closed> {
        if let Some(entered) = self.try_enter(&self.0.way.borrow(), avoided) {
            return entered;
        }
        let mut ways = self.0.way.subscribe();
        let known = ways.wait_for(|way| !matches!(way, Way::Soon));
        match timeout(hold, known).await {
            // The way is held while the request is counted in: whoever moves the route, and then
            // asks a target whether it is drained, finds the request there.
            Ok(Ok(way)) => self
                .try_enter(&way, avoided)
                .unwrap_or(Err(Closed::Booting)),
            Ok(Err(_)) => Err(Closed::NotRunning),
            Err(_) => Err(Closed::Booting),
        }
    }

    /// `None`: it is not known yet.
    fn try_enter(&self, way: &Way, avoided: Option<&Target>) -> Option<Result<InFlight, Closed>> {
        match way {
            Way::Soon => None,
            Way::Closed(why) => Some(Err(*why)),
            Way::Open(targets) => {
                let is_avoided = |it: &Arc<Target>| avoided.is_some_and(|not| is(it, not));
                let turn = self.0.turns.fetch_add(1, Ordering::Relaxed);
                let least = targets
                    .iter()
                    .min_by_key(|it| (is_avoided(it), it.in_flight(), it.latest()));
                Some(
                    least
                        .map(|it| InFlight::new(it, turn))
                        .ok_or(Closed::Stopped),
                )
            }
        }
    }
}

impl Request {
    pub(super) fn route(&self) -> &Route {
        &self.0
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is(target: &Arc<Target>, other: &Target) -> bool {
    std::ptr::eq(Arc::as_ptr(target), other)
}

fn is_only(targets: &[Arc<Target>], target: &Target) -> bool {
    targets.len() == 1 && targets.iter().any(|it| is(it, target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Logs;
    use crate::metrics::Metrics;

    const HOLD: Duration = Duration::from_secs(5);

    fn route() -> Route {
        let logs = Logs::new("/nonexistent".into(), &crate::Limits::default()).unwrap();
        let app = AppName::new("a").unwrap();
        // Nothing is written before the first line.
        let log = logs.app(&app);
        let traffic = Metrics::default().traffic(&app);
        Route::new(app, log, traffic)
    }

    fn web(port: u16) -> Destination {
        Destination {
            process: format!("web.{port}"),
            port,
        }
    }

    async fn enter(route: &Route) -> InFlight {
        route.enter(HOLD, None).await.unwrap()
    }

    #[tokio::test]
    async fn a_target_is_drained_when_its_last_request_has_gone() {
        let route = route();
        route.open(&[web(1)]);
        let old = route.targets().remove(0);
        let (one, two) = (enter(&route).await, enter(&route).await);
        route.open(&[web(1)]);
        assert!(
            Arc::ptr_eq(&old, &route.targets()[0]),
            "the same port is the same target"
        );
        route.open(&[web(2)]);
        let later = enter(&route).await;
        assert_eq!((one.target().port(), later.target().port()), (1, 2));
        let drained = tokio::spawn(async move { old.drained().await });
        drop(one);
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(two);
        drained.await.unwrap();
        drop(later);
    }

    #[tokio::test]
    async fn a_request_waits_for_what_is_being_started_but_not_for_ever() {
        let route = route();
        let refused = route.enter(HOLD, None).await;
        assert_eq!(refused.err(), Some(Closed::NotRunning));
        route.soon();
        let (entered, ()) = tokio::join!(enter(&route), async { route.open(&[web(7)]) });
        assert_eq!(entered.target().port(), 7);
        route.soon();
        let late = route.enter(Duration::from_millis(10), None).await;
        assert_eq!(late.err(), Some(Closed::Booting));
    }

    #[tokio::test]
    async fn the_target_with_the_fewest_requests_takes_the_next() {
        let route = route();
        route.open(&[web(1), web(2), web(3)]);
        let mut held = Vec::new();
        for _ in 0..9 {
            held.push(enter(&route).await);
        }
        let at = |held: &[InFlight], port| {
            let there = held.iter().filter(|it| it.target().port() == port);
            there.count()
        };
        assert_eq!([1, 2, 3].map(|port| at(&held, port)), [3, 3, 3]);
        held.retain(|it| it.target().port() != 2);
        for _ in 0..3 {
            held.push(enter(&route).await);
        }
        assert_eq!([1, 2, 3].map(|port| at(&held, port)), [3, 3, 3]);
        held.clear();
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(enter(&route).await.target().port());
        }
        seen.sort_unstable();
        assert_eq!(seen, [1, 1, 2, 2, 3, 3], "idle targets take turns");
    }

    #[tokio::test]
    async fn a_set_is_replaced_in_one_step_and_what_stays_keeps_its_requests() {
        let route = route();
        route.open(&[web(1), web(2)]);
        let before = route.targets();
        let held = (enter(&route).await, enter(&route).await);
        route.open(&[web(2), web(3)]);
        let after = route.targets();
        assert!(Arc::ptr_eq(&before[1], &after[0]));
        assert_eq!((after[0].in_flight(), after[1].in_flight()), (1, 0));
        for _ in 0..20 {
            assert_ne!(enter(&route).await.target().port(), 1);
        }
        drop(held);
        for target in before {
            target.drained().await;
        }
    }

    #[tokio::test]
    async fn a_target_that_failed_is_avoided_where_there_is_another() {
        let route = route();
        route.open(&[web(1), web(2)]);
        let failed = route.targets().remove(0);
        for _ in 0..4 {
            let entered = route.enter(HOLD, Some(&failed)).await.unwrap();
            assert_eq!(entered.target().port(), 2);
        }
        route.left(&failed, HOLD).await;
        route.open(&[web(1)]);
        let failed = route.targets().remove(0);
        assert_eq!(
            route
                .enter(HOLD, Some(&failed))
                .await
                .unwrap()
                .target()
                .port(),
            1
        );
        tokio::join!(route.left(&failed, HOLD), async { route.soon() });
    }
}
