//! Builds this crate anew when a file is added to the buildpacks that are embedded into it.

fn main() {
    println!("cargo:rerun-if-changed=../../plugins/buildpacks");
}
