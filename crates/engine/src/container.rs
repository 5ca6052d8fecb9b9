//! The hardened configuration of a task's container.

use crate::companion;
use crate::image::Pinned;
use crate::policy;
use crate::python;
use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount,
    MountType, MountVolumeOptions, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use hivemind_domain::ids::{InstallId, TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::task::ArrayPlace;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// What runs inside.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    pub(crate) command: &'a [String],
    /// Folder inside the working folder; empty for itself.
    pub(crate) folder: &'a str,
    /// Its place, when it is one of many.
    pub(crate) array: Option<ArrayPlace>,
    /// Whether our companion is in the volume, to be process 1 in place of the engine's init.
    pub(crate) companion: bool,
    /// Whether dependencies are in the volume.
    pub(crate) dependencies: bool,
}

/// The container's name: the same for every try at the same attempt, so that a second one is noticed.
pub(crate) fn name_of(install: &InstallId, key: &TaskKey) -> String {
    let hash = hex::encode(Sha256::digest(install.as_str().as_bytes()));
    format!("hivemind-{}-{}-{}", hash.get(..8).unwrap_or_default(), key.task, key.attempt)
}

/// Labels of the container and its volume.
pub(crate) fn labels_of(install: &InstallId, key: &TaskKey) -> HashMap<String, String> {
    HashMap::from([
        (policy::LABEL_INSTALL.to_owned(), install.to_string()),
        (policy::LABEL_TASK.to_owned(), key.task.to_string()),
        (policy::LABEL_ATTEMPT.to_owned(), key.attempt.to_string()),
    ])
}

/// The attempt that labels name, when they are whole.
pub(crate) fn key_of(labels: &HashMap<String, String>) -> Option<TaskKey> {
    let task = TaskId::new(labels.get(policy::LABEL_TASK)?.as_str()).ok()?;
    let attempt = labels.get(policy::LABEL_ATTEMPT)?.parse().ok()?;
    Some(TaskKey { task, attempt })
}

/// The whole configuration. Everything that hardens is stated, also where it is the engine's default: a daemon's
/// settings must not weaken it.
pub(crate) fn configuration(
    install: &InstallId,
    key: &TaskKey,
    limits: &TaskLimits,
    image: &Pinned,
    program: &Program<'_>,
) -> ContainerCreateBody {
    let labels = labels_of(install, key);
    let working_dir = match program.folder {
        "" => policy::WORK_DIR.to_owned(),
        folder => format!("{}/{folder}", policy::WORK_DIR),
    };
    ContainerCreateBody {
        hostname: Some("task".to_owned()),
        user: Some(policy::TASK_USER.to_owned()),
        attach_stdin: Some(false),
        open_stdin: Some(false),
        tty: Some(false),
        env: Some(environment(key, image, program)),
        // As entry point rather than command, so that the image's own entry point plays no part.
        entrypoint: Some(if program.companion {
            companion::entry_point(limits, program.command)
        } else {
            program.command.to_vec()
        }),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        image: Some(image.id.clone()),
        working_dir: Some(working_dir),
        labels: Some(labels.clone()),
        stop_signal: Some("SIGTERM".to_owned()),
        host_config: Some(HostConfig {
            init: Some(!program.companion),
            ..host_configuration(limits, image, labels)
        }),
        ..ContainerCreateBody::default()
    }
}

fn environment(key: &TaskKey, image: &Pinned, program: &Program<'_>) -> Vec<String> {
    let mut variables = vec![
        format!("HIVEMIND_OUTPUT={}", policy::OUTPUT_DIR),
        format!("HIVEMIND_TASK={}", key.task),
        format!("HIVEMIND_ATTEMPT={}", key.attempt),
        "HOME=/tmp".to_owned(),
        "TMPDIR=/tmp".to_owned(),
        "LANG=C.UTF-8".to_owned(),
        python::path_variable(program.dependencies, image.python_path.as_deref()),
        // Caches would be taken for the task's own files.
        "PYTHONDONTWRITEBYTECODE=1".to_owned(),
    ];
    if let Some(place) = program.array {
        variables.push(format!("HIVEMIND_INDEX={}", place.index));
        variables.push(format!("HIVEMIND_COUNT={}", place.count));
    }
    variables
}

fn host_configuration(limits: &TaskLimits, image: &Pinned, labels: HashMap<String, String>) -> HostConfig {
    let memory = i64::try_from(limits.resources.memory_bytes).unwrap_or(i64::MAX);
    let mut tmpfs = HashMap::from([("/tmp".to_owned(), policy::TMPFS_TMP.to_owned())]);
    let inside_work = |path: &str| path == policy::WORK_DIR || path.starts_with("/work/");
    for path in image.volumes.iter().filter(|path| !inside_work(path)) {
        tmpfs.entry(path.clone()).or_insert_with(|| policy::TMPFS_IMAGE_VOLUME.to_owned());
    }
    HostConfig {
        network_mode: Some("none".to_owned()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        privileged: Some(false),
        security_opt: Some(vec![
            "no-new-privileges".to_owned(),
            format!("seccomp={}", policy::SECCOMP_PROFILE),
        ]),
        readonly_rootfs: Some(true),
        masked_paths: Some(policy::MASKED_PATHS.map(str::to_owned).to_vec()),
        tmpfs: Some(tmpfs),
        mounts: Some(vec![work_volume(labels)]),
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(limits.resources.cpu_millis) * 1_000_000),
        pids_limit: Some(i64::from(limits.pids)),
        ulimits: Some(ulimits(limits)),
        shm_size: Some(policy::SHM_BYTES),
        oom_score_adj: Some(policy::OOM_SCORE_ADJ),
        oom_kill_disable: Some(false),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), policy::LOG_MAX_SIZE.to_owned()),
                ("max-file".to_owned(), policy::LOG_MAX_FILES.to_owned()),
            ])),
        }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        auto_remove: Some(false),
        ..HostConfig::default()
    }
}

/// An anonymous volume: the engine removes it together with the container, and its labels let us find it when the
/// container has vanished. Nothing of the image is copied into it.
fn work_volume(labels: HashMap<String, String>) -> Mount {
    Mount {
        target: Some(policy::WORK_DIR.to_owned()),
        typ: Some(MountType::VOLUME),
        read_only: Some(false),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            labels: Some(labels),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    }
}

fn ulimits(limits: &TaskLimits) -> Vec<ResourcesUlimits> {
    let both = |name: &str, value: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    };
    vec![
        both("nofile", policy::NOFILE),
        both("nproc", policy::nproc(limits.pids)),
        both("core", 0),
        // One file cannot be larger than all files together may be.
        both("fsize", i64::try_from(limits.disk_bytes).unwrap_or(i64::MAX)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> ContainerCreateBody {
        let key = TaskKey { task: TaskId::new("t-1").expect("id"), attempt: 2 };
        let image = Pinned {
            id: "sha256:abc".into(),
            digest: "sha256:def".into(),
            volumes: vec!["/data".into(), "/work".into(), "/work/x".into()],
            bytes: 1,
            ..Pinned::default()
        };
        let command = ["python3".to_owned(), "./main.py".to_owned()];
        let array = ArrayPlace::new(2, 7);
        let program =
            Program { command: &command, folder: "job", array, companion: false, dependencies: false };
        let install = InstallId::new("install-1").expect("id");
        configuration(&install, &key, &TaskLimits::default(), &image, &program)
    }

    #[test]
    fn the_box_is_closed() {
        let body = example();
        let host = body.host_config.clone().expect("host configuration");
        assert_eq!((host.network_mode.as_deref(), host.init), (Some("none"), Some(true)));
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!((host.cap_add, host.binds, host.devices, host.pid_mode), (None, None, None, None));
        assert_eq!((host.readonly_rootfs, host.privileged), (Some(true), Some(false)));
        let masked = host.masked_paths.expect("paths");
        for path in ["/proc/kcore", "/sys/firmware", "/sys/devices/virtual/powercap"] {
            assert!(masked.iter().any(|masked| masked == path), "{path}");
        }
        assert_eq!((host.memory, host.memory_swap), (Some(2 << 30), Some(2 << 30)));
        assert_eq!((host.nano_cpus, host.pids_limit), (Some(1_000_000_000), Some(100)));
        assert_eq!(host.mounts.as_ref().map(Vec::len), Some(1));
        assert!(host.mounts.expect("mounts").iter().all(|m| m.source.is_none() && m.bind_options.is_none()));
        assert_eq!(body.user.as_deref(), Some("65532:65532"));
        assert_eq!(body.image.as_deref(), Some("sha256:abc"), "by content, not by tag");
        assert_eq!(body.working_dir.as_deref(), Some("/work/job"));
        assert_eq!((body.cmd, body.volumes), (None, None));
        let variables = body.env.expect("variables");
        for place in ["HIVEMIND_INDEX=2", "HIVEMIND_COUNT=7"] {
            assert!(variables.iter().any(|v| v == place), "{variables:?}");
        }
    }

    #[test]
    fn declared_volumes_of_the_image_become_small_memory() {
        let tmpfs = example().host_config.and_then(|h| h.tmpfs).expect("tmpfs");
        let mut paths: Vec<_> = tmpfs.keys().map(String::as_str).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["/data", "/tmp"]);
        assert!(tmpfs.values().all(|o| o.contains("noexec") && o.contains("nosuid") && o.contains("size=")));
    }

    #[test]
    fn labels_lead_back_to_the_attempt() {
        let labels = example().labels.expect("labels");
        assert_eq!(key_of(&labels).map(|k| k.to_string()).as_deref(), Some("t-1#2"));
        let damaged = HashMap::from([(policy::LABEL_TASK.to_owned(), "../x".to_owned())]);
        assert_eq!(key_of(&damaged), None);
    }

    #[test]
    fn the_profile_is_a_default_deny_list_without_the_dangerous_calls() {
        let profile: serde_json::Value = serde_json::from_str(policy::SECCOMP_PROFILE).expect("JSON");
        assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
        let rules = profile["syscalls"].as_array().expect("rules");
        let allowed: Vec<&str> = rules
            .iter()
            .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW")
            .flat_map(|rule| rule["names"].as_array().expect("names"))
            .map(|name| name.as_str().expect("name"))
            .collect();
        assert!(allowed.contains(&"read") && allowed.len() > 200);
        for name in [
            "io_uring_setup",
            "io_uring_enter",
            "io_uring_register",
            "ptrace",
            "process_vm_readv",
            "mount",
            "umount2",
            "move_mount",
            "open_tree",
            "fsopen",
            "pivot_root",
            "chroot",
            "unshare",
            "setns",
            "clone3",
            "keyctl",
            "add_key",
            "request_key",
            "bpf",
            "perf_event_open",
            "userfaultfd",
            "kexec_load",
            "kexec_file_load",
            "init_module",
            "finit_module",
            "delete_module",
            "settimeofday",
            "clock_settime",
            "adjtimex",
            "clock_adjtime",
            "personality",
            "swapon",
            "reboot",
            "open_by_handle_at",
            "fanotify_init",
            "modify_ldt",
            "syslog",
            "iopl",
            "ioperm",
            "quotactl",
            "acct",
            "sethostname",
            "pidfd_getfd",
            "seccomp",
            "vmsplice",
        ] {
            assert!(!allowed.contains(&name), "{name}");
        }
        let conditional: Vec<_> = rules.iter().filter(|r| r["names"][0] == "clone").collect();
        assert_eq!(conditional.len(), 1);
        assert_eq!(conditional[0]["args"][0]["value"], 0x7E02_0000_u64);
    }
}
