//! Real processes, shut in as far as whoever runs the tests may: what they see, what they may, and what
//! is left of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use slugline_isolation::{Inmate, Isolation, Level, Limits, Wanted};

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A home with a secret, a tree, and what is in force for it.
struct Place {
    dir: tempfile::TempDir,
    isolation: Isolation,
}

impl Place {
    fn new(wanted: Wanted) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        fs::create_dir_all(home.join("run/tree")).unwrap();
        fs::write(home.join("ledger"), "secret\n").unwrap();
        fs::write(home.join("run/tree/file"), "as it was\n").unwrap();
        let isolation = Isolation::find(&home, wanted, PATH).unwrap();
        Self { dir, isolation }
    }

    fn run(&self, app: &str, line: &str) -> Output {
        self.run_with(app, line, Limits::default())
    }

    fn run_with(&self, app: &str, line: &str, limits: Limits) -> Output {
        let tree = self.dir.path().join("home/run/tree");
        let inmate = Inmate {
            app,
            name: "web.1",
            tree: Some(&tree),
            program: None,
            limits,
        };
        let mut enclosure = self.isolation.enclose(&inmate).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        enclosure.apply(&mut command).unwrap();
        let output = command.output().unwrap();
        enclosure.remove();
        output
    }

    fn says(&self, app: &str, line: &str) -> String {
        let output = self.run(app, line);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Nothing is left of any process.
    fn is_swept(&self) {
        let left = fs::read_dir(self.dir.path().join("home/private")).unwrap();
        assert_eq!(left.count(), 0);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.isolation.close();
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn what_one_writes_no_other_sees() {
    let place = Place::new(Wanted::Auto);
    let write =
        "cat file; echo changed >file; echo new >\"${TMPDIR:-/tmp}/new\"; mkdir sub; cat file";
    let wrote = place.says("one", write);
    assert_eq!(wrote, "as it was\nchanged\n");
    let look = "cat file; ls \"${TMPDIR:-/tmp}\"; ls -d sub || true";
    assert_eq!(place.says("one", look), "as it was\n");
    place.is_swept();
}

#[test]
fn nothing_of_the_home_is_seen() {
    let place = Place::new(Wanted::Auto);
    if place.isolation.level() <= Level::Copies {
        return;
    }
    let home = place.dir.path().join("home");
    let line = format!("cat {}/ledger", home.display());
    let output = place.run("one", &line);
    assert!(!output.status.success() && output.stdout.is_empty());
    let line = format!("ls {}", home.display());
    assert!(place.run("one", &line).stdout.is_empty());
}

#[test]
fn each_app_has_a_user_without_rights() {
    let place = Place::new(Wanted::Auto);
    let status = |app: &str| {
        place.says(
            app,
            "id -u; id -G; grep -E '^(Cap|NoNew)' /proc/self/status",
        )
    };
    let one = status("one");
    if place.isolation.level() == Level::User {
        assert_ne!(one.lines().next(), status("two").lines().next());
        assert_eq!(one.lines().next(), status("one").lines().next());
        assert_eq!(one.lines().next(), one.lines().nth(1), "one group only");
        assert_eq!(place.says("one", "id -un; echo $PWD"), "app\n/app\n");
    }
    for right in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
        assert!(
            one.contains(&format!("{right}:\t0000000000000000")),
            "{one}"
        );
    }
    assert!(one.contains("NoNewPrivs:\t1"), "{one}");
}

#[test]
fn what_is_off_is_as_ever() {
    let place = Place::new(Wanted::Off);
    assert_eq!(place.isolation.level(), Level::Off);
    let home = place.dir.path().join("home");
    let line = format!("cat {}/ledger; echo kept >file", home.display());
    assert_eq!(place.says("one", &line), "secret\n");
    assert_eq!(place.says("one", "cat file"), "kept\n");
}

#[test]
fn limits_are_the_kernels() {
    let place = Place::new(Wanted::Auto);
    let [memory, cpu, processes] = place.isolation.limits();
    if memory {
        let limits = Limits {
            memory: Some(32 << 20),
            cpu_percent: None,
        };
        // As much as twice the limit is let go by.
        let line = "head -c 100000000 /dev/zero | tail | wc -c";
        let output = place.run_with("one", line, limits);
        assert_ne!(output.stdout, b"100000000\n");
        let output = place.run("one", line);
        assert_eq!(output.stdout, b"100000000\n");
    }
    if cpu {
        let limits = Limits {
            memory: None,
            cpu_percent: Some(10),
        };
        let begun = Instant::now();
        // It stops when it has had half a second of a core.
        let line = "ulimit -t 1; while :; do :; done";
        let output = place.run_with("one", line, limits);
        assert!(!output.status.success());
        assert!(
            begun.elapsed() > Duration::from_secs(4),
            "{:?}",
            begun.elapsed()
        );
    }
    if processes {
        let line = "n=0; while [ $n -lt 5000 ]; do sleep 60 >/dev/null 2>&1 & n=$((n+1)); done 2>/dev/null; \
                    echo all";
        let output = place.run("one", line);
        assert!(!output.stdout.ends_with(b"all\n"), "{output:?}");
    }
    place.is_swept();
}

#[test]
fn what_is_left_behind_goes() {
    let place = Place::new(Wanted::Auto);
    if place.isolation.limits() == [false; 3] {
        return;
    }
    let line = "setsid sleep 1000 >/dev/null 2>&1 & echo $!";
    let pid = place.says("one", line);
    let running = Path::new("/proc").join(pid.trim()).join("stat");
    let stat = fs::read_to_string(running).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn an_early_end_leaves_nothing_for_the_next() {
    let place = Place::new(Wanted::Auto);
    let home = place.dir.path().join("home");
    let tree = home.join("run/tree");
    let inmate = Inmate {
        app: "one",
        name: "web.1",
        tree: Some(&tree),
        program: None,
        limits: Limits::default(),
    };
    let forgotten = place.isolation.enclose(&inmate).unwrap();
    drop(forgotten);
    assert_eq!(fs::read_dir(home.join("private")).unwrap().count(), 1);
    let next = Isolation::find(&home, Wanted::Auto, PATH).unwrap();
    assert_eq!(fs::read_dir(home.join("private")).unwrap().count(), 0);
    next.close();
    assert!(!home.join("private").exists());
}

#[test]
fn whoever_may_gets_all_of_it_where_the_kernel_has_it() {
    let place = Place::new(Wanted::Auto);
    match place.isolation.lacking() {
        None => {
            let best = if is_root() { Level::User } else { Level::View };
            assert_eq!(place.isolation.level(), best);
        }
        Some(why) => assert!(!why.is_empty()),
    }
    println!(
        "{:?} {:?} {:?}",
        place.isolation.level(),
        place.isolation.lacking(),
        place.isolation.limits()
    );
}
