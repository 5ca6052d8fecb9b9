//! Generates the Rust side of `proto/hivemind/v1` and `proto/nodepool` without `protoc`.

use std::error::Error;
use std::path::Path;

const FILES: [&str; 6] = ["account", "artifact", "error", "node", "task", "types"];

fn main() -> Result<(), Box<dyn Error>> {
    // Asked for now, not when this was compiled: a kept target folder may serve another checkout.
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.join("hivemind/v1").display());
    let files: Vec<String> = FILES.iter().map(|name| format!("hivemind/v1/{name}.proto")).collect();
    let descriptors = protox::compile(files, [&root])?;
    tonic_prost_build::configure()
        .bytes(".")
        // These hold passwords or tokens; `v1.rs` prints them without.
        .skip_debug([".hivemind.v1.LoginRequest", ".hivemind.v1.RefreshRequest", ".hivemind.v1.Session"])
        .compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed={}", root.join("nodepool").display());
    let network = protox::compile(["nodepool/nodepool.proto"], [&root])?;
    // Nearly every request holds a token; `nodepool.rs` prints none of them.
    tonic_prost_build::configure().skip_debug([".nodepool"]).compile_fds(network)?;
    Ok(())
}
