//! `docs/lua-reference.md` against the type definitions and the manifest's keys: every definition is
//! on the page once, in its place. `UPDATE=1` writes the page.

#![cfg(test)]
use std::fmt::Write as _;
use std::path::Path;

use slugline_plugin_api::manifest::SHAPE;
use slugline_plugin_api::shape::Shape;
use slugline_plugin_host::DEFINITIONS;

/// The page, but for what is put in for the words in angle brackets.
const PAGE: &str = include_str!("lua_page.md");

/// One block of the definitions: what it declares first, its comment as prose, and its code.
fn block(text: &str) -> Option<(&str, String)> {
    let comments = text.lines().take_while(|line| line.starts_with("--"));
    let prose: Vec<&str> = comments
        .map(|line| line.trim_start_matches("-- "))
        .collect();
    let code: Vec<&str> = text.lines().skip(prose.len()).collect();
    let declared = code.first()?.split(['=', ':']).next()?;
    let name = declared.split_whitespace().last()?;
    let mut shown = prose.join("\n");
    if !shown.is_empty() {
        shown.push_str("\n\n");
    }
    write!(shown, "```luau\n{}\n```\n", code.join("\n")).unwrap();
    Some((name, shown))
}

/// What a key is for. One that is added to the manifest is missed here.
fn meaning(key: &str) -> &'static str {
    match key {
        "name" => "1 to 40 lower-case letters, digits, `-` and `_`; required",
        "version" => "the plugin's own, for people: 1 to 40 characters; required",
        "api" => "the version of the plugin API that it was written for: 1; required",
        "summary" => "one line for people; required",
        "entry" => {
            "the file beside the manifest: `init.lua`, a library `libNAME.so`, or the add-on manifest \
             of a Heroku partner, which ends in `.json`; required"
        }
        "permissions" => "what it may do; nothing is allowed that is not listed",
        "permissions.run" => "programs that the server of a resource may start, by bare name",
        "permissions.http" => {
            "whom it may call: `HOST`, `HOST:PORT`, or `options.NAME` for the host and port of the \
             URL that a person gave as that option"
        }
        "permissions.smtp" => "`true`: mail through the operator's server",
        "permissions.store" => "`true`: values of its own, kept by Slugline",
        "permissions.folder" => "`true`: a private folder for each resource",
        "addons" => "the add-ons that it provides, by service",
        "addons.SERVICE.default" => "the plan that is taken where none is named; one of `plans`",
        "addons.SERVICE.config" => "the config vars that it may lend, and no others",
        "addons.SERVICE.summary" => "one line; the plugin's own where there is none",
        "addons.SERVICE.plans" => "its plans, by the part after the colon; at least one",
        "addons.SERVICE.plans.PLAN.price" | "tiers.NAME.price" => {
            "`free`, `$20/mo` or `$7.50/mo`; required"
        }
        "addons.SERVICE.plans.PLAN.summary" | "tiers.NAME.summary" => "one line",
        "hooks" => {
            "those that it listens to: `release.check`, `billing.check`, `rollback.check`, \
             `release.watch`, `release.created`, `release.failed`, `addon.changed`"
        }
        "tiers" => "the release tiers that it backs, by the part after `releases:`",
        key => panic!("what is {key}?"),
    }
}

fn rows(out: &mut String, shape: &Shape, place: &str) {
    let below = |key: &str| match place {
        "" => key.to_owned(),
        place => format!("{place}.{key}"),
    };
    match shape {
        Shape::Value => {}
        Shape::Map(each) => {
            let chosen = match place {
                "addons" => "SERVICE",
                "addons.SERVICE.plans" => "PLAN",
                _ => "NAME",
            };
            rows(out, each, &below(chosen));
        }
        Shape::Fields(fields) => {
            for (key, behind) in *fields {
                let place = below(key);
                writeln!(out, "| `{place}` | {} |", meaning(&place)).unwrap();
                rows(out, behind, &place);
            }
        }
    }
}

fn page() -> String {
    let mut page = PAGE.to_owned();
    let mut put = |name: &str, text: &str| {
        let word = format!("<{name}>\n");
        assert_eq!(
            page.matches(&word).count(),
            1,
            "<{name}> is on the page once"
        );
        page = page.replace(&word, text);
    };
    let mut keys = String::new();
    rows(&mut keys, &SHAPE, "");
    put("keys", &keys);
    for text in DEFINITIONS.split("\n\n").map(str::trim) {
        // The head of the file declares nothing.
        if let Some((name, shown)) = block(text) {
            put(name, &format!("{shown}\n"));
        }
    }
    while page.contains("\n\n\n") {
        page = page.replace("\n\n\n", "\n\n");
    }
    page
}

#[test]
fn the_page_shows_the_definitions_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lua-reference.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    if std::fs::read_to_string(&path).unwrap_or_default() != page {
        panic!(
            "docs/lua-reference.md is out of date: UPDATE=1 cargo test -p slugline-plugin-host --test lua_page"
        );
    }
}
