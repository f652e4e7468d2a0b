//! What the processes of apps see of each other, of the home and of the machine, and what they may use
//! of it: through the real binary, as whoever runs the tests may.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use slugline_testkit::environment::{TestEnvironment, wait_until};
use slugline_tests::{deploy, temporary_of, with_app};

/// A user who is nobody on any machine.
const STRANGER: u32 = 2_099_999_999;

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt as _;
        own.uid() == 0
    })
}

/// How much is in force, as `doctor` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Copies,
    Rules,
    View,
    User,
}

/// Somebody who gives commands; not always whoever runs the tests.
trait Commands {
    fn slugline(&self, words: &[&str]) -> Output;

    fn says(&self, words: &[&str]) -> String {
        let output = self.slugline(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command of the app writes, and whether it ended well.
    fn app(&self, app: &str, line: &str) -> (bool, String) {
        let output = self.slugline(&["run", "--app", app, line]);
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), text)
    }

    fn finding(&self) -> String {
        let report: serde_json::Value =
            serde_json::from_slice(&self.slugline(&["doctor", "--json"]).stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let mut of_isolation = findings.filter(|it| it["check"] == "isolation");
        of_isolation.next().unwrap()["what"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn level(&self) -> Level {
        let said = self.finding();
        match said {
            _ if said.contains("each app its own user") => Level::User,
            _ if said.contains("its own view of the files") => Level::View,
            _ if said.contains("sees nothing else of the home") => Level::Rules,
            _ => Level::Copies,
        }
    }

    fn pid(&self, app: &str, process: &str) -> u32 {
        let processes = self.says(&["ps", "--json", "--app", app]);
        let processes: serde_json::Value = serde_json::from_str(&processes).unwrap();
        let mut found = processes.as_array().unwrap().iter();
        let found = found.find(|it| it["process"] == process).unwrap();
        u32::try_from(found["pid"].as_u64().unwrap()).unwrap()
    }
}

impl Commands for TestEnvironment {
    fn slugline(&self, words: &[&str]) -> Output {
        let mut command = self.caller().command("slugline");
        command.args(words).output().unwrap()
    }
}

/// The same machine, for somebody who is not root.
struct Stranger(TestEnvironment);

impl Stranger {
    fn new() -> Self {
        let environment = TestEnvironment::new();
        if is_root() {
            let program = environment.caller().command("slugline");
            let program = Path::new(program.get_program()).to_owned();
            let open = fs::Permissions::from_mode(0o755);
            fs::set_permissions(program.parent().unwrap(), open).unwrap();
            for name in ["", "user", "tmp", "work"] {
                let path = environment.folder().join(name);
                lchown(path, Some(STRANGER), Some(STRANGER)).unwrap();
            }
        }
        Self(environment)
    }
}

impl Commands for Stranger {
    fn slugline(&self, words: &[&str]) -> Output {
        let caller = self.0.caller();
        let program = caller.command("slugline").get_program().to_owned();
        let mut command = match is_root() {
            false => caller.command("slugline"),
            true => {
                let user = STRANGER.to_string();
                let mut command = caller.command("setpriv");
                command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
                command.arg(program);
                command
            }
        };
        command.args(words).output().unwrap()
    }
}

/// Two apps, each with a worker that sleeps and a file of its own.
fn two_apps(commands: &impl Commands, environment: &TestEnvironment) {
    for app in ["myapp", "other"] {
        let source = format!("{app}-source");
        let procfile = "worker: echo $PS >\"${TMPDIR:-/tmp}/mine\"; echo ready; exec sleep 1000\n";
        environment.write_file(format!("{source}/Procfile"), procfile);
        environment.write_file(format!("{source}/secret"), format!("secret of {app}\n"));
        let _ = commands.says(&["apps:create", app, "--no-remote"]);
        let secret = format!("SECRET=environment of {app}");
        let _ = commands.says(&["config:add", "--app", app, &secret]);
        let _ = commands.says(&["deploy", &source, "--app", app]);
        wait_until("it is ready", || {
            let log = commands.says(&["logs", "--app", app]);
            log.contains("app[worker.1]: ready")
        });
    }
}

/// Everything that one app must not see, by the paths that we see it by.
fn secrets(commands: &impl Commands, environment: &TestEnvironment) -> Vec<PathBuf> {
    let home = environment.home();
    let tree = fs::read_dir(home.join("run/myapp")).unwrap();
    let tree = tree.flatten().next().unwrap().path();
    let pid = commands.pid("myapp", "worker.1");
    let mut all = vec![
        home.join("ledger.db"),
        home.join("ledger.key"),
        home.join("logs/myapp.log"),
        tree.join("secret"),
        temporary_of(environment, "worker.1").join("mine"),
    ];
    assert!(all.iter().all(|path| path.exists()), "{all:?}");
    let process = Path::new("/proc").join(pid.to_string());
    all.extend(["environ", "root/app/secret", "cwd/secret"].map(|name| process.join(name)));
    all
}

fn check_sight(commands: &impl Commands, environment: &TestEnvironment) {
    two_apps(commands, environment);
    let level = commands.level();
    assert_eq!(commands.app("myapp", "cat secret").1, "secret of myapp\n");
    for path in secrets(commands, environment) {
        let (seen, text) = commands.app("other", &format!("cat {}", path.display()));
        if level > Level::Copies {
            assert!(
                !seen && text.is_empty(),
                "{level:?} {}: {text}",
                path.display()
            );
        }
    }
    if level >= Level::View {
        let home = format!("ls -A {}", environment.home().display());
        assert_eq!(commands.app("other", &home).1, "");
        // The other's worker has such a file, and so has this app's.
        assert_eq!(
            commands
                .app("other", "ls -A /tmp /var/tmp /dev/shm | grep mine")
                .1,
            ""
        );
    }
}

#[test]
fn an_app_sees_nothing_of_another_nor_of_the_home() {
    let environment = TestEnvironment::new();
    check_sight(&environment, &environment);
    if is_root() {
        let (_, shown) = environment.app("other", "ls /proc | grep -c '^[0-9]'");
        // The shell and what it starts, and the worker; none of the machine's.
        assert!(shown.trim().parse::<u32>().unwrap() < 8, "{shown}");
    }
}

#[test]
fn whoever_is_not_root_gets_what_the_kernel_gives() {
    let stranger = Stranger::new();
    check_sight(&stranger, &stranger.0);
    let level = stranger.level();
    assert!(level < Level::User, "{level:?}");
    let ids = stranger.app("myapp", "id -u; id -u >new; cat new").1;
    assert_eq!(ids.lines().next(), ids.lines().nth(1));
    assert!(!stranger.app("myapp", "cat new").0);
    if is_root() {
        assert_eq!(ids, format!("{STRANGER}\n{STRANGER}\n"));
    }
    if level >= Level::View {
        // Signals are another matter than sight.
        let pid = stranger.pid("myapp", "worker.1");
        let _ = stranger.app("other", &format!("kill -9 {pid}"));
        assert_eq!(stranger.pid("myapp", "worker.1"), pid);
    }
    let _ = stranger.says(&["serve", "--stop"]);
    assert!(!stranger.0.home().join("private").exists());
}

/// User, groups and rights of a command of an app.
fn identity(environment: &TestEnvironment, app: &str) -> (String, String) {
    let line = "id -u; id -g; id -G; grep -E '^(Cap|NoNew)' /proc/self/status";
    let text = environment.app(app, line).1;
    let mut lines = text.lines();
    let user = lines.next().unwrap().to_owned();
    assert_eq!(lines.next(), Some(user.as_str()));
    assert_eq!(lines.next(), Some(user.as_str()), "no other group");
    (user, lines.collect::<Vec<_>>().join(" "))
}

#[test]
fn each_app_has_a_user_that_stays_its_own() {
    if !is_root() {
        return;
    }
    let environment = TestEnvironment::new();
    two_apps(&environment, &environment);
    if environment.level() < Level::User {
        return;
    }
    let (first, rights) = identity(&environment, "myapp");
    let second = identity(&environment, "other").0;
    assert_ne!(first, second);
    for user in [&first, &second] {
        let user: u32 = user.parse().unwrap();
        assert!((2_100_000_000..2_140_000_000).contains(&user), "{user}");
    }
    let none = "0000000000000000";
    let expected = ["Inh", "Prm", "Eff", "Bnd", "Amb"].map(|set| format!("Cap{set}:\t{none} "));
    assert_eq!(rights, format!("{}NoNewPrivs:\t1", expected.concat()));
    let owner = format!("/proc/{}/status", environment.pid("myapp", "worker.1"));
    let status = fs::read_to_string(owner).unwrap();
    assert!(status.contains(&format!("Uid:\t{first}\t{first}\t{first}\t{first}\n")));
    // Neither a release nor the daemon's end gives it another.
    let _ = environment.says(&["config:add", "--app", "myapp", "A=1"]);
    let _ = environment.says(&["serve", "--stop"]);
    assert_eq!(identity(&environment, "myapp").0, first);
    let users = || fs::read_to_string(environment.home().join("users")).unwrap();
    assert_eq!(users(), format!("myapp {first}\nother {second}\n"));
    let _ = environment.says(&["apps:destroy", "--app", "other", "--confirm", "other"]);
    assert_eq!(users(), format!("myapp {first}\n"));
    fs::write(
        environment.home().join("users"),
        format!("a {first}\nb {first}\n"),
    )
    .unwrap();
    assert_eq!(
        environment.finding(),
        format!("a and b have the same user, {first}")
    );
}

#[test]
fn what_a_process_writes_goes_with_it() {
    let environment = with_app(None);
    let procfile = "worker: echo $PS >>written; echo $PS >>\"${TMPDIR:-/tmp}/written\"; \
                    echo has $(cat written \"${TMPDIR:-/tmp}/written\"); exec sleep 1000\n";
    deploy(&environment, procfile, "575bfa8");
    let _ = environment.says(&["ps:scale", "worker=2"]);
    let said = || -> Vec<String> {
        let log = environment.says(&["logs", "-n", "1000", "--source", "app"]);
        let lines = log.lines().filter_map(|line| line.split_once("]: has "));
        lines.map(|(_, has)| has.to_owned()).collect()
    };
    wait_until("both have written", || said().len() == 2);
    let _ = environment.says(&["restart"]);
    wait_until("both have written again", || said().len() == 4);
    let said: BTreeSet<_> = said().into_iter().collect();
    let expected = ["worker.1 worker.1", "worker.2 worker.2"].map(str::to_owned);
    assert_eq!(said, expected.into());
    assert_eq!(
        environment.app("myapp", "ls"),
        (true, "Procfile\n".to_owned())
    );
    let home = environment
        .app("myapp", "cd /; cd; pwd; test $HOME = $PWD && echo same")
        .1;
    assert!(home.ends_with("\nsame\n"), "{home}");
    // The four that are over leave nothing, and neither does the one-off.
    let private = environment.home().join("private");
    let count = || fs::read_dir(&private).unwrap().count();
    wait_until("what is over is removed", || count() == 2);
}

/// Where the groups of limits of a process are, of all kinds.
fn groups(pid: u32) -> Vec<PathBuf> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let own = groups.lines().filter(|line| line.contains("/slugline-"));
    let names: BTreeSet<_> = own
        .map(|line| line.rsplit_once(':').unwrap().1.to_owned())
        .collect();
    let mounted = fs::read_to_string("/proc/mounts").unwrap();
    let mounts = mounted.lines().filter(|line| line.contains(" cgroup"));
    let mounts: Vec<_> = mounts.map(|line| line.split(' ').nth(1).unwrap()).collect();
    let of = |name: String| {
        let all = mounts
            .iter()
            .map(move |at| PathBuf::from(format!("{at}{name}")));
        all.filter(|path| path.exists()).collect::<Vec<_>>()
    };
    names.into_iter().flat_map(of).collect()
}

#[test]
fn nothing_is_left_of_a_daemon_that_was_killed() {
    let environment = TestEnvironment::new();
    two_apps(&environment, &environment);
    let groups_before = groups(environment.pid("myapp", "worker.1"));
    let private = environment.home().join("private");
    // The next one's may have the same name.
    let mark = temporary_of(&environment, "worker.1").join("mark");
    fs::write(&mark, "").unwrap();
    let status: serde_json::Value =
        serde_json::from_str(&environment.says(&["status", "--json"])).unwrap();
    let daemon = status["pid"].to_string();
    assert!(
        Command::new("kill")
            .args(["-9", &daemon])
            .status()
            .unwrap()
            .success()
    );
    let worker = environment.pid_after(&daemon);
    assert!(!mark.exists());
    assert!(
        groups_before.iter().all(|group| !group.exists()),
        "{groups_before:?}"
    );
    // The worker of before the change may be about to go.
    let count = || fs::read_dir(&private).unwrap().count();
    wait_until("there are those of both workers only", || count() == 2);
    let groups_after = groups(worker);
    assert_eq!(groups_after.len(), groups_before.len());
    let _ = environment.says(&["serve", "--stop"]);
    assert!(!private.exists());
    for group in groups_after {
        assert!(!group.parent().unwrap().exists(), "{}", group.display());
    }
}

trait Again {
    fn pid_after(&self, daemon: &str) -> u32;
}

impl Again for TestEnvironment {
    /// Starts another daemon once that one is gone; answers a process of it.
    fn pid_after(&self, daemon: &str) -> u32 {
        wait_until("it is gone", || {
            let stat = fs::read_to_string(format!("/proc/{daemon}/stat"));
            stat.is_ok_and(|stat| stat.contains(") Z "))
                || !Path::new("/proc").join(daemon).exists()
        });
        let _ = self.says(&["config:add", "--app", "other", "A=1"]);
        self.pid("other", "worker.1")
    }
}

/// Seconds of a core that a process has had, with all its threads.
fn cpu(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let mut fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11);
    let mut ticks = || fields.next().unwrap().parse::<f64>().unwrap();
    (ticks() + ticks()) / 100.0
}

#[test]
fn the_kernel_limits_cpu_and_memory() {
    let environment = with_app(None);
    // It is faster than whoever polls.
    let procfile = "busy: while :; do :; done\n\
                    greedy: exec python3 -c 'import time; x = b\"x\" * (300 << 20); time.sleep(1000)'\n";
    environment.write_file("source/Procfile", procfile);
    let _ = environment.says(&["deploy", "source"]);
    if !environment
        .finding()
        .contains("cgroups limit memory, CPU and processes")
    {
        let said = environment.slugline(&["ps:limit", "busy", "cpu=20%"]);
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(said.contains("The limit of CPU is not in force"), "{said}");
        return;
    }
    let said = environment.says(&["ps:limit", "busy", "cpu=20%"]);
    assert_eq!(
        said,
        "Limiting busy processes... done, now memory=off cpu=20% files=off\n"
    );
    // It holds at once, for what runs already.
    let pid = environment.pid("myapp", "busy.1");
    let (begun, before) = (Instant::now(), cpu(pid));
    wait_until("it had some of a core", || cpu(pid) - before > 0.4);
    assert!(
        begun.elapsed() > Duration::from_millis(1400),
        "{:?}",
        begun.elapsed()
    );
    let _ = environment.says(&["ps:limit", "greedy", "memory=64"]);
    let _ = environment.says(&["restart", "greedy"]);
    // The second line comes once it has ended.
    let over = "slugline[greedy.1]: Error R15 (Memory quota vastly exceeded)";
    let stopped = "slugline[greedy.1]: Process was stopped: it was over its memory";
    wait_until("it was ended", || {
        let log = environment.says(&["logs", "-n", "1000", "--source", "slugline"]);
        log.contains(over) && log.contains(stopped)
    });
}

/// Somebody whom the kernel gives no namespace; `None` where that cannot be made so.
fn confined(environment: &TestEnvironment, words: &[&str]) -> Option<Output> {
    let caller = environment.caller();
    let possible = caller.command("unshare").args(["-Ur", "true"]).output();
    if !possible.is_ok_and(|it| it.status.success()) {
        return None;
    }
    let program = caller.command("slugline").get_program().to_owned();
    let mut command = caller.command("unshare");
    let none = "echo 1 >/proc/sys/user/max_user_namespaces; exec unshare -Uc \"$@\"";
    command
        .args(["-Ur", "sh", "-c", none, "sh"])
        .arg(program)
        .args(words);
    Some(command.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn what_is_required_and_cannot_be_had_keeps_the_daemon_from_starting() {
    let environment = TestEnvironment::new();
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let wrong = environment.slugline(&["serve", "--isolation", "some"]);
    assert_eq!(wrong.status.code(), Some(2));
    let wrong = environment.caller().with("SLUGLINE_ISOLATION", "some");
    let wrong = wrong.run(["serve"]).fails(2);
    assert!(
        wrong.stderr.contains("isolation is auto, required or off"),
        "{wrong}"
    );
    let Some(refused) = confined(&environment, &["serve", "--isolation", "required"]) else {
        return;
    };
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    let why = "processes cannot be isolated here as is required: ";
    assert!(said(&refused).contains(why), "{}", said(&refused));
    assert!(!environment.home().join("private").exists());
    // What is not required is said, and everything runs.
    environment.write_file("source/Procfile", "worker: exec sleep 1000\n");
    let words = [
        &["apps:create", "myapp", "--no-remote"][..],
        &["deploy", "source"],
    ];
    for words in words {
        let output = confined(&environment, words).unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
    let log = fs::read_to_string(environment.home().join("logs/serve.out.log")).unwrap();
    assert!(log.contains("since there is no more here: "), "{log}");
    assert!(environment.level() < Level::View);
}
