//! A stand-in for the library of NVIDIA's driver, which finds as many GPUs as `STUB_GPUS` says.

use crate::scene::Scene;
use std::path::Path;
use std::process::Command;

/// Builds it; nothing without a C compiler.
pub fn stub(scene: &Scene) -> Option<String> {
    let library = scene.path("libnvidia-ml-stub.so");
    let source = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../crates/host/tests/nvml_stub.c");
    let built = Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    built.is_ok_and(|status| status.success()).then(|| library.display().to_string())
}
