//! The operations that are tried, each with what comes before it. It must not know what goes wrong.

use crate::model::{Command, Half, Number, Verb};
use crate::world::Fails;

/// The app.
pub(super) const APP: &str = "shop";

/// An operation, and what the app is before it.
pub(super) struct Operation {
    pub(super) name: &'static str,
    before: Vec<Command>,
    pub(super) command: Command,
}

impl Operation {
    pub(super) fn setup(&self) -> Vec<Command> {
        self.before.clone()
    }
}

/// A command that depends on nothing.
pub(super) fn command(verb: Verb) -> Command {
    Command {
        app: APP,
        actor: "jim@example.com",
        verb,
        id: 0,
        confirmed: true,
        guess: None,
        fails: None,
    }
}

fn set(key: &'static str, value: &str) -> Verb {
    Verb::Set(vec![(key, value.to_owned())])
}

fn back(target: Option<Number>, half: Option<Half>, pin: bool) -> Verb {
    Verb::Rollback { target, half, pin }
}

/// An app that has had two deploys and has an add-on: v4 is current.
fn usual() -> Vec<Command> {
    let all = vec![
        Verb::Create,
        Verb::Add("releases:advanced"),
        Verb::Deploy(1),
        Verb::Add("memcache"),
        set("A", "1"),
        Verb::Deploy(2),
    ];
    all.into_iter().map(command).collect()
}

fn after(verbs: Vec<Verb>) -> Vec<Command> {
    usual()
        .into_iter()
        .chain(verbs.into_iter().map(command))
        .collect()
}

/// One whose release phase fails.
fn unreleased(name: &'static str, verb: Verb) -> Operation {
    let command = Command {
        fails: Some(Fails::Release),
        ..command(verb)
    };
    let before = usual();
    Operation {
        name,
        before,
        command,
    }
}

pub(super) fn all() -> Vec<Operation> {
    let of = |name, before: Vec<Command>, verb| Operation {
        name,
        before,
        command: command(verb),
    };
    let crashing = |name, before: Vec<Command>, verb| Operation {
        command: Command {
            fails: Some(Fails::Launch),
            ..command(verb)
        },
        ..of(name, before, Verb::Create)
    };
    let bare = || vec![command(Verb::Create)];
    let late = Command {
        fails: Some(Fails::Keep),
        ..command(Verb::Upgrade("releases:none"))
    };
    vec![
        of("create", Vec::new(), Verb::Create),
        of("destroy", after(vec![Verb::Add("db")]), Verb::Destroy),
        of("first deploy", bare(), Verb::Deploy(1)),
        of("deploy", usual(), Verb::Deploy(3)),
        unreleased("deploy, release phase fails", Verb::Deploy(3)),
        unreleased("addons:add, release phase fails", Verb::Add("db")),
        of("config:add", usual(), set("B", "2")),
        of("config:remove", usual(), Verb::Unset(vec!["A"])),
        of("addons:add", usual(), Verb::Add("db")),
        of("addons:add, no code", bare(), Verb::Add("db")),
        of("addons:remove", usual(), Verb::Remove("memcache")),
        of("addons:upgrade", usual(), Verb::Upgrade("memcache:100mb")),
        of(
            "addons:downgrade",
            after(vec![Verb::Upgrade("memcache:100mb")]),
            Verb::Downgrade("memcache:free"),
        ),
        of("rollback", usual(), back(None, None, false)),
        of("rollback --pin", usual(), back(None, None, true)),
        of(
            "rollback --code-only",
            usual(),
            back(Some(Number::Back(2)), Some(Half::Code), false),
        ),
        of(
            "rollback --config-only",
            usual(),
            back(Some(Number::Back(2)), Some(Half::Config), false),
        ),
        of(
            "rollback --unpin",
            after(vec![back(None, None, true)]),
            Verb::Unpin,
        ),
        of("first tier", bare(), Verb::Add("releases:basic")),
        of("smaller tier", usual(), Verb::Upgrade("releases:none")),
        of("no tier", usual(), Verb::Remove("releases")),
        of("releases:pin", usual(), Verb::Keep(Number::Back(2), true)),
        of(
            "releases:prune",
            usual().into_iter().chain([late]).collect(),
            Verb::Prune,
        ),
        of("restart", usual(), Verb::Restart),
        crashing("first deploy that crashes", bare(), Verb::Deploy(1)),
        crashing("deploy that crashes", usual(), Verb::Deploy(3)),
        crashing("addons:add that crashes", usual(), Verb::Add("db")),
        crashing(
            "addons:upgrade that crashes",
            usual(),
            Verb::Upgrade("memcache:100mb"),
        ),
        crashing(
            "addons:remove that crashes",
            usual(),
            Verb::Remove("memcache"),
        ),
        crashing("restart that crashes", usual(), Verb::Restart),
    ]
}
