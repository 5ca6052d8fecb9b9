//! GPUs through a stand-in for the driver's library. It proves our mapping, not the driver.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of this file is tests")]

use hivemind_control::GpuUse;
use hivemind_domain::resources::GpuInfo;
use hivemind_host::{GpuSource, SystemHost};
use hivemind_worker_core::port::Host;
use std::path::{Path, PathBuf};
use std::process::Command;

const PLAYED: &str = "HIVEMIND_HOST_STUB";

/// Builds the stand-in; `None` without a compiler.
fn stub(folder: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nvml_stub.c");
    let library = folder.join("libnvidia-ml-stub.so");
    match Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status() {
        Ok(status) => {
            assert!(status.success(), "the stand-in does not compile");
            Some(library)
        }
        Err(error) => {
            eprintln!("SKIPPED GPU tests: gcc: {error}");
            None
        }
    }
}

/// Describes what the host sees, in a process of its own: the library is loaded once and reads its environment.
fn seen(library: &Path, environment: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--include-ignored", "describe"])
        .env(PLAYED, library)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said.lines().filter_map(|l| l.strip_prefix("SEEN ")).collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "the inner half of the other test"]
fn describe() {
    let Some(library) = std::env::var_os(PLAYED) else {
        eprintln!("SKIPPED describe: it is started by the other test");
        return;
    };
    let host = SystemHost::new(Path::new("/"), GpuSource::from_library(&library));
    eprintln!("SEEN note={}", host.gpu_note());
    for GpuInfo { uuid, name, memory_bytes } in host.capabilities().gpus {
        eprintln!("SEEN {uuid} {name} {memory_bytes}");
    }
    for GpuUse { uuid, percent, memory_used_bytes, temperature_c, power_w, .. } in host.sample().gpus {
        eprintln!("SEEN {uuid} {percent:?} {memory_used_bytes:?} {temperature_c:?} {power_w:?}");
    }
}

#[test]
fn gpus_and_errors_are_told_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = stub(folder.path()) else { return };
    assert_eq!(seen(&library, &[("STUB_GPUS", "0")]), "note=NVIDIA driver without a usable GPU");
    for many in [2, 4] {
        let mut expected = vec!["note=".to_owned()];
        expected.extend((0..many).map(|n| format!("GPU-stub-{n} Stub [31m{n} 8589934592")));
        let used =
            |n| format!("GPU-stub-{n} Some({}.0) Some(2147483648) Some({}.0) None", 10 * (n + 1), 60 + n);
        expected.extend((0..many).map(used));
        assert_eq!(seen(&library, &[("STUB_GPUS", &many.to_string())]), expected.join("\n"));
    }
    // 9: driver not loaded, 15: GPU lost, 4: no permission, 999: unknown.
    assert_eq!(seen(&library, &[("STUB_INIT", "9")]), "note=NVIDIA driver installed but not loaded");
    let refused = seen(&library, &[("STUB_INIT", "4")]);
    assert!(refused.starts_with("note=NVIDIA driver does not answer: "), "{refused}");
    for error in ["4", "15", "999"] {
        let broken = seen(&library, &[("STUB_GPUS", "2"), ("STUB_COUNT", error)]);
        assert_eq!(broken, "note=NVIDIA driver without a usable GPU", "{error}");
        let broken = seen(&library, &[("STUB_GPUS", "2"), ("STUB_READ", error)]);
        assert_eq!(broken, "note=NVIDIA driver without a usable GPU", "{error}");
    }
    let one_lost = seen(&library, &[("STUB_GPUS", "2"), ("STUB_LOST", "0")]);
    assert!(one_lost.contains("GPU-stub-1") && !one_lost.contains("GPU-stub-0"), "{one_lost}");
}
