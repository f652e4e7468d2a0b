//! Where requests go: the table of routes, the target of each, and the count of requests that a
//! target still has in flight. It must not know HTTP beyond the client that a target keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use slugline_core::app::AppName;
use tokio::sync::watch;
use tokio::time::timeout;

use super::forward::Lent;

/// The routes of all apps.
#[derive(Default)]
pub(crate) struct Routes(RwLock<BTreeMap<AppName, Route>>);

/// The route to one app. Moving it is one step: a request goes to the target before or after.
#[derive(Clone)]
pub(crate) struct Route(Arc<watch::Sender<Way>>);

/// What lies at the end of a route.
#[derive(Clone)]
pub(crate) enum Way {
    /// A web process that answers.
    Open(Arc<Target>),
    /// One that is being started: requests wait for it.
    Soon,
    /// None; with the reason, for a person.
    Closed(String),
}

/// One web process, with the connections to it.
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) client: Client<HttpConnector, Lent>,
    in_flight: watch::Sender<usize>,
}

/// One request in flight, from before it is sent until its answer has gone.
pub(crate) struct InFlight(Arc<Target>);

impl Routes {
    pub(crate) fn find(&self, app: &AppName) -> Option<Route> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(app)
            .cloned()
    }

    pub(crate) fn apps(&self) -> Vec<AppName> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }

    /// The route to an app, made if there is none.
    pub(crate) fn add(&self, app: &AppName) -> Route {
        let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let closed = || {
            Route(Arc::new(watch::Sender::new(Way::Closed(
                "it is not running".into(),
            ))))
        };
        routes.entry(app.clone()).or_insert_with(closed).clone()
    }
}

impl Route {
    /// Opens the route to a port of this machine. Where it leads there already, nothing changes.
    pub(crate) fn open(&self, port: u16) {
        self.0.send_if_modified(|way| {
            let same = matches!(way, Way::Open(target) if target.port == port);
            if !same {
                *way = Way::Open(Arc::new(Target::new(port)));
            }
            !same
        });
    }

    pub(crate) fn set(&self, way: Way) {
        self.0.send_replace(way);
    }

    /// Where it leads now.
    pub(crate) fn target(&self) -> Option<Arc<Target>> {
        match &*self.0.borrow() {
            Way::Open(target) => Some(Arc::clone(target)),
            Way::Soon | Way::Closed(_) => None,
        }
    }

    /// Waits until the route does not lead to this port any more, at most for `limit`.
    pub(crate) async fn left(&self, port: u16, limit: Duration) {
        let mut ways = self.0.subscribe();
        let left = ways.wait_for(|way| !matches!(way, Way::Open(target) if target.port == port));
        // When the time is over, it still leads there: that is for the caller to find out.
        let _ = timeout(limit, left).await;
    }

    /// Counts a request in at the target, after waiting for one that is being started.
    ///
    /// # Errors
    /// Why there is none, in words that follow the app's name.
    pub(crate) async fn enter(&self, hold: Duration) -> Result<InFlight, String> {
        let mut ways = self.0.subscribe();
        let known = ways.wait_for(|way| !matches!(way, Way::Soon));
        // Between the route's answer and the count no other task runs, so none can miss it.
        match timeout(hold, known)
            .await
            .map(|way| way.map(|way| way.clone()))
        {
            Ok(Ok(Way::Open(target))) => Ok(InFlight::new(&target)),
            Ok(Ok(Way::Closed(why))) => Err(why),
            Ok(Ok(Way::Soon) | Err(_)) | Err(_) => Err("it is still being started".into()),
        }
    }
}

impl Target {
    fn new(port: u16) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        // Servers close connections that idle for a few seconds, and a request that is just being
        // sent is lost with it; so ours idle for less than any common server allows.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(1))
            .build(connector);
        Self {
            port,
            client,
            in_flight: watch::Sender::new(0),
        }
    }

    /// Waits until no request is in flight.
    pub(crate) async fn drained(&self) {
        // It cannot fail: the sender is part of the target.
        let _ = self
            .in_flight
            .subscribe()
            .wait_for(|count| *count == 0)
            .await;
    }
}

impl InFlight {
    fn new(target: &Arc<Target>) -> Self {
        target.in_flight.send_modify(|count| *count += 1);
        Self(Arc::clone(target))
    }

    pub(crate) fn target(&self) -> &Target {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_target_is_drained_when_its_last_request_has_gone() {
        let route = Routes::default().add(&AppName::new("a").unwrap());
        route.open(1);
        let hold = Duration::from_secs(5);
        let old = route.target().unwrap();
        let (one, two) = (
            route.enter(hold).await.unwrap(),
            route.enter(hold).await.unwrap(),
        );
        route.open(1);
        assert!(
            Arc::ptr_eq(&old, &route.target().unwrap()),
            "the same port is the same target"
        );
        route.open(2);
        let later = route.enter(hold).await.unwrap();
        assert_eq!((one.target().port, later.target().port), (1, 2));
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
        let route = Routes::default().add(&AppName::new("a").unwrap());
        let hold = Duration::from_secs(5);
        assert_eq!(
            route.enter(hold).await.err().as_deref(),
            Some("it is not running")
        );
        route.set(Way::Soon);
        let (entered, ()) = tokio::join!(route.enter(hold), async { route.open(7) });
        assert_eq!(entered.ok().unwrap().target().port, 7);
        route.set(Way::Soon);
        let late = route.enter(Duration::from_millis(10)).await;
        assert_eq!(late.err().as_deref(), Some("it is still being started"));
    }
}
