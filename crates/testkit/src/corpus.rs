//! Runs the corpora of `fuzz/` as ordinary tests do: once, and on any toolchain. It must not know
//! what a target promises of its input.

use std::path::Path;

/// The name of a fuzz target, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Runs every target with each file of its corpus, and with what is left of the file when it is cut
/// off in the middle.
///
/// # Panics
/// Where a target does, or where it has no corpus.
pub fn run(targets: &[Target]) {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in targets {
        let folder = corpora.join(name);
        let files = std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{folder:?}: {why}"));
        let mut seen = 0;
        for file in files {
            let path = file
                .unwrap_or_else(|why| panic!("{folder:?}: {why}"))
                .path();
            let bytes = std::fs::read(&path).unwrap_or_else(|why| panic!("{path:?}: {why}"));
            target(&bytes);
            target(&bytes[..bytes.len() / 2]);
            seen += 1;
        }
        assert!(seen > 0, "{folder:?} is empty");
    }
}
