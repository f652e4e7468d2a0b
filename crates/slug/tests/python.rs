//! The Python buildpack with a real interpreter, pip and package index.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use slugline_core::port::CompileError;

mod common;
use common::{Home, compile};

const APP: (&str, &str) = ("app.py", "import six, chardet\nprint(six.__version__)\n");
const PROCFILE: (&str, &str) = ("Procfile", "web: python3 app.py\n");
// One without scripts, and one with a script of its own.
const REQUIREMENTS: (&str, &str) = ("requirements.txt", "six==1.16.0\nchardet==5.2.0\n");

/// Runs a command in an extracted slug as the runtime does: HOME is the app, `.profile.d` is read.
fn run_in(app: &Path, command: &str) -> String {
    let script = format!("for f in \"$HOME\"/.profile.d/*.sh; do . \"$f\"; done; {command}");
    let output = Command::new("bash")
        .args(["-c", &script])
        .env("HOME", app)
        .current_dir(app)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn requirements_are_installed_and_run_from_any_folder() {
    let home = Home::new();
    let source = home.source(&[APP, PROCFILE, REQUIREMENTS]);
    let (slug, lines) = compile(&home.shipped(), &source, &[]);
    let text = lines.join("\n");
    let slug = slug.unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(lines[0], "-----> Python app detected");
    assert!(
        lines.contains(&"-----> Installing requirements with pip".to_owned()),
        "{text}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("       ") && line.contains("six")),
        "{text}"
    );
    assert_eq!(slug.default_env["PYTHONUNBUFFERED"], "1");

    let app = home.path("moved/somewhere else");
    home.store.extract(&slug.id, &app).unwrap();
    assert_eq!(run_in(&app, "python3 app.py"), "1.16.0");
    assert_eq!(run_in(&app, "chardetect --version"), "chardetect 5.2.0");
    assert_eq!(
        run_in(&app, "command -v python3"),
        app.join(".venv/bin/python3").display().to_string()
    );
    let found = Command::new("grep")
        .args(["-rlF", "home/build/"])
        .arg(&app)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&found.stdout),
        "",
        "no path of the build is left"
    );
    let found = Command::new("find")
        .arg(&app)
        .args(["-name", "__pycache__"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");

    let elsewhere = Home::new();
    let again = elsewhere.source(&[APP, PROCFILE, REQUIREMENTS]);
    let twin = compile(&elsewhere.shipped(), &again, &[]).0.unwrap();
    assert_eq!(twin, slug, "built in another folder, it is the same");
}

#[test]
fn an_app_without_requirements_is_built_at_once() {
    let home = Home::new();
    let files = [
        ("app.py", "print('hello')\n"),
        ("requirements.txt", "# none\n\n"),
        PROCFILE,
    ];
    let source = home.source(&files);
    let compiler = home.shipped();
    let started = Instant::now();
    let (slug, lines) = compile(&compiler, &source, &[]);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    let slug = slug.unwrap();
    assert!(
        lines.contains(&"-----> No requirements to install".to_owned()),
        "{lines:?}"
    );
    let app = home.path("out");
    home.store.extract(&slug.id, &app).unwrap();
    let mut names: Vec<_> = fs::read_dir(&app)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["Procfile", "app.py", "requirements.txt"]);
}

#[test]
fn what_cannot_be_installed_fails_the_build_with_a_hint() {
    let home = Home::new();
    let check = |files: &[(&str, &str)], hint: &str| {
        let source = home.source(&[files, &[PROCFILE]].concat());
        let (slug, lines) = compile(&home.shipped(), &source, &[]);
        let error = slug.unwrap_err();
        assert!(matches!(&error, CompileError::Failed { buildpack, .. } if buildpack == "Python"));
        assert!(lines.contains(&format!(" !     {hint}")), "{lines:?}");
        assert_eq!(home.kept(), [format!("sources/{source}.src")]);
        home.store.remove_source(&source).unwrap();
    };
    check(
        &[("requirements.txt", "./not-there\n")],
        "pip could not install the requirements.",
    );
    check(
        &[("Pipfile", "")],
        "A Pipfile is not read. Write a requirements.txt from it:",
    );
    check(
        &[("setup.py", "")],
        "A setup.py alone is not installed. Name its folder in a requirements.txt:",
    );
}
