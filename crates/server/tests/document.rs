//! The document that describes the API is the one that is checked in. It must not know any route.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn the_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let current = slugline_server::open_api() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == current,
        "docs/openapi.json is old: UPDATE=1 cargo test -p slugline-server --test document"
    );
}

/// The document knows a shape by its name alone: of two with one name it would describe the last.
#[test]
fn no_two_shapes_have_one_name() {
    let mut seen = BTreeSet::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for described in text.split("#[derive(").skip(1) {
            if !described.split(']').next().unwrap().contains("ToSchema") {
                continue;
            }
            let words: Vec<_> = described.split_whitespace().collect();
            let at = words
                .iter()
                .position(|word| ["struct", "enum"].contains(word));
            let name: String = words[at.unwrap() + 1]
                .chars()
                .take_while(|letter| letter.is_alphanumeric())
                .collect();
            assert!(seen.insert(name.clone()), "two are called {name}");
        }
    }
    assert!(seen.len() > 20, "only {} were found", seen.len());
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    let inner = folders.iter().flat_map(|folder| sources(folder));
    inner.chain(files).collect()
}
