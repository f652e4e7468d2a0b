//! The life of a resource of each plan, and all that may happen in it. It must not know how a plugin
//! is called.

use std::collections::{BTreeMap, BTreeSet};

use slugline_plugin_api::manifest::Service;
use slugline_plugin_api::message::{Provision, ProvisionRequest, Reply, Request};

use super::Report;
use super::sample;
use super::session::Session;

/// An option as long as no person types one.
const HUGE: usize = 256 << 10;
/// More options than any person gives.
const MANY: usize = 1000;

pub(super) fn run(session: &Session, report: &mut Report<'_>) {
    for (name, service) in &session.manifest().addons {
        let mut lent = BTreeSet::new();
        for plan in service.plans.keys() {
            lent.extend(plan_of(session, name, service, plan, report));
        }
        let missing: Vec<&str> = service
            .config
            .iter()
            .filter(|key| !lent.contains(*key))
            .map(String::as_str)
            .collect();
        let found = match missing.as_slice() {
            [] => Ok(()),
            missing => Err(format!("no plan lends {}", missing.join(", "))),
        };
        report.check(format!("{name}: every promised config var came"), found);
    }
}

/// The life of a resource of this plan. Answers the config vars that it lent.
fn plan_of(
    session: &Session,
    name: &str,
    service: &Service,
    plan: &str,
    report: &mut Report<'_>,
) -> Vec<String> {
    let at = |what: &str| format!("{name}:{plan}: {what}");
    let made = sample::provision(name, plan, session.samples.of(name, plan));
    let request = Request::Provision(made.clone());
    let first = session.resource(&request);
    let Some(first) = report.check(at("is provisioned, with promised config vars only"), first)
    else {
        return Vec::new();
    };
    if let Some(partner) = session.partner() {
        let found = partner.and_then(|partner| partner.refuses_strangers(&made));
        report.check(at("refuses a wrong password with 401"), found);
    }
    let again = || same(&first, &session.resource(&request)?);
    report.check(at("answers the same to the same key"), again());
    process(
        session,
        &first,
        &at("its process is permitted and installed"),
        report,
    );
    let killed = session.kill_at_every_point(&request).and_then(|_| again());
    report.check(at("answers the same after it was killed half-way"), killed);
    for other in service.plans.keys().filter(|other| *other != plan) {
        let found = changes(session, &made, &first, other);
        report.check(at(&format!("changes to {other}, and again")), found);
    }
    report.check(at("takes bad options"), odd(session, &made, bad(&made)));
    report.check(at("takes huge options"), odd(session, &made, huge(&made)));
    let gone = sample::deprovision(&made, &first);
    let ends = || session.ask(&gone).and_then(done);
    report.check(at("is deprovisioned"), ends());
    report.check(at("is deprovisioned again"), ends());
    let killed = session.kill_at_every_point(&gone).and_then(|_| ends());
    report.check(at("is deprovisioned after it was killed half-way"), killed);
    first.config.into_keys().collect()
}

/// Whether two answers are the same. Values are not shown, for they may be passwords.
fn same(first: &Provision, second: &Provision) -> Result<(), String> {
    if first.config != second.config {
        let differs = |key: &&String| first.config.get(*key) != second.config.get(*key);
        let keys: BTreeSet<&String> = first.config.keys().chain(second.config.keys()).collect();
        let keys: Vec<&str> = keys
            .into_iter()
            .filter(|key| differs(key))
            .map(String::as_str)
            .collect();
        return Err(format!(
            "{} came out otherwise; what is made up, such as a password, must be kept in \
             slugline.store under request.key, or in slugline.folder",
            keys.join(", ")
        ));
    }
    if first.process != second.process || first.port != second.port {
        return Err("its process came out otherwise".to_owned());
    }
    Ok(())
}

fn process(session: &Session, made: &Provision, check: &str, report: &mut Report<'_>) {
    let Some(program) = made.process.as_ref().and_then(|process| process.first()) else {
        return;
    };
    // What is not permitted was found when it was provisioned.
    if session.is_installed(program) {
        report.check(check, Ok(()));
    } else {
        report.skip(check, format!("{program} is not installed on this machine"));
    }
}

fn changes(
    session: &Session,
    made: &ProvisionRequest,
    first: &Provision,
    plan: &str,
) -> Result<(), String> {
    let mut made = made.clone();
    // The other plan may want other options.
    made.options.extend(session.samples.of(&made.service, plan));
    let request = sample::change(&made, first, plan);
    let changed = session.resource(&request)?;
    same(&changed, &session.resource(&request)?)?;
    session.kill_at_every_point(&request)?;
    same(&changed, &session.resource(&request)?)?;
    let back = sample::change(&made, &changed, &made.plan);
    session.resource(&back).map(|_| ())
}

type Options = BTreeMap<String, String>;

/// Options as people mistype them: each that the plan knows, and one that it does not.
fn bad(made: &ProvisionRequest) -> Vec<Options> {
    let values = [
        "",
        " ",
        "\u{1b}[2J",
        "'; --",
        "../../etc/passwd",
        "-1",
        "\u{202e}é\n",
    ];
    let names: Vec<&str> = made.options.keys().map(String::as_str).collect();
    let mut all = Vec::new();
    for name in names.into_iter().chain(["no-such-option"]) {
        for value in values {
            let mut options = made.options.clone();
            options.insert(name.to_owned(), value.to_owned());
            all.push(options);
        }
    }
    all.push(Options::new());
    all
}

fn huge(made: &ProvisionRequest) -> Vec<Options> {
    let names: Vec<&str> = made.options.keys().map(String::as_str).collect();
    let mut all: Vec<Options> = Vec::new();
    for name in names.into_iter().chain(["no-such-option"]) {
        let mut options = made.options.clone();
        options.insert(name.to_owned(), "x".repeat(HUGE));
        all.push(options);
    }
    let mut options = made.options.clone();
    options.extend((0..MANY).map(|n| (format!("option-{n}"), "x".to_owned())));
    all.push(options);
    all
}

/// Each of these options is taken, or refused with a reason; it never ends as an error.
fn odd(session: &Session, made: &ProvisionRequest, all: Vec<Options>) -> Result<(), String> {
    for options in all {
        let name = options
            .iter()
            .find(|(name, value)| made.options.get(*name) != Some(value));
        let name = name.map_or("no options at all".to_owned(), |(name, value)| {
            let value: String = value.escape_debug().take(30).collect();
            format!("--{name}={value}")
        });
        let mut request = made.clone();
        request.options = options;
        // Another resource: this one has its options.
        request.id = "badc0de0".repeat(4);
        request.key.clone_from(&request.id);
        let answer = session.ask(&Request::Provision(request.clone()));
        match answer {
            // What a vendor's service has made is not left behind there.
            Ok(Reply::Provision(made)) if session.partner().is_some() => {
                let gone = sample::deprovision(&request, &made);
                session.ask(&gone).and_then(done)?;
            }
            Ok(Reply::Provision(_) | Reply::Denied(_)) => {}
            Ok(_) => return Err(format!("{name}: it did not answer with a resource")),
            Err(why) => {
                return Err(format!(
                    "{name} ends as an error; refuse it with a reason instead: {why}"
                ));
            }
        }
    }
    Ok(())
}

fn done(reply: Reply) -> Result<(), String> {
    match reply {
        Reply::Denied(why) => Err(format!("it refused: {why}")),
        _ => Ok(()),
    }
}
