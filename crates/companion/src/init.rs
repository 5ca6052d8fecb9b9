//! Role `init`: process 1 of a task's container.
//!
//! As process 1 it cannot be stopped or killed from inside, and with it every other process of the container ends.
//! It holds nothing that the task could want: no file but the working folder, no memory that the task may read.

use crate::console;
use crate::disk::{Bound, Decision, Limits, Watch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, Signal, WaitOptions};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// 128 + SIGXFSZ: the code of a program that was ended because one file grew too large. The worker reads both as
/// "more disk than granted".
const DISK_LIMIT: u8 = 153;
/// A shell's codes for a command that is no program, and for one that is not there.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;
/// Of the computer's own programs and this one, the task's processes go first when memory runs out. The engine gave
/// this process half of the scale; a process without privileges may raise its score, and lower it to that again.
const TASK_OOM_SCORE: &[u8] = b"1000";
/// The task's programs step back behind the watcher inside their own share of the processor.
const TASK_NICE: i32 = 5;

/// What the command line asks for: `init WORK BYTES FILES -- COMMAND…`.
struct Order {
    work: OsString,
    limits: Limits,
    program: OsString,
    arguments: Vec<OsString>,
}

impl Order {
    fn read(words: Vec<OsString>) -> Option<Self> {
        let mut words = words.into_iter();
        let work = words.next()?;
        let bytes = words.next()?.to_str()?.parse().ok()?;
        let files = words.next()?.to_str()?.parse().ok()?;
        if words.next()? != "--" {
            return None;
        }
        Some(Self {
            work,
            limits: Limits { bytes, files },
            program: words.next()?,
            arguments: words.collect(),
        })
    }
}

/// Runs the task to its end and returns its exit code.
pub fn init(own: &Path, words: Vec<OsString>) -> ExitCode {
    let Some(order) = Order::read(words) else {
        console::error("usage: hivemind-companion init FOLDER BYTES FILES -- COMMAND…");
        return ExitCode::from(console::WRONG_USAGE);
    };
    // Signals go to all processes there are: of a container, not of a computer.
    if rustix::process::getpid() != Pid::INIT {
        console::error("init runs as process 1 of a container only");
        return ExitCode::from(console::WRONG_USAGE);
    }
    // The task must not find us: not our file, and not our memory or our files through /proc.
    let _ = std::fs::remove_file(own);
    // Opened before: afterwards even our own entries in /proc are root's.
    let score = OomScore::open();
    if let Err(error) = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        console::error(&format!("the watcher cannot hide from the task: {error}"));
        return ExitCode::from(CANNOT_RUN);
    }
    let code = Init::start(&order, own, score).map(|init| init.run(&order.limits));
    let code = code.unwrap_or_else(|(code, sentence)| {
        console::error(&sentence);
        code
    });
    end_all();
    console::end();
    ExitCode::from(code)
}

/// Ending process 1 ends every other one. Here they end before it, so that nothing is printed behind the last mark.
fn end_all() {
    crate::disk::signal_all(Signal::KILL);
    while matches!(rustix::process::wait(WaitOptions::empty()), Ok(_) | Err(Errno::INTR)) {}
}

/// Signals arrive as bytes in a pipe. Installed before the task starts, so that none is lost; a handler, unlike a
/// blocked signal, is not inherited by it.
struct Signals {
    pipe: OwnedFd,
    terminate: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let (pipe, write) = rustix::pipe::pipe_with(flags)?;
        let terminate = std::sync::Arc::default();
        signal_hook::flag::register(Signal::TERM.as_raw(), std::sync::Arc::clone(&terminate))?;
        signal_hook::low_level::pipe::register(Signal::TERM.as_raw(), write.try_clone()?)?;
        signal_hook::low_level::pipe::register(Signal::CHILD.as_raw(), write)?;
        Ok(Self { pipe, terminate })
    }

    /// Waits for a signal, at most this long.
    fn wait(&self, milliseconds: u32) {
        let within = Timespec {
            tv_sec: i64::from(milliseconds / 1000),
            tv_nsec: i64::from(milliseconds % 1000) * 1_000_000,
        };
        let mut watched = [PollFd::new(&self.pipe, PollFlags::IN)];
        if poll(&mut watched, Some(&within)).is_ok_and(|ready| ready > 0) {
            let mut drained = [0_u8; 64];
            while rustix::io::read(&self.pipe, &mut drained).is_ok_and(|bytes| bytes > 0) {}
        }
    }

    /// Whether SIGTERM came since the last question.
    fn terminated(&self) -> bool {
        self.terminate.swap(false, std::sync::atomic::Ordering::AcqRel)
    }
}

struct Init {
    signals: Signals,
    task: Pid,
    watch: Watch,
}

impl Init {
    fn start(order: &Order, own: &Path, score: Option<OomScore>) -> Result<Self, (u8, String)> {
        let folder = rustix::fs::open(
            Path::new(&order.work),
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW,
            Mode::empty(),
        );
        let folder = folder.map_err(|e| cannot("watch the working folder", e.into()))?;
        let watch = Watch::begin(folder).map_err(|e| cannot("watch the disk", e.into()))?;
        let signals = Signals::install().map_err(|e| cannot("take signals", e))?;
        // The few pages that are in use now stay in memory where the limit on locked memory allows it; elsewhere
        // the kernel keeps them because they are used all the time.
        let _ = rustix::mm::mlockall(rustix::mm::MlockAllFlags::CURRENT | rustix::mm::MlockAllFlags::ONFAULT);
        let task = spawn(order, own, score)?;
        Ok(Self { signals, task, watch })
    }

    fn run(mut self, limits: &Limits) -> u8 {
        let mut pause = 0;
        loop {
            self.signals.wait(pause);
            if let Some(code) = self.reap() {
                return code;
            }
            if self.signals.terminated() {
                let _ = rustix::process::kill_process(self.task, Signal::TERM);
            }
            match self.watch.look(limits) {
                Decision::Wait { milliseconds } => pause = milliseconds,
                Decision::End(bound) => {
                    crate::disk::signal_all(Signal::KILL);
                    console::error(&sentence(bound, limits));
                    return DISK_LIMIT;
                }
            }
        }
    }

    /// Collects everything that has ended; the task's exit code, if it was among them.
    fn reap(&self) -> Option<u8> {
        let mut code = None;
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.task => {
                    let signalled = status.terminating_signal().map(|signal| 128 + signal);
                    let told = status.exit_status().or(signalled).unwrap_or(i32::from(CANNOT_RUN));
                    code = Some(u8::try_from(told & 0xff).unwrap_or(CANNOT_RUN));
                }
                Ok(Some(_)) => {}
                Err(Errno::INTR) => {}
                Ok(None) | Err(_) => return code,
            }
        }
    }
}

fn cannot(what: &str, error: std::io::Error) -> (u8, String) {
    (CANNOT_RUN, format!("cannot {what}: {error}"))
}

/// This process's own score in the choice of what ends when memory runs out.
struct OomScore {
    file: std::fs::File,
    own: Vec<u8>,
}

impl OomScore {
    fn open() -> Option<Self> {
        let path = "/proc/self/oom_score_adj";
        let own = std::fs::read(path).ok()?;
        Some(Self { file: std::fs::OpenOptions::new().write(true).open(path).ok()?, own })
    }

    fn set(&self, score: &[u8]) {
        let _ = rustix::io::pwrite(&self.file, score, 0);
    }
}

fn spawn(order: &Order, own: &Path, score: Option<OomScore>) -> Result<Pid, (u8, String)> {
    // Our own program as the task: its file is gone, but it is the one that runs here.
    let itself = own.as_os_str() == order.program;
    let program = if itself { "/proc/self/exe".into() } else { order.program.clone() };
    let mut command = Command::new(program);
    // A group of its own, so that what the task sends to its group does not reach us.
    command.args(&order.arguments).process_group(0);
    if let Some(score) = &score {
        score.set(TASK_OOM_SCORE);
    }
    let started = std::thread::scope(|scope| {
        // A thread's place in the queue goes on to what it starts. That of another process nobody may change here.
        let spawn = || stand_behind().map(|()| command.spawn());
        let thread = std::thread::Builder::new().spawn_scoped(scope, spawn)?;
        thread.join().unwrap_or_else(|_| Err(rustix::io::Errno::IO))?
    });
    if let Some(score) = &score {
        score.set(&score.own);
    }
    let child = started.map_err(|error| {
        let code = if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN };
        (code, format!("{} cannot be started: {error}", order.program.to_string_lossy()))
    })?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| (CANNOT_RUN, "the task has no process id".to_owned()))
}

/// Puts this thread at the task's place in the queue. Never forward: where the engine itself stands further back, nobody
/// here has the right to, and the task would not be started at all.
fn stand_behind() -> rustix::io::Result<()> {
    let present = rustix::process::getpriority_process(None)?;
    rustix::process::setpriority_process(None, present.max(TASK_NICE))
}

fn sentence(bound: Bound, limits: &Limits) -> String {
    match bound {
        Bound::Bytes(bytes) => format!(
            "ended: {} MiB are on the task's disk, it was granted {} MiB",
            bytes >> 20,
            limits.bytes >> 20
        ),
        Bound::Files => format!("ended: the task made more than {} files and folders", limits.files),
        Bound::Depth => format!("ended: folders inside folders more than {} deep", crate::disk::MAX_DEPTH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &[&str]) -> Option<Order> {
        Order::read(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn the_command_line_is_read_whole_or_not_at_all() {
        let read = order(&["/work", "1024", "10", "--", "sh", "-c", "--"]).expect("whole");
        assert_eq!((read.limits.bytes, read.limits.files), (1024, 10));
        assert_eq!((read.program, read.arguments.len()), ("sh".into(), 2));
        for words in [
            &["/work"][..],
            &["/work", "x", "10", "--", "sh"],
            &["/work", "1", "-1", "--", "sh"],
            &["/work", "1", "1", "sh"],
            &["/work", "1", "1", "--"],
        ] {
            assert!(order(words).is_none(), "{words:?}");
        }
    }

    #[test]
    fn a_task_never_stands_before_its_engine() {
        let own = rustix::process::getpriority_process(None).expect("a place");
        // On threads of their own: each keeps its place to itself.
        let behind = |engine: i32| {
            let thread = std::thread::spawn(move || {
                rustix::process::setpriority_process(None, engine).expect("further back");
                stand_behind().expect("a place");
                rustix::process::getpriority_process(None).expect("a place")
            });
            thread.join().expect("a thread")
        };
        assert_eq!(behind(own), own.max(TASK_NICE));
        assert_eq!(behind(19), 19);
    }

    #[test]
    fn sentences_name_the_limit() {
        let limits = Limits { bytes: 256 << 20, files: 70_000 };
        assert!(sentence(Bound::Bytes(300 << 20), &limits).contains("granted 256 MiB"));
        assert!(sentence(Bound::Files, &limits).contains("70000"));
    }
}
