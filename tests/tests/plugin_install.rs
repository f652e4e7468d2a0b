//! Installing plugins: shown, granted once, refused when changed, updated and removed.

#![cfg(test)]

use insta::assert_snapshot;
use slugline_testkit::environment::{Output, TestEnvironment};
use slugline_tests::{story, with_app};

const MANIFEST: &str = "name: hello\nversion: 1.0.0\napi: 1\nsummary: Says hello.\nentry: init.lua\n\
    permissions: { run: [sh] }\naddons:\n  hello:\n    config: [HELLO]\n    plans:\n      \
    hello: { price: free }\n";
const SCRIPT: &str = "local addon = slugline.addon('hello')\n\
    function addon.provision(request) return { config = { HELLO = 'world' } } end\n";

fn write(environment: &TestEnvironment, manifest: &str, script: &str) {
    environment.write_file("hello/plugin.yaml", manifest);
    environment.write_file("hello/init.lua", script);
    environment.write_file("hello/settings.yaml", "the vendor's own\n");
    environment.write_file("hello/init_test.lua", "test('x', function() end)\n");
}

/// Digests are hidden, for they are only compared.
fn told(outputs: impl IntoIterator<Item = Output>) -> String {
    let text = story(outputs);
    let mut parts = text.split("sha256:");
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        assert!(
            part[..64].bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{part}"
        );
        hidden.push_str("sha256:DIGEST");
        hidden.push_str(&part[64..]);
    }
    hidden
}

#[test]
fn a_plugin_is_shown_granted_and_installed_and_stays_while_it_is_used() {
    let environment = with_app(None);
    write(&environment, MANIFEST, SCRIPT);
    let first = [
        environment.run(["plugins:install", "hello"]),
        environment.run(["addons:add", "hello:hello"]),
        environment.run(["plugins:install", "hello", "--yes"]),
        environment.run(["plugins:install", "hello", "--yes"]),
        environment.run(["plugins:update", "hello", "hello"]),
        environment.run(["addons:add", "hello:hello"]),
        environment.run(["plugins:remove", "hello"]),
        environment.run(["addons:remove", "hello", "--confirm", "myapp"]),
        environment.run(["plugins:remove", "hello"]),
        environment.run(["plugins:remove", "hello"]),
    ];
    assert_snapshot!(told(first), @r"
    $ slugline plugins:install hello
    2> === hello 1.0.0
    2> Says hello.
    2> Add-ons:     hello
    2> Permissions: run sh
    2> Digest:      sha256:DIGEST
    2>  !    Nobody is there to grant run sh.
    2>  !    --yes agrees. Nothing has been changed.
    [exit 1]

    $ slugline addons:add hello:hello
    2>  !    there is no add-on hello
    2>  !    `slugline addons:list` lists those there are.
    [exit 1]

    $ slugline plugins:install hello --yes
    Installing hello... done
    2> === hello 1.0.0
    2> Says hello.
    2> Add-ons:     hello
    2> Permissions: run sh
    2> Digest:      sha256:DIGEST
    2> Undo: slugline plugins:remove hello

    $ slugline plugins:install hello --yes
    2>  !    hello is installed already.
    2>  !    To replace it: slugline plugins:update hello hello
    [exit 1]

    $ slugline plugins:update hello hello
    hello is as it was approved.

    $ slugline addons:add hello:hello
    Adding hello:hello to myapp... done, v1 (free)
    2> Started `slugline serve` in the background: http://localhost:PORT

    $ slugline plugins:remove hello
    2>  !    hello is in use by myapp (hello:hello).
    2>  !    First: slugline addons:remove hello --app myapp
    [exit 1]

    $ slugline addons:remove hello --confirm myapp
    Removing hello from myapp... done, v2 (free)

    $ slugline plugins:remove hello
    Removing hello... done

    $ slugline plugins:remove hello
    2>  !    There is no plugin hello to remove.
    2>  !    `slugline plugins` lists those there are; embedded ones stay.
    [exit 1]
    ");
    let lock = std::fs::read_to_string(environment.home().join("plugins.lock")).unwrap();
    assert_eq!(lock, "{\n  \"version\": 1,\n  \"plugins\": {}\n}\n");
}

#[test]
fn a_changed_plugin_is_refused_until_it_is_approved_again() {
    let environment = with_app(Some("releases:basic"));
    write(&environment, MANIFEST, SCRIPT);
    let _ = environment
        .run(["plugins:install", "hello", "--yes"])
        .success();
    let installed = environment.home().join("plugins/hello");
    assert!(!installed.join("settings.yaml").exists());
    assert!(!installed.join("init_test.lua").exists());
    let settings = installed.join("settings.yaml");
    std::fs::write(&settings, "mine: 1\n").unwrap();
    let _ = environment.run(["config:add", "A=1"]).success();
    std::fs::write(installed.join("init.lua"), format!("{SCRIPT}-- more\n")).unwrap();
    let mut all = vec![
        environment.run(["config:add", "A=2"]),
        environment.run(["config"]),
        environment.run(["releases"]),
        environment.run(["plugins:update", "hello"]),
        environment.run(["config:add", "A=2"]),
    ];
    let grown = MANIFEST
        .replace("run: [sh]", "run: [sh], smtp: true")
        .replace("1.0.0", "1.1.0");
    write(&environment, &grown, SCRIPT);
    all.push(environment.run(["plugins:update", "hello", "hello"]));
    all.push(environment.run(["plugins:update", "hello", "hello", "--yes"]));
    environment.write_file(
        "hello/plugin.yaml",
        grown.replace("  hello:\n", "  memcache:\n"),
    );
    all.push(environment.run(["plugins:update", "hello", "hello", "--yes"]));
    write(&environment, &grown, "syntax error");
    all.push(environment.run(["plugins:update", "hello", "hello", "--yes"]));
    assert_snapshot!(told(all), @r"
    $ slugline config:add A=2
    2>  !    the plugin hello in $SLUGLINE_HOME/plugins/hello has changed since it was approved
    2>  !    Look at it, then approve it again: slugline plugins:update hello
    2>  !    Until then, commands that need plugins are refused; plugins:update, plugins:remove, apps, config, releases, ps, logs and status work.
    [exit 1]

    $ slugline config
    A => 1

    $ slugline releases
    Rel   Change                          By                    When
    ----  ----------------------          ----------            ----------
    v1    Config add A                    jim@example.com       0 seconds ago············

    $ slugline plugins:update hello
    Approving hello... done
    2> hello 1.0.0 -> 1.0.0
    2> - sha256:DIGEST
    2> + sha256:DIGEST

    $ slugline config:add A=2
    Adding config vars:
      A => 2
    Updating vars and restarting app... done, v2

    $ slugline plugins:update hello hello
    2> hello 1.0.0 -> 1.1.0
    2> - sha256:DIGEST
    2> + sha256:DIGEST
    2> It now asks for more: smtp
    2>  !    Nobody is there to grant smtp.
    2>  !    --yes agrees. Nothing has been changed.
    [exit 1]

    $ slugline plugins:update hello hello --yes
    Updating hello... done
    2> hello 1.0.0 -> 1.1.0
    2> - sha256:DIGEST
    2> + sha256:DIGEST
    2> It now asks for more: smtp

    $ slugline plugins:update hello hello --yes
    2>  !    memcache and hello both provide memcache; remove one of them
    [exit 1]

    $ slugline plugins:update hello hello --yes
    2>  !    init.lua:1:1: Incomplete statement: expected assignment or a function call
    2>  !       1 | syntax error
    2>  !         | ^
    [exit 1]
    ");
    assert_eq!(std::fs::read_to_string(settings).unwrap(), "mine: 1\n");
}

#[test]
fn what_nobody_approved_is_refused_and_a_tarball_is_installed() {
    let environment = with_app(None);
    write(&environment, MANIFEST, SCRIPT);
    let place = environment.home().join("plugins/hello");
    std::fs::create_dir_all(&place).unwrap();
    for file in ["plugin.yaml", "init.lua"] {
        std::fs::copy(
            environment.work().join("hello").join(file),
            place.join(file),
        )
        .unwrap();
    }
    let packed = environment
        .caller()
        .command("tar")
        .args(["-czf", "hello.tgz", "hello"])
        .status();
    assert!(packed.unwrap().success());
    let all = [
        environment.run(["config:add", "A=1"]),
        environment.run(["plugins:remove", "hello"]),
        environment.run(["config:add", "A=1"]),
        environment.run(["plugins:install", "hello.tgz", "--yes"]),
        environment.run(["addons:add", "hello:hello"]),
        environment.run(["plugins:install", "nowhere"]),
        environment.run(["plugins:install", "hello/init.lua", "--yes"]),
    ];
    assert_snapshot!(told(all), @r"
    $ slugline config:add A=1
    2>  !    the plugin hello in $SLUGLINE_HOME/plugins/hello has not been approved
    2>  !    Look at it, then approve it: slugline plugins:update hello
    2>  !    Until then, commands that need plugins are refused; plugins:update, plugins:remove, apps, config, releases, ps, logs and status work.
    [exit 1]

    $ slugline plugins:remove hello
    Removing hello... done

    $ slugline config:add A=1
    Adding config vars:
      A => 1
    Updating vars and restarting app... done, v1

    $ slugline plugins:install hello.tgz --yes
    Installing hello... done
    2> === hello 1.0.0
    2> Says hello.
    2> Add-ons:     hello
    2> Permissions: run sh
    2> Digest:      sha256:DIGEST
    2> Undo: slugline plugins:remove hello

    $ slugline addons:add hello:hello
    Adding hello:hello to myapp... done, v2 (free)
    2> Started `slugline serve` in the background: http://localhost:PORT

    $ slugline plugins:install nowhere
    2>  !    cannot use nowhere: No such file or directory (os error 2)
    [exit 1]

    $ slugline plugins:install hello/init.lua --yes
    2>  !    cannot use hello/init.lua: failed to read entire block
    [exit 1]
    ");
}

#[test]
fn a_release_tells_which_plugins_took_part_and_of_which_files() {
    let environment = with_app(Some("releases:advanced"));
    write(&environment, MANIFEST, SCRIPT);
    let plugins = |version: &str| {
        let info = environment.run(["releases:info", version, "--json"]);
        info.success().json()["plugins"].clone()
    };
    let yes = ["plugins:install", "hello", "--yes"];
    let _ = environment.run(yes).success();
    let _ = environment.run(["addons:add", "hello:hello"]).success();
    let _ = environment.run(["config:add", "A=1"]).success();
    let _ = environment.run(["rollback"]).success();
    let lock = std::fs::read_to_string(environment.home().join("plugins.lock")).unwrap();
    let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
    let digest = &lock["plugins"]["hello"]["digest"];
    let hello = serde_json::json!([{ "name": "hello", "version": "1.0.0", "digest": digest }]);
    assert_eq!(plugins("v1"), hello);
    assert_eq!(plugins("v2"), serde_json::json!([]));
    let tier = plugins("v3");
    assert_eq!(tier[0]["name"], "releases");
    assert!(tier[0]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(tier.as_array().unwrap().len(), 1);
}

#[test]
fn a_check_that_fails_refuses_unless_the_operator_says_otherwise() {
    let environment = with_app(None);
    let guard = "name: guard\nversion: 1.0.0\napi: 1\nsummary: Guards.\nentry: init.lua\n\
                 hooks: [release.check]\n";
    let script = "slugline.on('release.check', function(change)\n\
        if change.change == 'Config add B' then slugline.deny('not B') end\nerror('oh')\nend)\n";
    environment.write_file("guard/plugin.yaml", guard);
    environment.write_file("guard/init.lua", script);
    let set = |text: &str| {
        let settings = environment.home().join("plugins/guard/settings.yaml");
        std::fs::write(settings, text).unwrap();
    };
    let _ = environment
        .run(["plugins:install", "guard", "--yes"])
        .success();
    let refused = environment.run(["config:add", "A=1"]);
    set("on_error: allow\n");
    let rest = [
        environment.run(["config:add", "A=1", "--dry-run"]),
        environment.run(["config:add", "A=1"]),
        environment.run(["config:add", "B=1"]),
    ];
    assert_snapshot!(story([refused].into_iter().chain(rest)), @r"
    $ slugline config:add A=1
    2>  !    guard: the plugin guard failed in release.check: init.lua:3: oh
    [exit 1]

    $ slugline config:add A=1 --dry-run
    Would make v1 of myapp: Config add A
      config  + A
    2>  !    the plugin guard failed in release.check: init.lua:3: oh; it lets changes through (on_error: allow)
    2> Nothing has been changed.

    $ slugline config:add A=1
    Adding config vars:
      A => 1
    Updating vars and restarting app... done, v1
    2>  !    the plugin guard failed in release.check: init.lua:3: oh; it lets changes through (on_error: allow)

    $ slugline config:add B=1
    2>  !    guard: not B
    [exit 1]
    ");
    set("on_error: yes\n");
    let output = environment.run(["config:add", "A=2"]).fails(1);
    assert!(
        output
            .stderr
            .contains("on_error in settings.yaml is refuse or allow"),
        "{output}"
    );
}
