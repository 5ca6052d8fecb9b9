//! Reaching what is outside: files, devices, other programs.

use super::attack::{Attack, Outcome};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;

pub const ATTACKS: &[Attack] = &[
    Attack::new("host_files", "See files of this computer", host_files),
    Attack::new("system_files", "Change files of its system", system_files),
    Attack::new("engine_socket", "Command the container engine", engine_socket),
    Attack::new("device_nodes", "Make or open disks and other devices", device_nodes),
    Attack::new("other_programs", "See other programs of this computer", other_programs),
    Attack::new("watcher_memory", "Read or change the program that watches it", watcher_memory),
    Attack::new("kernel_memory", "Read the kernel's memory and messages", kernel_memory),
    Attack::new("kernel_settings", "Change settings of the kernel", kernel_settings),
    Attack::new("system_requests", "Press the kernel's emergency keys", system_requests),
    Attack::new("control_groups", "Lift its own limits", control_groups),
];

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Mounts of real disks are its root, its volume and the three files that name it in its network.
fn host_files(_: Option<&str>) -> Outcome {
    let mounts = read("/proc/self/mountinfo");
    if mounts.is_empty() {
        return Outcome::through("the list of mounts cannot be read");
    }
    let known = ["/", "/work", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
    let on_memory = ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "ramfs"];
    for line in mounts.lines() {
        // `36 35 98:0 /root /mount/point options - type source options`
        let mut halves = line.split(" - ");
        let place = halves.next().and_then(|half| half.split(' ').nth(4)).unwrap_or_default();
        let kind = halves.next().and_then(|half| half.split(' ').next()).unwrap_or_default();
        let init = place.ends_with("/docker-init") || place == "/dev/init" || place == "/run/podman-init";
        if !on_memory.contains(&kind) && !known.contains(&place) && !init {
            return Outcome::through(format!("{place} is mounted ({kind})"));
        }
    }
    // The folder through which a container's first program would see the computer's own files.
    Outcome::each(
        ["/proc/1/root/", "/proc/1/cwd/", "/proc/1/map_files/"]
            .map(|path| Outcome::of(path, std::fs::read_dir(path))),
    )
}

fn system_files(_: Option<&str>) -> Outcome {
    let make = |path: &str| {
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        if made.is_ok() {
            let _ = std::fs::remove_file(path);
        }
        Outcome::of(path, made)
    };
    let change = |path: &str| Outcome::of(path, OpenOptions::new().append(true).open(path));
    Outcome::each([
        make("/hivemind-proof"),
        make("/etc/hivemind-proof"),
        make("/usr/hivemind-proof"),
        make("/var/hivemind-proof"),
        change("/etc/hosts"),
        change("/etc/resolv.conf"),
        change("/etc/hostname"),
    ])
}

fn engine_socket(_: Option<&str>) -> Outcome {
    let places = [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/podman/podman.sock",
        "/run/crio/crio.sock",
        "/run/dbus/system_bus_socket",
        "/run/systemd/private",
    ];
    Outcome::each(places.map(|place| Outcome::of(place, UnixStream::connect(place))))
}

fn device_nodes(_: Option<&str>) -> Outcome {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat, unlinkat};
    let made = mknodat(CWD, "/work/proof-device", FileType::BlockDevice, Mode::RUSR, makedev(8, 0));
    let _ = unlinkat(CWD, "/work/proof-device", rustix::fs::AtFlags::empty());
    let made = Outcome::of("make a disk", made);
    let named =
        ["mem", "kmem", "port", "kmsg", "fuse", "kvm", "net/tun", "loop-control", "sda", "vda", "nvme0n1"];
    let named = named.map(|name| Outcome::of(name, File::open(format!("/dev/{name}"))));
    let disks = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let disk = disks
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_block_device()))
        .map(|entry| Outcome::through(format!("there is a disk: {}", entry.path().display())));
    Outcome::each([made].into_iter().chain(named).chain(disk))
}

/// In a process space of its own, the first program is ours and started this one.
fn other_programs(_: Option<&str>) -> Outcome {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Outcome::through("/proc cannot be read") };
    let names = processes.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let count = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).count();
    let first = read("/proc/1/comm");
    // The first program, the one that proves, and this one.
    if count <= 3 {
        Outcome::denied(format!("{count} programs are seen, all of this container"))
    } else {
        Outcome::through(format!("{count} programs are seen, the first is {}", first.trim()))
    }
}

fn watcher_memory(_: Option<&str>) -> Outcome {
    let mut outcomes: Vec<Outcome> =
        ["environ", "maps", "auxv"].map(|name| content(&format!("/proc/1/{name}"))).into();
    outcomes.push(Outcome::of("mem", OpenOptions::new().write(true).open("/proc/1/mem")));
    outcomes.push(Outcome::of("fd", std::fs::read_dir("/proc/1/fd")));
    Outcome::each(outcomes)
}

/// Files that are covered by an empty one are as good as refused.
fn content(path: &str) -> Outcome {
    let mut byte = [0];
    match File::open(path).and_then(|mut file| file.read(&mut byte)) {
        Ok(0) => Outcome::denied(format!("{path}: empty")),
        Ok(_) => Outcome::through(format!("{path} can be read")),
        Err(error) => Outcome::denied(format!("{path}: {error}")),
    }
}

fn kernel_memory(_: Option<&str>) -> Outcome {
    let files = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/dev/kmsg", "/proc/kmsg", "/dev/mem"];
    Outcome::each(files.map(content))
}

fn kernel_settings(_: Option<&str>) -> Outcome {
    let files = [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/net/ipv4/ip_forward",
        "/sys/kernel/uevent_helper",
        "/sys/power/state",
        "/proc/irq/default_smp_affinity",
        "/proc/1/oom_score_adj",
    ];
    Outcome::each(files.map(|file| Outcome::of(file, OpenOptions::new().write(true).open(file))))
}

fn system_requests(_: Option<&str>) -> Outcome {
    let file = "/proc/sysrq-trigger";
    Outcome::of(file, OpenOptions::new().write(true).open(file))
}

fn control_groups(_: Option<&str>) -> Outcome {
    let files = [
        "memory/memory.limit_in_bytes",
        "pids/pids.max",
        "cpu/cpu.cfs_quota_us",
        "memory/release_agent",
        "devices/devices.allow",
        "memory.max",
        "pids.max",
        "cpu.max",
        "cgroup.procs",
    ];
    let open = |file: &str| OpenOptions::new().write(true).open(format!("/sys/fs/cgroup/{file}"));
    Outcome::each(files.map(|file| Outcome::of(file, open(file))))
}
