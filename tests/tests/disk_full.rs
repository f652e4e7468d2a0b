//! A disk that is full, or a file that may not grow: a clear error, nothing changed, nothing half
//! written left behind, and what ran runs on. It must not know how anything is packed.

mod trouble;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use slugline_testkit::environment::{TestEnvironment, wait_until};
use trouble::{Background, MARKER, Trouble, does, files, history, marked};

/// As large as any file of these commands may become, in bytes: enough for the ledger.
const LIMIT: u64 = 4 << 20;

/// The size of the file that does not fit.
const LARGE: usize = 12 << 20;

/// Bytes that no compression makes smaller, the same each time.
fn noise() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..LARGE / 8).flat_map(|_| next().to_le_bytes()).collect()
}

/// Three apps that are too large in one place each: `noise` when it is packed, `zeros` and its
/// tarball when they are unpacked.
fn write_apps(env: &TestEnvironment) {
    for (name, contents) in [("noise", noise()), ("zeros", vec![0; LARGE])] {
        env.write_file(format!("{name}/index.html"), "a page");
        env.write_file(format!("{name}/large"), contents);
    }
    let mut tar = env.caller().command("tar");
    let packed = tar
        .args(["-czf", "zeros.tar.gz", "-C", "zeros", "."])
        .status();
    assert!(
        packed.is_ok_and(|status| status.success()),
        "tar cannot be run"
    );
}

/// An app that serves as v2, and what is in the store then.
fn serving() -> (Trouble, Vec<PathBuf>) {
    let t = Trouble::serving();
    write_apps(&t.env);
    let kept = stored(&t.env.home());
    (t, kept)
}

/// Every file of the store, and every folder that a release runs in.
fn stored(home: &Path) -> Vec<PathBuf> {
    let folders = ["slugs", "sources", "build", "builds", "run"];
    folders
        .iter()
        .flat_map(|name| files(&home.join(name)))
        .collect()
}

/// Runs `slugline` with a limit on the size of the files it writes, in bytes: status, standard
/// output and standard error. A write beyond it fails as one to a full disk does.
fn limited(env: &TestEnvironment, limit: u64, words: &[&str]) -> (i32, String, String) {
    let mut command = env.caller().command("sh");
    // Without the trap a signal would end it, as it does what knows nothing of limits.
    let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
    let slugline = env.caller().command("slugline");
    let blocks = (limit / 512).to_string();
    command.args(["-c", script, "sh", &blocks]);
    command.arg(slugline.get_program()).args(words);
    Background::start(command).ends()
}

#[test]
fn a_deploy_that_does_not_fit_changes_nothing() {
    let (t, kept) = serving();
    let check = |source: &str, said: &str| {
        let (status, stdout, stderr) = limited(&t.env, LIMIT, &["deploy", source]);
        assert_eq!((status, stdout.as_str()), (1, ""), "{stderr}");
        // The name of a file that was never finished is random.
        let stderr = stderr
            .split(" at path")
            .next()
            .unwrap_or_default()
            .trim_end();
        assert_eq!(stderr, marked(said).trim_end());
        t.unchanged(&source);
        t.serves("myapp", "first page");
    };
    let why = "File too large (os error 27)";
    check(
        "noise",
        &format!("noise cannot be deployed: cannot write the packed file: {why}"),
    );
    check(
        "zeros.tar.gz",
        &format!("zeros.tar.gz cannot be deployed: cannot write \"large\": {why}"),
    );
    assert_eq!(
        stored(&t.env.home()),
        kept,
        "a deploy that failed left something"
    );
    // Packed it is small, so its source is kept; what it is unpacked into is not.
    check(
        "zeros",
        &format!("the slug cannot be made: cannot write \"large\": {why}"),
    );
    let left: Vec<_> = stored(&t.env.home())
        .into_iter()
        .filter(|file| !kept.contains(file))
        .collect();
    assert!(
        left.iter()
            .all(|file| file.parent() == Some(&t.env.home().join("sources"))),
        "{left:?}"
    );
    assert!(
        left.iter()
            .all(|file| file.extension().is_some_and(|end| end == "src")),
        "{left:?}"
    );
    t.ends();
    // With room it works, and what failed before is in nobody's way.
    does(&t.env.run(["deploy", "noise"]));
    assert_eq!(history(&t.env, "myapp").len(), 3);
    t.serves("myapp", "a page");
}

#[test]
fn a_push_that_does_not_fit_is_rejected() {
    let (t, kept) = serving();
    let env = &t.env;
    let within = env.caller().within("zeros");
    does(&within.git(["init", "--quiet", "--initial-branch=main"]));
    does(&within.git(["add", "."]));
    does(&within.git(["commit", "--quiet", "-m", "Large"]));
    does(&within.run(["git:remote"]));
    let mut push = within.command("sh");
    let script = "trap '' XFSZ; ulimit -f \"$1\"; exec git push slugline main";
    push.args(["-c", script, "sh", &(LIMIT / 512).to_string()]);
    let (status, _, stderr) = Background::start(push).ends();
    assert_eq!(status, 1, "{stderr}");
    assert!(
        stderr.contains(" !    cannot write \"large\": File too large (os error 27)"),
        "{stderr}"
    );
    t.unchanged(&stderr);
    assert_eq!(stored(&env.home()), kept);
    let refs = within.git(["ls-remote", "slugline"]);
    assert_eq!(refs.stdout, "", "{refs}");
    t.serves("myapp", "first page");
}

/// The release has its number by the time its slug is unpacked: it failed, and shows so (S30).
#[test]
fn a_release_that_cannot_be_unpacked_has_failed() {
    let (mut t, _) = serving();
    does(&t.env.run(["deploy", "zeros"]));
    t.accept();
    let kept = stored(&t.env.home());
    let why =
        marked("the slug cannot be unpacked: cannot write \"large\": File too large (os error 27)");
    let restart = limited(&t.env, LIMIT, &["restart"]);
    assert_eq!(restart, (1, String::new(), why.clone()));
    t.unchanged(&"restart");
    let (status, stdout, stderr) = limited(&t.env, LIMIT, &["config:add", "A=1"]);
    assert_eq!((status, stderr), (1, why), "{stdout}");
    let rows = history(&t.env, "myapp");
    assert_eq!(rows.last(), Some(&(4, "failed".to_owned())));
    assert_eq!(
        t.env.run(["config", "--json"]).json(),
        serde_json::json!({ "SECRET": MARKER })
    );
    assert_eq!(stored(&t.env.home()), kept);
    t.serves("myapp", "a page");
}

#[test]
fn a_ledger_that_cannot_be_written_changes_nothing() {
    let t = Trouble::serving();
    for words in [
        &["config:add", "A=1"][..],
        &["rollback", "v1", "--config-only"],
        &["addons:add", "deployhooks:http", "--url=http://127.0.0.1:9"],
        &["apps:create", "fresh"],
    ] {
        let (status, _, stderr) = limited(&t.env, 4096, words);
        assert_eq!(status, 1, "{words:?}: {stderr}");
        assert!(
            stderr.starts_with(" !    ") && !stderr.contains(MARKER),
            "{stderr}"
        );
        assert!(!stderr.contains("panicked"), "{stderr}");
        t.tells_the_same(&stderr);
    }
    t.ends();
    t.serves("myapp", "first page");
}

/// A file system of a few megabytes where the home is to be.
struct SmallDisk<'a>(&'a TestEnvironment);

impl<'a> SmallDisk<'a> {
    /// Mounts it; `None` where that is not permitted.
    fn mount(env: &'a TestEnvironment) -> Option<Self> {
        let home = env.home();
        std::fs::create_dir(&home).ok()?;
        let mut mount = env.caller().command("mount");
        let mounted = mount
            .args(["-t", "tmpfs", "-o", "size=8m,mode=0700", "none"])
            .arg(&home)
            .output();
        mounted
            .is_ok_and(|ran| ran.status.success())
            .then_some(Self(env))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let stopped = self.0.run(["serve", "--stop"]).status == 0;
        let unmounted = || {
            let mut umount = self.0.caller().command("umount");
            let umount = umount.arg(self.0.home()).stderr(Stdio::null());
            umount.status().is_ok_and(|status| status.success())
        };
        if std::thread::panicking() {
            unmounted();
            return;
        }
        assert!(stopped, "the daemon runs on");
        // The daemon has said that it is over just before its last file was closed.
        wait_until("the small disk is not in use", unmounted);
    }
}

/// What the router answers for `myapp`, without a command that asks for its port.
fn page(port: u16) -> String {
    let mut answer = String::new();
    let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: myapp.localhost\r\nConnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    });
    assert!(asked.is_ok(), "the router does not answer: {asked:?}");
    answer
}

/// The same on a disk that really is full. Where this test may not mount one, the limits above stand
/// in for it.
#[test]
fn a_disk_that_is_full() {
    let env = TestEnvironment::new();
    let Some(_disk) = SmallDisk::mount(&env) else {
        eprintln!("a small disk cannot be mounted here");
        return;
    };
    write_apps(&env);
    env.write_file("site/index.html", "first page");
    does(&env.run(["apps:create", "myapp"]));
    does(&env.run(["addons:add", "releases:advanced"]));
    does(&env.run(["deploy", "site"]));
    let kept = stored(&env.home());
    for source in ["noise", "zeros.tar.gz"] {
        let output = env.run(["deploy", source]);
        assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output}");
        assert!(
            output
                .stderr
                .contains("No space left on device (os error 28)"),
            "{output}"
        );
        assert_eq!(stored(&env.home()), kept, "{source} left something");
    }
    let port = env.router_port();
    // Now not even a byte is left.
    let filler = env.home().join("filler");
    assert!(
        std::fs::write(&filler, vec![1; 16 << 20]).is_err(),
        "the disk is larger than that"
    );
    for words in [
        &["config:add", "A=1"][..],
        &["deploy", "site", "--commit", "0123456"],
    ] {
        let output = env.run(words);
        assert_eq!(output.status, 1, "{output}");
        assert!(output.stderr.starts_with(" !    "), "{output}");
    }
    assert!(page(port).ends_with("first page"), "{}", page(port));
    assert!(std::fs::remove_file(&filler).is_ok());
    assert_eq!(history(&env, "myapp"), [(1, "succeeded".to_owned())]);
    assert_eq!(env.http_get("myapp", "/"), (200, "first page".to_owned()));
    let output = env.run(["config:add", "A=1"]);
    assert!(output.stdout.ends_with(" done, v2\n"), "{output}");
}
