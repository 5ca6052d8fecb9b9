//! Leaves the tables for unwinding out of the released worker: a panic ends it (decision 34).

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=no-tables.ld");
    let said = |name: &str| std::env::var(name).unwrap_or_default();
    if said("PROFILE") == "release" && said("CARGO_CFG_TARGET_OS") == "linux" {
        let script = PathBuf::from(said("CARGO_MANIFEST_DIR")).join("no-tables.ld");
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
}
