//! What nothing needs is removed, and nothing else: never what a release or a process needs, not
//! even while others deploy. It must not know how it is found.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod trouble;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use insta::assert_snapshot;
use slugline_testkit::environment::{TestEnvironment, wait_until};
use trouble::{Trouble, does, files};

/// What `gc --dry-run` finds, by path.
fn found(env: &TestEnvironment) -> Vec<String> {
    let view = env.run(["gc", "--dry-run", "--json"]).success().json();
    let all = view["garbage"].as_array().unwrap().iter();
    all.map(|it| it["path"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn only_what_nothing_needs_goes() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    let home = env.home();
    // What the daemon clears at its start may still be under way.
    wait_until("the store is free", || env.run(["gc"]).status == 0);
    assert_eq!(found(env), [""; 0]);
    let kept = files(&home);
    for (path, text) in [
        (format!("slugs/{}.slug", "a".repeat(64)), "slug"),
        (format!("sources/{}.src", "b".repeat(64)), "source"),
        ("slugs/.new-half".to_owned(), "half"),
        ("build/.tmpdead/app/x".to_owned(), "scratch"),
        ("cache/gone/python/x".to_owned(), "cache"),
        ("logs/gone.log".to_owned(), "log"),
        ("repositories/gone.git/HEAD".to_owned(), "ref"),
        (format!("resources/{}/data", "c".repeat(32)), "data"),
        ("run/myapp/v1-00000000/index.html".to_owned(), "old"),
    ] {
        let path = home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    assert_snapshot!(env.run(["gc", "--dry-run"]), @"
    $ slugline gc --dry-run
    Would go                                                                      Size
    ----------------------------------------------------------------------------  ----
    cache/gone                                                                    5B
    resources/cccccccccccccccccccccccccccccccc                                    4B
    logs/gone.log                                                                 3B
    repositories/gone.git                                                         3B
    build/.tmpdead                                                                7B
    slugs/.new-half                                                               4B
    slugs/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.slug   4B
    sources/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.src  6B
    run/myapp/v1-00000000                                                         3B
    2> 39B in all. Nothing has been changed.
    ");
    assert_snapshot!(env.run(["gc"]), @"
    $ slugline gc
    Removed             Number  Size
    ------------------  ------  ----
    caches              1       5B
    folders of add-ons  1       4B
    logs                1       3B
    repositories        1       3B
    scratch folders     1       7B
    slugs               2       8B
    sources             1       6B
    unpacked slugs      1       3B
    2> 39B in all.
    ");
    assert_snapshot!(env.run(["gc"]), @"
    $ slugline gc
    There is nothing that nothing needs.
    ");
    assert_eq!(files(&home), kept);
    trouble.serves("myapp", "first page");
    // And it can be made again from what is left.
    does(&env.run(["config:add", "B=2"]));
    does(&env.run(["rollback"]));
    trouble.serves("myapp", "first page");
}

#[test]
fn what_an_app_leaves_goes_with_it() {
    let trouble = Trouble::serving();
    let env = &trouble.env;
    let slugs = || files(&env.home().join("slugs")).len();
    assert_eq!(slugs(), 1);
    does(&env.run(["destroy", "--confirm", "myapp"]));
    // The daemon may be clearing at this moment: then it is it that removes them.
    wait_until("the slugs are gone", || does_gc(env) && slugs() == 0);
    assert_eq!(files(&env.home().join("sources")).len(), 0);
}

fn does_gc(env: &TestEnvironment) -> bool {
    env.run(["gc"]).status == 0
}

#[test]
fn a_store_in_use_is_left_alone() {
    let env = TestEnvironment::new();
    does(&env.run(["apps:create", "myapp", "--no-remote"]));
    let lock = env.home().join("store.lock");
    let mut holder = env.caller().command("flock");
    holder
        .arg("--shared")
        .arg(&lock)
        .args(["sh", "-c", "echo held; read _"]);
    holder
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let mut line = String::new();
    let out = holder.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    assert_eq!(line, "held\n");
    assert_snapshot!(env.run(["gc"]), @"
    $ slugline gc
    2>  !    A deploy, a change or a backup is under way.
    2>  !    Try again when it is over.
    [exit 1]
    ");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_snapshot!(env.run(["gc"]), @"
    $ slugline gc
    There is nothing that nothing needs.
    ");
}

#[test]
fn deploys_and_clearings_at_once_lose_nothing() {
    let env = TestEnvironment::new();
    let apps = ["one", "two"];
    for app in apps {
        does(&env.run(["apps:create", app, "--no-remote"]));
    }
    let over = AtomicBool::new(false);
    let (deploys, cleared) = std::thread::scope(|scope| {
        let clearing = scope.spawn(|| {
            let mut cleared = 0;
            while !over.load(Ordering::Relaxed) {
                if env.run(["gc"]).status == 0 {
                    cleared += 1;
                }
            }
            cleared
        });
        let env = &env;
        let deploying = apps.map(|app| {
            scope.spawn(move || {
                // Without a tier each release drops the one before, so that there is always garbage.
                let deploy = |number: usize| {
                    env.write_file(format!("{app}/index.html"), format!("{app} {number}"));
                    let output = env.run(["deploy", app, "--app", app]);
                    let config = format!("N={number}");
                    [output, env.run(["config:add", &config, "--app", app])]
                };
                (0..8).flat_map(deploy).collect::<Vec<_>>()
            })
        });
        let all = deploying.map(|thread| thread.join());
        over.store(true, Ordering::Relaxed);
        (all.map(Result::unwrap), clearing.join().unwrap())
    });
    deploys.iter().flatten().for_each(does);
    assert!(cleared > 0, "nothing was ever cleared");
    for app in apps {
        assert_eq!(env.http_get(app, "/"), (200, format!("{app} 7")));
    }
    wait_until("the store is free", || does_gc(&env));
    assert_eq!(found(&env), [""; 0]);
    assert_eq!(files(&env.home().join("slugs")).len(), apps.len());
    does(&env.run(["serve", "--stop"]));
    for app in apps {
        does(&env.run(["restart", "--app", app]));
        wait_until("it serves again", || {
            env.http_get(app, "/") == (200, format!("{app} 7"))
        });
    }
}
