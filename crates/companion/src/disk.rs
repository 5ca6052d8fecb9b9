//! The bound on what a task keeps on disk, where the engine's storage has no quota.
//!
//! ```text
//! free space of the file system ──(20 to 250 ms)──► dropped? ──► count the tree and what is held open
//!                                                    dropped by more than is left? ──► stop everything, count, judge
//! ```
//! The free space is cheap to read and cannot be deceived, but it also moves by what other programs do. The count is
//! exact, and slow when there are many files. So the first tells when to do the second; and when the first leaves
//! open whether the bound is broken already, the task stands still until the second has answered. That is what
//! bounds the overshoot, whatever the task has prepared: by what can be written between two looks.

mod books;
mod held;
mod tree;

use books::{Books, Free, Step};
use held::Held;
use rustix::process::{Pid, Signal};
use rustix::time::{ClockId, clock_gettime};
use std::os::fd::OwnedFd;
pub use tree::MAX_DEPTH;

/// What the task was granted.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes on disk, as blocks.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
}

/// What was found on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Bytes, as blocks: a sparse file counts what it takes.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
    /// Something could not be looked at: more may be there than was counted.
    pub opaque: bool,
}

/// The bound that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// This many bytes, or more, were found.
    Bytes(u64),
    /// More files than granted.
    Files,
    /// Folders are nested too deep to be counted.
    Depth,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// All is well: look again after this time.
    Wait {
        /// At most a quarter of a second.
        milliseconds: u32,
    },
    /// End the task.
    End(Bound),
}

/// Watches one folder.
pub struct Watch {
    folder: OwnedFd,
    device: u64,
    /// The file that this program was, before it was removed: it is still mapped wherever this program runs.
    own: u64,
    books: Books,
}

impl Watch {
    /// Begins before the task does.
    pub fn begin(folder: OwnedFd) -> rustix::io::Result<Self> {
        let device = rustix::fs::fstat(&folder)?.st_dev;
        let own = rustix::fs::stat("/proc/self/exe")?.st_ino;
        let books = Books::begin(free(&folder)?);
        Ok(Self { folder, device, own, books })
    }

    /// Looks once, and counts where that is due.
    pub fn look(&mut self, limits: &Limits) -> Decision {
        // A file system that does not answer gives no reason to trust what was counted before.
        let Ok(free) = free(&self.folder) else {
            return Decision::Wait { milliseconds: books::SHORTEST_PAUSE };
        };
        match self.books.plan(limits, free, now()) {
            Step::Rest { milliseconds } => Decision::Wait { milliseconds },
            Step::Count => match self.count(limits, free) {
                // It moved while it was counted, so that something may have been counted twice.
                Err(_) => self.judge(limits),
                Ok(()) => Decision::Wait { milliseconds: books::SHORTEST_PAUSE },
            },
            Step::StopAndCount => self.judge(limits),
        }
    }

    /// Counts while nothing moves. What the task stopped by itself goes on afterwards as well.
    fn judge(&mut self, limits: &Limits) -> Decision {
        signal_all(Signal::STOP);
        let mut outcome = self.count_anew(limits);
        if outcome.is_err() && self.books.opaque() {
            // A process that is just ending looks like one that hides: believed the second time.
            rest();
            outcome = self.count_anew(limits);
        }
        match outcome {
            Ok(()) => {
                signal_all(Signal::CONT);
                Decision::Wait { milliseconds: books::SHORTEST_PAUSE }
            }
            Err(bound) => Decision::End(bound),
        }
    }

    fn count_anew(&mut self, limits: &Limits) -> Result<(), Bound> {
        let Ok(free) = free(&self.folder) else { return Ok(()) };
        let counted = self.count(limits, free);
        self.books.stood_still();
        counted
    }

    /// Counts all there is. `free` was read before, so that what is written meanwhile is counted at least once.
    fn count(&mut self, limits: &Limits, free: Free) -> Result<(), Bound> {
        let begun = now();
        let mut count = tree::count(&self.folder, self.device, limits)?;
        let Held { bytes, files, opaque } = held::count(self.device, self.own);
        count.bytes = count.bytes.saturating_add(bytes);
        count.files = count.files.saturating_add(files);
        count.opaque |= opaque;
        self.books.counted(count, free, begun, now());
        self.books.broken(limits).map_or(Ok(()), Err)
    }
}

/// Sends a signal to every process of the container but this one, which is process 1 there.
pub fn signal_all(signal: Signal) {
    // "Group 1", negated on the way to the kernel: kill(-1, …).
    let _ = rustix::process::kill_process_group(Pid::INIT, signal);
}

fn free(folder: &OwnedFd) -> rustix::io::Result<Free> {
    let told = rustix::fs::fstatvfs(folder)?;
    Ok(Free { bytes: told.f_bfree.saturating_mul(told.f_frsize), files: told.f_ffree })
}

/// Milliseconds of the monotonic clock.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1000 + u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0)
}

fn rest() {
    std::thread::sleep(std::time::Duration::from_millis(10));
}
