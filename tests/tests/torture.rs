//! Several clients at once give commands by chance, on a few apps, for a long time. Some are killed
//! in the midst, some meet a disk that is full or read-only, and the clock jumps about. After each
//! round the history is gone through, release by release, against a model: each release is what its
//! command asked for, on top of the one before; numbers have no gap; what was said to be done is
//! there; what was refused left nothing; nothing is an orphan; and what runs is what is current.
//!
//! `scripts/torture SEED OPERATIONS` runs it longer. Where something is wrong, the seed is printed: the
//! same seed gives each client the same commands and faults, in the same order; how the clients
//! interleave is up to the machine, but for `TORTURE_CLIENTS=1`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows what it met"
)]

mod faults_kit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use faults_kit::checks::{self, Checked};
use faults_kit::client::{Client, End, Given};
use faults_kit::dice::{self, Dice};
use faults_kit::model::{App, Asked, Past};
use faults_kit::world::World;
use slugline_core::app::AppName;
use slugline_core::port::Ledger;
use slugline_core::release::{Release, Status};
use slugline_core::time::Timestamp;
use slugline_testkit::environment::wait_until;

/// The apps: the first two run nothing, the last serves a page.
const APPS: [&str; 3] = ["one", "two", "web"];

/// So many commands of each client between two checks.
const ROUND: usize = 100;

fn number(variable: &str, otherwise: usize) -> usize {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn a_long_life_with_much_bad_luck() {
    let seed = dice::seed("TORTURE_SEED");
    let operations = number("TORTURE_OPERATIONS", 10_000);
    let clients = number("TORTURE_CLIENTS", 4);
    let said =
        format!("TORTURE_SEED={seed} TORTURE_OPERATIONS={operations} TORTURE_CLIENTS={clients}");
    // Said first, since a test that hangs says nothing at its end.
    eprintln!("{said}");
    let since = Instant::now();
    let mut torture = Torture::begin(seed, clients);
    let mut done = 0;
    while done < operations {
        done += torture.round();
        let wrong = torture.check();
        assert!(
            wrong.is_ok(),
            "{said}, after {done} operations:\n{}",
            wrong.unwrap_err()
        );
    }
    println!("{}", torture.tally(done, since));
}

/// The machine, the clients, and what each app's history must be.
struct Torture {
    world: World,
    disk: Option<SmallDisk>,
    dice: Dice,
    clients: Vec<Client>,
    pasts: BTreeMap<&'static str, Past>,
    tally: BTreeMap<&'static str, usize>,
    rounds: usize,
}

impl Torture {
    fn begin(seed: u64, clients: usize) -> Self {
        let world = World::new();
        let disk = SmallDisk::mount(&world.env.home());
        if disk.is_none() {
            println!("A small disk cannot be mounted here: only single calls meet a full one.");
        }
        let mut dice = Dice::new(seed);
        world
            .env
            .write_file("code/Procfile", faults_kit::operations::WEB);
        for app in APPS {
            world.does(&["apps:create", app, "--no-remote"]);
            world.does(&["addons:add", "releases:advanced", "--app", app]);
        }
        world.provider.install(&world.env);
        let first = format!("{:0>40}", 1);
        world.does(&["deploy", "code", "--commit", &first, "--app", "web"]);
        let clients = (0..clients)
            .map(|place| Client::new(place, dice.seed()))
            .collect();
        let mut torture = Self {
            world,
            disk,
            dice,
            clients,
            pasts: BTreeMap::new(),
            tally: BTreeMap::new(),
            rounds: 0,
        };
        for app in APPS {
            let moment = checks::moment(&torture.world, app)
                .expect("a ledger")
                .expect("an app");
            let past = Past::begin(moment.last.number(), App::of(&moment.state));
            torture.pasts.insert(app, past);
        }
        torture
    }

    /// Lets each client give its commands. Answers how many that were.
    fn round(&mut self) -> usize {
        self.rounds += 1;
        let fills = self.disk.is_some() && self.dice.percent(40);
        let (world, disk) = (&self.world, &self.disk);
        let left = Mutex::new(self.clients.len());
        std::thread::scope(|scope| {
            for client in &mut self.clients {
                let left = &left;
                scope.spawn(move || {
                    (0..ROUND).for_each(|_| client.gives(world, &APPS));
                    *left
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner) -= 1;
                });
            }
            if let Some(disk) = disk.as_ref().filter(|_| fills) {
                // The disk is full now and then, as long as the clients work.
                while *left
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    > 0
                {
                    disk.fill();
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    disk.empty();
                    std::thread::sleep(std::time::Duration::from_millis(200));
                }
            }
        });
        *self.tally.entry("rounds with a full disk").or_default() += usize::from(fills);
        ROUND * self.clients.len()
    }

    /// Nobody works, and there is room: everything must be in order after the next command.
    fn check(&mut self) -> Checked {
        let mut given = BTreeMap::new();
        for client in &mut self.clients {
            for one in client.given.drain(..) {
                given.insert(one.actor.clone(), one);
            }
        }
        for app in APPS {
            let value = format!("{}", self.rounds);
            let set = format!("ROUND={value}");
            let actor = format!("round-{value}@example.com");
            let ran = self
                .world
                .run(&["config:add", &set, "--app", app, "--as", &actor]);
            if !ran.good() {
                return Err(format!("the next command fails: {ran}"));
            }
            let asked = Asked::Set("ROUND".to_owned(), value);
            let actor = format!("{actor} {app}");
            given.insert(
                actor.clone(),
                Given {
                    actor,
                    app,
                    asked,
                    end: End::Done(None),
                    ran,
                },
            );
        }
        for app in APPS {
            self.goes_through(app, &mut given)?;
        }
        for one in given.values() {
            self.left_nothing(one)?;
            let met = match (one.ran.signal, one.ran.hit) {
                (Some(_), _) => "killed in the midst",
                (None, true) => "met a disk that failed",
                (None, false) => "met no fault",
            };
            *self.tally.entry(met).or_default() += 1;
            *self.tally.entry(one.end.word()).or_default() += 1;
        }
        checks::resources_agree(&self.world)?;
        checks::running(&self.world)?;
        self.usage_agrees()
    }

    /// Every release since the last check is what was asked for.
    fn goes_through(&mut self, app: &'static str, given: &mut BTreeMap<String, Given>) -> Checked {
        let ledger = checks::ledger(&self.world)?.ok_or("the ledger is gone")?;
        let name = AppName::new(app).map_err(|error| error.to_string())?;
        let said = |error| format!("{app}: {error}");
        let past = self.pasts.get_mut(app).ok_or("an app without a past")?;
        let moment = ledger.moment(&name).map_err(said)?;
        let new = usize::try_from(moment.last.number() - past.last).unwrap_or(usize::MAX);
        let mut history = ledger.history(&name, None, new).map_err(said)?;
        history.reverse();
        for release in history {
            let version = release.version.number();
            if version != past.last + 1 {
                return Err(format!("{app}: v{} is followed by v{version}", past.last));
            }
            let actor = release.actor.to_string();
            let key = if actor.starts_with("round-") {
                format!("{actor} {app}")
            } else {
                actor
            };
            let Some(one) = given.get_mut(&key).filter(|one| one.app == app) else {
                return Err(format!("{app}: v{version} is nobody's: {release:?}"));
            };
            follows(past, one, &release, || {
                ledger.state_at(&name, release.version).map_err(said)
            })?;
        }
        let last = moment.last.number();
        if past.last != last || moment.pending.is_some() {
            return Err(format!(
                "{app}: the history ends at v{}, not at v{last}",
                past.last
            ));
        }
        let now = App::of(&moment.state);
        (now == past.now)
            .then_some(())
            .ok_or_else(|| format!("{app} is {now:?}, not {:?}", past.now))
    }

    /// What was said to be a release is one; where it is not, what there is in its place is told.
    fn left_nothing(&self, one: &Given) -> Checked {
        match one.end {
            End::Done(Some(version)) => Err(format!(
                "v{version} was lost: {one}\nIn its place:\n{}",
                self.around(one.app, version)?
            )),
            End::Panicked => Err(format!("it panicked: {one}")),
            _ => Ok(()),
        }
    }

    /// The releases of an app about a number, one a line.
    fn around(&self, app: &str, version: u64) -> Checked<String> {
        let ledger = checks::ledger(&self.world)?.ok_or("the ledger is gone")?;
        let name = AppName::new(app).map_err(|error| error.to_string())?;
        let history = ledger.history(&name, None, usize::MAX);
        let history = history.map_err(|error| error.to_string())?;
        let near = history
            .iter()
            .filter(|release| release.version.number().abs_diff(version) < 4);
        Ok(near
            .map(|release| format!("{release:?}"))
            .collect::<Vec<_>>()
            .join("\n"))
    }

    /// What is paid for is what apps have, and no interval ends before it begins (S28).
    fn usage_agrees(&self) -> Checked {
        let ledger = checks::ledger(&self.world)?.ok_or("the ledger is gone")?;
        let usage = ledger.usage(Timestamp(i64::MIN), Timestamp(i64::MAX));
        let usage = usage.map_err(|error| error.to_string())?;
        for one in &usage {
            if one.to.is_some_and(|to| to < one.from) {
                return Err(format!("it ends before it begins: {one:?}"));
            }
        }
        for app in APPS {
            let open = usage
                .iter()
                .filter(|one| one.to.is_none() && one.app.as_str() == app);
            let mut plans: Vec<String> = open.map(|one| one.plan.to_string()).collect();
            plans.sort();
            let has = &self.pasts[app].now.plans;
            if plans != *has {
                return Err(format!("{app}: {plans:?} are paid for, and it has {has:?}"));
            }
        }
        Ok(())
    }

    fn tally(&self, done: usize, since: Instant) -> String {
        let seconds = since.elapsed().as_secs_f64();
        let releases: u64 = self.pasts.values().map(|past| past.last).sum();
        let mut lines = vec![format!(
            "{done} operations in {seconds:.0} s, {releases} releases"
        )];
        lines.extend(
            self.tally
                .iter()
                .map(|(what, count)| format!("{count:8} {what}")),
        );
        lines.join("\n")
    }
}

/// One release of what was given: the number that was told, and the state that the model says.
fn follows(
    past: &mut Past,
    one: &mut Given,
    release: &Release,
    state: impl FnOnce() -> Checked<slugline_core::state::State>,
) -> Checked {
    let version = release.version.number();
    match &release.status {
        Status::Pending => Err(format!("v{version} is pending still: {one}")),
        Status::Failed(_) => {
            past.failed(version);
            match one.end {
                End::Done(Some(told)) => {
                    Err(format!("v{told} was done, and v{version} failed: {one}"))
                }
                _ => Ok(()),
            }
        }
        Status::Succeeded => {
            let is = App::of(&state()?);
            let ended = past.succeeded(version, &one.asked, &release.change, &is);
            ended.map_err(|why| format!("{why}\n{one}"))?;
            match std::mem::replace(&mut one.end, End::Followed) {
                End::Done(Some(told)) if told == version => Ok(()),
                End::Killed | End::Unsure | End::Done(None) => Ok(()),
                other => Err(format!(
                    "v{version} is not what was said ({other:?}): {one}"
                )),
            }
        }
    }
}

/// A file system of a few megabytes where the home is to be.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; `None` where that is not permitted.
    fn mount(home: &Path) -> Option<Self> {
        std::fs::create_dir(home).ok()?;
        let mut mount = Command::new("mount");
        let mounted = mount
            .args(["-t", "tmpfs", "-o", "size=256m,mode=700", "none"])
            .arg(home)
            .output();
        if mounted.is_ok_and(|ran| ran.status.success()) {
            return Some(Self(home.to_owned()));
        }
        std::fs::remove_dir(home).ok()?;
        None
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).expect("a file can be made");
        let block = vec![1; 1 << 20];
        while std::io::Write::write_all(&mut filler, &block).is_ok() {}
    }

    /// Gives it back.
    fn empty(&self) {
        let _ = std::fs::remove_file(self.filler());
    }
}

impl Drop for Torture {
    fn drop(&mut self) {
        if let Some(disk) = self.disk.take() {
            disk.empty();
            self.world.stop();
            let unmounts = || {
                let mut umount = Command::new("umount");
                let unmounted = umount.arg(&disk.0).output();
                unmounted.is_ok_and(|ran| ran.status.success())
            };
            // What killed commands had started ends by itself, a little later.
            if !unmounts() && !std::thread::panicking() {
                wait_until("the end of all that uses the small disk", unmounts);
            }
        }
    }
}
