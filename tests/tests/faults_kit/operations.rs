//! The operations that are ended at each of their calls: from where each begins, and what it may say
//! when it is given again after it was done. It must not know what is checked.

use super::shim::Process;
use super::world::World;

/// One operation.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// What is there before.
    pub(crate) prepare: fn(&World),
    /// The command: the words of `slugline`, or `git` and its words.
    pub(crate) words: &'static [&'static str],
    /// Which process is ended.
    pub(crate) process: Process,
    /// Whether a daemon runs before.
    pub(crate) daemon: bool,
    /// How the same command may refuse once it was done.
    pub(crate) again: &'static [&'static str],
    /// Whether it creates the app, so that the next command must not be about it.
    pub(crate) creates: bool,
    /// Whether it destroys the app, so that the next command may find it gone.
    pub(crate) destroys: bool,
    /// Whether it is about the newest release, so that it is refused after the next command.
    pub(crate) lapses: bool,
    /// Whether it makes the home, so that there is no next command but itself.
    pub(crate) restores: bool,
}

/// A page that tells which release it is from.
pub(crate) const WEB: &str = "web: echo \"$GREETING from $SLUGLINE_RELEASE_VERSION\" > index.html \
                   && exec \"$SLUGLINE_BIN\" static .\n";

fn nothing(_: &World) {}

/// An app without a release, tier or code.
fn bare(world: &World) {
    world.does(&["apps:create", "myapp", "--no-remote"]);
    world.env.write_file("one/Procfile", WEB);
}

/// An app with a tier and config, without code.
fn quiet(world: &World) {
    bare(world);
    world.does(&["addons:add", "releases:advanced"]);
    world.does(&["config:add", "GREETING=hello", "COLOR=red"]);
    world.provider.install(&world.env);
}

/// An app that serves, after two deploys and a change of its config: v4.
fn serving(world: &World) {
    quiet(world);
    world.does(&[
        "deploy",
        "one",
        "--commit",
        "1111111111111111111111111111111111111111",
    ]);
    world.env.write_file("two/Procfile", WEB);
    world.env.write_file("two/a/file", "of the second");
    world.does(&[
        "deploy",
        "two",
        "--commit",
        "2222222222222222222222222222222222222222",
    ]);
    world.does(&["config:add", "GREETING=good day"]);
    world.env.write_file("three/Procfile", WEB);
    world.env.write_file("three/page.txt", "of the third");
}

/// The same with an add-on of the test's own: v5.
fn with_vault(world: &World) {
    serving(world);
    world.does(&["addons:add", "vault:small"]);
}

/// The same with a real server too: v6.
fn with_servers(world: &World) {
    with_vault(world);
    world.does(&["addons:add", "memcache"]);
}

/// An app on a tier that keeps two, which keeps a third since it was pinned until just now.
fn prunable(world: &World) {
    serving(world);
    world.does(&["releases:pin", "v1"]);
    world.does(&["addons:downgrade", "releases:basic", "--confirm", "myapp"]);
    world.does(&["releases:unpin", "v1"]);
}

/// An app on a tier that keeps two.
fn rolled_back(world: &World) {
    serving(world);
    world.does(&["rollback", "v2", "--pin"]);
}

/// With a pin, and a script that is no tier yet.
fn with_script(world: &World) {
    serving(world);
    world.does(&["releases:pin", "v1"]);
    let script = "local tier = slugline.tier(\"third\")\n\
                  function tier.keep(history) return history end\n";
    world.env.write_file("third.lua", script);
}

/// A history in a file, and no app.
fn exported(world: &World) {
    quiet(world);
    world.does(&["config:add", "GREETING=good day"]);
    world.does(&["export", "--json", "history.json"]);
    world.does(DESTROY);
}

/// A backup, and no home.
fn backed_up(world: &World) {
    quiet(world);
    world.does(&["backup", "saved.tar"]);
    std::fs::remove_dir_all(world.env.home()).expect("nobody uses it");
}

/// Code with a release command, not deployed yet.
fn migrating(world: &World) {
    serving(world);
    with_release(world, "echo moving");
}

fn with_release(world: &World, command: &str) {
    let procfile = format!("release: {command}\n{WEB}");
    world.env.write_file("three/Procfile", procfile);
}

/// Deployed in v5, and again in v6, whose release command failed and does so only there.
fn stuck(world: &World) {
    serving(world);
    with_release(world, "test $SLUGLINE_RELEASE_VERSION != v6");
    world.does(DEPLOY);
    let again = [
        "deploy",
        "three",
        "--commit",
        "4444444444444444444444444444444444444444",
    ];
    let failed = world.run(&again);
    assert!(!failed.good(), "{failed}");
}

/// A certificate that is not added yet.
fn certified(world: &World) {
    serving(world);
    let made = rcgen::generate_simple_self_signed(["www.example.com".to_owned()]);
    let made = made.expect("a certificate can be made");
    world.env.write_file("cert.pem", made.cert.pem());
    world
        .env
        .write_file("key.pem", made.signing_key.serialize_pem());
}

/// A clone whose commit is not pushed yet.
fn cloned(world: &World) {
    serving(world);
    for words in [
        &["git", "init", "--quiet", "--initial-branch=main"][..],
        &["git:remote"],
        &["git", "add", "three"],
        &["git", "mv", "three/Procfile", "Procfile"],
        &["git", "commit", "--quiet", "-m", "The third"],
    ] {
        world.does(words);
    }
}

const fn of(name: &'static str, prepare: fn(&World), words: &'static [&'static str]) -> Operation {
    Operation {
        name,
        prepare,
        words,
        process: Process::Command,
        daemon: false,
        again: &[],
        creates: false,
        destroys: false,
        lapses: false,
        restores: false,
    }
}

const fn served(operation: Operation) -> Operation {
    Operation {
        daemon: true,
        ..operation
    }
}

const fn by(process: Process, operation: Operation) -> Operation {
    Operation {
        process,
        ..operation
    }
}

const fn refused(again: &'static [&'static str], operation: Operation) -> Operation {
    Operation { again, ..operation }
}

const fn creates(operation: Operation) -> Operation {
    Operation {
        creates: true,
        destroys: false,
        ..operation
    }
}

const ADDED: &[&str] = &["add-on already added"];
const DEPLOY: &[&str] = &[
    "deploy",
    "three",
    "--commit",
    "3333333333333333333333333333333333333333",
];
const DESTROY: &[&str] = &["apps:destroy", "--confirm", "myapp"];

/// All of them.
pub(crate) const OPERATIONS: &[Operation] = &[
    served(of("deploy", serving, DEPLOY)),
    of("deploy, no daemon", serving, DEPLOY),
    refused(
        &["Everything up-to-date"],
        served(by(
            Process::Hook,
            of("git push", cloned, &["git", "push", "slugline", "main"]),
        )),
    ),
    served(refused(
        ADDED,
        of("addons:add vault", serving, &["addons:add", "vault:small"]),
    )),
    served(refused(
        ADDED,
        of("addons:add memcache", serving, &["addons:add", "memcache"]),
    )),
    served(of(
        "addons:upgrade",
        with_vault,
        &["addons:upgrade", "vault:large"],
    )),
    served(refused(
        &["is not added to this app"],
        of(
            "addons:remove",
            with_vault,
            &["addons:remove", "vault", "--confirm", "myapp"],
        ),
    )),
    served(of(
        "addons:downgrade releases:basic",
        serving,
        &["addons:downgrade", "releases:basic", "--confirm", "myapp"],
    )),
    served(refused(
        &["no app"],
        Operation {
            destroys: true,
            ..of("apps:destroy", with_servers, DESTROY)
        },
    )),
    of(
        "first deploy",
        bare,
        &[
            "deploy",
            "one",
            "--commit",
            "1111111111111111111111111111111111111111",
        ],
    ),
    served(of(
        "config:add",
        serving,
        &["config:add", "GREETING=bye", "SHAPE=round"],
    )),
    of(
        "config:add, nothing runs",
        quiet,
        &["config:add", "GREETING=bye", "SHAPE=round"],
    ),
    served(of("deploy, release phase", migrating, DEPLOY)),
    served(refused(
        &["did not fail: there is nothing to retry"],
        Operation {
            lapses: true,
            ..of("releases:retry", stuck, &["releases:retry"])
        },
    )),
    served(of("ps:scale", serving, &["ps:scale", "web=2"])),
    of("ps:scale, no daemon", serving, &["ps:scale", "web=2"]),
    served(of(
        "domains:add",
        serving,
        &["domains:add", "www.example.com"],
    )),
    served(of("maintenance:on", serving, &["maintenance:on"])),
    served(of(
        "drains:add",
        serving,
        &["drains:add", "syslog://127.0.0.1:9"],
    )),
    served(of("preboot", serving, &["preboot", "off"])),
    served(of(
        "certs:add",
        certified,
        &["certs:add", "www.example.com", "cert.pem", "key.pem"],
    )),
    served(of("config:remove", serving, &["config:remove", "COLOR"])),
    served(of("rollback", serving, &["rollback", "v2"])),
    served(of(
        "rollback --code-only",
        serving,
        &["rollback", "v2", "--code-only"],
    )),
    served(of(
        "rollback --config-only",
        serving,
        &["rollback", "v2", "--config-only"],
    )),
    refused(
        &["No rolled-back code is pinned"],
        of("rollback --unpin", rolled_back, &["rollback", "--unpin"]),
    ),
    served(of("restart", serving, &["restart"])),
    of("restart, no daemon", with_servers, &["restart"]),
    by(
        Process::Serve,
        of("serve, as it starts", with_servers, &["restart"]),
    ),
    by(Process::Serve, of("serve, in a deploy", serving, DEPLOY)),
    refused(
        ADDED,
        of(
            "addons:add releases:basic",
            bare,
            &["addons:add", "releases:basic"],
        ),
    ),
    of("releases:pin", serving, &["releases:pin", "v1"]),
    of("releases:unpin", with_script, &["releases:unpin", "v1"]),
    refused(
        &["There is a tier releases:third already"],
        of(
            "tiers:add",
            with_script,
            &["tiers:add", "third", "third.lua"],
        ),
    ),
    of(
        "releases:prune",
        prunable,
        &["releases:prune", "--confirm", "myapp"],
    ),
    served(of("keys:rotate", with_vault, &["keys:rotate"])),
    of("keys:rotate, no daemon", quiet, &["keys:rotate"]),
    served(of("gc", prunable, &["gc"])),
    served(refused(
        &["is there already"],
        of("backup", serving, &["backup", "saved.tar"]),
    )),
    refused(
        &["is not empty"],
        Operation {
            restores: true,
            ..of("restore", backed_up, &["restore", "saved.tar"])
        },
    ),
    creates(refused(
        &["there is already an app myapp"],
        of("import", exported, &["import", "history.json"]),
    )),
    creates(refused(
        &["there is already an app myapp"],
        of(
            "apps:create",
            nothing,
            &["apps:create", "myapp", "--no-remote"],
        ),
    )),
];
