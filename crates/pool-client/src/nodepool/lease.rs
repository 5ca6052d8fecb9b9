//! A lease of the network becomes an assignment, or a sentence about why it is left alone.

use super::package::place;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{GIB, MIB, Resources};
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{Assignment, NetworkNeed, PackageRef};
use hivemind_proto::nodepool::{ResourceSpec, TaskLease};
use std::time::Duration;

/// The network knows no longest time; this is ours.
const LONGEST: Duration = Duration::from_secs(86_400);
/// What a task gets that asks for nothing.
const MEMORY: u64 = 512 * MIB;
const DISK: u64 = GIB;
const CPU_MILLIS: u32 = 1000;

/// Its task id, when that is one.
pub(crate) fn task(lease: &TaskLease) -> Option<TaskId> {
    TaskId::new(lease.task_id.clone()).ok()
}

/// Checks every field.
///
/// # Errors
/// Why it cannot be run here.
pub(crate) fn assignment(lease: TaskLease, attempt: u32, free: Resources) -> Result<Assignment, String> {
    let task = TaskId::new(lease.task_id).map_err(|error| error.to_string())?;
    let package = lease.execution_package.unwrap_or_default();
    place::read(&package.task_code_ref, task.as_str())?;
    let limits = limits(lease.resource_limits.unwrap_or_default(), free)?;
    Ok(Assignment {
        name: task.to_string(),
        key: TaskKey { task, attempt },
        image: None,
        command: Vec::new(),
        // Neither size nor SHA-256 are known before it is here; its own hash is part of the reference.
        package: Some(PackageRef { id: package.task_code_ref, sha256: String::new(), size_bytes: 0 }),
        limits,
        network: NetworkNeed::None,
        formula: Formula::V1,
        array: None,
        function: None,
    })
}

fn limits(spec: ResourceSpec, free: Resources) -> Result<TaskLimits, String> {
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
                0 => CPU_MILLIS.min(free.cpu_millis).max(100),
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
        let taken = assignment(lease("t", MAGNET, spec), 3, FREE).expect("an assignment");
        assert_eq!(taken.key.to_string(), "t#3");
        assert_eq!(taken.limits.resources, Resources { cpu_millis: 1000, memory_bytes: GIB, gpus: 0 });
        assert_eq!(taken.limits.disk_bytes, 2 * GIB);
        let nothing = assignment(lease("t", MAGNET, ResourceSpec::default()), 1, FREE).expect("defaults");
        assert_eq!(nothing.limits.resources.memory_bytes, MEMORY);
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
            let refused = assignment(lease(id, reference, spec), 1, FREE).unwrap_err();
            assert!(!refused.is_empty(), "{id} {reference}");
        }
    }
}
