//! What a panic does: it ends this program at once, whichever thread it happened in. Where the program is there to
//! stay, a worker or a pool, it begins anew in its own place and finds everything as after a loss of power. Nothing of
//! it runs on half alive, and nothing is flushed, dropped or dumped on the way.
//!
//! What panics again and again is not tried as fast as it can (see [`Falls`](crate::falls::Falls)).

use crate::falls::{self, Fall};
use hivemind_worker_core::failpoint;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// As Rust's own programs end after a panic.
const PANICKED: i32 = 101;
/// Standard error may be read by somebody who does not read it.
const TELLING: Duration = Duration::from_secs(2);
/// Longer than everything that follows a fall takes.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(60);
const STACK_BYTES: usize = 256 * 1024;

/// Who lets this program begin anew; nobody for a command that is called and ends.
static ANEW: Mutex<Option<Sender<Fell>>> = Mutex::new(None);
/// A thread is at it.
static FALLING: AtomicBool = AtomicBool::new(false);

/// A panic, and when it was told on standard error.
struct Fell {
    fall: Fall,
    told: Receiver<()>,
}

/// To be called before there is a second thread.
pub(crate) fn watch() {
    dump_nothing();
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if FALLING.swap(true, Ordering::SeqCst) {
            // Another thread fell first, and ends this one with the process.
            loop {
                std::thread::park();
            }
        }
        let (telling, told) = channel();
        let fell = Fell { fall: Fall::of(info), told };
        let anew = ANEW.try_lock().ok().and_then(|mut anew| anew.take());
        let follows = anew.is_some_and(|anew| anew.send(fell).is_ok());
        tell(info);
        drop(telling);
        if follows {
            std::thread::sleep(FOLLOWED_WITHIN);
        }
        std::process::exit(PANICKED);
    }));
}

/// A crash below Rust, in a driver's library say, must not leave tokens in a core file either.
fn dump_nothing() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}

/// From now on a panic lets this program begin anew. A thread made beforehand sees to it: the one that falls may compute
/// behind everybody else, and what follows would inherit that.
pub(crate) fn begin_anew(data: &Path) {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return tracing::warn!(%error, "this program's place"),
    };
    let (sender, fell) = channel();
    let data = data.to_owned();
    let thread = std::thread::Builder::new().name("begins-anew".to_owned()).stack_size(STACK_BYTES);
    match thread.spawn(move || wait(&fell, program, &data)) {
        Ok(_) => set(Some(sender)),
        Err(error) => tracing::warn!(%error, "a panic will end this program"),
    }
}

/// From now on a panic ends it: somebody asked it to end, or watches it and decides what follows.
pub(crate) fn end() {
    set(None);
}

fn set(anew: Option<Sender<Fell>>) {
    *ANEW.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = anew;
}

fn wait(fell: &Receiver<Fell>, program: PathBuf, data: &Path) {
    // Otherwise nobody waits for it any more.
    let Ok(fell) = fell.recv() else { return };
    let _ = fell.told.recv_timeout(TELLING);
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1));
    falls::write_down(fell.fall, data, &mut command);
    failpoint::leave(&mut command);
    follow(command);
    std::process::exit(PANICKED);
}

/// The same process goes on: whoever started it, a terminal, a session or systemd, still has the one that it knows.
#[cfg(unix)]
fn follow(mut command: Command) {
    let _ = std::os::unix::process::CommandExt::exec(&mut command);
}

/// Windows knows no such thing: another process waits until this one has let go.
#[cfg(not(unix))]
fn follow(mut command: Command) {
    let _ = command.spawn();
}
