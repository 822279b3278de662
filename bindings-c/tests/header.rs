//! The header is what the sources say, and stands in both of its places; `unsafe` stands in one.
//!
//! `JACKSTAFF_WRITE_HEADER=1 cargo test -p jackstaff-c --test header` writes it.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[test]
fn the_header_is_what_the_sources_say() {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let mut text = Vec::new();
    cbindgen::Builder::new().with_crate(root()).with_config(config).generate().unwrap().write(&mut text);
    let text = String::from_utf8(text).unwrap();
    // A Go module carries the header that it is compiled with: `go get` brings nothing from outside its folder.
    for place in ["include/jackstaff.h", "../bindings-go/jackstaff.h"] {
        let path = root().join(place);
        if std::env::var_os("JACKSTAFF_WRITE_HEADER").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == text, "{place} is out of date: JACKSTAFF_WRITE_HEADER=1 cargo test -p jackstaff-c --test header");
    }
}

#[test]
fn unsafe_code_stands_in_raw_and_nowhere_else() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        // The fuzz test plays the caller, whose it is to say when memory has been written.
        if path.ends_with("raw.rs") || path.ends_with("fuzz.rs") {
            continue;
        }
        for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default().replace("#[unsafe(no_mangle)]", "");
            assert!(!code.contains("unsafe"), "{}:{}: {line}", path.display(), at + 1);
        }
    }
}
