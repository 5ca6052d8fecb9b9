//! A lease of the network becomes an assignment, or a sentence about why it is left alone.

use super::package::place;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{GIB, MIB, Resources};
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{Assignment, ManagedFunction, NetworkNeed, PackageRef};
use hivemind_proto::nodepool::{ExecuteTaskRequest, ResourceSpec, TaskLease};
use std::time::Duration;

/// The network knows no longest time; this is ours.
const LONGEST: Duration = Duration::from_secs(86_400);
/// What a task gets that asks for nothing.
const MEMORY: u64 = 512 * MIB;
const DISK: u64 = GIB;
const CPU_MILLIS: u32 = 1000;
/// What the network's own worker starts.
const MAIN: [&str; 2] = ["python3", "./main.py"];
/// The runtime of programs that need no container.
const FUNCTION: &str = "managed-function-v0";
/// What a managed function gets: its own limits bound it to less.
const FUNCTION_MEMORY: u64 = 128 * MIB;
const FUNCTION_LONGEST: Duration = Duration::from_secs(60);
/// Largest source, and largest input, of a managed function.
const MOST_TEXT: usize = 1 << 20;

/// Its task id, when that is one.
pub(crate) fn task(lease: &TaskLease) -> Option<TaskId> {
    TaskId::new(lease.task_id.clone()).ok()
}

/// Checks every field.
///
/// # Errors
/// Why it cannot be run here.
pub(crate) fn assignment(
    lease: TaskLease,
    attempt: u32,
    free: Resources,
    scripts: bool,
) -> Result<Assignment, String> {
    let task = TaskId::new(lease.task_id).map_err(|error| error.to_string())?;
    let package = lease.execution_package.unwrap_or_default();
    let limits = limits(lease.resource_limits.unwrap_or_default(), Some(free))?;
    packaged(TaskKey { task, attempt }, package.task_code_ref, limits, scripts)
}

/// The same of a call that pushes a task.
///
/// # Errors
/// Why it cannot be run here.
pub(crate) fn pushed(
    asked: ExecuteTaskRequest,
    attempt: u32,
    free: Option<Resources>,
    scripts: bool,
) -> Result<Assignment, String> {
    let task = TaskId::new(asked.task_id).map_err(|error| error.to_string())?;
    let key = TaskKey { task, attempt };
    match asked.runtime.as_str() {
        "" => packaged(key, asked.torrent, limits(asked.resource_limits.unwrap_or_default(), free)?, scripts),
        FUNCTION => function(key, ManagedFunction { source: asked.task_source, input: asked.torrent }),
        other => Err(format!("its runtime {other:.40} is not known here")),
    }
}

fn packaged(
    key: TaskKey,
    reference: String,
    limits: TaskLimits,
    scripts: bool,
) -> Result<Assignment, String> {
    place::read(&reference, key.task.as_str())?;
    let main = || MAIN.iter().map(|word| (*word).to_owned()).collect();
    Ok(Assignment {
        name: key.task.to_string(),
        image: None,
        // What the network's own worker starts, and nothing else, unless the owner wants more.
        command: if scripts { Vec::new() } else { main() },
        // Neither size nor SHA-256 are known before it is here; its own hash is part of the reference.
        package: Some(PackageRef { id: reference, sha256: String::new(), size_bytes: 0 }),
        limits,
        network: NetworkNeed::None,
        formula: Formula::V1,
        array: None,
        function: None,
        key,
    })
}

fn function(key: TaskKey, function: ManagedFunction) -> Result<Assignment, String> {
    if function.source.len() > MOST_TEXT || function.input.len() > MOST_TEXT {
        return Err("its source or its input is larger than 1 MiB".to_owned());
    }
    if function.source.trim().is_empty() {
        return Err("it is a managed function without a source".to_owned());
    }
    let resources = Resources { cpu_millis: CPU_MILLIS, memory_bytes: FUNCTION_MEMORY, gpus: 0 };
    let limits = TaskLimits { resources, timeout: FUNCTION_LONGEST, ..TaskLimits::default() };
    limits.check().map_err(|error| error.to_string())?;
    Ok(Assignment {
        name: key.task.to_string(),
        image: None,
        command: Vec::new(),
        package: None,
        limits,
        network: NetworkNeed::None,
        formula: Formula::V1,
        array: None,
        function: Some(function),
        key,
    })
}

fn limits(spec: ResourceSpec, free: Option<Resources>) -> Result<TaskLimits, String> {
    let amount = |value: i32, name: &str| {
        u64::try_from(value).map_err(|_| format!("it asks for a negative amount of {name}"))
    };
    let or = |value: u64, default: u64| if value == 0 { default } else { value };
    let cores = u32::try_from(amount(spec.cpu_cores, "processors")?).unwrap_or(u32::MAX);
    let gpus = u32::try_from(amount(spec.gpu_count, "GPUs")?).unwrap_or(u32::MAX);
    let wants_gpu = amount(spec.vram_mb, "GPU memory")? > 0;
    let limits = TaskLimits {
        resources: Resources {
            cpu_millis: match cores {
                0 => CPU_MILLIS.min(free.map_or(CPU_MILLIS, |free| free.cpu_millis)).max(100),
                cores => cores.saturating_mul(1000),
            },
            memory_bytes: or(amount(spec.memory_mb, "memory")? * MIB, MEMORY),
            gpus: gpus.max(u32::from(wants_gpu)),
        },
        disk_bytes: or(amount(spec.storage_total_gb, "disk")? * GIB, DISK),
        timeout: LONGEST,
        ..TaskLimits::default()
    };
    limits.check().map_err(|error| error.to_string())?;
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_proto::nodepool::ExecutionPackage;

    const MAGNET: &str = "magnet:?xt=urn:btih:be3d8278c1a0f2d45b6e7f8091a2b3c4d5e6f708&dn=t.zip";
    const FREE: Resources = Resources { cpu_millis: 4000, memory_bytes: 8 * GIB, gpus: 0 };

    fn lease(id: &str, reference: &str, spec: ResourceSpec) -> TaskLease {
        let package = ExecutionPackage { runtime_version: String::new(), task_code_ref: reference.into() };
        TaskLease {
            task_id: id.into(),
            execution_package: Some(package),
            resource_limits: Some(spec),
            ..TaskLease::default()
        }
    }

    #[test]
    fn a_usual_lease_gets_what_it_asks_for() {
        let spec = ResourceSpec { memory_mb: 1024, storage_total_gb: 2, ..ResourceSpec::default() };
        let taken = assignment(lease("t", MAGNET, spec), 3, FREE, false).expect("an assignment");
        assert_eq!(taken.key.to_string(), "t#3");
        assert_eq!(taken.limits.resources, Resources { cpu_millis: 1000, memory_bytes: GIB, gpus: 0 });
        assert_eq!(taken.limits.disk_bytes, 2 * GIB);
        assert_eq!(taken.command, MAIN, "what the network's own worker starts");
        let nothing =
            assignment(lease("t", MAGNET, ResourceSpec::default()), 1, FREE, false).expect("defaults");
        assert_eq!(nothing.limits.resources.memory_bytes, MEMORY);
    }

    #[test]
    fn a_pushed_call_is_a_package_or_a_managed_function() {
        let call = |runtime: &str, torrent: &str, source: &str| {
            let asked = ExecuteTaskRequest {
                task_id: "t".into(),
                torrent: torrent.into(),
                resource_limits: None,
                runtime: runtime.into(),
                task_source: source.into(),
                token: String::new(),
            };
            pushed(asked, 1, Some(FREE), false)
        };
        let package = call("", MAGNET, "").expect("a package");
        assert!(package.function.is_none() && package.package.is_some());
        let function = call(FUNCTION, "{\"n\":1}", "print(input);").expect("a function");
        assert_eq!(function.package, None);
        let expected = ManagedFunction { source: "print(input);".into(), input: "{\"n\":1}".into() };
        assert_eq!(function.function, Some(expected));
        let large = "x".repeat(MOST_TEXT + 1);
        for (runtime, torrent, source) in [
            ("docker", MAGNET, ""),
            ("", "{}", ""),
            (FUNCTION, "", ""),
            (FUNCTION, "", " \n"),
            (FUNCTION, "", &large),
            (FUNCTION, &large, "1;"),
        ] {
            assert!(call(runtime, torrent, source).is_err(), "{runtime} {torrent:.20} {source:.20}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        for (id, reference, spec) in [
            ("../t", MAGNET, ResourceSpec::default()),
            ("a/b", MAGNET, ResourceSpec::default()),
            ("", MAGNET, ResourceSpec::default()),
            ("t", "{\"n\": 1}", ResourceSpec::default()),
            ("t", "", ResourceSpec::default()),
            ("t", MAGNET, ResourceSpec { memory_mb: -1, ..ResourceSpec::default() }),
            ("t", MAGNET, ResourceSpec { cpu_cores: i32::MAX, ..ResourceSpec::default() }),
            ("t", MAGNET, ResourceSpec { memory_mb: i32::MAX, ..ResourceSpec::default() }),
            ("t", MAGNET, ResourceSpec { storage_total_gb: i32::MAX, ..ResourceSpec::default() }),
            ("t", MAGNET, ResourceSpec { vram_mb: i32::MIN, ..ResourceSpec::default() }),
            ("t", MAGNET, ResourceSpec { gpu_count: 65, ..ResourceSpec::default() }),
        ] {
            let refused = assignment(lease(id, reference, spec), 1, FREE, true).unwrap_err();
            assert!(!refused.is_empty(), "{id} {reference}");
        }
    }
}
