//! The add-on `redis` as its provider answers it. That the server runs is shown end to end.

#![cfg(test)]

mod common;
#[path = "common/resources.rs"]
mod resources;

use std::fs;

use common::id;
use resources::{Home, keeps_its_promises, password, url};

#[test]
fn a_redis_keeps_its_promises() {
    let files = ["password", "redis.conf"];
    keeps_its_promises("redis-server", "redis:free", "redis:1gb", &files);
}

#[test]
fn the_plan_is_its_memory_and_the_password_is_in_a_file() {
    let home = Home::with("redis-server");
    let check = |plan: &str, memory: &str| {
        let made = home.provision(plan, &id(), &[]).unwrap();
        let folder = home.folder_of(&id());
        let conf = fs::read_to_string(folder.join("redis.conf")).unwrap();
        let secret = url(&made);
        let begins = format!("user default on >{} ", password(&secret));
        assert!(conf.starts_with(&begins) && conf.lines().count() == 1);
        let (port, folder) = (made.port.unwrap().to_string(), folder.display().to_string());
        let config = format!("{folder}/redis.conf");
        let expected = [
            "redis-server",
            &config,
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--dir",
            &folder,
            "--appendonly",
            "yes",
            "--save",
            "",
            "--maxmemory",
            memory,
            "--maxmemory-policy",
            "noeviction",
        ];
        assert_eq!(made.process.unwrap(), expected);
    };
    check("redis:free", "25mb");
    check("redis:100mb", "100mb");
    check("redis:1gb", "1gb");
}
