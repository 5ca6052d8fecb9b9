//! GPUs through a stand-in for the driver's library. It proves our mapping, not the driver.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of this file is tests")]

use hivemind_control::{AccountView, GpuUse};
use hivemind_domain::ids::{NodeId, TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{GpuInfo, Resources, TrustLevel};
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{Assignment, NetworkNeed};
use hivemind_domain::time::{Mono, Now, WallMs};
use hivemind_host::{GpuSource, SystemHost};
use hivemind_worker_core::core::{Core, Input, Limits, Suspects};
use hivemind_worker_core::port::{Assigned, EngineInfo, GpuContainer, Host, Registered};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PLAYED: &str = "HIVEMIND_HOST_STUB";
const LEND: &str = "HIVEMIND_HOST_LEND";

fn assigned(name: &str, gpus: u32) -> Assigned {
    let mut limits = TaskLimits::default();
    limits.resources.gpus = gpus;
    let assignment = Assignment {
        key: TaskKey { task: TaskId::new(name).unwrap(), attempt: 1 },
        name: name.into(),
        image: None,
        command: vec!["true".into()],
        package: None,
        limits,
        network: NetworkNeed::None,
        formula: Formula::V2,
        array: None,
        function: None,
    };
    Assigned { assignment, lease: Duration::from_secs(10) }
}

/// Offers tasks with one, two and one GPU to a worker on this computer, and says which GPUs they got.
fn lend_out(host: &SystemHost, runtime: bool) {
    let found = host.capabilities();
    let most = u32::try_from(found.gpus.len()).unwrap();
    let allowed = Resources { cpu_millis: 8000, memory_bytes: 64 << 30, gpus: most };
    let mut core = Core::new(Limits { max_tasks: 8, allowed, ..Limits::default() }, found);
    let now = Now { mono: Mono(Duration::from_secs(1)), wall: WallMs(1) };
    let engine = EngineInfo { isolation: "plain".into(), gpus: runtime, ..EngineInfo::default() };
    let registered = Registered {
        node: NodeId::new("n").unwrap(),
        trust: TrustLevel::High,
        heartbeat_every: Duration::from_secs(1),
        lease: Duration::from_secs(10),
        earner: String::new(),
    };
    core.step(
        Input::Restored {
            tasks: Vec::new(),
            contribute: true,
            found: Vec::new(),
            suspects: Suspects::default(),
        },
        now,
    );
    core.step(Input::EngineChecked(Ok(engine)), now);
    core.step(Input::Authenticated(AccountView::default()), now);
    core.step(Input::Registered(registered), now);
    let names: Vec<String> = core.capabilities().gpus.into_iter().map(|gpu| gpu.uuid).collect();
    eprintln!("SEEN LENT registered=[{}]", names.join(" "));
    for (number, (name, gpus)) in (1..).zip([("a", 1), ("b", 2), ("c", 1)]) {
        let answer = Ok(Some(assigned(name, gpus)));
        core.step(Input::Asked { number, answer, unit: 0.5 }, now);
        let view = core.snapshot(now);
        let got = match view.tasks.iter().find(|task| task.task_id == name) {
            Some(task) => task.gpus.join(" "),
            None => view.notices[0].error.code.word(),
        };
        eprintln!("SEEN LENT {name}: {got}");
    }
}

/// Builds the stand-in; `None` without a compiler.
fn stub(folder: &Path) -> Option<PathBuf> {
    // Tests run in their package's folder.
    let source = Path::new("tests/nvml_stub.c");
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
    if let Ok(lend) = std::env::var(LEND) {
        lend_out(&host, lend == "1");
    }
    if std::env::var_os("STUB_INIT").is_none() {
        let used = host.gpu_containers();
        if used.as_ref().is_some_and(Vec::is_empty) && std::env::var_os("STUB_USE").is_some() {
            eprintln!("SEEN USED nobody");
        }
        for GpuContainer { container, uuid, memory_bytes, percent } in used.unwrap_or_default() {
            eprintln!("SEEN USED {uuid} {container} {memory_bytes} {percent:?}");
        }
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
    // The driver's numbers for its errors, wherever they come up.
    for (error, said) in [
        ("9", "NVIDIA driver installed but not loaded"),
        ("4", "no permission to use the NVIDIA driver"),
        ("15", "a GPU has fallen off the bus: restart the computer"),
        ("18", "the NVIDIA driver was updated and an older one still runs: restart the computer"),
    ] {
        for place in ["STUB_INIT", "STUB_COUNT", "STUB_READ"] {
            let broken = seen(&library, &[("STUB_GPUS", "2"), (place, error)]);
            assert_eq!(broken, format!("note={said}"), "{place}");
        }
    }
    let unknown = seen(&library, &[("STUB_INIT", "999")]);
    assert!(unknown.starts_with("note=NVIDIA driver does not answer: "), "{unknown}");
    let one_lost = seen(&library, &[("STUB_GPUS", "2"), ("STUB_LOST", "0")]);
    assert!(one_lost.contains("GPU-stub-1") && !one_lost.contains("GPU-stub-0"), "{one_lost}");
    assert!(one_lost.contains("note=a GPU has fallen off the bus"), "{one_lost}");
}

#[test]
fn gpus_are_registered_and_given_to_one_task_each() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = stub(folder.path()) else { return };
    let lent = |gpus: &str, more: &[(&str, &str)]| {
        let environment = [&[("STUB_GPUS", gpus), ("HIVEMIND_HOST_LEND", "1")], more].concat();
        let said = seen(&library, &environment);
        said.lines().filter_map(|line| line.strip_prefix("LENT ")).collect::<Vec<_>>().join("; ")
    };
    let none = "registered=[]; a: GPU_UNAVAILABLE; b: GPU_UNAVAILABLE; c: GPU_UNAVAILABLE";
    assert_eq!(lent("0", &[]), none);
    assert_eq!(
        lent("2", &[]),
        "registered=[GPU-stub-0 GPU-stub-1]; a: GPU-stub-1; b: GPU_UNAVAILABLE; c: GPU-stub-0"
    );
    assert_eq!(
        lent("4", &[]),
        "registered=[GPU-stub-0 GPU-stub-1 GPU-stub-2 GPU-stub-3]; a: GPU-stub-3; b: GPU-stub-2 GPU-stub-1; \
         c: GPU-stub-0"
    );
    let one_lost = lent("2", &[("STUB_LOST", "1")]);
    assert_eq!(one_lost, "registered=[GPU-stub-0]; a: GPU-stub-0; b: GPU_UNAVAILABLE; c: GPU_UNAVAILABLE");
    // Without a way to containers, nothing is registered or lent.
    assert_eq!(lent("2", &[("HIVEMIND_HOST_LEND", "no runtime")]), none);
}

/// A container that sleeps: its id and its process.
fn sleeper() -> Option<(String, String)> {
    let host = std::env::var("HIVEMIND_TEST_DOCKER_HOST").ok()?;
    let docker = |arguments: &[&str]| {
        let output = Command::new("docker").args(["-H", &host]).args(arguments).output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !said.is_empty()).then_some(said)
    };
    let id = docker(&["run", "-d", "--rm", "--network=none", "busybox:test", "sleep", "60"])?;
    let process = docker(&["inspect", "-f", "{{.State.Pid}}", &id])?;
    Some((id, process))
}

#[test]
fn use_of_a_gpu_is_booked_to_the_container_whose_process_computes() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = stub(folder.path()) else { return };
    let used = |environment: &[(&str, &str)]| {
        let said = seen(&library, &[&[("STUB_GPUS", "2"), ("STUB_USE", "1")], environment].concat());
        said.lines().filter_map(|line| line.strip_prefix("USED ")).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(used(&[]), "nobody");
    // This very process is in no container.
    let own = std::process::id().to_string();
    assert_eq!(used(&[("STUB_PID", &own)]), "nobody");
    let Some((id, process)) = sleeper() else {
        eprintln!("SKIPPED the use by a container: no engine under test, or no docker command");
        return;
    };
    let shared = used(&[("STUB_PID", &process), ("STUB_SHARES", "1")]);
    let whole = used(&[("STUB_PID", &process)]);
    let host = std::env::var("HIVEMIND_TEST_DOCKER_HOST").unwrap();
    let _ = Command::new("docker").args(["-H", &host, "rm", "-f", &id]).output();
    let line = |n, percent: &str| format!("GPU-stub-{n} {id} 1073741824 Some({percent})");
    assert_eq!(shared, [line(0, "7.0"), line(1, "8.0")].join("; "), "the newest of the driver's shares");
    assert_eq!(whole, [line(0, "10.0"), line(1, "20.0")].join("; "), "alone on the GPU");
}
