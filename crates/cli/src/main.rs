//! The binary `slugline`.

fn main() {}
