//! `docs/plugin-protocol.md` against the types: each message is written from an example of it, and
//! the page must be the same. `UPDATE=1` writes the page.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use slugline_plugin_api::example;
use slugline_plugin_api::hook::Hook;
use slugline_plugin_api::message::{Reply, Request};
use slugline_plugin_api::protocol::{Answer, FromPlugin, Problem, Question, ToPlugin};
use slugline_plugin_api::sdk::Asked;

/// The page, but for the examples, which are put in for the words in angle brackets.
const PAGE: &str = include_str!("protocol_page.md");

/// The value as JSON, which reads back as the same.
fn json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *value, "{text}");
    text
}

fn example(page: &mut String, heading: &str, json: &str) {
    write!(page, "### {heading}\n\n```json\n{json}\n```\n\n").unwrap();
}

/// What a frame is called. A kind that is added is missed here by the compiler.
fn to_plugin_name(frame: &ToPlugin<'_>) -> &'static str {
    match frame {
        ToPlugin::Hello(_) => "`hello`: the first frame",
        ToPlugin::Load(_) => "`load`: the plugin to load",
        ToPlugin::Call(_) => "`call`: a hook is due",
        ToPlugin::Answer(_) => "`answer`: to what was asked last",
    }
}

fn from_plugin_name(frame: &FromPlugin) -> &'static str {
    match frame {
        FromPlugin::Hello(_) => "`hello`: the answer to a hello",
        FromPlugin::Loaded(_) => "`loaded`: the plugin can be called",
        FromPlugin::Ask(_) => "`ask`: a question, during a call",
        FromPlugin::Reply(_) => "`reply`: the call has ended",
        FromPlugin::Failed(Problem::Late) => "`failed`: it took too long",
        FromPlugin::Failed(Problem::Memory) => "`failed`: it wanted too much memory",
        FromPlugin::Failed(Problem::Error(_)) => "`failed`: anything else",
    }
}

fn reply_name(reply: &Reply) -> &'static str {
    match reply {
        Reply::Done => "`done`: heard, and nothing is forbidden",
        Reply::Good => "`good`: a release that is watched is good, and need not be asked for again",
        Reply::Denied(_) => {
            "`denied`: forbidden, or a release that is watched is bad; with the reason for the person"
        }
        Reply::Provision(_) => "`provision`: a resource",
        Reply::Kept(_) => "`kept`: what a tier keeps",
    }
}

fn service_name(question: &Question) -> &'static str {
    match question {
        Question::Log(_) => "`log`",
        Question::Port(_) => "`port`: in a provision or a change of plan",
        Question::Http(_) => "`http.request`: with `permissions.http`",
        Question::Mail(_) => "`smtp.send`: with `permissions.smtp`",
        Question::Get(_) => "`store.get`: with `permissions.store`",
        Question::Set(_) => "`store.set`: with `permissions.store`",
        Question::Delete(_) => "`store.delete`: with `permissions.store`; here it is not granted",
        Question::List(_) => "`store.list`: with `permissions.store`",
        Question::Folder(_) => {
            "`folder`: with `permissions.folder`, in a provision or a change of plan"
        }
        Question::Read(_) => "`folder.read`: like `folder`",
        Question::Write(_) => "`folder.write`: like `folder`",
    }
}

fn page() -> String {
    let (mut to, mut from, mut requests) = (String::new(), String::new(), String::new());
    for frame in example::to_plugin() {
        example(&mut to, to_plugin_name(&frame), &json(&frame));
    }
    for frame in example::from_plugin() {
        example(&mut from, from_plugin_name(&frame), &json(&frame));
    }
    for hook in Hook::ALL {
        let request: Request = example::request(hook);
        assert_eq!(request.hook(), hook);
        example(&mut requests, &format!("`{hook}`"), &json(&request));
    }
    let (mut replies, mut services) = (String::new(), String::new());
    for reply in example::replies() {
        example(&mut replies, reply_name(&reply), &json(&reply));
    }
    for (question, answer) in example::services() {
        let both: (String, String) = (json::<Question>(&question), json::<Answer>(&answer));
        let heading = service_name(&question);
        write!(
            services,
            "### {heading}\n\n```json\n{}\n```\n\n```json\n{}\n```\n\n",
            both.0, both.1
        )
        .unwrap();
    }
    let asked = json(&Asked {
        request: example::request(Hook::ReleaseCheck),
        settings: example::settings(),
    });
    let mut page = PAGE.to_owned();
    for (word, text) in [
        ("<to>", to),
        ("<from>", from),
        ("<requests>", requests),
        ("<replies>", replies),
        ("<services>", services),
        ("<asked>", format!("```json\n{asked}\n```")),
    ] {
        assert_eq!(page.matches(word).count(), 1, "{word}");
        page = page.replace(word, text.trim_end());
    }
    page
}

#[test]
fn the_page_shows_the_messages_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugin-protocol.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written != page {
        panic!(
            "docs/plugin-protocol.md is out of date: UPDATE=1 cargo test -p slugline-plugin-api"
        );
    }
}
