//! The configuration of a relay's container, and what joining its network changes in a task's.

use crate::companion_image::PROGRAM;
use crate::container::labels_of;
use crate::policy;
use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_worker_core::port::NetworkGrant;
use std::collections::HashMap;

/// Labels of a container that is no task but belongs to one.
pub(crate) fn companion_labels(install: &InstallId, key: &TaskKey, role: &str) -> HashMap<String, String> {
    let mut labels = labels_of(install, key);
    labels.insert(policy::LABEL_ROLE.to_owned(), role.to_owned());
    labels
}

/// The same box as a task's, smaller, without any folder it could write to.
pub(super) fn configuration(
    install: &InstallId,
    key: &TaskKey,
    image: &str,
    network: &str,
) -> ContainerCreateBody {
    ContainerCreateBody {
        user: Some(policy::RELAY_USER.to_owned()),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        // The relay ends with the worker that attached to it.
        stdin_once: Some(true),
        tty: Some(false),
        env: Some(Vec::new()),
        entrypoint: Some(vec![PROGRAM.to_owned(), "relay".to_owned()]),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        image: Some(image.to_owned()),
        working_dir: Some("/".to_owned()),
        labels: Some(companion_labels(install, key, policy::ROLE_RELAY)),
        host_config: Some(HostConfig {
            network_mode: Some(network.to_owned()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            privileged: Some(false),
            security_opt: Some(vec![
                "no-new-privileges".to_owned(),
                format!("seccomp={}", policy::SECCOMP_PROFILE),
            ]),
            readonly_rootfs: Some(true),
            memory: Some(policy::RELAY_MEMORY_BYTES),
            memory_swap: Some(policy::RELAY_MEMORY_BYTES),
            nano_cpus: Some(policy::RELAY_NANO_CPUS),
            pids_limit: Some(policy::RELAY_PIDS),
            ulimits: Some(vec![limit("nofile", 256), limit("core", 0), limit("fsize", 0)]),
            shm_size: Some(1 << 20),
            oom_score_adj: Some(policy::OOM_SCORE_ADJ),
            oom_kill_disable: Some(false),
            init: Some(false),
            ipc_mode: Some("private".to_owned()),
            cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
            // What it says on its standard output is the traffic itself.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::NO),
                maximum_retry_count: None,
            }),
            auto_remove: Some(false),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

fn limit(name: &str, value: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(value), hard: Some(value) }
}

/// Lets a container that is about to be made share the relay's network, and tells its program of the proxy.
pub(crate) fn join(body: &mut ContainerCreateBody, relay: &str, grant: &NetworkGrant) {
    // An engine refuses a host name of one's own together with somebody else's network.
    body.hostname = None;
    let proxy = format!("http://127.0.0.1:{}", hivemind_mux::PORT);
    let environment = body.env.get_or_insert_default();
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        environment.push(format!("{name}={proxy}"));
    }
    for name in ["NO_PROXY", "no_proxy"] {
        environment.push(format!("{name}=127.0.0.1,localhost"));
    }
    let labels = body.labels.get_or_insert_default();
    let hosts: Vec<String> = grant.hosts.iter().map(ToString::to_string).collect();
    labels.insert(policy::LABEL_HOSTS.to_owned(), hosts.join(","));
    labels.insert(policy::LABEL_TRAFFIC.to_owned(), grant.max_bytes.to_string());
    if let Some(host) = &mut body.host_config {
        host.network_mode = Some(format!("container:{relay}"));
    }
}

/// What [`join`] wrote down, for a worker that has forgotten it.
pub(super) fn grant_of(labels: &HashMap<String, String>) -> Option<NetworkGrant> {
    let hosts = HostRule::parse_list(labels.get(policy::LABEL_HOSTS)?).ok()?;
    let max_bytes = labels.get(policy::LABEL_TRAFFIC)?.parse().ok()?;
    Some(NetworkGrant { hosts, max_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::ids::TaskId;

    #[test]
    fn a_relay_is_in_a_box_of_its_own() {
        let (install, key) = example();
        let body = configuration(&install, &key, "sha256:abc", "none");
        let host = body.host_config.expect("host configuration");
        assert_eq!((host.network_mode.as_deref(), host.readonly_rootfs), (Some("none"), Some(true)));
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!((host.cap_add, host.binds, host.devices, host.mounts), (None, None, None, None));
        assert_eq!(host.log_config.and_then(|log| log.typ).as_deref(), Some("none"));
        assert_eq!(host.pids_limit, Some(policy::RELAY_PIDS));
        assert_ne!(body.user.as_deref(), Some(policy::TASK_USER), "a task cannot signal it");
        assert_eq!(body.labels.expect("labels")[policy::LABEL_ROLE], policy::ROLE_RELAY);
    }

    #[test]
    fn a_grant_is_found_again_in_the_labels() {
        let grant = NetworkGrant {
            hosts: HostRule::parse_list("a.org, *.b.org:81").expect("rules"),
            max_bytes: 1 << 30,
        };
        let mut body = ContainerCreateBody {
            hostname: Some("task".into()),
            host_config: Some(HostConfig { network_mode: Some("none".into()), ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        join(&mut body, "abc", &grant);
        assert_eq!(grant_of(&body.labels.expect("labels")), Some(grant));
        assert_eq!(body.host_config.and_then(|host| host.network_mode).as_deref(), Some("container:abc"));
        assert!(body.env.expect("variables").contains(&"HTTPS_PROXY=http://127.0.0.1:3128".to_owned()));
        assert_eq!((body.hostname, grant_of(&HashMap::new())), (None, None));
    }

    fn example() -> (InstallId, TaskKey) {
        let key = TaskKey { task: TaskId::new("t-1").expect("id"), attempt: 2 };
        (InstallId::new("install-1").expect("id"), key)
    }
}
