//! The pages of the docs that are made of what was typed and seen. It must not know how it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::elsewhere::{ELSEWHERE, commands};
use super::{CLI, Told};

pub(crate) fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name)
}

/// Compares what is made with what is checked in, or writes it.
#[track_caller]
pub(crate) fn is_kept(name: &str, made: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(docs(name), made).expect("the docs can be written");
    }
    let kept = std::fs::read_to_string(docs(name)).unwrap_or_default();
    let differs = kept
        .lines()
        .zip(made.lines())
        .find(|(kept, made)| kept != made);
    let (was, is) = differs.unwrap_or(("its end", "its end"));
    assert!(
        kept == made,
        "docs/{name} has\n  {was}\nnot\n  {is}\nUPDATE=1 writes it anew"
    );
}

pub(crate) fn transcript(told: &[Told]) -> String {
    let mut text = format!(
        "# What Heroku's CLI prints\n\n`{CLI}` against `slugline serve`, command by command, as a test ran them. \
         What the command printed to standard\nerror has `2>` before it. [How to set it up](coming-from-heroku.md).\n"
    );
    let mut chapter = "";
    for one in told {
        if one.chapter != chapter {
            chapter = one.chapter;
            let _ = write!(text, "\n## {chapter}\n");
        }
        let _ = write!(text, "\n```console\n$ {}\n", one.words);
        if !one.text.is_empty() {
            let _ = writeln!(text, "{}", one.text);
        }
        if one.status != 0 {
            let _ = writeln!(text, "[exit {}]", one.status);
        }
        text.push_str("```\n");
    }
    text
}

/// The lines between which the table stands.
const MARKS: [&str; 2] = ["<!-- the table begins -->\n", "<!-- the table ends -->\n"];

/// The page with the table that was made, in place of the one that it has.
pub(crate) fn with_table(page: &str, told: &[Told]) -> String {
    let (before, rest) = page.split_once(MARKS[0]).unwrap_or((page, ""));
    let after = rest.split_once(MARKS[1]).map_or("", |(_, after)| after);
    let mut rows: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for one in told {
        let Some(name) = name(&one.words) else {
            continue;
        };
        let row = rows.entry(name.to_owned()).or_default();
        match one.status {
            0 => row.0 += 1,
            _ => row.1 += 1,
        }
    }
    let mut table =
        "| command | tried | did it | refused, with the reason |\n|---|--:|--:|--:|\n".to_owned();
    for (name, (done, refused)) in &rows {
        let tried = done + refused;
        let _ = writeln!(table, "| `heroku {name}` | {tried} | {done} | {refused} |");
    }
    table.push_str("\nAnd what was not tried, or is elsewhere:\n\n| commands | |\n|---|---|\n");
    for (begins, why) in ELSEWHERE {
        let names: Vec<_> = begins.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(table, "| {} | {why} |", names.join(", "));
    }
    format!("{before}{}{table}{}{after}", MARKS[0], MARKS[1])
}

/// The command without its arguments; `None` where it is none of Heroku's.
fn name(words: &str) -> Option<&str> {
    let piped = words.split_once("| heroku ").map(|(_, rest)| rest);
    words.strip_prefix("heroku ").or(piped)?.split(' ').next()
}

/// Those of the CLI's commands of which nothing is said.
pub(crate) fn forgotten(told: &[Told]) -> Vec<String> {
    let tried: Vec<_> = told.iter().filter_map(|one| name(&one.words)).collect();
    let is_elsewhere = |command: &str| {
        let mut all = ELSEWHERE.iter().flat_map(|(begins, _)| *begins);
        all.any(|begins| match begins.strip_suffix(":*") {
            Some(topic) => command == topic || command.starts_with(&format!("{topic}:")),
            None => command == *begins,
        })
    };
    let all = commands().into_iter().filter(|names| {
        let known = names.iter().any(|name| tried.contains(&name.as_str()));
        !known && !names.iter().any(|name| is_elsewhere(name))
    });
    all.map(|names| names.join(" ")).collect()
}
