//! What has to be true of a home, whatever happened to a command: read from the ledger, asked of the
//! kernel, and fetched through the router. It must not know what was done.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use slugline_core::app::AppName;
use slugline_core::config::Owner;
use slugline_core::port::{Ledger, Moment};
use slugline_core::release::{Release, Status, Version};
use slugline_core::settings::Settings;
use slugline_ledger::SqliteLedger;

use super::processes::{self, Found};
use super::provider::Kept;
use super::world::World;

/// What is wrong, in words.
pub(crate) type Checked<T = ()> = Result<T, String>;

/// How long what must come, or go, may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The config var that the command after a fault sets; facts leave it out.
pub(crate) const NEXT: &str = "NEXT";

fn need(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

/// Asks again until there is nothing to say against it.
fn eventually(mut check: impl FnMut() -> Checked) -> Checked {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match check() {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            other => return other,
        }
    }
}

/// The ledger of a home; `None` where there is none yet.
pub(crate) fn ledger(world: &World) -> Checked<Option<SqliteLedger>> {
    if !world.env.home().join("ledger.db").exists() {
        return Ok(None);
    }
    let opened = SqliteLedger::open(&world.env.home());
    opened
        .map(Some)
        .map_err(|error| format!("the ledger does not open: {error}"))
}

/// The apps there are, each as it is now.
pub(crate) fn moments(world: &World) -> Checked<Vec<Moment>> {
    let Some(ledger) = ledger(world)? else {
        return Ok(Vec::new());
    };
    let said = |error| format!("the ledger says: {error}");
    let apps = ledger.apps().map_err(said)?;
    let moment = |app: slugline_core::app::App| ledger.moment(&app.name).map_err(said);
    apps.into_iter().map(moment).collect()
}

/// An app as it is now; `None` where there is none of this name.
pub(crate) fn moment(world: &World, app: &str) -> Checked<Option<Moment>> {
    let mut all = moments(world)?.into_iter();
    Ok(all.find(|moment| moment.app.name.as_str() == app))
}

/// What people would say that apps are: code, config vars, add-ons, pins, settings; not how it came to be.
pub(crate) fn facts(world: &World) -> Checked<String> {
    let mut text = String::new();
    let Some(ledger) = ledger(world)? else {
        return Ok(text);
    };
    for moment in moments(world)? {
        let name = &moment.app.name;
        let commit = moment
            .state
            .slug
            .as_ref()
            .map(|slug| slug.commit.to_string());
        let _ = writeln!(text, "{name} {:?} code {commit:?}", moment.app.branch);
        let _ = writeln!(text, "  pinned code {}", moment.code_pinned);
        for (key, var) in moment
            .state
            .config
            .iter()
            .filter(|(key, _)| key.as_str() != NEXT)
        {
            let value = match &var.owner {
                // It is the resource's, and another each time.
                Owner::User => var.value.reveal().to_owned(),
                owner => format!("of {owner:?}"),
            };
            let _ = writeln!(text, "  config {} {value}", key.as_str());
        }
        for addon in moment.state.addons.values() {
            let _ = writeln!(text, "  add-on {}", addon.plan);
        }
        let kept = ledger
            .history(name, None, usize::MAX)
            .map_err(|error| error.to_string())?;
        for release in kept.iter().filter(|release| release.pinned) {
            let _ = writeln!(text, "  pinned {}", release.version);
        }
        let settings = ledger.settings(name).map_err(|error| error.to_string())?;
        text.push_str(&set(settings));
    }
    certificates(world, &mut text);
    Ok(text)
}

/// What is set of an app; of drains without their names, which are others each time.
fn set(mut settings: Settings) -> String {
    let drains: Vec<String> = settings.drains.drain(..).map(|drain| drain.url).collect();
    let rest = serde_json::to_string(&settings).unwrap_or_default();
    format!("  set {rest}, drains {drains:?}\n")
}

/// The hosts that have a certificate, with its length.
fn certificates(world: &World, text: &mut String) {
    let files = std::fs::read_dir(world.env.home().join("certs"));
    for file in files.into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        if name.ends_with(".pem") {
            let _ = writeln!(text, "certificate {name}, {length} bytes");
        }
    }
}

/// What is true at every instant, an unfinished operation or not (S1, S3).
pub(crate) fn legal(world: &World) -> Checked {
    let Some(ledger) = ledger(world)? else {
        return Ok(());
    };
    for moment in moments(world)? {
        let app = &moment.app.name;
        let said = |error| format!("{app}: {error}");
        let history = ledger.history(app, None, usize::MAX).map_err(said)?;
        let numbers: Vec<u64> = history.iter().map(|one| one.version.number()).collect();
        let last = moment.last.number();
        need(numbers.windows(2).all(|pair| pair[0] > pair[1]), || {
            format!("{app}: numbers are out of order: {numbers:?}")
        })?;
        need(
            numbers.first().copied().unwrap_or(0) == last || moment.state.tier().is_none(),
            || format!("{app}: the newest is not {last}: {numbers:?}"),
        )?;
        if keeps_all(&moment) {
            let all: Vec<u64> = (1..=last).rev().collect();
            need(numbers == all, || {
                format!("{app}: numbers have gaps: {numbers:?} of {last}")
            })?;
        }
        for release in &history {
            ledger.state_at(app, release.version).map_err(said)?;
        }
        one_is_pending(&moment, &history)?;
        is_newest(&moment, &history)?;
    }
    Ok(())
}

/// Whether nothing was ever pruned: those of the test begin with that tier.
fn keeps_all(moment: &Moment) -> bool {
    let tier = moment.state.tier();
    tier.is_some_and(|tier| tier.to_string() == "releases:advanced")
}

fn one_is_pending(moment: &Moment, history: &[Release]) -> Checked {
    let mut pending = history.iter().filter(|one| one.status == Status::Pending);
    let first = pending.next().map(|one| one.version);
    need(pending.next().is_none(), || {
        "two releases are pending".to_owned()
    })?;
    need(first.is_none_or(|version| version == moment.last), || {
        format!("{first:?} is pending, and not the last")
    })
}

/// The current release is the newest that succeeded, and the app is what it says.
fn is_newest(moment: &Moment, history: &[Release]) -> Checked {
    let newest = history.iter().find(|one| one.status == Status::Succeeded);
    let (newest, current) = (newest.map(|one| one.version), moment.current.as_ref());
    let current = current.map(|one| one.version);
    need(newest == current, || {
        format!("{current:?} is current and {newest:?} newest")
    })
}

/// What is true once the next command has ended (S31): nothing is pending or waits to be announced,
/// and what providers keep is what the ledger lists is what current releases have.
pub(crate) fn settled(world: &World) -> Checked {
    legal(world)?;
    let Some(ledger) = ledger(world)? else {
        return Ok(());
    };
    for moment in moments(world)? {
        let app = &moment.app.name;
        let said = |error| format!("{app}: {error}");
        basic_keeps_two(
            &moment,
            &ledger.history(app, None, usize::MAX).map_err(said)?,
        )?;
    }
    resources_agree(world)
}

/// Nothing is pending or waits to be announced, and what providers keep is what the ledger lists is
/// what current releases have.
pub(crate) fn resources_agree(world: &World) -> Checked {
    let Some(ledger) = ledger(world)? else {
        return Ok(());
    };
    let mut attached = Kept::new();
    let mut listed = Kept::new();
    for moment in moments(world)? {
        let app = &moment.app.name;
        let said = |error| format!("{app}: {error}");
        need(moment.pending.is_none(), || {
            format!("{app}: {:?} is pending still", moment.pending)
        })?;
        let waits = ledger.outbox(app).map_err(said)?;
        need(waits.is_empty(), || {
            format!("{app}: the outbox holds {waits:?}")
        })?;
        for resource in ledger.resources(app).map_err(said)? {
            listed.insert(resource.id.to_string(), resource.plan.to_string());
        }
        for addon in moment.state.addons.values() {
            attached.extend(
                addon
                    .resource
                    .iter()
                    .map(|id| (id.to_string(), addon.plan.to_string())),
            );
        }
    }
    for gone in ["myapp"] {
        // The resources of an app that is gone would be listed under its name.
        let name = AppName::new(gone).map_err(|error| error.to_string())?;
        for resource in ledger.resources(&name).map_err(|error| error.to_string())? {
            listed.insert(resource.id.to_string(), resource.plan.to_string());
        }
    }
    need(listed == attached, || {
        format!("the ledger lists the resources {listed:?}, releases have {attached:?}")
    })?;
    let vaults = |all: Kept| -> Kept {
        let plans = all.into_iter().filter_map(|(id, plan)| {
            let plan = plan.strip_prefix("vault:")?.to_owned();
            Some((id, plan))
        });
        plans.collect()
    };
    let (wanted, kept) = (vaults(attached), world.provider.kept());
    need(wanted == kept, || {
        format!("the provider keeps {kept:?}, releases have {wanted:?}")
    })
}

fn basic_keeps_two(moment: &Moment, history: &[Release]) -> Checked {
    if moment
        .state
        .tier()
        .is_none_or(|tier| tier.to_string() != "releases:basic")
    {
        return Ok(());
    }
    let good = history.iter().filter(|one| one.status == Status::Succeeded);
    let kept: Vec<Version> = good
        .filter(|one| !one.pinned)
        .map(|one| one.version)
        .collect();
    let pins = history.iter().any(|one| one.pinned);
    need(kept.len() <= 2 || pins, || {
        format!("releases:basic keeps {kept:?}")
    })
}

/// What runs is what the history says is current, and nothing else does (S30, S31).
pub(crate) fn running(world: &World) -> Checked {
    // Which release is current may change meanwhile: one that went bad is undone by itself.
    eventually(|| current_answers(world))?;
    eventually(|| only_current(world))
}

fn current_answers(world: &World) -> Checked {
    for moment in moments(world)? {
        let Some(current) = &moment.current else {
            continue;
        };
        let web = |slug: &slugline_core::slug::Slug| slug.processes.contains_key("web");
        if moment.state.slug.as_ref().is_some_and(web) {
            answers(world, &moment, current.version)?;
        }
    }
    Ok(())
}

fn only_current(world: &World) -> Checked {
    let home = world.env.home();
    let all = processes::of_home(&home);
    let moments = moments(world)?;
    let mut servers = BTreeSet::new();
    if let Some(ledger) = ledger(world)? {
        for moment in &moments {
            for resource in ledger
                .resources(&moment.app.name)
                .map_err(|error| error.to_string())?
            {
                servers.extend(resource.process.map(|words| words.join(" ")));
            }
        }
    }
    let daemons: Vec<&Found> = all.iter().filter(|one| one.is_daemon()).collect();
    need(daemons.len() <= 1, || {
        format!("several daemons: {daemons:?}")
    })?;
    for one in all.iter().filter(|one| !one.is_daemon()) {
        let of_daemon = daemons.iter().any(|daemon| one.parent == daemon.pid);
        let legal = match one.release(&home) {
            Some((app, version)) => moments.iter().any(|moment| {
                let current = moment
                    .current
                    .as_ref()
                    .map(|current| current.version.number());
                moment.app.name.as_str() == app && current == Some(version) && of_daemon
            }),
            None => of_daemon && servers.contains(one.words.trim_end()),
        };
        need(legal, || format!("this should not run: {one:?}"))?;
    }
    Ok(())
}

/// The page and the environment of the app's process are those of its current release.
fn answers(world: &World, moment: &Moment, current: Version) -> Checked {
    let app = moment.app.name.as_str();
    let home = world.env.home();
    let wanted = (app.to_owned(), current.number());
    let all = processes::of_home(&home);
    let Some(web) = all
        .iter()
        .find(|one| one.release(&home).as_ref() == Some(&wanted))
    else {
        return Err(format!("{app}: no process of {current} runs"));
    };
    let environ = std::fs::read(format!("/proc/{}/environ", web.pid)).unwrap_or_default();
    let environ: BTreeSet<&[u8]> = environ.split(|byte| *byte == 0).collect();
    for (key, var) in moment.state.config.iter() {
        let line = format!("{}={}", key.as_str(), var.value.reveal());
        need(environ.contains(line.as_bytes()), || {
            format!(
                "{app}: the process of {current} does not have {}",
                key.as_str()
            )
        })?;
    }
    let settings = ledger(world)?.map(|ledger| ledger.settings(&moment.app.name));
    let settings = settings.transpose().map_err(|error| error.to_string())?;
    let settings = settings.unwrap_or_default();
    let own = |one: &&Found| one.release(&home).as_ref() == Some(&wanted);
    let run = all.iter().filter(own).count();
    let kinds = moment.state.slug.iter().flat_map(|it| it.processes.keys());
    let kinds = kinds.map(|kind| kind.to_string());
    let lasting = kinds.filter(|kind| kind != "release");
    let count: u32 = lasting.map(|kind| settings.of_type(&kind).count).sum();
    need(u32::try_from(run) == Ok(count), || {
        format!("{app}: {run} processes of {current} run, and {count} are set")
    })?;
    let domains = settings.domains.iter().map(ToString::to_string);
    for host in domains.chain([format!("{app}.localhost")]) {
        let page = page(world, &host)?;
        let ending = match settings.maintenance {
            true => "(H80)\n".to_owned(),
            false => format!(" from {current}\n"),
        };
        need(page.ends_with(&ending), || {
            format!("{host}: {current} is current, and the page is {page:?}")
        })?;
    }
    Ok(())
}

/// What the router answers for a host.
fn page(world: &World, host: &str) -> Checked<String> {
    let status = world.env.run(["status", "--json"]);
    let status: serde_json::Value =
        serde_json::from_str(&status.stdout).map_err(|error| format!("{error}: {status}"))?;
    let port = status["router"]
        .as_str()
        .and_then(|url| url.rsplit_once(':'));
    let Some((_, port)) = port else {
        return Err(format!("no daemon runs: {status}"));
    };
    let mut answer = String::new();
    let asked = TcpStream::connect(format!("127.0.0.1:{port}")).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut answer)
    });
    asked.map_err(|error| format!("the router does not answer: {error}"))?;
    Ok(answer)
}
