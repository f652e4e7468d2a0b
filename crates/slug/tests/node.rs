//! The Node.js buildpack with a real node, npm and package registry.

#![expect(clippy::panic, reason = "helpers of tests")]

use std::process::Command;

use slugline_core::slug::Slug;

mod common;
use common::{Home, compile};

const LOCK: (&str, &str) = (
    "package-lock.json",
    r#"{
  "name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
  "packages": {
    "": { "name": "app", "version": "1.0.0", "dependencies": { "is-number": "7.0.0" } },
    "node_modules/is-number": {
      "version": "7.0.0",
      "integrity": "sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng==",
      "engines": { "node": ">=0.12.0" }
    }
  }
}
"#,
);

fn package(scripts: &str) -> String {
    format!(
        r#"{{
  "name": "app", "version": "1.0.0",
  "dependencies": {{ "is-number": "7.0.0" }}, "scripts": {{ {scripts} }}
}}"#
    )
}

const SERVER: (&str, &str) = ("server.js", "console.log(require('is-number')(42))\n");

fn built(home: &Home, files: &[(&str, &str)]) -> (Slug, Vec<String>) {
    let source = home.source(files);
    let (slug, lines) = compile(&home.shipped(), &source, &[]);
    let slug = slug.unwrap_or_else(|error| panic!("{error}\n{}", lines.join("\n")));
    (slug, lines)
}

#[test]
fn dependencies_are_installed_from_the_lock_file() {
    let home = Home::new();
    let package = package("");
    let files = [("package.json", package.as_str()), LOCK, SERVER];
    let (slug, lines) = built(&home, &files);
    assert_eq!(lines[0], "-----> Node.js app detected");
    assert!(
        lines.contains(&"-----> Installing dependencies with npm ci".to_owned()),
        "{lines:?}"
    );
    assert_eq!(slug.processes["web"], "node server.js");
    assert_eq!(slug.default_env["NODE_ENV"], "production");
    let app = home.path("out");
    home.store.extract(&slug.id, &app).unwrap();
    let output = Command::new("node")
        .arg("server.js")
        .current_dir(&app)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "true\n");

    let elsewhere = Home::new();
    assert_eq!(
        built(&elsewhere, &files).0,
        slug,
        "built in another folder, it is the same"
    );
}

#[test]
fn a_build_script_is_run_and_start_is_the_web_process() {
    let home = Home::new();
    let package = package(r#""build": "node -p 1+1 > built", "start": "node server.js""#);
    let (slug, lines) = built(&home, &[("package.json", &package), LOCK, SERVER]);
    assert!(
        lines.contains(&"-----> Running the build script".to_owned()),
        "{lines:?}"
    );
    assert_eq!(slug.processes["web"], "npm start");
    let app = home.path("out");
    home.store.extract(&slug.id, &app).unwrap();
    assert_eq!(std::fs::read_to_string(app.join("built")).unwrap(), "2\n");
    assert!(app.join("node_modules/is-number").is_dir());
}

#[test]
fn without_a_lock_file_it_warns_and_with_a_wrong_one_it_fails() {
    let home = Home::new();
    let empty = r#"{ "name": "app", "version": "1.0.0" }"#;
    let (_, lines) = built(&home, &[("package.json", empty), ("server.js", "")]);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with(" !     There is no package-lock.json"))
    );

    let other = package("").replace("7.0.0", "6.0.0");
    let source = home.source(&[("package.json", &other), LOCK, SERVER]);
    let (slug, lines) = compile(&home.shipped(), &source, &[]);
    let status = slug.unwrap_err().to_string();
    assert_eq!(
        status,
        "the Node.js buildpack failed (exit status 1); nothing has been changed"
    );
    assert!(
        lines.contains(&" !     npm could not install the dependencies.".to_owned()),
        "{lines:?}"
    );
}
