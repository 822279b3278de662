//! Does nothing: without a build script Cargo passes over the build-dependencies, which are what this is for.

fn main() {}
