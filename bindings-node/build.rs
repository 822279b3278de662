//! Tells the linker what a Node addon needs on each system.
fn main() {
    napi_build::setup();
}
