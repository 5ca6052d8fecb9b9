//! Using up what was granted. Each is bounded here as well: where a limit is missing, little is taken.

use super::attack::{Attack, Outcome};
use rustix::process::{Resource, getrlimit};
use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

pub const ATTACKS: &[Attack] = &[
    Attack::new("processes", "Start processes without end (fork bomb)", |_| processes()),
    Attack::new("open_files", "Open files without end", |_| open_files()),
    Attack { name: "memory", what: "Fill the memory", attempt: |_| memory(), killed_is_denied: true },
    Attack {
        name: "large_file",
        what: "Make one file larger than its share of the disk",
        attempt: |_| large_file(),
        killed_is_denied: true,
    },
    Attack::new("core_dump", "Write its memory to the disk when it crashes", |_| core_dump()),
];

/// Tried last, and by the process that tells: when it is denied everything ends.
pub const DISK: Attack = Attack::new("disk", "Fill the disk", |_| fill_the_disk());

/// More processes than the self-test is granted.
const MANY_PROCESSES: usize = 200;
/// More open files than any task is granted.
const MANY_FILES: usize = 4096;
/// More memory than the self-test is granted.
const MUCH_MEMORY: usize = 320 << 20;
/// More disk than the self-test is granted, in pieces.
const PIECE: usize = 1 << 20;
const PIECES: usize = 384;

fn processes() -> Outcome {
    let mut started = Vec::new();
    let mut refused = None;
    while started.len() < MANY_PROCESSES {
        let mut one = Command::new("/proc/self/exe");
        one.args(["prove", "-wait"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match one.spawn() {
            Ok(child) => started.push(child),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let count = started.len();
    for child in &mut started {
        let _ = child.kill();
    }
    for child in &mut started {
        let _ = child.wait();
    }
    match refused {
        Some(error) => Outcome::denied(format!("after {count} processes: {error}")),
        None => Outcome::through(format!("{count} processes were started")),
    }
}

fn open_files() -> Outcome {
    let mut open = Vec::new();
    while open.len() < MANY_FILES {
        match File::open("/proc/self/exe") {
            Ok(file) => open.push(file),
            Err(error) => return Outcome::denied(format!("after {} files: {error}", open.len())),
        }
    }
    Outcome::through(format!("{MANY_FILES} files were opened"))
}

/// Killed in the middle when it is denied.
fn memory() -> Outcome {
    let mut held = Vec::new();
    for _ in 0..MUCH_MEMORY / PIECE {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(PIECE).is_err() {
            return Outcome::denied(format!("after {} MiB there was no more", held.len()));
        }
        // Other bytes than zero, so that the kernel must really give them.
        piece.resize(PIECE, 1_u8);
        held.push(piece);
    }
    Outcome::through(format!("{} MiB were taken", held.len()))
}

/// Killed by a signal when it is denied.
fn large_file() -> Outcome {
    let Some(limit) = getrlimit(Resource::Fsize).current else {
        return Outcome::through("a file may have any size");
    };
    let path = "/work/proof-large";
    let grown = File::create(path).and_then(|file| file.set_len(limit.saturating_add(1)));
    let _ = std::fs::remove_file(path);
    Outcome::of("grow a file", grown)
}

fn core_dump() -> Outcome {
    match getrlimit(Resource::Core).maximum {
        Some(0) => Outcome::denied("no bytes of it are written"),
        Some(bytes) => Outcome::through(format!("{bytes} bytes of it would be written")),
        None => Outcome::through("all of it would be written"),
    }
}

/// Many files, each smaller than the limit on one.
pub fn fill_the_disk() -> Outcome {
    let piece = vec![1_u8; PIECE];
    for number in 0..PIECES {
        let written =
            File::create(format!("/work/proof-{number}")).and_then(|mut file| file.write_all(&piece));
        if let Err(error) = written {
            return Outcome::denied(format!("after {number} MiB: {error}"));
        }
    }
    // The watcher may need a moment.
    super::pause(5000);
    Outcome::through(format!("{PIECES} MiB were written"))
}
