//! The add-on `postgresql` as its provider answers it. That the server runs is shown end to end.

#![cfg(test)]

mod common;
#[path = "common/resources.rs"]
mod resources;

use std::fs;
use std::process::Command;

use common::id;
use resources::{Home, keeps_its_promises};

#[test]
fn a_database_keeps_its_promises() {
    let (plan, larger) = ("postgresql:free", "postgresql:standard");
    keeps_its_promises("bash", plan, larger, &["password", "start"]);
}

#[test]
fn the_plan_is_its_connections() {
    let home = Home::with("bash");
    let check = |plan: &str, connections: &str, buffers: &str| {
        let made = home.provision(plan, &id(), &[]).unwrap();
        let folder = home.folder_of(&id()).display().to_string();
        let start = format!("{folder}/start");
        let port = made.port.unwrap().to_string();
        let expected = ["bash", &start, &folder, &port, connections, buffers];
        assert_eq!(made.process.unwrap(), expected);
    };
    check("postgresql:free", "20", "32MB");
    check("postgresql:standard", "100", "128MB");
    check("postgresql:premium", "400", "512MB");
}

#[test]
fn data_of_a_version_that_is_not_there_is_said_and_left_alone() {
    let home = Home::with("bash");
    let made = home.provision("postgresql:free", &id(), &[]).unwrap();
    let data = home.folder_of(&id()).join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "7.4\n").unwrap();
    let command = made.process.unwrap();
    // Of the programs that it may be, none is on this PATH.
    let tools = tempfile::tempdir().unwrap();
    for tool in ["cat", "ls", "sort"] {
        std::os::unix::fs::symlink(format!("/bin/{tool}"), tools.path().join(tool)).unwrap();
    }
    let ran = Command::new("/bin/bash")
        .args(&command[1..])
        .env_clear()
        .env("PATH", tools.path())
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(
        said,
        "PostgreSQL 7.4 is not installed; on Debian: apt-get install postgresql-7.4\n"
    );
    assert_eq!((ran.status.code(), ran.stderr.len()), (Some(1), 0));
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
}
