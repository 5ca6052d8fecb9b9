//! Gaining rights.

use super::attack::{Attack, Outcome};
use nix::sched::{CloneFlags, setns, unshare};
use rustix::process::{Pid, Uid};
use rustix::thread::CapabilitySet;
use std::fs::File;

pub const ATTACKS: &[Attack] = &[
    Attack::new("root_user", "Become the administrator", |_| root_user()),
    Attack::new("rights", "Hold any of the administrator's rights", |_| rights()),
    Attack::new("setuid_programs", "Gain rights by starting a privileged program", |_| new_privileges()),
    Attack::new("call_filter", "Call every function of the kernel", |_| call_filter()),
    Attack::new("mount", "Mount disks", |_| mount()),
    Attack::new("change_root", "Change what it sees as its root folder", |_| change_root()),
    Attack::new("namespaces", "Make spaces in which it would be administrator", |_| namespaces()),
    Attack::new("trace", "Debug other programs", |_| trace()),
    Attack::new("keyring", "Use the kernel's keyrings", |_| keyring()),
    Attack::new("clock", "Set the clock", |_| clock()),
    Attack::new("host_name", "Rename the computer", |_| host_name()),
    Attack::new("kernel_module", "Load code into the kernel", |_| kernel_module()),
    Attack::new("priority", "Put itself before your own programs", |_| priority()),
];

fn root_user() -> Outcome {
    let user = rustix::process::getuid();
    if user.is_root() {
        return Outcome::through("it runs as root");
    }
    let root = rustix::process::Gid::ROOT;
    Outcome::each([
        Outcome::of("user", rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)),
        Outcome::of("group", rustix::thread::set_thread_gid(root)),
        Outcome::of("groups", rustix::thread::set_thread_groups(&[root])),
    ])
}

fn rights() -> Outcome {
    let held = match rustix::thread::capabilities(None) {
        Ok(held) => held.effective | held.permitted | held.inheritable,
        Err(error) => return Outcome::through(format!("cannot be told: {error}")),
    };
    let bounding = status("CapBnd").unwrap_or_default();
    if held.is_empty() && !bounding.is_empty() && bounding.bytes().all(|digit| digit == b'0') {
        let all = rustix::thread::CapabilitySets {
            effective: CapabilitySet::SYS_ADMIN,
            permitted: CapabilitySet::SYS_ADMIN,
            inheritable: CapabilitySet::empty(),
        };
        return Outcome::of("none held, and taking one", rustix::thread::set_capabilities(None, all));
    }
    Outcome::through(format!("held: {:x}, within reach: {bounding}", held.bits()))
}

/// A field of this process's status.
fn status(name: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn new_privileges() -> Outcome {
    match rustix::thread::no_new_privs() {
        Ok(true) => Outcome::denied("the kernel gives no new rights to this container"),
        Ok(false) => Outcome::through("a program with the set-user-id mark would give rights"),
        Err(error) => Outcome::through(format!("cannot be told: {error}")),
    }
}

fn call_filter() -> Outcome {
    match status("Seccomp").as_deref() {
        Some("2") => {}
        other => return Outcome::through(format!("no filter is in place ({})", other.unwrap_or("unknown"))),
    }
    // Refused by our own filter, let through by the engines' usual ones or by the kernel without one.
    let file = File::options().create(true).truncate(true).write(true).open("/work/proof-blocks");
    let blocks =
        file.map(|file| rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, 4096));
    let _ = std::fs::remove_file("/work/proof-blocks");
    match blocks {
        Ok(taken) => Outcome::each([
            Outcome::of("disk blocks without writing", taken),
            Outcome::of(
                "mounting by handle",
                rustix::mount::fsopen("tmpfs", rustix::mount::FsOpenFlags::empty()),
            ),
        ]),
        Err(_) => Outcome::through("no file can be made in the working folder"),
    }
}

fn mount() -> Outcome {
    use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
    let _ = std::fs::create_dir("/work/proof-mount");
    let mounted = mount("none", "/work/proof-mount", "tmpfs", MountFlags::empty(), None);
    if mounted.is_ok() {
        let _ = unmount("/work/proof-mount", UnmountFlags::DETACH);
    }
    let _ = std::fs::remove_dir("/work/proof-mount");
    let remounted = rustix::mount::mount_remount("/", MountFlags::empty(), c"");
    let opened =
        rustix::mount::open_tree(rustix::fs::CWD, "/", rustix::mount::OpenTreeFlags::OPEN_TREE_CLONE);
    Outcome::each([
        Outcome::of("mount", mounted),
        Outcome::of("make the root writable", remounted),
        Outcome::of("copy a mount", opened),
        Outcome::of("unmount", unmount("/dev/mqueue", UnmountFlags::DETACH)),
    ])
}

fn change_root() -> Outcome {
    Outcome::each([
        Outcome::of("pivot_root", rustix::process::pivot_root("/work", "/work")),
        Outcome::of("chroot", rustix::process::chroot("/work")),
    ])
}

fn namespaces() -> Outcome {
    let kinds = [
        ("users", CloneFlags::CLONE_NEWUSER),
        ("mounts", CloneFlags::CLONE_NEWNS),
        ("processes", CloneFlags::CLONE_NEWPID),
        ("networks", CloneFlags::CLONE_NEWNET),
        ("names", CloneFlags::CLONE_NEWUTS),
        ("messages", CloneFlags::CLONE_NEWIPC),
        ("control groups", CloneFlags::CLONE_NEWCGROUP),
    ];
    let made = kinds.map(|(name, kind)| Outcome::of(name, unshare(kind)));
    let joined = match File::open("/proc/self/ns/net") {
        Ok(space) => Outcome::of("join", setns(space, CloneFlags::CLONE_NEWNET)),
        Err(error) => Outcome::denied(format!("join: {error}")),
    };
    Outcome::each(made.into_iter().chain([joined]))
}

fn trace() -> Outcome {
    let parent = rustix::process::getppid().map(Pid::as_raw_nonzero).map_or(1, std::num::NonZero::get);
    // Seized, not attached: it goes on, and is let go when this process ends.
    let parent = nix::unistd::Pid::from_raw(parent);
    let seized = nix::sys::ptrace::seize(parent, nix::sys::ptrace::Options::empty());
    let own = rustix::process::pidfd_open(Pid::INIT, rustix::process::PidfdFlags::empty());
    let taken = own
        .and_then(|first| rustix::process::pidfd_getfd(&first, 0, rustix::process::PidfdGetfdFlags::empty()));
    Outcome::each([Outcome::of("attach", seized), Outcome::of("take a file of the first program", taken)])
}

fn keyring() -> Outcome {
    use linux_keyutils::{KeyRing, KeyRingIdentifier};
    let rings = [KeyRingIdentifier::Session, KeyRingIdentifier::User, KeyRingIdentifier::Process];
    Outcome::each(rings.map(|ring| match KeyRing::from_special_id(ring, true) {
        Ok(_) => Outcome::through("a keyring was opened"),
        Err(error) => Outcome::denied(format!("keyring: {error:?}")),
    }))
}

/// To the present time: harmless when it works.
fn clock() -> Outcome {
    let id = rustix::time::ClockId::Realtime;
    Outcome::of("set the clock", rustix::time::clock_settime(id, rustix::time::clock_gettime(id)))
}

fn host_name() -> Outcome {
    Outcome::each([
        Outcome::of("host name", rustix::system::sethostname(b"proof")),
        Outcome::of("domain name", rustix::system::setdomainname(b"proof")),
    ])
}

/// The kernel refuses an empty module by another error than a lack of rights.
fn kernel_module() -> Outcome {
    match rustix::system::init_module(b"", c"") {
        Err(rustix::io::Errno::PERM | rustix::io::Errno::NOSYS | rustix::io::Errno::ACCESS) => {
            Outcome::denied("load a module: not permitted")
        }
        Err(error) => Outcome::through(format!("the kernel looked at the module: {error}")),
        Ok(()) => Outcome::through("an empty module was loaded"),
    }
}

fn priority() -> Outcome {
    Outcome::of("priority", rustix::process::setpriority_process(None, -20))
}
