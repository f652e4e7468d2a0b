//! Figures for a monitoring system, in the text format of OpenMetrics, which Prometheus reads. What is
//! counted is counted since the daemon was started. It must not know how anybody asks for them.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use slugline_core::app::AppName;
use slugline_core::time::Timestamp;

use crate::control::protocol::{AppStatus, ProcessState, ProcessStatus};

/// The upper ends of the classes of how long answers took, in seconds.
const SECONDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

/// The first digits of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What the router has counted.
#[derive(Clone)]
pub(crate) struct Metrics {
    requests: Family<OfStatus, Counter>,
    failures: Family<OfCode, Counter>,
    seconds: Family<OfApp, Histogram, fn() -> Histogram>,
}

/// The counts of one app, at hand for each request.
pub(crate) struct Traffic {
    app: String,
    classes: [Counter; CLASSES.len()],
    failures: Family<OfCode, Counter>,
    seconds: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfApp {
    app: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatus {
    app: String,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCode {
    app: String,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProcess {
    app: String,
    process: String,
    release: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        Self {
            requests: Family::default(),
            failures: Family::default(),
            seconds: Family::new_with_constructor(seconds),
        }
    }
}

impl Metrics {
    /// The counts of an app, from nought where it has none.
    pub(crate) fn traffic(&self, app: &AppName) -> Traffic {
        let app = app.to_string();
        let class = |status| {
            let of = OfStatus {
                app: app.clone(),
                status,
            };
            self.requests.get_or_create(&of).clone()
        };
        let of_app = OfApp { app: app.clone() };
        Traffic {
            classes: CLASSES.map(class),
            failures: self.failures.clone(),
            seconds: self.seconds.get_or_create(&of_app).clone(),
            app,
        }
    }

    /// All figures as text; `since` is when the daemon was started.
    pub(crate) fn text(&self, since: Timestamp, apps: &[AppStatus]) -> String {
        let mut registry = Registry::with_prefix("slugline");
        let started = Gauge::<f64, AtomicU64>::default();
        started.set(seconds(since));
        registry.register_with_unit(
            "start_time",
            "When the daemon was started",
            Unit::Seconds,
            started,
        );
        registry.register(
            "router_requests",
            "Requests that the router has answered",
            self.requests.clone(),
        );
        registry.register(
            "router_errors",
            "Requests that an app did not answer to their end, by code",
            self.failures.clone(),
        );
        registry.register_with_unit(
            "router_service",
            "How long apps took for their answers",
            Unit::Seconds,
            self.seconds.clone(),
        );
        of_apps(&mut registry, apps);
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &registry) {
            // Writing to a string does not fail, and these figures can be written.
            let _ = write!(text, "# {error}");
        }
        text
    }
}

fn of_apps(registry: &mut Registry, apps: &[AppStatus]) {
    let release = Family::<OfApp, Gauge>::default();
    let up = Family::<OfProcess, Gauge>::default();
    let restarts = Family::<OfProcess, Counter>::default();
    let state_since = Family::<OfProcess, Gauge<f64, AtomicU64>>::default();
    for status in apps {
        let app = status.app.to_string();
        if let Some(version) = status.version {
            let number = i64::try_from(version.number()).unwrap_or(i64::MAX);
            release
                .get_or_create(&OfApp { app: app.clone() })
                .set(number);
        }
        for process in &status.processes {
            let of = of_process(&app, process);
            let is_up = process.state == ProcessState::Up;
            up.get_or_create(&of).set(is_up.into());
            restarts.get_or_create(&of).inc_by(process.restarts.into());
            state_since.get_or_create(&of).set(seconds(process.since));
        }
    }
    registry.register("release", "The number of the release that runs", release);
    registry.register("process_up", "Whether a process is up", up);
    registry.register(
        "process_restarts",
        "How often a process was started again",
        restarts,
    );
    registry.register_with_unit(
        "process_state_since",
        "Since when a process has been up, or not",
        Unit::Seconds,
        state_since,
    );
}

fn of_process(app: &str, process: &ProcessStatus) -> OfProcess {
    OfProcess {
        app: app.to_owned(),
        process: process.name.clone(),
        release: process.version.to_string(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an instant in milliseconds is exact in 53 bits"
)]
fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1000.0
}

impl Traffic {
    /// How many requests have ended, and how many of them with a status of 500 or above.
    pub(crate) fn ended(&self) -> (u64, u64) {
        let all = self.classes.iter().map(Counter::get).sum();
        (all, self.classes.last().map_or(0, Counter::get))
    }

    /// Counts a request that has been answered with this status, or failed with this code.
    pub(crate) fn count(&self, status: u16, code: Option<&'static str>, took: Option<Duration>) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(counter) = self.classes.get(class) {
            counter.inc();
        }
        if let Some(took) = took {
            self.seconds.observe(took.as_secs_f64());
        }
        if let Some(code) = code {
            let app = self.app.clone();
            self.failures.get_or_create(&OfCode { app, code }).inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_written_with_its_app() {
        let metrics = Metrics::default();
        let app = AppName::new("shop").unwrap();
        let traffic = metrics.traffic(&app);
        traffic.count(200, None, Some(Duration::from_millis(30)));
        traffic.count(204, None, Some(Duration::from_millis(300)));
        metrics.traffic(&app).count(503, Some("H10"), None);
        assert_eq!(traffic.ended(), (3, 1));
        let text = metrics.text(Timestamp(1_500), &[]);
        for line in [
            "slugline_start_time_seconds 1.5",
            "slugline_router_requests_total{app=\"shop\",status=\"2xx\"} 2",
            "slugline_router_requests_total{app=\"shop\",status=\"5xx\"} 1",
            "slugline_router_errors_total{app=\"shop\",code=\"H10\"} 1",
            "slugline_router_service_seconds_count{app=\"shop\"} 2",
            "slugline_router_service_seconds_bucket{le=\"0.05\",app=\"shop\"} 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
