//! What the manuals quote as said by the program is what the program says: each message of a chapter
//! on troubleshooting is found in the sources. It must not know what any of them means.

#![cfg(test)]

use std::path::{Path, PathBuf};

/// All sources that can say something, but for tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_test = name.contains("tests") || name == "sample" || name == "benches";
        if path.is_dir() && !is_test && name != "target" {
            sources(&path, found);
        } else if !is_test && (name.ends_with(".rs") || name.ends_with(".lua")) {
            found.push(path);
        }
    }
}

/// The text of a source up to its tests, with the lines of a text joined as the compiler joins them.
fn said(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut parts = text.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |joined, part| joined + part.trim_start())
}

/// The messages of a page's chapter on troubleshooting: the first cell of each row of its tables.
fn quoted(page: &str) -> Vec<&str> {
    let (_, chapter) = page.split_once("\n## Troubleshooting\n").unwrap();
    let chapter = chapter.split("\n## ").next().unwrap();
    let rows = chapter.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split_once("` |").unwrap().0).collect()
}

/// Whether one source says all parts of the message, in their order.
fn is_said(message: &str, sources: &[String]) -> bool {
    let parts = message.split('…').map(str::trim);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let longest = parts.iter().map(|part| part.len()).max().unwrap();
    assert!(longest > 8, "{message:?} could be anything");
    sources.iter().any(|source| {
        source.match_indices(parts[0]).any(|(from, _)| {
            let mut rest: String = source[from..].chars().take(300).collect();
            parts.iter().all(|part| match rest.split_once(part) {
                Some((_, behind)) => {
                    rest = behind.to_owned();
                    true
                }
                None => false,
            })
        })
    })
}

fn all() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files);
    sources(&root.join("plugins"), &mut files);
    files.iter().map(|file| said(file)).collect()
}

#[test]
fn what_is_quoted_is_said() {
    let sources = all();
    let check = |page: &str, least: usize| {
        let messages = quoted(page);
        assert!(messages.len() >= least, "{}", messages.len());
        let unsaid = messages.iter().filter(|one| !is_said(one, &sources));
        assert_eq!(unsaid.collect::<Vec<_>>(), Vec::<&&str>::new());
    };
    check(include_str!("../../docs/guide.md"), 30);
    check(include_str!("../../docs/vendor-manual.md"), 15);
}

#[test]
fn what_nobody_says_is_found() {
    let sources = all();
    assert!(is_said(
        "the … buildpack failed (…); nothing has been changed",
        &sources
    ));
    assert!(!is_said(
        "the … buildpack failed (…); all has been changed",
        &sources
    ));
    assert!(!is_said(
        "nothing has been changed; the … buildpack failed",
        &sources
    ));
}
