//! Links libstdc++ statically, where the C++ compiler has it as an archive: the dynamic one adds
//! half a millisecond to every start of the binary. It must not fail a build that works without.
//!
//! Luau's own build asks the linker for `stdc++` by name. A folder that holds nothing but the
//! archive and is looked into first settles which one that is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const ARCHIVE: &str = "libstdc++.a";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CXX");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" || env::var("HOST") != env::var("TARGET") {
        return;
    }
    let Some(folder) = env::var_os("OUT_DIR").map(|out| PathBuf::from(out).join("libstdc++"))
    else {
        return;
    };
    if find().is_some_and(|archive| place(&archive, &folder).is_ok()) {
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
}

/// The archive, as the C++ compiler finds it. A compiler that has none answers the bare name.
fn find() -> Option<PathBuf> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let asked = Command::new(compiler)
        .arg(format!("-print-file-name={ARCHIVE}"))
        .output()
        .ok()?;
    let path = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    path.is_absolute()
        .then_some(path)
        .filter(|path| path.is_file())
}

fn place(archive: &Path, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::copy(archive, folder.join(ARCHIVE)).map(|_| ())
}
