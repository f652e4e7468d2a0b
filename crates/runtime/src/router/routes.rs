//! Which host leads to which app: the table of routes. It must not know where a route leads.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use slugline_core::app::AppName;
use slugline_core::settings::Host;

use super::route::Route;
use crate::logs::Logs;
use crate::metrics::Metrics;

/// The routes of all apps.
pub(crate) struct Routes {
    table: RwLock<Table>,
    logs: Arc<Logs>,
    metrics: Metrics,
}

#[derive(Default)]
struct Table {
    apps: BTreeMap<String, Route>,
    /// The domains, and those that stand for every name one label longer, as `.example.com`.
    domains: HashMap<String, Route>,
}

impl Routes {
    pub(crate) fn new(logs: Arc<Logs>) -> Self {
        let table = RwLock::default();
        let metrics = Metrics::default();
        Self {
            table,
            logs,
            metrics,
        }
    }

    /// The route for the host that a request names, with a port or without: that of the app which has
    /// this domain; then the app that its first label names, as in `myapp.localhost:8080`.
    pub(crate) fn find(&self, host: &str) -> Option<Route> {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let mut lower = Cow::Borrowed(name);
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower.to_mut().make_ascii_lowercase();
        }
        let name = lower.as_ref();
        let name = name.strip_suffix('.').unwrap_or(name);
        let (label, rest) = name.split_once('.')?;
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let domains = &table.domains;
        let domain = domains
            .get(name)
            .or_else(|| domains.get(&name[label.len()..]));
        let of_app = || table.apps.get(label).filter(|_| !rest.is_empty());
        domain.or_else(of_app).cloned()
    }

    /// What has been counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn apps(&self) -> Vec<AppName> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.apps.values().map(|it| it.app().clone()).collect()
    }

    /// The route to an app, made if there is none.
    pub(crate) fn add(&self, app: &AppName) -> Route {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let closed = || Route::new(app.clone(), self.logs.app(app), self.metrics.traffic(app));
        let route = table.apps.entry(app.to_string());
        route.or_insert_with(closed).clone()
    }

    /// Makes these the domains of an app, and no others. One that another app has goes over to this.
    pub(crate) fn set_domains(&self, app: &AppName, domains: &BTreeSet<Host>) {
        let route = self.add(app);
        if !route.has_other_domains(domains) {
            return;
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.domains.retain(|_, known| !known.is_same(&route));
        for domain in domains {
            let name = domain.as_str();
            let name = name.strip_prefix('*').unwrap_or(name);
            table.domains.insert(name.to_owned(), route.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        // Nothing is written before the first line.
        let logs = Logs::new("/nonexistent".into(), &crate::Limits::default());
        Routes::new(Arc::new(logs.unwrap()))
    }

    fn app(name: &str) -> AppName {
        AppName::new(name).unwrap()
    }

    #[test]
    fn a_host_names_an_app_by_its_domain_or_by_its_first_label() {
        let routes = routes();
        for name in ["myapp", "shop", "other"] {
            routes.add(&app(name));
        }
        let domains = |names: &[&str]| -> BTreeSet<Host> {
            names.iter().map(|name| Host::new(name).unwrap()).collect()
        };
        routes.set_domains(
            &app("shop"),
            &domains(&["myapp.example.com", "*.shop.example"]),
        );
        let check = |host: &str, expected: Option<&str>| {
            let found = routes.find(host);
            let found = found.as_ref().map(|route| route.app().as_str());
            assert_eq!(found, expected, "{host}");
        };
        check("myapp.localhost:8080", Some("myapp"));
        check("MyApp.localhost", Some("myapp"));
        check("myapp.example.org", Some("myapp"));
        check("myapp.example.com", Some("shop"));
        check("MYAPP.example.com.:443", Some("shop"));
        check("www.shop.example", Some("shop"));
        check("other.shop.example", Some("shop"));
        check("a.b.shop.example", None);
        for none in [
            "",
            "localhost:80",
            "localhost",
            "127.0.0.1:80",
            "[::1]:80",
            "-a.b",
            "myapp.",
            ".",
        ] {
            check(none, None);
        }
        routes.set_domains(&app("other"), &domains(&["myapp.example.com"]));
        check("myapp.example.com", Some("other"));
        routes.set_domains(&app("shop"), &domains(&[]));
        check("www.shop.example", None);
        check("myapp.example.com", Some("other"));
    }
}
