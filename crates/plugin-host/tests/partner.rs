//! Add-ons of Heroku's partners, against a vendor's service that follows the partner API and
//! misbehaves in every way that we know of, over real sockets.

#![cfg(test)]

mod common;
#[path = "common/vendor.rs"]
mod vendor;

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use common::*;
use serde_json::json;
use slugline_core::port::{ChangePlanRequest, ProviderError, Providers, ProvisionRequest};
use slugline_core::resource::{Options, Provision, Resource};
use slugline_plugin_host::conformance::{self, Outcome};
use slugline_plugin_host::partner::draft;
use slugline_plugin_host::{Limits, MemoryStore, PartnerSettings, PluginHost, Settings, Store};
use vendor::{Back, Mood, Vendor, send};

const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// A vendor, and a host that knows its add-on.
struct Stage {
    vendor: Vendor,
    host: PluginHost,
    store: Rc<MemoryStore>,
    log: Rc<RefCell<Vec<String>>>,
    folder: tempfile::TempDir,
}

fn write_plugin(folder: &Path, vendor: &Vendor) {
    let manifest = vendor.manifest();
    let yaml = draft("primes", "addon-manifest.json", &manifest).unwrap();
    let more = "      large: { price: $20/mo }\n";
    fs::write(folder.join("plugin.yaml"), format!("{yaml}{more}")).unwrap();
    fs::write(folder.join("addon-manifest.json"), manifest).unwrap();
}

/// Times that no test waits for, but where it is what is tested.
fn times() -> PartnerSettings {
    PartnerSettings {
        slow: Duration::from_secs(20),
        pause: Duration::from_millis(1),
        wait: Some(Duration::from_secs(30)),
        ..PartnerSettings::default()
    }
}

impl Stage {
    fn of(version: u8) -> Self {
        Self::with(version, times(), "")
    }

    fn with(version: u8, partner: PartnerSettings, operator: &str) -> Self {
        let (vendor, folder) = (Vendor::start(version), tempfile::tempdir().unwrap());
        write_plugin(folder.path(), &vendor);
        fs::write(folder.path().join("settings.yaml"), operator).unwrap();
        let (store, log) = (Rc::new(MemoryStore::default()), Rc::new(RefCell::default()));
        let (lines, slow): (Rc<RefCell<Vec<String>>>, _) = (Rc::clone(&log), vendor.clone());
        let settings = Settings {
            partner,
            store: Some(Rc::clone(&store) as Rc<dyn Store>),
            log: Rc::new(move |_, line| {
                if line.contains("has not answered for") {
                    slow.go_on();
                }
                lines.borrow_mut().push(line.to_owned());
            }),
            ..settings()
        };
        let host = PluginHost::of_folder(folder.path(), settings).unwrap();
        Self {
            vendor,
            host,
            store,
            log,
            folder,
        }
    }

    fn provision_with(&self, options: &[(&str, &str)]) -> Result<Provision, ProviderError> {
        let option = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let options: Options = options.iter().map(option).collect();
        self.host.provision(&ProvisionRequest {
            app: &app(),
            id: &id(),
            plan: &plan("primes:test"),
            options: &options,
            taken_ports: &[],
        })
    }

    fn provision(&self) -> Result<Provision, ProviderError> {
        self.provision_with(&[])
    }

    #[track_caller]
    fn fails(&self, expected: &str) {
        let failed = self.provision().unwrap_err().to_string();
        let port = self.vendor.port().to_string();
        assert_eq!(failed.replace(&port, "PORT"), expected);
        assert!(
            !failed.contains("s3cret") && !failed.contains("czNj"),
            "{failed}"
        );
    }

    fn resource(&self, made: &Provision) -> Resource {
        Resource {
            id: id(),
            plan: plan("primes:test"),
            options: Options::default(),
            config: made.config.clone(),
            process: None,
            port: None,
        }
    }

    fn remembers(&self) -> usize {
        self.store.list("primes", "").unwrap().len()
    }
}

fn url(made: &Provision) -> &str {
    made.config.values().next().unwrap().reveal()
}

#[test]
fn the_life_of_a_resource_is_told_in_the_words_of_each_version() {
    for version in [1, 3] {
        let stage = Stage::of(version);
        let made = stage.provision_with(&[("fast", "true")]).unwrap();
        assert_eq!(url(&made), "https://primes.example.com/acme-1/test");
        assert_eq!(made.message, "Your primes are ready.");
        let known = stage.resource(&made);
        let moved = stage.host.change_plan(&ChangePlanRequest {
            app: &app(),
            resource: &known,
            plan: &plan("primes:large"),
            taken_ports: &[],
        });
        let moved = moved.unwrap();
        assert_eq!(url(&moved), "https://primes.example.com/acme-1/large");
        assert_eq!(moved.message, "You are on large now.");
        for _ in 0..2 {
            stage.host.deprovision(&app(), &known).unwrap();
        }
        assert_eq!((stage.vendor.count(), stage.remembers()), (0, 0));

        let calls = stage.vendor.calls();
        let lines: Vec<&str> = calls.iter().map(|call| call.line.as_str()).collect();
        let expected = [
            "POST /heroku/resources",
            "PUT /heroku/resources/acme-1",
            "DELETE /heroku/resources/acme-1",
        ];
        assert_eq!(lines, expected);
        let mut asked = calls[0].body.clone();
        let callback = asked["callback_url"].take();
        let callback = callback.as_str().unwrap();
        assert!(callback.starts_with("http://127.0.0.1:"), "{callback}");
        if version == 1 {
            let name = "app0123456789abcdef0123456789abcdef@slugline.invalid";
            assert_eq!(calls[0].accept, "application/json");
            assert!(callback.ends_with(&format!("/vendor/apps/{}", name.replace('@', "%40"))));
            let expected = json!({ "plan": "test", "region": "amazon-web-services::us-east-1",
                "options": { "fast": "true" }, "uuid": UUID, "heroku_id": name,
                "callback_url": null });
            assert_eq!(asked, expected);
            assert_eq!(
                calls[1].body,
                json!({ "plan": "large", "heroku_id": name, "uuid": UUID })
            );
        } else {
            assert_eq!(
                calls[0].accept,
                "application/vnd.heroku-addons+json; version=3"
            );
            assert!(callback.ends_with(&format!("/addons/{UUID}")));
            let grant = asked["oauth_grant"].take();
            assert_eq!(grant["type"], "authorization_code");
            assert_eq!(grant["code"].as_str().unwrap().len(), 64);
            assert!(grant["expires_at"].as_str().unwrap().ends_with('Z'));
            let expected = json!({ "plan": "test", "region": "amazon-web-services::us-east-1",
                "options": { "fast": "true" }, "uuid": UUID, "name": "primes-01234567",
                "callback_url": null, "oauth_grant": null });
            assert_eq!(asked, expected);
            assert_eq!(calls[1].body, json!({ "plan": "large" }));
        }
    }
}

#[test]
fn what_fails_for_a_moment_is_asked_again_for_the_same_resource() {
    let check = |mood: Mood| {
        let stage = Stage::of(3);
        stage.vendor.moods([mood.clone(), mood.clone()]);
        let made = stage.provision().unwrap();
        assert_eq!(
            url(&made),
            "https://primes.example.com/acme-1/test",
            "{mood:?}"
        );
        let calls = stage.vendor.calls();
        assert_eq!(calls.len(), 3, "{mood:?}");
        assert!(calls.iter().all(|call| call.body["uuid"] == UUID));
        assert_eq!(stage.vendor.count(), 1, "{mood:?}");
    };
    check(Mood::Say(500, String::new()));
    check(Mood::Say(503, "<html>busy</html>".to_owned()));
    check(Mood::Say(429, String::new()));
    check(Mood::Reset);
    check(Mood::LoseAnswer);
}

#[test]
fn what_a_vendor_refuses_is_said_in_its_words() {
    let check = |status: u16, body: &str, expected: &str| {
        let stage = Stage::of(3);
        stage.vendor.moods([Mood::Say(status, body.to_owned())]);
        stage.fails(expected);
        assert_eq!((stage.vendor.lines().len(), stage.remembers()), (1, 0));
    };
    let no = r#"{"message":"No primes in your region.\u001b[2J"}"#;
    check(422, no, "primes: No primes in your region.[2J");
    check(503, no, "primes: No primes in your region.[2J");
    check(422, "<html>", "primes: it did not say why");
    let begin = "the plugin primes failed in addon.provision: 127.0.0.1 answered";
    let stranger = "it does not take the id and password of its manifest";
    check(401, "{}", &format!("{begin} 401: {stranger}"));
    check(404, "{}", &format!("{begin} 404"));
    check(400, no, &format!("{begin} 400"));
}

#[test]
fn what_cannot_be_understood_may_have_been_made() {
    let check = |mood: Mood, calls: usize, expected: &str| {
        let stage = Stage::with(
            3,
            PartnerSettings {
                call: Duration::from_millis(300),
                ..times()
            },
            "",
        );
        stage.vendor.moods(std::iter::repeat_n(mood, calls));
        stage.fails(&format!(
            "the plugin primes failed in addon.provision: 127.0.0.1 {expected}; if it has made the \
             resource {UUID}, its vendor must remove it"
        ));
        assert_eq!(stage.vendor.lines().len(), calls);
    };
    let html = Mood::Say(200, "<html>s3cret</html>".to_owned());
    let what = "answered 200 with no JSON: expected value at line 1 column 1";
    check(html, 1, what);
    check(
        Mood::Say(200, "x".repeat(2 << 20)),
        1,
        "answered more than 1048576 bytes",
    );
    check(Mood::Say(200, "{}".to_owned()), 1, "answered without an id");
    check(
        Mood::Say(200, r#"{"id":".."}"#.to_owned()),
        1,
        "answered without an id",
    );
    check(
        Mood::Reset,
        4,
        "hung up before it had answered, asked 4 times",
    );
    check(
        Mood::Say(500, String::new()),
        4,
        "answered 500, asked 4 times",
    );
    check(Mood::Hang, 4, "did not answer within 300 ms, asked 4 times");
}

#[test]
fn no_call_outlives_the_deadline() {
    let vendor = Vendor::start(3);
    let folder = tempfile::tempdir().unwrap();
    write_plugin(folder.path(), &vendor);
    let settings = Settings {
        limits: Limits {
            call: Duration::from_millis(500),
            ..Limits::default()
        },
        store: Some(Rc::new(MemoryStore::default())),
        ..settings()
    };
    let host = PluginHost::of_folder(folder.path(), settings).unwrap();
    vendor.moods([Mood::Hang, Mood::Hang]);
    let begun = std::time::Instant::now();
    let failed = host.provision(&ProvisionRequest {
        app: &app(),
        id: &id(),
        plan: &plan("primes:test"),
        options: &Options::default(),
        taken_ports: &[],
    });
    assert!(begun.elapsed() < Duration::from_secs(5));
    let failed = failed.unwrap_err().to_string();
    assert!(failed.contains("did not answer within 500 ms"), "{failed}");
}

#[test]
fn a_vendor_that_cannot_be_reached_has_made_nothing() {
    let stage = Stage::of(3);
    // Nobody listens at a port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gone.local_addr().unwrap().port().to_string();
    drop(gone);
    for file in ["plugin.yaml", "addon-manifest.json"] {
        let file = stage.folder.path().join(file);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace(&stage.vendor.port().to_string(), &port)).unwrap();
    }
    let store = Rc::new(MemoryStore::default());
    let settings = Settings {
        partner: times(),
        store: Some(Rc::clone(&store) as Rc<dyn Store>),
        ..settings()
    };
    let host = PluginHost::of_folder(stage.folder.path(), settings).unwrap();
    let stage = Stage {
        host,
        store,
        ..stage
    };
    stage.fails(
        "the plugin primes failed in addon.provision: 127.0.0.1 cannot be reached, asked 4 times",
    );
    assert_eq!(stage.remembers(), 0);
}

#[test]
fn a_redirect_is_not_followed() {
    let (stage, other) = (Stage::of(3), Vendor::start(3));
    let to = format!("http://127.0.0.1:{}/heroku/resources", other.port());
    stage.vendor.moods([Mood::Redirect(to)]);
    stage.fails(
        "the plugin primes failed in addon.provision: 127.0.0.1 answered 307: a redirect is not \
         followed",
    );
    assert!(other.calls().is_empty());
}

#[test]
fn a_person_hears_that_a_vendor_is_slow() {
    let slow = Duration::from_millis(50);
    let stage = Stage::with(3, PartnerSettings { slow, ..times() }, "");
    stage.vendor.moods([Mood::Slow]);
    assert_eq!(
        url(&stage.provision().unwrap()),
        "https://primes.example.com/acme-1/test"
    );
    let expected = "127.0.0.1 has not answered for 50 ms; it has 25 s in all";
    assert_eq!(*stage.log.borrow(), [expected]);
}

#[test]
fn a_vendor_may_answer_later() {
    let check = |version: u8, mood: Mood, answers: &[u16]| {
        let stage = Stage::of(version);
        stage.vendor.moods([mood.clone()]);
        let made = stage.provision().unwrap();
        assert_eq!(
            url(&made),
            "https://primes.example.com/later",
            "{version} {mood:?}"
        );
        assert_eq!(made.message, "It is being made.");
        let heard = stage.vendor.answers(answers.len());
        // The port may be closed before a second time; then it hears nothing.
        let second = |(heard, expected): (&u16, &u16)| heard == expected || *heard == 0;
        assert!(
            heard.iter().zip(answers).all(second),
            "{version} {mood:?}: {heard:?}"
        );
        assert_eq!((stage.vendor.count(), stage.remembers()), (1, 1));
    };
    check(3, Mood::Later(Back::Rightly), &[200, 200, 200]);
    check(1, Mood::Later(Back::Rightly), &[200]);
    check(3, Mood::Early, &[200, 200, 200]);
    check(1, Mood::Early, &[200]);
    // Its grant is good once.
    check(3, Mood::Later(Back::Twice), &[200, 400, 200, 200, 200, 200]);
    check(1, Mood::Later(Back::Twice), &[200, 409]);
    check(3, Mood::Later(Back::WrongFirst), &[200, 400, 401, 200, 200]);
    check(1, Mood::Later(Back::WrongFirst), &[401, 200]);
}

#[test]
fn what_is_not_made_in_the_end_is_removed() {
    let check = |version: u8, how: Back, wait: u64, expected: &str| {
        let wait = Some(Duration::from_millis(wait));
        let stage = Stage::with(version, PartnerSettings { wait, ..times() }, "");
        stage.vendor.moods([Mood::Later(how)]);
        stage.fails(expected);
        let lines = stage.vendor.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[1].starts_with("DELETE /heroku/resources/acme"),
            "{lines:?}"
        );
        assert_eq!((stage.vendor.count(), stage.remembers()), (0, 0));
    };
    let failed = "the plugin primes failed in addon.provision";
    for version in [1, 3] {
        let late = "127.0.0.1 has not said within 200 ms that it is there";
        check(version, Back::Never, 200, &format!("{failed}: {late}"));
        let unpromised = "config.ACME_PRIMES_TOKEN is not listed in its manifest";
        check(
            version,
            Back::Unpromised,
            30_000,
            &format!("{failed}: {unpromised}"),
        );
    }
    check(
        3,
        Back::GivesUp,
        30_000,
        "primes: the vendor could not make it",
    );
}

#[test]
fn whoever_calls_too_late_finds_nobody() {
    let wait = Some(Duration::from_millis(100));
    let stage = Stage::with(3, PartnerSettings { wait, ..times() }, "");
    stage.vendor.moods([Mood::Later(Back::Never)]);
    stage.provision().unwrap_err();
    let asked = stage.vendor.calls().remove(0).body;
    let url = asked["callback_url"].as_str().unwrap();
    let code = asked["oauth_grant"]["code"].as_str().unwrap();
    let form = format!("grant_type=authorization_code&code={code}");
    let token = format!("{}/oauth/token", url.split("/addons/").next().unwrap());
    let told = send("POST", &token, "", &form);
    assert!(told.is_none_or(|(status, _)| status == 400));
}

#[test]
fn a_secret_that_the_operator_has_set_is_asked_for() {
    let wait = Some(Duration::from_millis(200));
    let with = |secret: &str| {
        let stage = Stage::with(
            3,
            PartnerSettings { wait, ..times() },
            &format!("client_secret: {secret}\n"),
        );
        stage.vendor.moods([Mood::Later(Back::Rightly)]);
        (stage.provision().is_ok(), stage.vendor.answers(1)[0])
    };
    assert_eq!(with("another"), (false, 401));
    assert_eq!(with("x"), (true, 200));
}

#[test]
fn what_was_not_promised_at_once_is_refused_and_removed() {
    let stage = Stage::of(3);
    let answer = json!({ "id": "acme-7", "config": { "PATH": "/s3cret" } }).to_string();
    stage.vendor.moods([Mood::Say(200, answer)]);
    stage.fails(
        "the plugin primes failed in addon.provision: config.PATH is not listed in \
         addon-manifest.json",
    );
    assert!(stage.vendor.lines()[1].starts_with("DELETE "));
    assert_eq!(stage.remembers(), 0);
}

#[test]
fn a_resource_that_is_gone_is_no_error() {
    let check = |status: u16, told: usize| {
        let stage = Stage::of(3);
        let known = stage.resource(&stage.provision().unwrap());
        stage.vendor.moods([Mood::Say(status, "{}".to_owned())]);
        stage.host.deprovision(&app(), &known).unwrap();
        assert_eq!(stage.log.borrow().len(), told);
        assert_eq!(stage.remembers(), 0);
    };
    check(410, 0);
    check(404, 1);
    // One that cannot be removed now is not lost sight of.
    let stage = Stage::of(3);
    let known = stage.resource(&stage.provision().unwrap());
    stage
        .vendor
        .moods(std::iter::repeat_n(Mood::Say(500, String::new()), 4));
    let failed = stage.host.deprovision(&app(), &known).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "the plugin primes failed in addon.deprovision: 127.0.0.1 answered 500, asked 4 times"
    );
    stage.host.deprovision(&app(), &known).unwrap();
    assert_eq!((stage.vendor.count(), stage.remembers()), (0, 0));
}

#[test]
fn a_resource_whose_answer_was_lost_is_found_again_and_removed() {
    let stage = Stage::of(3);
    stage.vendor.moods(std::iter::repeat_n(Mood::LoseAnswer, 4));
    stage.provision().unwrap_err();
    assert_eq!((stage.vendor.count(), stage.remembers()), (1, 1));
    let known = stage.resource(&Provision::default());
    stage.host.deprovision(&app(), &known).unwrap();
    assert_eq!((stage.vendor.count(), stage.remembers()), (0, 0));
}

#[test]
fn a_vendor_that_makes_two_is_found_out() {
    let stage = Stage::of(3);
    stage.provision().unwrap();
    stage.vendor.moods([Mood::Forgetful]);
    stage.fails(
        "the plugin primes failed in addon.provision: asked twice for one resource, it made two",
    );
    let last = stage.vendor.lines().pop().unwrap();
    assert!(last.starts_with("DELETE /heroku/resources/acme") && last.ends_with('2'));
}

#[test]
fn the_suite_is_passed_by_a_good_vendor_and_not_by_a_bad_one() {
    let found = |version: u8, moods: &[Mood]| {
        let (vendor, folder) = (Vendor::start(version), tempfile::tempdir().unwrap());
        write_plugin(folder.path(), &vendor);
        vendor.moods(moods.iter().cloned());
        let mut all = Vec::new();
        let settings = Settings {
            partner: times(),
            ..settings()
        };
        conformance::run(folder.path(), &settings, &mut |it| all.push(it.clone())).unwrap();
        let bad = all.iter().filter(|it| it.outcome != Outcome::Passed);
        (
            all.len(),
            bad.map(|it| it.check.clone()).collect::<Vec<_>>(),
        )
    };
    for version in [1, 3] {
        let (count, bad) = found(version, &[]);
        assert_eq!(bad, [""; 0]);
        assert_eq!(count, 22);
    }
    let (_, bad) = found(3, &[Mood::Good, Mood::Good, Mood::Forgetful]);
    assert_eq!(bad[0], "primes:large: answers the same to the same key");
}

#[test]
fn what_does_not_agree_is_found() {
    let check = |file: &str, from: &str, to: &str, expected: &str| {
        let (vendor, folder) = (Vendor::start(3), tempfile::tempdir().unwrap());
        write_plugin(folder.path(), &vendor);
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let finding = conformance::check(folder.path(), &settings()).unwrap_err();
        let port = vendor.port().to_string();
        let told = finding.to_string();
        let told = told.replace(&format!("{}/", folder.path().display()), "");
        assert_eq!(
            told.lines().next().unwrap().replace(&port, "PORT"),
            expected
        );
        assert!(!told.contains("s3cret"), "{told}");
    };
    let json = "addon-manifest.json";
    check(
        json,
        "\"s3cret\"",
        "[\"s3cret\"]",
        "addon-manifest.json:6:1: api.password is missing, or no text",
    );
    check(
        json,
        "ACME_PRIMES_URL",
        "ACME_PRIMES_KEY",
        "plugin.yaml:9:3: primes does not promise ACME_PRIMES_KEY, which addon-manifest.json does: \
         list it under addons.primes.config",
    );
    check(
        "plugin.yaml",
        "http: [\"127.0.0.1",
        "http: [\"127.0.0.2",
        "plugin.yaml:5:8: 127.0.0.1:PORT is not granted under permissions.http in plugin.yaml",
    );
    check(
        "plugin.yaml",
        "addons:",
        "hooks: [billing.check]\naddons:",
        "plugin.yaml:8:9: with addon-manifest.json, a plugin cannot listen to billing.check",
    );
    check(
        "plugin.yaml",
        "permissions:\n",
        "permissions:\n  smtp: true\n",
        "plugin.yaml:5:8: with addon-manifest.json, only permissions.http are of use",
    );
}
