//! What the tests of the sandbox share: a script through a real VM, with small limits.

mod containment;
mod library;

use super::*;
use crate::limits::Limits;
use crate::process::Deadline;
use crate::service::Services;
use crate::settings::Settings;
use crate::world::World;
use slugline_plugin_api::manifest::{Manifest, Permissions, Plan, Service};
use slugline_plugin_api::message::{HistoryEntry, KeepRequest, ProvisionRequest, ReleaseCheck};
use slugline_plugin_api::protocol::{Answer, Question};
use std::cell::RefCell;
use std::time::Instant;

/// Little memory, and time enough that a busy machine changes nothing.
fn limits() -> Limits {
    Limits {
        check: Duration::from_secs(20),
        call: Duration::from_secs(20),
        memory: 16 << 20,
        ..Limits::default()
    }
}

/// For scripts that never end.
fn hasty() -> Settings {
    let time = Duration::from_millis(150);
    Settings {
        limits: Limits {
            check: time,
            call: time,
            ..limits()
        },
        ..Settings::default()
    }
}

fn manifest() -> Rc<Manifest> {
    let plan = Plan {
        price: "free".into(),
        summary: String::new(),
    };
    let service = Service {
        default: None,
        config: vec!["A".into()],
        summary: None,
        plans: [("free".to_owned(), plan.clone())].into(),
    };
    Rc::new(Manifest {
        name: "test".into(),
        version: "1".into(),
        api: 1,
        summary: "s".into(),
        entry: "init.lua".into(),
        permissions: Permissions::default(),
        addons: [("test".to_owned(), service)].into(),
        hooks: vec![Hook::ReleaseCheck],
        tiers: [("test".to_owned(), plan)].into(),
    })
}

/// The parts that a manifest promises, for scripts that only care about one of them.
const PARTS: &str = "local a = slugline.addon('test') function a.provision() end \
                     slugline.tier('test') ";

fn settings() -> Settings {
    Settings {
        limits: limits(),
        ..Settings::default()
    }
}

/// Performs what a script asks for as Slugline does, without a process between.
struct Here {
    manifest: Rc<Manifest>,
    settings: Settings,
    request: RefCell<Option<Request>>,
}

impl World for Here {
    fn ask(&self, question: Question) -> Result<Answer, String> {
        let request = self.request.borrow();
        let deadline = Deadline::after(self.settings.limits.call);
        let services = match &*request {
            Some(it) => Services::during(&self.manifest, &self.settings, it, &deadline),
            None => Services::while_loading(&self.manifest, &self.settings),
        };
        match services.perform(question) {
            Answer::Refused(what) => Err(what),
            answer => Ok(answer),
        }
    }
}

/// A script that is loaded, and its surroundings.
struct Loaded {
    script: Script,
    here: Rc<Here>,
}

impl Loaded {
    fn of(manifest: &Rc<Manifest>, source: &str, settings: &Settings) -> Result<Self, Fault> {
        let here = Rc::new(Here {
            manifest: Rc::clone(manifest),
            settings: settings.clone(),
            request: RefCell::new(None),
        });
        let plugin = Sandboxed {
            manifest,
            limits: &settings.limits,
            settings: serde_json::from_str(r#"{"cap": 5, "deep": {"list": ["a"]}}"#).unwrap(),
            mail: false,
            world: Rc::clone(&here) as Rc<dyn World>,
        };
        let script = Script::load(plugin, source, settings.limits.check)?;
        Ok(Self { script, here })
    }

    fn call(&self, request: &Request) -> Result<Reply, Fault> {
        *self.here.request.borrow_mut() = Some(request.clone());
        let time = self.here.settings.limits.time(request.hook());
        self.script.call(request, time)
    }
}

fn check_request() -> Request {
    Request::ReleaseCheck(ReleaseCheck {
        app: "myapp".into(),
        actor: "jim@example.com".into(),
        change: "Deploy 575bfa8".into(),
        deploy: true,
        current: 3,
        config_keys: vec!["A".into()],
        addons: vec![],
    })
}

fn provision_request() -> Request {
    Request::Provision(ProvisionRequest {
        app: "myapp".into(),
        id: "0123456789abcdef0123456789abcdef".into(),
        service: "test".into(),
        plan: "free".into(),
        options: [("x".to_owned(), "y".to_owned())].into(),
        key: "k".into(),
        port: None,
        taken_ports: vec![],
    })
}

fn keep_request(count: u64) -> Request {
    let entry = |version| HistoryEntry {
        version,
        age_days: count - version,
        change: "Config add A".into(),
        actor: "jim@example.com".into(),
        status: if version % 5 == 0 {
            "failed"
        } else {
            "succeeded"
        }
        .into(),
        deploy: false,
    };
    Request::Keep(KeepRequest {
        tier: "test".into(),
        history: (1..=count).rev().map(entry).collect(),
    })
}

fn run(source: &str, request: &Request) -> Result<Reply, Fault> {
    Loaded::of(&manifest(), source, &settings())?.call(request)
}

/// Runs a check with this body.
fn check_body(body: &str) -> Result<Reply, Fault> {
    check_with(body, &settings())
}

fn check_with(body: &str, settings: &Settings) -> Result<Reply, Fault> {
    let source = format!("{PARTS} slugline.on('release.check', function(check)\n{body}\nend)");
    Loaded::of(&manifest(), &source, settings)?.call(&check_request())
}

/// Runs a provision with this body.
fn provision_body(body: &str) -> Result<Reply, Fault> {
    let all = format!(
        "slugline.tier('test') slugline.on('release.check', print) \
         function slugline.addon('test').provision(request)\n{body}\nend"
    );
    let all = all.replace(
        "function slugline.addon('test').provision",
        "local a = slugline.addon('test') function a.provision",
    );
    run(&all, &provision_request())
}

/// The script ends in time, with one line that begins as expected.
fn contained(body: &str, run: impl Fn(&str) -> Result<Reply, Fault>, expected: &str) {
    let begun = Instant::now();
    let answer = run(body);
    let took = begun.elapsed();
    let fault = answer.expect_err(body).to_string();
    assert!(
        fault.starts_with(expected),
        "{body}\n  got:      {fault}\n  expected: {expected}"
    );
    assert_eq!(fault.lines().count(), 1, "{body}: {fault}");
    assert!(fault.chars().count() < 400, "{body}: {fault}");
    assert!(took < Duration::from_secs(5), "{body} took {took:?}");
}

/// The script ends at its deadline, whatever it makes of the error.
fn ends_late(body: &str, run: impl Fn(&str) -> Result<Reply, Fault>) {
    let time = hasty().limits.check;
    let begun = Instant::now();
    assert_eq!(run(body), Err(Fault::Late(time)), "{body}");
    let took = begun.elapsed();
    assert!(
        took < time + Duration::from_millis(500),
        "{body} took {took:?}"
    );
}
