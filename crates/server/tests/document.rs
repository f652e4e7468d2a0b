//! The document that describes the API is the one that is checked in. It must not know any route.

use std::path::Path;

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
