//! Plugins that want to do harm, each through a real process: the call ends in time with one error
//! that names plugin and hook, the next plugin works, nothing is left behind. The same table makes
//! `docs/hostile-plugins.md`; `UPDATE=1` writes it. It must not know how they are contained.

#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;
mod libraries;
mod scripts;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::*;
use nix::sys::resource::{UsageWho, getrusage};
use slugline_core::port::{Policies, Providers, ProvisionRequest, RollbackRequest};
use slugline_core::resource::Options;
use slugline_plugin_host::{Limits, PluginHost, Settings};

/// How long a call may take.
const TIME: Duration = Duration::from_millis(500);
/// And how much longer it may be until it has ended.
const GRACE: Duration = Duration::from_millis(250);
/// What a process of a plugin may hold: 64 MB of the plugin's, and what it takes to run one.
const MEMORY_KB: i64 = (64 + 48) << 10;

/// What a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole script in Lua.
    Script,
    /// A script whose `release.check` has this body.
    Check,
    /// A script whose `addon.provision` has this body.
    Provision,
    /// A library in C: what comes before `call`, and its body.
    Library(&'static str),
}

/// One plugin that wants to do harm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hostile {
    pub(crate) kind: Kind,
    /// What it does, for the table.
    pub(crate) does: &'static str,
    pub(crate) source: &'static str,
    /// How the error's cause begins; an ellipsis stands for what depends on the machine.
    pub(crate) said: &'static str,
}

/// What is said of one that is late.
pub(crate) const LATE: &str = "took longer than 500 ms";

fn all() -> Vec<Hostile> {
    let scripts = scripts::SCRIPTS.iter();
    scripts.chain(libraries::LIBRARIES).copied().collect()
}

const ADDON: &str = "addons: { hostile: { config: [A], plans: { free: { price: free } } } }\n";

impl Hostile {
    /// Its deadline. One that the limit of its memory is to end has ten times as long to reach it,
    /// so that a slow machine does not take the one for the other.
    fn time(&self) -> Duration {
        let by_memory = self.said.contains("MB of memory");
        if by_memory { TIME * 10 } else { TIME }
    }
}

/// A home with the plugin, one that is not hostile, and something that stands for the ledger.
struct Home {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Home {
    fn of(hostile: &Hostile) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A name of its own, so that its processes are known from those of other tests, of this run
        // and of others on this machine. The kernel shows 15 characters of it.
        static HOMES: AtomicU32 = AtomicU32::new(0);
        let nth = HOMES.fetch_add(1, Ordering::Relaxed);
        let program = folder.path().join(format!("h{}-{nth}", std::process::id()));
        std::fs::copy(env!("CARGO_BIN_EXE_plugin-process"), &program).unwrap();
        let home = Self { folder, program };
        std::fs::write(home.ledger(), "the ledger").unwrap();
        home.install(hostile);
        let tier = "tiers: { good: { price: free } }";
        let good = "function slugline.tier('good').rollback() slugline.deny('works') end";
        let good = good.replace(
            "function slugline.tier('good')",
            "local t = slugline.tier('good') function t",
        );
        install(
            home.path(),
            "good",
            &manifest("good", "init.lua", tier),
            &good,
        );
        home
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ledger(&self) -> PathBuf {
        self.path().join("ledger.db")
    }

    fn install(&self, hostile: &Hostile) {
        let source = hostile
            .source
            .replace("@LEDGER@", &self.ledger().display().to_string());
        let check = "hooks: [release.check]";
        let (entry, more, script) = match hostile.kind {
            Kind::Script => ("init.lua", check, source.clone()),
            Kind::Check => {
                let on = format!("slugline.on('release.check', function(check)\n{source}\nend)");
                ("init.lua", check, on)
            }
            Kind::Provision => {
                let function = format!(
                    "local a = slugline.addon('hostile') function a.provision(request)\n{source}\nend"
                );
                ("init.lua", ADDON, function)
            }
            Kind::Library(_) => ("libhostile.so", check, String::new()),
        };
        install(
            self.path(),
            "hostile",
            &manifest("hostile", entry, more),
            &script,
        );
        if let Kind::Library(before) = hostile.kind {
            let before = before.replace("@LEDGER@", &self.ledger().display().to_string());
            let library = self.path().join("plugins/hostile/libhostile.so");
            native::compile(&native::in_c("hostile", &before, &source), &library);
        }
    }

    fn host(&self, time: Duration) -> PluginHost {
        let settings = Settings {
            limits: Limits {
                check: time,
                call: time,
                ..Limits::default()
            },
            program: self.program.clone(),
            ..settings()
        };
        load(self.path(), settings).unwrap()
    }

    /// The processes that run the program of this home, and those that nobody has reaped.
    fn left(&self) -> Vec<String> {
        let name = self.program.file_name().unwrap().to_string_lossy();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap() {
            let process = entry.unwrap().path();
            let of_home = std::fs::read_link(process.join("exe"));
            let of_home = of_home.is_ok_and(|exe| exe.starts_with(self.path()));
            let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
            let zombie = stat.contains(&format!("({name}) Z "));
            if of_home || zombie {
                found.push(stat);
            }
        }
        found
    }
}

fn manifest(name: &str, entry: &str, more: &str) -> String {
    format!("name: {name}\nversion: 1.0.0\napi: 1\nsummary: A test.\nentry: {entry}\n{more}\n")
}

/// What the engine is told, and after how long. A plugin that agrees is asked again; nothing where
/// it agrees twice.
fn asked(host: &PluginHost, kind: Kind) -> Option<(String, Duration)> {
    let (app, jim, change) = (app(), jim(), deploy());
    for _ in 0..2 {
        let begun = Instant::now();
        let said = if kind == Kind::Provision {
            let resource = host.provision(&ProvisionRequest {
                app: &app,
                id: &id(),
                plan: &plan("hostile:free"),
                options: &Options::new(),
                taken_ports: &[],
            });
            resource.err().map(|error| error.to_string())
        } else {
            let mut objections = host.check(&proposal(&app, &jim, &change)).objections;
            assert!(objections.len() < 2, "{objections:?}");
            objections.pop().map(|objection| objection.reason)
        };
        if let Some(said) = said {
            return Some((said, begun.elapsed()));
        }
    }
    None
}

/// Runs one, and answers what is wrong, if anything is.
fn contained(hostile: &Hostile) -> Result<(), String> {
    let home = Home::of(hostile);
    let time = hostile.time();
    let host = home.host(time);
    let Some((said, took)) = asked(&host, hostile.kind) else {
        return Err("it agreed twice".to_owned());
    };
    let hook = match hostile.kind {
        Kind::Provision => "addon.provision",
        _ => "release.check",
    };
    let expected = format!("the plugin hostile failed in {hook}: {}", hostile.said);
    let expected = expected.trim_end_matches('…');
    if !said.starts_with(expected) {
        return Err(format!("it said {said:?} and not {expected:?}"));
    }
    if said.lines().count() > 1 || said.chars().count() > 450 {
        return Err(format!("this is not one line: {said:?}"));
    }
    if took > time + GRACE {
        return Err(format!("it took {took:?}"));
    }
    // One that answered, though not what it may, is kept for the next call.
    let left = home.left();
    if !left.is_empty() && hostile.kind != Kind::Provision {
        return Err(format!("it left {left:?}"));
    }
    if std::fs::read(home.ledger()).ok().as_deref() != Some(b"the ledger") {
        return Err("it reached the ledger".to_owned());
    }
    let request = RollbackRequest {
        target: entry(1, "succeeded"),
        current: entry(2, "succeeded"),
        steps: 1,
    };
    let next = host.may_rollback(&plan("releases:good"), &request);
    let next = next.map_err(|objection| objection.reason);
    if next != Err("works".to_owned()) {
        return Err(format!("the next plugin said {next:?}"));
    }
    drop(host);
    let left = home.left();
    if !left.is_empty() {
        return Err(format!("the host left {left:?}"));
    }
    Ok(())
}

#[test]
fn every_hostile_plugin_is_contained() {
    let mut wrong = Vec::new();
    for hostile in all() {
        if let Err(why) = contained(&hostile) {
            wrong.push(format!("{:?}, {}: {why}", hostile.kind, hostile.does));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The largest of all of them, the compiler among them.
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    assert!(most < MEMORY_KB, "one of them held {most} KB");
}

#[test]
fn a_process_that_does_not_read_is_not_waited_for() {
    let hostile = Hostile {
        kind: Kind::Library(
            "static void *stops(void *nothing) {\n\
             usleep(20000); kill(getpid(), SIGSTOP); return 0; }",
        ),
        does: "",
        source: "pthread_t t; pthread_create(&t, 0, stops, 0); reply(DONE);",
        said: "",
    };
    let home = Home::of(&hostile);
    let tier = "tiers: { slow: { price: free } }";
    let manifest = manifest("hostile", "libhostile.so", tier);
    std::fs::write(home.path().join("plugins/hostile/plugin.yaml"), manifest).unwrap();
    let host = home.host(TIME);
    // More than a pipe holds, so that whoever writes it has to wait.
    let mut long = || (1..=20_000).rev().map(|n| entry(n, "succeeded")).collect();
    let tier = plan("releases:slow");
    let _ = host.keep(&tier, &mut Vec::new);
    let begun = Instant::now();
    let error = loop {
        // It may read one more before it stops.
        if let Err(error) = host.keep(&tier, &mut long) {
            break error.to_string();
        }
    };
    assert_eq!(
        error,
        format!("the plugin hostile failed in tier.keep: {LATE}")
    );
    assert!(begun.elapsed() < TIME * 3, "{:?}", begun.elapsed());
    assert_eq!(home.left(), [""; 0]);
}

const HEAD: &str = "\
# Hostile plugins

Each of these is a test (`crates/plugin-host/tests/hostile/`), run through a real process with a
deadline of 500 ms (5 s where the limit of memory is to end it) and 64 MB of memory. For each it is checked that the call ends within the deadline
and 250 ms, with one line that names the plugin, the hook and this cause; that no process is left;
that the ledger is as it was; that the next plugin works; and, of all together, that no process ever
held more memory than it may.

(This page is written from the table of the tests: `UPDATE=1 cargo test -p slugline-plugin-host --test
hostile`.)

| # | written in | what it does | what is said of it |
|---|---|---|---|
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (number, hostile) in all().iter().enumerate() {
        let language = match hostile.kind {
            Kind::Library(_) => "C",
            _ => "Lua",
        };
        let (does, said) = (hostile.does, hostile.said.trim_end_matches([' ', ':']));
        let said = said.replace('|', "\\|");
        let number = number + 1;
        writeln!(page, "| {number} | {language} | {does} | {said} |").unwrap();
    }
    page
}

#[test]
fn the_page_lists_them_all() {
    assert!(all().len() >= 60, "there are only {}", all().len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hostile-plugins.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/hostile-plugins.md is out of date: see its head"
    );
}
