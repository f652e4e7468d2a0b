//! The real Heroku CLI, as npm has it, against `slugline serve`: what people who come from Heroku type, and
//! what they see. The transcript is `docs/heroku-transcript.md`, and the table in
//! `docs/coming-from-heroku.md` is made of it: `UPDATE=1 cargo test -p slugline-tests --test heroku_cli`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod heroku_kit;

use heroku_kit::page::{docs, forgotten, is_kept, transcript, with_table};
use heroku_kit::story::{Chapter, STORY};
use heroku_kit::{Person, Told, replaced};
use slugline_testkit::environment::TestEnvironment;
use slugline_tests::repository;

/// An app that serves, and has something to scale beside it.
const PROCFILE: &str =
    "web: touch index.html; exec \"$SLUGLINE_BIN\" static .\nworker: exec sleep 1000\n";

/// One person types these chapters, on a machine of their own.
fn typed(chapters: &[Chapter]) -> Vec<Told> {
    let environment = TestEnvironment::new();
    let caller = environment.caller().with("SLUGLINE_WEBHOOKS", "any");
    let _serving = caller.serve();
    let _ = environment.run(["apps:create", "shop"]).success();
    let shop = ["addons:add", "releases:advanced", "--app", "shop"];
    let _ = environment.run(shop).success();
    environment.write_file("source/Procfile", PROCFILE);
    let commit = format!("{:0<40}", "8c2a1f0");
    let words = ["deploy", "source", "--commit", &commit, "--app", "shop"];
    let _ = environment.run(words).success();
    repository(&environment, PROCFILE);
    let mut person = Person::new(&environment);
    for (chapter, commands) in chapters {
        for words in *commands {
            person.types(chapter, words);
        }
    }
    person.transcript
}

/// The chapters in two halves of about as many commands.
fn halves() -> (&'static [Chapter], &'static [Chapter]) {
    let all: usize = STORY.iter().map(|(_, commands)| commands.len()).sum();
    let mut before = 0;
    let first = STORY.iter().take_while(|(_, commands)| {
        before += commands.len();
        2 * before <= all + commands.len()
    });
    STORY.split_at(first.count())
}

#[test]
fn who_comes_from_heroku_types_what_they_always_typed() {
    // Node.js needs a core for each command: two people are as many as there are cores, mostly.
    let (first, second) = halves();
    let told = std::thread::scope(|scope| {
        let second = scope.spawn(|| typed(second));
        let mut told = typed(first);
        told.extend(second.join().expect("the second half is told"));
        told
    });
    assert!(told.len() >= 115, "only {} commands", told.len());
    let none: [String; 0] = [];
    assert_eq!(forgotten(&told), none, "of these nothing is said");
    is_kept("heroku-transcript.md", &transcript(&told));
    let page = std::fs::read_to_string(docs("coming-from-heroku.md")).unwrap_or_default();
    is_kept("coming-from-heroku.md", &with_table(&page, &told));
}

#[test]
fn shapes_are_replaced_wherever_they_are() {
    let text = "é at 2026/11/23 18:49:30 +0000 (~ 2s ago), 0dc33ad5-6db6-8b0d-8000-000000000002";
    let text = replaced(text, "9999/99/99 99:99:99 +9999", "TIME");
    let text = replaced(&text, " (~ 9s ago)", "");
    let text = replaced(&text, "########-####-####-####-############", "UUID");
    assert_eq!(text, "é at TIME, UUID");
}
