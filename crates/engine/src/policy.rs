//! Every constant of the container policy, in one place, with where it comes from.
//!
//! "Row" means a row of the table of promises this product keeps: row 48 is hardening, row 49 is limits.
//! A task's own limits (memory, CPU, processes, disk, time) come with its assignment; what stands here is the same
//! for every task.

/// Oldest engine API that is used; Docker 20.10 speaks 1.41.
pub const MIN_API: (u32, u32) = (1, 41);

/// User and group of every task: "nobody" of distroless images, unused by Debian's and Alpine's packages.
pub const TASK_UID: u64 = 65_532;
/// The same for the engine.
pub const TASK_USER: &str = "65532:65532";

/// User of a relay: another one than the task's, so that neither can signal the other nor counts as the other.
pub const RELAY_USER: &str = "65533:65533";
/// Memory of a relay: 64 connections with 64 KiB on the way in each direction are 8 MiB.
pub const RELAY_MEMORY_BYTES: i64 = 32 << 20;
/// Half a core carries more than home lines do.
pub const RELAY_NANO_CPUS: i64 = 500_000_000;
/// It is one process.
pub const RELAY_PIDS: i64 = 4;

/// Working folder of a task: an anonymous volume, never a path of the host.
pub const WORK_DIR: &str = "/work";
/// Folder whose files come back as the result.
pub const OUTPUT_DIR: &str = "/work/output";
/// The same relative to [`WORK_DIR`].
pub const OUTPUT_NAME: &str = "output";

/// What a container may not read although it lies in the folders of the kernel: the engine's own list, which would not
/// hold beside one of ours, and counters of power, which tell of other programs' work; older engines leave them open.
pub const MASKED_PATHS: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// The companion inside a container: it is process 1 of every task, and removes its file before the task starts.
pub const COMPANION: &str = "/work/.hivemind-companion";
/// The same relative to [`WORK_DIR`]; no package may hold it.
pub const COMPANION_NAME: &str = ".hivemind-companion";

/// Files and folders a task may have on disk: one for each 4 KiB granted, which is a block of the usual file
/// systems, but not fewer than a small program with its libraries needs, and not more than can be counted in a
/// second or two.
#[must_use]
pub fn max_files(disk_bytes: u64) -> u64 {
    (disk_bytes / 4096).clamp(65_536, 1_048_576)
}

/// `/tmp` is memory, small and not executable (row 48: noexec, nosuid, 100m).
pub const TMPFS_TMP: &str = "rw,noexec,nosuid,nodev,size=100m,mode=1777";
/// An image may declare volumes of its own; each becomes this instead of unlimited disk.
pub const TMPFS_IMAGE_VOLUME: &str = "rw,noexec,nosuid,nodev,size=16m,mode=1777";
/// More declared volumes than this and the image is refused.
pub const MAX_IMAGE_VOLUMES: usize = 16;
/// Shared memory at `/dev/shm`, in bytes; Docker's own default, stated so that no daemon setting raises it.
pub const SHM_BYTES: i64 = 64 << 20;

/// Open files (row 48).
pub const NOFILE: i64 = 1024;
/// Processes per user id (row 48). The kernel counts all containers of the id together, so that the real limit per
/// task is the process limit of its own control group; see [`nproc`].
pub const NPROC_FLOOR: i64 = 512;

/// The process ulimit for a task with this many processes granted: row 48's 512, or four such tasks side by side.
#[must_use]
pub fn nproc(pids: u32) -> i64 {
    NPROC_FLOOR.max(i64::from(pids) * 4)
}

/// Container log files, read after a restart of the worker. Row 49 says 10m × 3; but an engine (Docker 20.10) that
/// follows a log skips a whole file when two were begun while it read one, and lets a program that we hold run ahead
/// by 1 MB: 13 MB of log in lines of six characters. One file holds that, so none is skipped.
pub const LOG_MAX_SIZE: &str = "32m";
/// How many of them.
pub const LOG_MAX_FILES: &str = "2";
// Row 49's block I/O weight of 500 is not set at the start (`grant.rs` lowers it while the owner is busy). On control groups v1 it is the default; on v2 the engine turns it
// into 4950 where everything else has 100, which would put tasks before the owner's programs, and kernels without
// `io.weight` refuse to start the container.

/// When the computer itself runs out of memory, tasks go first.
pub const OOM_SCORE_ADJ: i64 = 500;

/// System calls a task may make: everything else is refused with EPERM. Written for this product; Docker 20.10's
/// own profile lets `io_uring_setup` and `ptrace` through.
pub const SECCOMP_PROFILE: &str = include_str!("seccomp.json");

/// Label with the installation's id on everything that is created.
pub const LABEL_INSTALL: &str = "hivemind.install";
/// Label with the task's id.
pub const LABEL_TASK: &str = "hivemind.task";
/// Label with the attempt.
pub const LABEL_ATTEMPT: &str = "hivemind.attempt";
/// Label with what a container is for when it is no task: [`ROLE_RELAY`] or [`ROLE_INSTALL`].
pub const LABEL_ROLE: &str = "hivemind.role";
/// The way out of a task's network namespace.
pub const ROLE_RELAY: &str = "relay";
/// Installs what a task depends on.
pub const ROLE_INSTALL: &str = "install";
/// Label with the hosts a container may reach, for a worker that has forgotten.
pub const LABEL_HOSTS: &str = "hivemind.hosts";
/// Label with the bytes it may move.
pub const LABEL_TRAFFIC: &str = "hivemind.traffic";
/// Label with the identifiers of the GPUs that a container has, with commas between.
pub const LABEL_GPUS: &str = "hivemind.gpus";
/// GPUs of one container at most.
pub const MAX_GPUS: usize = 64;
/// What of the NVIDIA driver a container with GPUs may use: computing and the tools that show it, no screens.
pub const GPU_CAPABILITIES: [&str; 2] = ["compute", "utility"];
/// No image may carry labels that start with this: they would be taken for ours.
pub const LABEL_PREFIX: &str = "hivemind.";

/// Longest line of output that is kept, in bytes; the rest of a longer one is dropped.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// Files and folders of a package or result together, those between included.
pub const MAX_ENTRIES: usize = 20_000;
/// Bytes of a zip's directory.
pub const MAX_DIRECTORY_BYTES: u64 = 4 << 20;
/// Bytes of a path in a package or result (Linux' PATH_MAX without the end mark).
pub const MAX_PATH_BYTES: usize = 4095;
/// Bytes of one part of a path (Linux' NAME_MAX).
pub const MAX_NAME_BYTES: usize = 255;
/// Folders inside folders.
pub const MAX_DEPTH: usize = 64;
/// A packed file may grow this many times; real text stays under 100, zip bombs reach 1000.
pub const MAX_RATIO: u64 = 250;
/// Files of at most this many bytes are not held to [`MAX_RATIO`].
pub const RATIO_FREE_BYTES: u64 = 1 << 20;
/// All files of a package together are held to [`MAX_RATIO`] from this many bytes on.
pub const RATIO_FREE_TOTAL_BYTES: u64 = 32 << 20;
/// Bytes of all names of a result together.
pub const MAX_NAMES_BYTES: usize = 4 << 20;
/// Bytes that a tar stream may spend on the name and attributes of one entry.
pub const MAX_ENTRY_HEAD_BYTES: u64 = 256 * 1024;
/// Bytes of `hivemind.toml`.
pub const MAX_MANIFEST_BYTES: u64 = 64 * 1024;
/// Parts of a command line.
pub const MAX_COMMAND_PARTS: usize = 256;
/// Bytes of a command line.
pub const MAX_COMMAND_BYTES: usize = 64 * 1024;
