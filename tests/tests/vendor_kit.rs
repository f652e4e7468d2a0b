//! The vendor kit: skeletons that pass as they are, and what is told of plugins that do not.

#![cfg(test)]
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use slugline_testkit::environment::TestEnvironment;
use slugline_tests::{story, with_app};

/// Runs `make` in a folder of the work folder, with the crates that this workspace has already.
fn make(environment: &TestEnvironment, folder: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = environment.work().join(folder);
    if folder.join("Cargo.toml").exists() {
        std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    }
    let cargo = Path::new(env!("CARGO")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("make")
        .current_dir(&folder)
        .env("PATH", format!("{}:{path}", cargo.display()))
        .env("CARGO_TARGET_DIR", root.join("target/vendor-kit"))
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .expect("make is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_skeleton_in_lua_passes_as_it_is() {
    let environment = TestEnvironment::new();
    let told = story([
        environment.run(["plugins:new", "hello", "--lua"]),
        environment.run(["plugins:check", "hello"]),
        environment.run(["plugins:test", "hello"]),
        environment.run(["plugins:new", "hello", "--lua"]),
        environment.run(["plugins:new", "9lives", "--lua"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline plugins:new hello --lua
    Created hello with a plugin in Lua.
    2> Next: cd hello && slugline plugins:test .

    $ slugline plugins:check hello
    === hello 0.1.0: no errors
    Add-ons:     hello

    $ slugline plugins:test hello
    ok    plugin.yaml and the entry agree
    ok    hello:free: is provisioned, with promised config vars only
    ok    hello:free: answers the same to the same key
    ok    hello:free: answers the same after it was killed half-way
    ok    hello:free: changes to large, and again
    ok    hello:free: takes bad options
    ok    hello:free: takes huge options
    ok    hello:free: is deprovisioned
    ok    hello:free: is deprovisioned again
    ok    hello:free: is deprovisioned after it was killed half-way
    ok    hello:large: is provisioned, with promised config vars only
    ok    hello:large: answers the same to the same key
    ok    hello:large: answers the same after it was killed half-way
    ok    hello:large: changes to free, and again
    ok    hello:large: takes bad options
    ok    hello:large: takes huge options
    ok    hello:large: is deprovisioned
    ok    hello:large: is deprovisioned again
    ok    hello:large: is deprovisioned after it was killed half-way
    ok    hello: every promised config var came
    ok    init_test.lua: the URL names the plan
    ok    init_test.lua: a region that is no word is refused
    22 passed, 0 failed, 0 skipped
    2> hello: 5107a1e0c0ffee005107a1e0c0ffee00 is no longer needed

    $ slugline plugins:new hello --lua
    2>  !    There is a hello here already.
    [exit 1]

    $ slugline plugins:new 9lives --lua
    2>  !    9lives is no name for a plugin: 1 to 40 lower-case letters, digits, - and _, a letter first.
    [exit 2]
    ");
    assert!(!environment.home().exists(), "no home is needed");
    let definitions = environment.work().join("hello/slugline.d.luau");
    assert!(
        std::fs::read_to_string(definitions)
            .unwrap()
            .contains("declare slugline")
    );
}

#[test]
fn a_skeleton_in_c_passes_as_it_is() {
    let environment = TestEnvironment::new();
    let new = environment.run(["plugins:new", "cap-c", "--c"]);
    make(&environment, "cap-c");
    let told = story([
        new,
        environment.run(["plugins:check", "cap-c"]),
        environment.run(["plugins:test", "cap-c"]),
    ]);
    assert_snapshot!(told, @r"
    $ slugline plugins:new cap-c --c
    Created cap-c with a plugin in C.
    2> Next: cd cap-c && make && slugline plugins:test .

    $ slugline plugins:check cap-c
    === cap-c 0.1.0: no errors
    Hooks:       billing.check

    $ slugline plugins:test cap-c
    ok    plugin.yaml and the entry agree
    ok    billing.check: answers a sample
    ok    init_test.lua: $50 is fine
    ok    init_test.lua: more is refused
    ok    init_test.lua: a bill that shrinks is not
    5 passed, 0 failed, 0 skipped
    ");
}

#[test]
fn a_skeleton_in_rust_passes_as_it_is() {
    let environment = TestEnvironment::new();
    let new = environment
        .run(["plugins:new", "my-cache", "--rust"])
        .success();
    assert!(new.stdout.contains("a plugin in Rust"), "{new}");
    make(&environment, "my-cache");
    let _ = environment.run(["plugins:check", "my-cache"]).success();
    let report = environment
        .run(["plugins:test", "my-cache", "--json"])
        .success()
        .json();
    assert_eq!(report["ok"], true);
    assert_eq!(report["passed"], 22, "{report:#}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let environment = TestEnvironment::new();
    let _ = environment.run(["plugins:new", "hello", "--lua"]).success();
    let file = |name: &str| environment.work().join("hello").join(name);
    let edit = |name: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(file(name)).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(file(name), text.replace(from, to)).unwrap();
    };
    let mut told = Vec::new();
    edit("init_test.lua", "4711\")\n", "4712\")\n");
    let failing = environment.run(["plugins:test", "hello"]);
    let only = |it: &str| {
        it.lines()
            .filter(|line| !line.starts_with("ok "))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(failing.status, 1, "{failing}");
    assert_snapshot!(only(&failing.stdout), @r#"
    FAIL  init_test.lua: the URL names the plan: init_test.lua:6: expected "https://eu.example.com/large/4712", and it is "https://eu.example.com/large/4711"
    21 passed, 1 failed, 0 skipped
    "#);
    edit("init.lua", "addon.deprovision", "addon.deprovisoin");
    told.push(environment.run(["plugins:check", "hello"]));
    edit(
        "init.lua",
        "slugline.addon(\"hello\")",
        "slugline.addon(\"hello\"",
    );
    told.push(environment.run(["plugins:test", "hello"]));
    told.push(environment.run(["plugins:check", "hello", "--json"]));
    std::fs::remove_file(file("init.lua")).unwrap();
    told.push(environment.run(["plugins:check", "hello"]));
    edit("plugin.yaml", "price: free", "price: fre");
    told.push(environment.run(["plugins:check", "hello"]));
    told.push(environment.run(["plugins:test", "nowhere"]));
    assert_snapshot!(story(told), @r#"
    $ slugline plugins:check hello
    2>  !    hello/plugin.yaml:12:3: the addon hello has no place for deprovisoin; did you mean deprovision?
    2>  !      12 |   hello:
    2>  !         |   ^
    [exit 1]

    $ slugline plugins:test hello
    2>  !    hello/init.lua:8:1: Expected ')' (to close '(' at line 3), got 'function'
    2>  !       8 | function addon.provision(request)
    2>  !         | ^
    [exit 1]

    $ slugline plugins:check hello --json
    {
      "ok": false,
      "errors": [
        {
          "file": "hello/init.lua",
          "line": 8,
          "column": 1,
          "what": "Expected ')' (to close '(' at line 3), got 'function'"
        }
      ]
    }
    [exit 1]

    $ slugline plugins:check hello
    2>  !    hello/plugin.yaml:5:8: cannot read init.lua: No such file or directory (os error 2)
    2>  !       5 | entry: init.lua
    2>  !         |        ^
    [exit 1]

    $ slugline plugins:check hello
    2>  !    hello/plugin.yaml:16:23: "fre" is not a price: write free, $20/mo or $7.50/mo
    2>  !      16 |       free:  { price: fre, summary: For a try. }
    2>  !         |                       ^
    [exit 1]

    $ slugline plugins:test nowhere
    2>  !    nowhere/plugin.yaml:1:1: cannot read it: No such file or directory (os error 2)
    [exit 1]
    "#);
}

/// The blocks of a page: what follows the three backquotes, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(head), None) => open = Some((head.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some((_, text))) => *text = format!("{text}{line}\n"),
            (None, None) => {}
        }
    }
    found
}

/// Runs the commands of a block, and compares standard output and a status that is not 0. Of `make`,
/// nothing is compared but that it works. Answers how many there were.
fn follow(environment: &TestEnvironment, block: &str) -> usize {
    let mut commands = 0;
    for part in block.split("$ ").filter(|part| !part.is_empty()) {
        // A dollar and a blank in an answer would be taken for a command; no answer has them.
        let (line, expected) = part.split_once('\n').unwrap();
        commands += 1;
        let words: Vec<&str> = line.split(' ').collect();
        if let ["make", "-C", folder] = words[..] {
            make(environment, folder);
            continue;
        }
        assert_eq!(words[0], "slugline", "{line}");
        let output = environment.run(&words[1..]);
        let mut told = output.stdout.clone();
        if output.status != 0 {
            told.push_str(&format!("[exit {}]\n", output.status));
        }
        assert_eq!(told, expected, "{output}");
    }
    commands
}

#[test]
fn the_vendor_manual_does_what_it_says() {
    let page = include_str!("../../docs/vendor-manual.md");
    let environment = with_app(None);
    let (mut files, mut commands) = (0, 0);
    for (head, text) in blocks(page) {
        match head.split_once(' ') {
            Some((_, path)) => {
                if path.ends_with("init.lua") {
                    assert!(text.lines().count() < 30, "an add-on in under 30 lines");
                }
                environment.write_file(path, text);
                files += 1;
            }
            None if head == "console" => commands += follow(&environment, &text),
            None => {}
        }
    }
    assert_eq!((files, commands), (7, 20));
    // Its own test came after it was tested first.
    let _ = environment.run(["plugins:test", "cache"]).success();
}
