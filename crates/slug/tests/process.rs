//! What happens to a compile when its process meets a full disk, or is killed. Each test starts
//! itself again as the process that this happens to.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use slugline_core::slug::SourceId;
use slugline_slug::{Buildpacks, SlugCompiler, SlugStore};

mod common;
use common::{Home, calling, compile, write};

/// Names the home and the source to the process that is started.
const TOLD: [&str; 2] = ["SLUG_TEST_HOME", "SLUG_TEST_SOURCE"];

const DEADLINE: Duration = Duration::from_secs(60);

/// A command that runs `test` of this file again, below a shell that runs `before`.
fn again(test: &str, before: &str, home: &Home, source: &SourceId) -> Command {
    let mut command = Command::new("bash");
    command
        .args([
            "-c",
            &format!("{before}; exec \"$0\" --exact {test} --nocapture"),
        ])
        .arg(std::env::current_exe().unwrap())
        .envs([(TOLD[0], home.path(""))])
        .env(TOLD[1], source.as_str());
    command
}

/// In the process that was started: compiles with the buildpacks of the test, and writes
/// down what came of it.
fn compile_as_told() -> bool {
    let [Ok(home), Ok(source)] = TOLD.map(std::env::var) else {
        return false;
    };
    let home = Path::new(&home);
    let store = SlugStore::open(&home.join("home")).unwrap();
    let buildpacks = Buildpacks::in_folder(&home.join("packs"), &["test"]).unwrap();
    let compiler = SlugCompiler::new(store, buildpacks, calling(), slugline_slug::stack());
    let (slug, _) = compile(&compiler, &SourceId::new(&source).unwrap(), &[]);
    let result = match slug {
        Ok(_) => "compiled".to_owned(),
        Err(error) => chain(&error),
    };
    fs::write(home.join("result"), result).unwrap();
    true
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

fn home_with(compile: &str) -> (Home, SourceId) {
    let home = Home::new();
    let pack = home.path("packs/test");
    write(
        &pack.join("buildpack.yaml"),
        "name: test\nsummary: x\n",
        false,
    );
    write(&pack.join("bin/detect"), "#!/bin/sh\necho Test\n", true);
    write(&pack.join("bin/release"), "#!/bin/sh\n", true);
    write(
        &pack.join("bin/compile"),
        &format!("#!/bin/bash\n{compile}\n"),
        true,
    );
    let source = home.source(&[("file", "x")]);
    (home, source)
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    if compile_as_told() {
        return;
    }
    // A limit to the size of a file fails the same writes as a full disk, and needs no rights. The
    // build's own files are smaller than it; only the slug is not.
    let (home, source) = home_with("for n in {1..20}; do head -c 40000 /dev/urandom > $1/$n; done");
    let compile = |before: &str| {
        let mut command = again("a_full_disk_leaves_nothing_behind", before, &home, &source);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(home.path("result")).unwrap()
    };
    let result = compile("trap '' XFSZ; ulimit -f 100");
    let text = "the slug cannot be made: cannot write the packed file: ";
    assert!(result.starts_with(text), "{result}");
    assert!(result.contains("File too large"), "{result}");
    assert_eq!(home.kept(), [format!("sources/{source}.src")]);
    assert_eq!(compile("true"), "compiled", "it works once there is room");
    assert_eq!(home.kept().len(), 3);
}

#[test]
fn a_build_ends_with_the_process_that_runs_it() {
    if compile_as_told() {
        return;
    }
    // The build tells its two processes through a pipe, and holds it open as long as it lives.
    let (home, source) =
        home_with("exec 9> $(dirname $0)/../../../pipe; sleep 1000 & echo $$ $! >&9; wait");
    let pipe = home.path("pipe");
    let status = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(status.success());
    let mut process = again(
        "a_build_ends_with_the_process_that_runs_it",
        "true",
        &home,
        &source,
    )
    .stdout(Stdio::null())
    .spawn()
    .unwrap();
    let (sender, lines) = channel();
    thread::spawn(move || {
        let pipe = BufReader::new(fs::File::open(pipe).unwrap());
        pipe.lines()
            .for_each(|line| sender.send(line.unwrap()).unwrap());
    });
    let told = lines.recv_timeout(DEADLINE).unwrap();
    assert_eq!(told.split_whitespace().count(), 2);
    process.kill().unwrap();
    process.wait().unwrap();
    // The pipe ends when all who held it are gone.
    let end = lines.recv_timeout(DEADLINE);
    assert_eq!(end, Err(RecvTimeoutError::Disconnected));
}
