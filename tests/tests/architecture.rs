//! What must never be: arrows between the rooms that the architecture forbids, read from `cargo
//! metadata`; and source files without a purpose, or too long to read. It must not know what any
//! room does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our packages each of them may use. A package that is not here may use none, and is
/// complained of.
const ROOMS: [(&str, &[&str]); 11] = [
    ("slugline-core", &[]),
    ("slugline-plugin-api", &[]),
    ("slugline-ledger", &["slugline-core"]),
    ("slugline-slug", &["slugline-core"]),
    ("slugline-isolation", &[]),
    ("slugline-runtime", &["slugline-core", "slugline-isolation"]),
    ("slugline-server", &["slugline-core"]),
    (
        "slugline-plugin-host",
        &["slugline-core", "slugline-plugin-api"],
    ),
    (
        "slugline",
        &[
            "slugline-core",
            "slugline-isolation",
            "slugline-ledger",
            "slugline-plugin-host",
            "slugline-runtime",
            "slugline-server",
            "slugline-slug",
        ],
    ),
    ("slugline-testkit", &["slugline-core"]),
    // Tests make long histories in a ledger of their own; what they test is the binary.
    (
        "slugline-tests",
        &["slugline-core", "slugline-ledger", "slugline-testkit"],
    ),
];

/// For development only: nothing that is shipped may use it.
const TESTKIT: &str = "slugline-testkit";

/// What the core must not reach, not even through what it uses.
const WORLDLY: [&str; 8] = [
    "axum",
    "clap",
    "hyper",
    "libloading",
    "mlua",
    "rusqlite",
    "tokio",
    "ureq",
];

/// Foreign packages that only these of ours may name.
const KEPT: [(&str, &[&str]); 6] = [
    ("anyhow", &[]),
    ("clap", &["slugline"]),
    ("libloading", &["slugline-plugin-host"]),
    ("mlua", &["slugline-plugin-host"]),
    ("rusqlite", &["slugline-ledger"]),
    ("tokio", &["slugline-runtime", "slugline-server"]),
];

/// The arrows from each package to those it uses.
#[derive(Clone, Default)]
struct Graph(BTreeMap<String, BTreeSet<Arrow>>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    to: String,
    /// Only its tests and benchmarks use it.
    dev: bool,
}

impl Graph {
    fn add(&mut self, from: &str, to: &str, dev: bool) {
        let to = to.to_owned();
        let arrows = self.0.entry(from.to_owned()).or_default();
        arrows.insert(Arrow { to, dev });
    }

    fn arrows(&self, from: &str) -> impl Iterator<Item = &Arrow> {
        self.0.get(from).into_iter().flatten()
    }

    fn ours(&self) -> impl Iterator<Item = &str> {
        self.0
            .keys()
            .map(String::as_str)
            .filter(|name| is_ours(name))
    }

    /// All that is shipped with a package.
    fn reached(&self, from: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&Arrow> = self.arrows(from).collect();
        while let Some(arrow) = next.pop() {
            if !arrow.dev && reached.insert(arrow.to.as_str()) {
                next.extend(self.arrows(&arrow.to));
            }
        }
        reached
    }

    /// Every arrow that must not be, one line each.
    fn violations(&self) -> Vec<String> {
        let mut found = self.between_rooms();
        for (kept, by) in KEPT {
            let named = |from: &&str| self.arrows(from).any(|arrow| arrow.to == kept);
            let wrong = self.ours().filter(|from| !by.contains(from)).filter(named);
            found.extend(wrong.map(|from| format!("{from} names {kept}")));
        }
        let reached = self.reached("slugline-core");
        let worldly = WORLDLY.iter().filter(|name| reached.contains(*name));
        found.extend(worldly.map(|name| format!("slugline-core reaches {name}")));
        found
    }

    fn between_rooms(&self) -> Vec<String> {
        let mut found = Vec::new();
        for from in self.ours() {
            let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == from) else {
                found.push(format!("{from} is in no room"));
                continue;
            };
            for Arrow { to, dev } in self.arrows(from).filter(|arrow| is_ours(&arrow.to)) {
                let in_tests = *dev && to == TESTKIT;
                if !in_tests && !may.contains(&to.as_str()) {
                    found.push(format!("{from} uses {to}"));
                }
            }
        }
        found
    }
}

fn is_ours(name: &str) -> bool {
    name == "slugline" || name.starts_with("slugline-")
}

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

fn workspace() -> Graph {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {why}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let list = |value: &serde_json::Value| value.as_array().unwrap().clone();
    let names: BTreeMap<String, String> = list(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let mut graph = Graph::default();
    for node in list(&metadata["resolve"]["nodes"]) {
        let from = &names[&text(&node["id"])];
        graph.0.entry(from.clone()).or_default();
        for dependency in list(&node["deps"]) {
            let to = &names[&text(&dependency["pkg"])];
            for kind in list(&dependency["dep_kinds"]) {
                graph.add(from, to, kind["kind"] == "dev");
            }
        }
    }
    graph
}

#[test]
fn the_rooms_use_only_what_they_may() {
    let graph = workspace();
    let rooms: Vec<_> = ROOMS.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = rooms
        .iter()
        .filter(|name| !graph.0.contains_key(**name))
        .collect();
    assert!(missing.is_empty(), "no such package: {missing:?}");
    assert_eq!(graph.violations(), [""; 0]);
}

/// What the check itself says once an arrow is added to a lawful workspace.
fn check(from: &str, to: &str, dev: bool, expected: &[&str]) {
    let mut graph = Graph::default();
    for (room, uses) in ROOMS {
        graph.add(room, "thiserror", false);
        for used in uses {
            graph.add(room, used, false);
        }
    }
    for (foreign, by) in KEPT {
        for room in by {
            graph.add(room, foreign, false);
        }
    }
    graph.add("hyper-util", "tokio", false);
    graph.add("slugline-ledger", TESTKIT, true);
    assert_eq!(graph.violations(), [""; 0], "the lawful workspace");
    graph.add(from, to, dev);
    assert_eq!(graph.violations(), expected, "{from} -> {to}");
}

#[test]
fn a_forbidden_arrow_is_found() {
    check(
        "slugline-core",
        "slugline-plugin-api",
        false,
        &["slugline-core uses slugline-plugin-api"],
    );
    check(
        "slugline-ledger",
        "slugline-runtime",
        false,
        &["slugline-ledger uses slugline-runtime"],
    );
    check(
        "slugline-slug",
        "slugline-plugin-api",
        false,
        &["slugline-slug uses slugline-plugin-api"],
    );
    check(
        "slugline-plugin-api",
        "slugline-core",
        false,
        &["slugline-plugin-api uses slugline-core"],
    );
    check(
        "slugline-runtime",
        "slugline",
        false,
        &["slugline-runtime uses slugline"],
    );
    check(
        "slugline",
        "slugline-plugin-api",
        false,
        &["slugline uses slugline-plugin-api"],
    );
    check(
        "slugline-slug",
        TESTKIT,
        false,
        &["slugline-slug uses slugline-testkit"],
    );
    check(
        "slugline-runtime",
        "slugline-ledger",
        true,
        &["slugline-runtime uses slugline-ledger"],
    );
    check(
        "slugline-cap",
        "slugline-core",
        false,
        &["slugline-cap is in no room"],
    );
    check("slugline", "rusqlite", false, &["slugline names rusqlite"]);
    check(
        "slugline-runtime",
        "clap",
        false,
        &["slugline-runtime names clap"],
    );
    check(
        "slugline-testkit",
        "anyhow",
        false,
        &["slugline-testkit names anyhow"],
    );
    check(
        "slugline-core",
        "hyper-util",
        false,
        &["slugline-core reaches tokio"],
    );
    check("thiserror", "mlua", false, &["slugline-core reaches mlua"]);
}

#[test]
fn an_arrow_that_is_allowed_is_not() {
    check("slugline-core", TESTKIT, true, &[]);
    check("slugline-runtime", "hyper-util", false, &[]);
    check("thiserror", "tokio", true, &[]);
}

/// Every Rust file of ours.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Longer files are two files.
const MOST_LINES: usize = 700;

/// What is wrong with a file, if anything is.
fn fault(path: &Path, text: &str) -> Option<&'static str> {
    let is_test = path.iter().any(|part| part == "tests")
        || path
            .file_stem()
            .is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
    if !text.starts_with("//! ") {
        Some("does not say what it is for")
    } else if !is_test && text.lines().count() > MOST_LINES {
        Some("has more than 700 lines")
    } else {
        None
    }
}

#[test]
fn every_file_says_what_it_is_for_and_can_be_read() {
    let mut files = Vec::new();
    for folder in ["crates", "plugins", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 100, "these are not all: {files:?}");
    let faulty = files.iter().filter_map(|path| {
        let why = fault(path, &std::fs::read_to_string(path).unwrap())?;
        Some(format!(
            "{} {why}",
            path.strip_prefix(root()).unwrap().display()
        ))
    });
    assert_eq!(faulty.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_faulty_file_is_found() {
    let long = format!("//! Long.\n{}", "\n".repeat(MOST_LINES));
    let check =
        |path: &str, text: &str, expected| assert_eq!(fault(Path::new(path), text), expected);
    check("crates/core/src/app.rs", "//! Apps.\n", None);
    check(
        "crates/core/src/app.rs",
        "use std::fmt;\n",
        Some("does not say what it is for"),
    );
    check(
        "crates/core/src/app.rs",
        &long,
        Some("has more than 700 lines"),
    );
    check("crates/core/src/rollback_tests.rs", &long, None);
    check("tests/tests/apps.rs", &long, None);
}
