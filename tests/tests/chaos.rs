//! SIGKILL for the daemon, for a process of an app, for the hook of a push and for a command, at random
//! moments: what runs afterwards is what the ledger says, and nothing else does (S31).
//!
//! `CHAOS_SECONDS=600 cargo test -p slugline-tests --test chaos -- --nocapture` goes on for ten minutes, and says
//! how long it took at most until all was well again. `CHAOS_SEED` chooses another course.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod faults_kit;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use faults_kit::checks;
use faults_kit::dice::{self, Dice};
use faults_kit::operations::WEB;
use faults_kit::processes::{self, Found};
use faults_kit::world::World;
use slugline_testkit::environment::serving;

/// A machine with somebody who starts the daemon again when it dies, as a service manager does, and keeps
/// its socket open.
struct Machine {
    world: World,
    socket: TcpListener,
    daemon: Child,
    made: u32,
}

fn serve(world: &World, socket: &TcpListener) -> Child {
    let (child, _, mut stderr) = serving(&mut world.env.activated(socket));
    // Whatever it says later is nobody's business here; but somebody has to read it.
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    child
}

impl Machine {
    fn new() -> Self {
        let world = World::new();
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        world.does(&["apps:create", "myapp", "--no-remote"]);
        world.does(&["addons:add", "releases:advanced"]);
        world.env.write_file("Procfile", WEB);
        for words in [
            &["git", "init", "--quiet", "--initial-branch=main"][..],
            &["git:remote"],
            &["git", "add", "Procfile"],
            &["git", "commit", "--quiet", "-m", "The first"],
        ] {
            world.does(words);
        }
        let daemon = serve(&world, &socket);
        world.does(&["git", "push", "slugline", "main"]);
        Self {
            world,
            socket,
            daemon,
            made: 1,
        }
    }

    fn kill(one: &Found) {
        // It may have ended by itself by now.
        let _ = Command::new("kill")
            .args(["-9", &one.pid.to_string()])
            .stderr(Stdio::null())
            .status();
    }

    fn kill_daemon(&mut self) {
        self.daemon.kill().expect("it runs");
        self.daemon.wait().expect("it has ended");
        self.daemon = serve(&self.world, &self.socket);
    }

    fn kill_process(&self) {
        let home = self.world.env.home();
        let all = processes::of_home(&home);
        if let Some(one) = all.iter().find(|one| one.release(&home).is_some()) {
            Self::kill(one);
        }
    }

    /// Gives a command, and kills whatever of it is the victim after a while.
    fn kill_in(&mut self, words: &[&str], victim: fn(&Found) -> bool, after: Duration) {
        let mut command = faults_kit::world::command(&self.world.env.caller(), words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it can be started");
        let begun = Instant::now();
        let home = self.world.env.home();
        while child.try_wait().expect("it is ours").is_none() {
            if begun.elapsed() >= after {
                let all = processes::of_home(&home);
                if let Some(one) = all.iter().find(|one| victim(one)) {
                    Self::kill(one);
                    break;
                }
            }
            std::thread::yield_now();
        }
        child.wait().expect("it is ours");
    }

    /// What the operator would look at.
    fn told(&self) -> String {
        let looks = [&["releases"][..], &["ps"], &["logs", "-n", "40"]];
        let told = looks.map(|words| self.world.run(words).to_string());
        told.join("\n")
    }

    fn push(&mut self, after: Duration) {
        self.made += 1;
        let text = format!("{WEB}# {}\n", self.made);
        self.world.env.write_file("Procfile", text);
        self.world
            .does(&["git", "commit", "--quiet", "-am", "Another"]);
        let hook = |one: &Found| one.words.contains(" git:receive");
        self.kill_in(&["git", "push", "slugline", "main"], hook, after);
    }

    fn config(&mut self, after: Duration) {
        self.made += 1;
        let var = format!("GREETING={}", self.made);
        let command = |one: &Found| one.words.contains(" config:add");
        self.kill_in(&["config:add", &var], command, after);
    }
}

#[test]
fn what_runs_is_what_the_ledger_says_whoever_is_killed() {
    let seed = dice::seed("CHAOS_SEED");
    let set = std::env::var("CHAOS_SECONDS").ok();
    let limit = Duration::from_secs(set.map_or(20, |text| text.parse().expect("seconds")));
    let mut dice = Dice::new(seed);
    let mut machine = Machine::new();
    let (mut kills, mut longest) = (BTreeMap::<&str, u32>::new(), Duration::ZERO);
    let begun = Instant::now();
    while begun.elapsed() < limit {
        let after = Duration::from_millis(dice.below(400) as u64);
        let whom = *dice.one(&["serve", "process", "hook", "command"]);
        match whom {
            "serve" => machine.kill_daemon(),
            "process" => machine.kill_process(),
            "hook" => machine.push(after),
            _ => machine.config(after),
        }
        *kills.entry(whom).or_default() += 1;
        let since = Instant::now();
        let well = checks::legal(&machine.world).and_then(|()| checks::running(&machine.world));
        longest = longest.max(since.elapsed());
        assert!(
            well.is_ok(),
            "CHAOS_SEED={seed}, after killing {whom}: {well:?}\n{}",
            machine.told()
        );
    }
    machine.world.does(&["config:add", "LAST=1"]);
    let well = checks::settled(&machine.world).and_then(|()| checks::running(&machine.world));
    assert!(well.is_ok(), "CHAOS_SEED={seed}, at the end: {well:?}");
    println!("killed {kills:?}; at most {longest:?} until all was well");
}
