//! Source into the store: the same tree by any way has the same name, and what is wrong with a tree
//! is said.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use slugline_core::slug::{Commit, SourceId};

mod common;
use common::{Home, calling};

const FILES: &[(&str, &str)] = &[
    ("Procfile", "web: bin/run\n"),
    ("bin/run*", "#!/bin/sh\n"),
    ("lib/a.txt", "a"),
    ("lib.txt", "sorts before lib/ by bytes"),
    ("übung/日本.txt", "names"),
];

fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn tar(dir: &Path, options: &[&str]) -> Vec<u8> {
    let output = Command::new("tar")
        .arg("-C")
        .arg(dir)
        .args(options)
        .output()
        .unwrap();
    assert!(output.status.success());
    output.stdout
}

fn commit_all(app: &Path) -> Commit {
    git(app, &["init", "--quiet"]);
    git(app, &["add", "--all"]);
    git(app, &["commit", "--quiet", "--message", "x"]);
    Commit::new(&git(app, &["rev-parse", "HEAD"])).unwrap()
}

#[test]
fn the_same_tree_by_git_folder_or_tarball_is_the_same_source() {
    let home = Home::new();
    let app = home.app("app", FILES);
    symlink("lib/a.txt", app.join("link")).unwrap();
    let long = format!("{}/{}", "d".repeat(150), "f".repeat(150));
    common::write(&app.join(long), "x", false);
    let (id, size) = home.store.add_source_dir(&app).unwrap();
    assert_eq!(
        fs::metadata(home.store.source_path(&id)).unwrap().len(),
        size
    );
    let check = |way: &str, other: SourceId| assert_eq!(other, id, "{way}");

    let twin = home.path("elsewhere/twin");
    fs::create_dir_all(&twin).unwrap();
    let bytes = tar(&app, &["-c", "."]);
    let mut unpack = Command::new("sh")
        .args(["-c", "umask 077; tar -x --no-same-permissions -m"])
        .current_dir(&twin)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    unpack.stdin.take().unwrap().write_all(&bytes).unwrap();
    assert!(unpack.wait().unwrap().success());
    let mode = fs::metadata(twin.join("Procfile"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    check(
        "other times and umask",
        home.store.add_source_dir(&twin).unwrap().0,
    );

    let commit = commit_all(&app);
    check("beside .git", home.store.add_source_dir(&app).unwrap().0);
    let by_git = home
        .store
        .add_source_git(&app, &commit, &calling())
        .unwrap();
    check("git", by_git.0);
    let bare = home.path("bare.git");
    let (from, to) = (app.display().to_string(), bare.display().to_string());
    git(&app, &["clone", "--quiet", "--bare", &from, &to]);
    // As in a hook, where GIT_DIR is relative to the repository.
    let mut env = calling();
    env.insert("GIT_DIR".to_owned(), ".".to_owned());
    check(
        "bare",
        home.store.add_source_git(&bare, &commit, &env).unwrap().0,
    );

    for options in [
        &["-c", "."][..],
        &["-cz", "."],
        &["--zstd", "-c", "."],
        &["--format=pax", "-c", "."],
    ] {
        let bytes = tar(&app, options);
        let added = home.store.add_source_tar(bytes.as_slice()).unwrap();
        check(&format!("{options:?}"), added.0);
    }
    let back = home.path("back");
    home.store.extract_source(&id, &back).unwrap();
    check("extracted", home.store.add_source_dir(&back).unwrap().0);
    let kept = [format!("sources/{id}.src")];
    assert_eq!(home.kept(), kept);
}

#[test]
fn a_push_is_seen_before_it_is_accepted() {
    let home = Home::new();
    let app = home.app("app", FILES);
    let commit = commit_all(&app);
    let bare = home.path("bare.git");
    let seen = home.path("seen");
    git(
        &app,
        &["init", "--quiet", "--bare", &bare.display().to_string()],
    );
    // The hook leaves its environment behind, and a copy of the objects as they are then.
    let hook = format!(
        "#!/bin/sh\nenv -0 > '{0}'.env\ncp -r \"$GIT_QUARANTINE_PATH\" '{0}'\nexit 1\n",
        seen.display()
    );
    common::write(&bare.join("hooks/pre-receive"), &hook, true);
    let url = bare.display().to_string();
    let push = Command::new("git")
        .arg("-C")
        .arg(&app)
        .args(["push", &url, "HEAD"])
        .output()
        .unwrap();
    assert!(!push.status.success());
    let refused = home
        .store
        .add_source_git(&bare, &commit, &calling())
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with(&format!("git cannot read {commit}: ")),
        "{refused}"
    );
    let env = fs::read_to_string(home.path("seen.env")).unwrap();
    let env: BTreeMap<String, String> = env
        .split_terminator('\0')
        .filter_map(|var| var.split_once('='))
        .map(|(key, value)| {
            let quarantine = key == "GIT_OBJECT_DIRECTORY";
            let value = if quarantine {
                seen.to_str().unwrap()
            } else {
                value
            };
            (key.to_owned(), value.to_owned())
        })
        .collect();
    assert!(env.contains_key("GIT_OBJECT_DIRECTORY"));
    let (id, _) = home.store.add_source_git(&bare, &commit, &env).unwrap();
    assert_eq!(home.kept(), [format!("sources/{id}.src")]);
}

#[test]
fn slugignore_leaves_things_behind_by_every_way() {
    let home = Home::new();
    let with = [
        FILES,
        &[
            (".slugignore", "*.psd\n/docs/\n"),
            ("a.psd", "x"),
            ("docs/b", "x"),
            ("lib/docs/c", "x"),
        ],
    ]
    .concat();
    let app = home.app("app", &with);
    let (id, _) = home.store.add_source_dir(&app).unwrap();
    let commit = commit_all(&app);
    assert_eq!(
        home.store
            .add_source_git(&app, &commit, &calling())
            .unwrap()
            .0,
        id
    );
    let bytes = tar(&app, &["-c", "--exclude=.git", "."]);
    assert_eq!(home.store.add_source_tar(bytes.as_slice()).unwrap().0, id);
    let back = home.path("back");
    home.store.extract_source(&id, &back).unwrap();
    assert!(!back.join("a.psd").exists() && !back.join("docs").exists());
    assert!(back.join("lib/docs/c").exists() && back.join(".slugignore").exists());

    common::write(&app.join(".slugignore"), "ok\n!no\n", false);
    let error = home.store.add_source_dir(&app).unwrap_err();
    let text = ".slugignore line 2: a pattern cannot begin with !";
    assert_eq!(error.to_string(), text);
}

#[test]
fn bad_tarballs_are_refused_and_leave_nothing() {
    let home = Home::new();
    let check = |bytes: &mut dyn Read, expected: &str| {
        let error = home.store.add_source_tar(bytes).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(home.kept(), [""; 0]);
    };
    check(&mut &b""[..], "the archive cannot be read");
    check(&mut &b"plain words"[..], "the archive cannot be read");
    check(
        &mut &b"\x1f\x8bno gzip at all"[..],
        "the archive cannot be read",
    );
    check(
        &mut &b"\x28\xb5\x2f\xfdno zstd at all"[..],
        "the archive cannot be read",
    );

    let app = home.app("app", &[("sub/file", "x")]);
    let outer = tar(&app.join("sub"), &["-cP", "../sub/file"]);
    check(
        &mut outer.as_slice(),
        "\"../sub/file\" has a step .. in it, which could leave the app",
    );
    symlink("/etc", app.join("lib")).unwrap();
    let text = "\"lib\" is a link to /etc, which is outside the app";
    check(&mut tar(&app, &["-c", "lib"]).as_slice(), text);
    assert_eq!(
        home.store.add_source_dir(&app).unwrap_err().to_string(),
        text
    );

    let mut damaged = tar(&app, &["-cz", "sub"]);
    let end = damaged.len() - 6;
    damaged[end] ^= 1;
    check(&mut damaged.as_slice(), "the archive cannot be read");
}

#[test]
fn a_damaged_file_is_told_apart_and_leaves_nothing() {
    let home = Home::new();
    let id = home.source(FILES);
    let path = home.store.source_path(&id);
    let whole = fs::read(&path).unwrap();
    let damage = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let target = home.path("target");
        let error = home.store.extract_source(&id, &target).unwrap_err();
        let text = format!("{path:?} is damaged: its content does not match its name");
        assert_eq!(error.to_string(), text);
        assert!(!target.exists());
    };
    damage(&|bytes| bytes.truncate(0));
    damage(&|bytes| bytes.truncate(whole.len() / 2));
    damage(&|bytes| bytes[whole.len() / 2] ^= 1);
    damage(&|bytes| bytes.push(0));
    damage(&|bytes| *bytes = zstd::encode_all(&b""[..], 3).unwrap());
    fs::remove_file(&path).unwrap();
    let error = home
        .store
        .extract_source(&id, &home.path("target"))
        .unwrap_err();
    assert!(
        error.to_string().ends_with("is not in the store"),
        "{error}"
    );
}
