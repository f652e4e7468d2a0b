//! One full example of every message, every optional field set: for the documentation, and for
//! tests that hold something against the types. It must not be taken for advice.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::json;

use crate::API_VERSION;
use crate::hook::Hook;
use crate::manifest::{Manifest, Permissions, Plan, Service};
use crate::message::{
    AddonChanged, BillingCheck, ChangePlanRequest, DeprovisionRequest, HistoryEntry,
    InstalledAddon, KeepRequest, Kept, OwnerBill, Provision, ProvisionRequest, Release,
    ReleaseCheck, ReleaseCreated, ReleaseFailed, ReleaseWatch, Reply, Request, RollbackCheck,
    Secret, TierRollback,
};
use crate::protocol::{
    Answer, Body, Budget, Call, Containment, Entry, FileName, FileText, FromPlugin, Greeting,
    Hello, HttpAnswer, HttpRequest, Load, Loaded, Mail, Pair, PluginSettings, Problem, Question,
    Replied, ToPlugin,
};

const APP: &str = "myapp";
const ACTOR: &str = "jim@example.com";
const ID: &str = "0123456789abcdef0123456789abcdef";

fn texts<const N: usize>(items: [&str; N]) -> Vec<String> {
    items.map(str::to_owned).into()
}

fn pairs<const N: usize>(items: [(&str, &str); N]) -> BTreeMap<String, String> {
    items
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

fn config() -> BTreeMap<String, Secret> {
    let value = Secret("127.0.0.1:20000".to_owned());
    [("MEMCACHE_SERVERS".to_owned(), value)].into()
}

fn entry(version: u64) -> HistoryEntry {
    HistoryEntry {
        version,
        age_days: 3,
        change: "Deploy 575bfa8".to_owned(),
        actor: ACTOR.to_owned(),
        status: "succeeded".to_owned(),
        deploy: true,
    }
}

fn release() -> Release {
    Release {
        version: 52,
        change: "Deploy 575bfa8".to_owned(),
        actor: ACTOR.to_owned(),
        at: 1_284_330_737_000,
        url: "http://myapp.localhost:8080".to_owned(),
        commit: Some("575bfa8c0ffee00000000000000000000000cafe".to_owned()),
        previous_commit: Some("7c35f770000000000000000000000000000cafe0".to_owned()),
        git_log: "575bfa8 Say hello".to_owned(),
        deploy: true,
    }
}

fn installed() -> Option<InstalledAddon> {
    Some(InstalledAddon {
        service: "deployhooks".to_owned(),
        plan: "http".to_owned(),
        id: Some(ID.to_owned()),
        options: pairs([("url", "https://example.com/deployed")]),
    })
}

/// The request of a hook.
#[must_use]
pub fn request(hook: Hook) -> Request {
    let (app, actor, id) = (APP.to_owned(), ACTOR.to_owned(), ID.to_owned());
    let (service, plan) = ("memcache".to_owned(), "free".to_owned());
    let options = pairs([("region", "eu")]);
    let change = "Add-on add memcache:100mb".to_owned();
    let addons = texts(["memcache:100mb", "releases:advanced"]);
    match hook {
        Hook::AddonProvision => Request::Provision(ProvisionRequest {
            app,
            key: id.clone(),
            id,
            service,
            plan,
            options,
            port: Some(20000),
            taken_ports: vec![20001],
        }),
        Hook::AddonChangePlan => Request::ChangePlan(ChangePlanRequest {
            app,
            key: format!("{id}:100mb"),
            id,
            service,
            plan: "100mb".to_owned(),
            before: plan,
            options,
            config: config(),
            port: Some(20000),
            taken_ports: vec![20001],
        }),
        Hook::AddonDeprovision => Request::Deprovision(DeprovisionRequest {
            app,
            key: id.clone(),
            id,
            service,
            plan,
            options,
            config: config(),
            port: Some(20000),
        }),
        Hook::ReleaseCheck => Request::ReleaseCheck(ReleaseCheck {
            app,
            actor,
            change,
            deploy: false,
            current: 51,
            config_keys: texts(["MEMCACHE_SERVERS", "RACK_ENV"]),
            addons,
        }),
        Hook::BillingCheck => Request::BillingCheck(BillingCheck {
            app,
            actor,
            change,
            before: 0,
            after: 2000,
            delta: 2000,
            addons,
            owner: OwnerBill {
                name: ACTOR.to_owned(),
                before: 5000,
                after: 7000,
            },
        }),
        told => event(told),
    }
}

fn event(hook: Hook) -> Request {
    let (app, release, addon) = (APP.to_owned(), release(), installed());
    let (target, current) = (entry(40), entry(52));
    match hook {
        Hook::ReleaseCreated => Request::ReleaseCreated(ReleaseCreated {
            app,
            release,
            addon,
        }),
        Hook::ReleaseFailed => Request::ReleaseFailed(ReleaseFailed {
            app,
            release,
            reason: "web.1 exited with status 1".to_owned(),
            addon,
        }),
        Hook::ReleaseWatch => Request::ReleaseWatch(ReleaseWatch {
            app,
            release: Release {
                git_log: String::new(),
                ..release
            },
            seconds: 15,
            window: 60,
            last: false,
            restarts: 1,
            requests: 1200,
            failed: 6,
            addon,
        }),
        Hook::AddonChanged => Request::AddonChanged(AddonChanged {
            app,
            release,
            before: Some("memcache:free".to_owned()),
            after: Some("memcache:100mb".to_owned()),
            addon,
        }),
        Hook::TierKeep => Request::Keep(KeepRequest {
            tier: "basic".to_owned(),
            history: vec![entry(52), entry(51)],
        }),
        Hook::TierRollback => Request::Rollback(TierRollback {
            tier: "basic".to_owned(),
            target,
            current,
            steps: 7,
        }),
        _ => Request::RollbackCheck(RollbackCheck {
            app,
            actor: ACTOR.to_owned(),
            change: "Rollback to v40".to_owned(),
            target,
            current,
            steps: 7,
        }),
    }
}

/// Every reply.
#[must_use]
pub fn replies() -> [Reply; 5] {
    let resource = Provision {
        config: config(),
        process: Some(texts(["memcached", "-p", "20000"])),
        port: Some(20000),
        message: "Your cache is empty and ready.".to_owned(),
    };
    [
        Reply::Done,
        Reply::Good,
        Reply::Denied("more than $50 a month needs a second pair of eyes".to_owned()),
        Reply::Provision(resource),
        Reply::Kept(Kept {
            versions: vec![52, 51],
        }),
    ]
}

/// Every question, each with its answer.
#[must_use]
pub fn services() -> [(Question, Answer); 11] {
    let pair = Pair {
        key: "last".to_owned(),
        value: "v52".to_owned(),
    };
    let http = HttpRequest {
        method: "POST".to_owned(),
        url: "https://api.example.com/resources".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Some(Body(br#"{"plan":"free"}"#.to_vec())),
    };
    let answered = HttpAnswer {
        status: 201,
        headers: vec![("content-length".to_owned(), "2".to_owned())],
        body: Body(vec![0xff, 0xfe]),
    };
    let mail = Mail {
        to: ACTOR.to_owned(),
        subject: "myapp was deployed".to_owned(),
        body: "v52 runs.".to_owned(),
    };
    let key = || "last".to_owned();
    [
        (Question::Log("a line".to_owned()), Answer::Done),
        (Question::Port(ID.to_owned()), Answer::Port(20000)),
        (Question::Http(http), Answer::Http(answered)),
        (Question::Mail(mail), Answer::Done),
        (Question::Get(key()), Answer::Value(Some("v52".to_owned()))),
        (Question::Set(pair), Answer::Done),
        (
            Question::Delete(key()),
            Answer::Refused("it is not granted: set permissions.store in plugin.yaml".to_owned()),
        ),
        (Question::List("la".to_owned()), Answer::Keys(vec![key()])),
        (
            Question::Folder(ID.to_owned()),
            Answer::Folder(format!("/home/jim/.local/share/slugline/resources/{ID}")),
        ),
        (
            Question::Read(FileName {
                id: ID.to_owned(),
                name: "password".to_owned(),
            }),
            Answer::Value(None),
        ),
        (
            Question::Write(FileText {
                id: ID.to_owned(),
                name: "server.conf".to_owned(),
                text: "port 20000\n".to_owned(),
            }),
            Answer::Done,
        ),
    ]
}

/// A manifest with everything in it.
#[must_use]
pub fn manifest() -> Manifest {
    let plan = |price: &str, summary: &str| Plan {
        price: price.to_owned(),
        summary: summary.to_owned(),
    };
    let service = Service {
        default: Some("free".to_owned()),
        config: texts(["MEMCACHE_SERVERS"]),
        summary: Some("A cache.".to_owned()),
        plans: [("free".to_owned(), plan("free", "25 MB"))].into(),
    };
    Manifest {
        name: "memcache".to_owned(),
        version: "1.2.0".to_owned(),
        api: API_VERSION,
        summary: "A memcached server for each app.".to_owned(),
        entry: "init.lua".to_owned(),
        permissions: Permissions {
            run: texts(["memcached"]),
            http: texts(["api.example.com"]),
            smtp: true,
            store: true,
            folder: true,
        },
        addons: [("memcache".to_owned(), service)].into(),
        hooks: vec![Hook::BillingCheck],
        tiers: [("weekly".to_owned(), plan("$5/mo", "A week."))].into(),
    }
}

/// What the operator may have set for a plugin.
#[must_use]
pub fn settings() -> PluginSettings {
    let map = json!({ "app": 50, "owner": 200 });
    PluginSettings(map.as_object().cloned().unwrap_or_default())
}

/// One of each kind of frame to the plugin, but for the requests and the answers.
#[must_use]
pub fn to_plugin() -> [ToPlugin<'static>; 4] {
    let load = Load {
        manifest: manifest(),
        entry: Entry::Script("local addon = slugline.addon(\"memcache\") …".to_owned()),
        settings: settings(),
        mail: true,
        limits: Budget {
            memory: 64 << 20,
            source: 256 << 10,
            reply: 1 << 20,
            depth: 64,
        },
        time_ms: 1000,
    };
    let call = Call {
        id: 1,
        time_ms: 1000,
        request: Cow::Owned(request(Hook::BillingCheck)),
    };
    [
        ToPlugin::Hello(Hello { api: API_VERSION }),
        ToPlugin::Load(Box::new(load)),
        ToPlugin::Call(Box::new(call)),
        ToPlugin::Answer(Answer::Port(20000)),
    ]
}

/// One of each kind of frame from the plugin.
#[must_use]
pub fn from_plugin() -> [FromPlugin; 7] {
    let containment = Containment {
        system_calls: true,
        files: true,
        network: true,
        signals: true,
    };
    let greeting = Greeting {
        api: API_VERSION,
        containment,
    };
    [
        FromPlugin::Hello(greeting),
        FromPlugin::Loaded(Loaded {
            keeps: texts(["weekly"]),
        }),
        FromPlugin::Ask(Question::Port(ID.to_owned())),
        FromPlugin::Reply(Replied {
            id: 1,
            reply: Reply::Done,
        }),
        FromPlugin::Failed(Problem::Late),
        FromPlugin::Failed(Problem::Memory),
        FromPlugin::Failed(Problem::Error(
            "init.lua:7: attempt to index nil".to_owned(),
        )),
    ]
}
