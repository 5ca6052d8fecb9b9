//! Section 5 (container runtime) of the CIS Docker Benchmark v1.6.0 over a task that runs.
//!
//! Each item is checked on the engine's own answer and from inside the task, and each check is shown to fail on an
//! answer that breaks the item. `docs/security.md` holds the table for readers; a test keeps the two in step.

use crate::bench::{Bench, bench};
use bollard::models::{
    ContainerInspectResponse, DeviceMapping, HealthConfig, HostConfig, LocalNodeState, MountPoint, PortMap,
    RestartPolicyNameEnum, SystemInfo,
};
use hivemind_domain::priority::Priority;
use hivemind_worker_core::port::{ContainerEvent, Engine, Told};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;

const PASSES: &str = "passes";
const EXCEPTION: &str = "exception";
const NOT_OURS: &str = "not ours";

/// What the engine and the task itself say about one running task.
#[derive(Clone)]
struct Seen {
    info: SystemInfo,
    about: ContainerInspectResponse,
    /// CPU shares after the owner's load has made the task's share small.
    lowered_shares: Option<i64>,
    /// `key=value` lines of the task.
    inside: HashMap<String, String>,
}

impl Seen {
    fn host(&self) -> HostConfig {
        self.about.host_config.clone().unwrap_or_default()
    }

    fn set(&mut self, change: fn(&mut HostConfig)) {
        change(self.about.host_config.get_or_insert_default());
    }

    fn mounts(&self) -> Vec<MountPoint> {
        self.about.mounts.clone().unwrap_or_default()
    }

    fn mount(&mut self, change: fn(&mut MountPoint)) {
        let mut mount = MountPoint::default();
        change(&mut mount);
        self.about.mounts.get_or_insert_default().push(mount);
    }

    fn says(&self, key: &str, value: &str) -> bool {
        self.inside.get(key).map(String::as_str) == Some(value)
    }

    fn tells(&mut self, key: &str, value: &str) {
        self.inside.insert(key.to_owned(), value.to_owned());
    }

    /// Whether the engine offers this kind of protection, such as `apparmor`.
    fn engine_has(&self, name: &str) -> bool {
        let word = format!("name={name}");
        self.info.security_options.iter().flatten().any(|option| option.split(',').any(|part| part == word))
    }

    /// Whether a security option of the container has this beginning.
    fn option(&self, beginning: &str) -> bool {
        self.host().security_opt.iter().flatten().any(|option| option.starts_with(beginning))
    }

    fn publishes(&self) -> bool {
        let some = |ports: Option<PortMap>| ports.is_some_and(|ports| ports.values().any(Option::is_some));
        let host = self.host();
        some(host.port_bindings)
            || host.publish_all_ports == Some(true)
            || some(self.about.network_settings.clone().and_then(|network| network.ports))
    }

    fn publish(&mut self, port: &str) {
        let ports = PortMap::from([(port.to_owned(), Some(Vec::new()))]);
        self.about.network_settings.get_or_insert_default().ports = Some(ports);
    }
}

struct Item {
    number: u8,
    status: &'static str,
    check: fn(&Seen) -> bool,
    /// Makes the check fail.
    weaken: fn(&mut Seen),
}

const fn item(number: u8, status: &'static str, check: fn(&Seen) -> bool, weaken: fn(&mut Seen)) -> Item {
    Item { number, status, check, weaken }
}

fn empty<T>(list: Option<&Vec<T>>) -> bool {
    list.is_none_or(Vec::is_empty)
}

/// The checklist. For an exception the check is the one that its reason rests on.
const ITEMS: &[Item] = &[
    // Swarm mode: the owner's engine; told when it is on, nothing of ours uses it.
    item(
        1,
        NOT_OURS,
        |s| {
            let state = s.info.swarm.as_ref().and_then(|swarm| swarm.local_node_state);
            state.is_none_or(|state| matches!(state, LocalNodeState::INACTIVE | LocalNodeState::EMPTY))
        },
        |s| s.info.swarm.get_or_insert_default().local_node_state = Some(LocalNodeState::ACTIVE),
    ),
    // AppArmor, where the machine has it.
    item(
        2,
        PASSES,
        |s| {
            let profile = s.about.app_armor_profile.as_deref().unwrap_or_default();
            !s.option("apparmor")
                && profile != "unconfined"
                && (!s.engine_has("apparmor") || !profile.is_empty())
        },
        |s| s.about.app_armor_profile = Some("unconfined".to_owned()),
    ),
    // SELinux, where the engine uses it.
    item(
        3,
        PASSES,
        |s| {
            let label = s.about.process_label.as_deref().unwrap_or_default();
            !s.option("label") && (!s.engine_has("selinux") || !label.is_empty())
        },
        |s| s.set(|host| host.security_opt.get_or_insert_default().push("label=disable".to_owned())),
    ),
    item(
        4,
        PASSES,
        |s| {
            let host = s.host();
            let none = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
            host.cap_drop == Some(vec!["ALL".to_owned()])
                && empty(host.cap_add.as_ref())
                && none.iter().all(|set| s.says(set, "0000000000000000"))
        },
        |s| s.tells("CapBnd", "00000000a80425fb"),
    ),
    item(5, PASSES, |s| s.host().privileged == Some(false), |s| s.set(|host| host.privileged = Some(true))),
    // Host folders: only the anonymous volume of the task itself is mounted.
    item(
        6,
        PASSES,
        |s| {
            let mounts = s.mounts();
            empty(s.host().binds.as_ref())
                && mounts.len() == 1
                && mounts
                    .iter()
                    .all(|m| m.typ.as_deref() == Some("volume") && m.destination.as_deref() == Some("/work"))
        },
        |s| s.mount(|mount| mount.source = Some("/etc".to_owned())),
    ),
    item(
        7,
        PASSES,
        |s| {
            s.inside.get("processes").is_some_and(|names| names.contains("python") && !names.contains("sshd"))
        },
        |s| s.tells("processes", "python3 sshd"),
    ),
    item(8, PASSES, |s| !s.publishes(), |s| s.publish("22/tcp")),
    // Open ports: the image offers none, none is published, and there is nothing but loopback to listen on.
    item(
        9,
        PASSES,
        |s| {
            let config = s.about.config.clone().unwrap_or_default();
            !s.publishes() && empty(config.exposed_ports.as_ref()) && s.says("interfaces", "lo")
        },
        |s| s.tells("interfaces", "eth0 lo"),
    ),
    item(
        10,
        PASSES,
        |s| s.host().network_mode.as_deref() == Some("none"),
        |s| s.set(|host| host.network_mode = Some("host".to_owned())),
    ),
    item(
        11,
        PASSES,
        |s| {
            let host = s.host();
            host.memory.is_some_and(|bytes| bytes > 0) && host.memory_swap == host.memory
        },
        |s| s.set(|host| host.memory = Some(0)),
    ),
    // CPU shares follow the owner's load while the task runs; from its start on a hard quota holds.
    item(
        12,
        EXCEPTION,
        |s| {
            s.host().nano_cpus.is_some_and(|cpus| cpus > 0)
                && s.lowered_shares == Some(i64::from(Priority::Low.cpu_shares()))
                && s.lowered_shares.is_some_and(|shares| shares < 1024)
        },
        |s| s.set(|host| host.nano_cpus = None),
    ),
    item(
        13,
        PASSES,
        |s| s.host().readonly_rootfs == Some(true) && s.says("root", "Read-only file system"),
        |s| s.tells("root", "written"),
    ),
    item(14, PASSES, |s| !s.publishes(), |s| s.set(|host| host.publish_all_ports = Some(true))),
    // Restarts: never, which the benchmark counts as met.
    item(
        15,
        PASSES,
        |s| {
            let restart = s.host().restart_policy.and_then(|policy| policy.name);
            restart == Some(RestartPolicyNameEnum::NO) && s.about.restart_count == Some(0)
        },
        |s| {
            s.set(|host| {
                host.restart_policy.get_or_insert_default().name = Some(RestartPolicyNameEnum::ALWAYS)
            });
        },
    ),
    // The host's processes: the first one inside is the container's own.
    item(
        16,
        PASSES,
        |s| {
            let alone = s.inside.get("count").and_then(|n| n.parse::<u32>().ok());
            s.host().pid_mode.unwrap_or_default().is_empty() && alone.is_some_and(|n| n <= 4)
        },
        |s| s.set(|host| host.pid_mode = Some("host".to_owned())),
    ),
    item(
        17,
        PASSES,
        |s| s.host().ipc_mode.as_deref() == Some("private"),
        |s| s.set(|host| host.ipc_mode = Some("host".to_owned())),
    ),
    // Devices: none, unless the task was given GPUs of its own; this one was not.
    item(
        18,
        EXCEPTION,
        |s| {
            let host = s.host();
            empty(host.devices.as_ref())
                && empty(host.device_requests.as_ref())
                && empty(host.device_cgroup_rules.as_ref())
        },
        |s| s.set(|host| host.devices.get_or_insert_default().push(DeviceMapping::default())),
    ),
    item(
        19,
        PASSES,
        |s| {
            let limits = s.host().ulimits.unwrap_or_default();
            ["nofile", "nproc", "core", "fsize"].iter().all(|name| {
                limits.iter().any(|limit| limit.name.as_deref() == Some(name) && limit.soft == limit.hard)
            }) && s.says("nofile", "1024 1024")
        },
        |s| s.set(|host| host.ulimits = None),
    ),
    item(
        20,
        PASSES,
        |s| s.mounts().iter().all(|m| !m.propagation.as_deref().unwrap_or_default().contains("shared")),
        |s| s.mount(|mount| mount.propagation = Some("rshared".to_owned())),
    ),
    item(
        21,
        PASSES,
        |s| s.host().uts_mode.unwrap_or_default().is_empty() && s.says("hostname", "task"),
        |s| s.set(|host| host.uts_mode = Some("host".to_owned())),
    ),
    item(
        22,
        PASSES,
        |s| s.option("seccomp={") && !s.option("seccomp=unconfined") && s.says("Seccomp", "2"),
        |s| s.tells("Seccomp", "0"),
    ),
    // `exec`: never used at all, so neither with more privileges (23) nor as root (24).
    item(
        23,
        PASSES,
        |s| empty(s.about.exec_ids.as_ref()),
        |s| s.about.exec_ids = Some(vec!["an exec".to_owned()]),
    ),
    item(
        24,
        PASSES,
        |s| {
            let user = s.about.config.clone().and_then(|config| config.user);
            empty(s.about.exec_ids.as_ref())
                && user.as_deref() == Some("65532:65532")
                && s.says("user", "65532")
        },
        |s| s.tells("user", "0"),
    ),
    item(
        25,
        PASSES,
        |s| s.host().cgroup_parent.unwrap_or_default().is_empty(),
        |s| s.set(|host| host.cgroup_parent = Some("/".to_owned())),
    ),
    item(
        26,
        PASSES,
        |s| s.option("no-new-privileges") && s.says("NoNewPrivs", "1"),
        |s| s.tells("NoNewPrivs", "0"),
    ),
    // Health checks are switched off on purpose; what an image brings must not run beside the task.
    item(
        27,
        EXCEPTION,
        |s| {
            let test =
                s.about.config.clone().and_then(|config| config.healthcheck).and_then(|check| check.test);
            test == Some(vec!["NONE".to_owned()])
        },
        |s| {
            let test = Some(vec!["CMD".to_owned(), "true".to_owned()]);
            let check = HealthConfig { test, ..HealthConfig::default() };
            s.about.config.get_or_insert_default().healthcheck = Some(check);
        },
    ),
    // The newest image: the content that was agreed on runs, whatever a tag means today.
    item(
        28,
        EXCEPTION,
        |s| {
            let image = s.about.config.clone().and_then(|config| config.image);
            image.is_some_and(|image| image.starts_with("sha256:"))
        },
        |s| s.about.config.get_or_insert_default().image = Some("busybox:latest".to_owned()),
    ),
    item(
        29,
        PASSES,
        |s| s.host().pids_limit.is_some_and(|pids| pids > 0),
        |s| s.set(|host| host.pids_limit = Some(0)),
    ),
    item(
        30,
        PASSES,
        |s| {
            let networks = s.about.network_settings.clone().and_then(|settings| settings.networks);
            networks.is_none_or(|networks| networks.keys().all(|name| name == "none"))
        },
        |s| {
            let bridge = HashMap::from([("bridge".to_owned(), bollard::models::EndpointSettings::default())]);
            s.about.network_settings.get_or_insert_default().networks = Some(bridge);
        },
    ),
    // The host's users: an engine that maps them maps the task's too.
    item(
        31,
        PASSES,
        |s| s.host().userns_mode.unwrap_or_default().is_empty(),
        |s| s.set(|host| host.userns_mode = Some("host".to_owned())),
    ),
    item(
        32,
        PASSES,
        |s| {
            let names = |m: &MountPoint| format!("{:?}{:?}", m.source, m.destination).contains("docker.sock");
            !s.mounts().iter().any(names) && s.says("socket", "absent")
        },
        |s| s.tells("socket", "there"),
    ),
];

const LOOKS_AROUND: &str = r#"
import os, resource, socket, time
status = dict(l.rstrip().split(':\t', 1) for l in open('/proc/self/status') if ':\t' in l)
for key in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp'): print(key + '=' + status[key].strip())
names = [open(f'/proc/{p}/comm').read().strip() for p in os.listdir('/proc') if p.isdigit()]
print('processes=' + ' '.join(names))
print('count=%d' % len(names))
print('interfaces=' + ' '.join(sorted(n for n in os.listdir('/sys/class/net') if n == 'lo' or open(f'/sys/class/net/{n}/operstate').read().strip() == 'up')))
try: open('/x', 'w'); print('root=written')
except OSError as e: print('root=' + os.strerror(e.errno))
print('nofile=%d %d' % resource.getrlimit(resource.RLIMIT_NOFILE))
print('hostname=' + socket.gethostname())
print('user=%d' % os.geteuid())
print('socket=' + ('there' if any(os.path.exists(p + '/docker.sock') for p in ('/var/run', '/run', '/tmp', '/work')) else 'absent'))
print('ready=yes', flush=True)
time.sleep(300)
"#;

/// Looks at a task while it runs, and ends it.
async fn look(bench: &Bench) -> Seen {
    let container = bench.prepare(&bench.plan("cis", &[("main.py", LOOKS_AROUND)])).await;
    let (events, mut told) = mpsc::channel(16);
    let running = {
        let (engine, container) = (bench.engine.clone(), container.clone());
        tokio::spawn(async move { engine.run(&container, Told::default(), events).await })
    };
    let mut inside = HashMap::new();
    while !inside.contains_key("ready") {
        match told.recv().await.expect("the task speaks until it is ready") {
            ContainerEvent::Line(line) => {
                let (key, value) = line.text.split_once('=').expect("key=value");
                inside.insert(key.to_owned(), value.to_owned());
            }
            ContainerEvent::Started | ContainerEvent::Usage(_) => {}
        }
    }
    let about = bench.raw.inspect_container(&container, None).await.expect("inspected");
    assert_eq!(
        about.state.as_ref().and_then(|state| state.running),
        Some(true),
        "it runs while it is looked at"
    );
    bench.engine.prioritise(&container, Priority::Low).await.expect("a smaller share");
    let later = bench.raw.inspect_container(&container, None).await.expect("inspected");
    let lowered_shares = later.host_config.and_then(|host| host.cpu_shares);
    let info = bench.raw.info().await.expect("info");
    bench.engine.stop(&container, Duration::from_secs(1)).await.expect("stopped");
    drop(told);
    let _ = running.await.expect("no panic");
    bench.engine.remove(&container).await.expect("removed");
    Seen { info, about, lowered_shares, inside }
}

#[tokio::test]
async fn a_running_task_meets_section_5_of_the_cis_benchmark() {
    let Some(bench) = bench().await else { return };
    let seen = look(&bench).await;
    bench.assert_clean().await;
    let mut broken = Vec::new();
    for Item { number, status, check, weaken } in ITEMS {
        let met = check(&seen);
        let mut weaker = seen.clone();
        weaken(&mut weaker);
        assert!(!check(&weaker), "5.{number}: the check sees nothing");
        match (*status, met) {
            (NOT_OURS, false) => println!("5.{number}: the engine's owner has decided otherwise"),
            (_, false) => broken.push(format!("5.{number}")),
            (_, true) => {}
        }
    }
    assert!(broken.is_empty(), "{broken:?}: {:#?} {:?}", seen.about, seen.inside);
    for (number, name) in [(2, "apparmor"), (3, "selinux")] {
        if !seen.engine_has(name) {
            println!(
                "5.{number}: this engine has no {name}: only that nothing of ours switches it off was seen"
            );
        }
    }
    println!("CIS Docker Benchmark v1.6.0, section 5: {} items looked at", ITEMS.len());
}

#[test]
fn the_table_for_readers_says_what_is_checked() {
    let text = include_str!("../../../../docs/security.md");
    let section = text.split("## CIS Docker Benchmark").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    assert!(section.contains("v1.6.0"), "the version is named");
    let rows: Vec<(u8, String)> = section
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| 5.")?.split(" | ");
            let number = cells.next()?.trim().parse().expect("a number");
            assert!(cells.next().is_some_and(|what| !what.trim().is_empty()), "5.{number} says what it is");
            let status = cells.next().expect("a status").trim().to_owned();
            let words = cells.next().unwrap_or_default().trim_end_matches(['|', ' ']);
            assert!(!words.is_empty(), "5.{number} says how or why");
            Some((number, status))
        })
        .collect();
    let checked: Vec<(u8, String)> = ITEMS.iter().map(|item| (item.number, item.status.to_owned())).collect();
    assert_eq!(rows, checked);
    assert_eq!(checked.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=32).collect::<Vec<_>>());
}
