//! Writes Kotlin, Swift and Ruby from what a built `jackstaff_uniffi` says of itself: `scripts/uniffi.py` calls it.
//!
//! A crate of its own, so that it is built without the core, and so that what it depends on is no feature of the library.

fn main() {
    uniffi::uniffi_bindgen_main();
}
