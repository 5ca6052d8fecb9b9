//! What a panic does: it ends this program at once, whichever thread it happened in. Where the program is there to
//! stay, a worker or a pool, it begins anew in its own place and finds everything as after a loss of power. Nothing of
//! it runs on half alive, and nothing is flushed, dropped or dumped on the way.
//!
//! What panics again and again is not tried as fast as it can: pauses grow, and the worker hands back what it had begun
//! (see [`Falls::many`]).

use crate::process;
use hivemind_host::SystemClock;
use hivemind_store::{DataFolder, Lock, SmallFile};
use hivemind_worker_core::failpoint;
use hivemind_worker_core::port::Clock;
use serde::{Deserialize, Serialize};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// As Rust's own programs end after a panic.
const PANICKED: i32 = 101;
/// File beside the journal.
const FILE: &str = "falls.json";
/// So far back they count.
const LATELY_MS: u64 = 60 * 60 * 1000;
/// So long ago at most is the fall from which a start comes.
const AT_ONCE_MS: u64 = 10_000;
/// So many within that time are followed by a start at once.
const FREE: usize = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often the lock of a worker that fell is tried, and the time between.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// More are not kept.
const KEPT: usize = 16;

/// How this program begins anew; nothing for a command that is called and ends.
static PLACE: Mutex<Option<Place>> = Mutex::new(None);
/// A thread is at it.
static FALLING: AtomicBool = AtomicBool::new(false);

struct Place {
    program: PathBuf,
    file: PathBuf,
}

/// One panic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fall {
    /// In milliseconds of wall time since 1970.
    at_ms: i64,
    /// File and line of the source. What it said stays on standard error: it may hold anything.
    place: String,
}

/// The panics of the last hour in one data folder.
#[derive(Debug)]
pub(crate) struct Falls {
    lately: Vec<Fall>,
    now_ms: i64,
}

/// To be called before there is a second thread.
pub(crate) fn watch() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if FALLING.swap(true, Ordering::SeqCst) {
            // Another thread fell first, and ends this one with the process.
            loop {
                std::thread::park();
            }
        }
        tell(info);
        if let Some(place) = PLACE.try_lock().ok().and_then(|mut place| place.take()) {
            place.begin_anew(info);
        }
        std::process::exit(PANICKED);
    }));
}

/// From now on a panic lets this program begin anew.
pub(crate) fn begin_anew(data: &Path) {
    let program = std::env::current_exe().map_err(|error| tracing::warn!(%error, "this program's place"));
    set(program.ok().map(|program| Place { program, file: data.join(FILE) }));
}

/// From now on a panic ends it: somebody asked it to end, or watches it and decides what follows.
pub(crate) fn end() {
    set(None);
}

fn set(place: Option<Place>) {
    *PLACE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = place;
}

impl Place {
    /// Comes back where that failed, or where another process follows this one.
    fn begin_anew(self, info: &PanicHookInfo<'_>) {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        let file = SmallFile::new(self.file);
        let mut falls: Vec<Fall> = file.load();
        falls.push(Fall { at_ms: SystemClock.now().wall.0, place: place.unwrap_or_default() });
        let old = falls.len().saturating_sub(KEPT);
        falls.drain(..old);
        if file.save(&falls).is_err() {
            // Nobody would know how often it fell.
            return;
        }
        let mut command = Command::new(self.program);
        command.args(std::env::args_os().skip(1));
        failpoint::leave(&mut command);
        follow(command);
    }
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

impl Falls {
    /// Those that are known of in this data folder.
    pub(crate) fn load(data: &Path) -> Self {
        Self::among(SmallFile::new(data.join(FILE)).load(), SystemClock.now().wall.0)
    }

    fn among(mut falls: Vec<Fall>, now_ms: i64) -> Self {
        falls.retain(|fall| fall.at_ms.abs_diff(now_ms) < LATELY_MS);
        Self { lately: falls, now_ms }
    }

    /// Where in the source it fell, if this start comes of that.
    fn just_now(&self) -> Option<&str> {
        let last = self.lately.last()?;
        (last.at_ms.abs_diff(self.now_ms) < AT_ONCE_MS).then_some(&last.place)
    }

    /// So often that something that was begun may be the reason.
    pub(crate) fn many(&self) -> bool {
        self.lately.len() >= FREE
    }

    /// Says that this start comes of a fall, and waits where there were many; false if it was asked to end meanwhile.
    pub(crate) async fn wait(&self) -> bool {
        let Some(place) = self.just_now() else { return true };
        let pause = self.pause();
        tracing::error!(
            place,
            pause_s = pause.as_secs(),
            "a mistake in this program ended it; it begins anew"
        );
        if pause.is_zero() {
            return true;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = process::asked_to_end() => false,
        }
    }

    /// Makes this process the folder's one worker; one that fell just now may not have let go of it yet.
    ///
    /// # Errors
    /// When another process is.
    pub(crate) async fn lock(&self, folder: &DataFolder) -> anyhow::Result<Lock> {
        let tries = if self.just_now().is_some() { LOCK_TRIES } else { 0 };
        for _ in 0..tries {
            if let Ok(lock) = process::lock(folder) {
                return Ok(lock);
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        process::lock(folder)
    }

    fn pause(&self) -> Duration {
        let more = self.lately.len().saturating_sub(FREE);
        if more == 0 || self.just_now().is_none() {
            return Duration::ZERO;
        }
        let doubled = 1_u32 << (more - 1).min(10);
        FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn falls(ages_ms: &[i64]) -> Falls {
        let fall = |age: &i64| Fall { at_ms: NOW - age, place: "here.rs:1".to_owned() };
        Falls::among(ages_ms.iter().map(fall).collect(), NOW)
    }

    #[test]
    fn the_first_starts_follow_at_once_and_later_ones_after_growing_pauses() {
        for (count, seconds) in [(0, 0), (1, 0), (3, 0), (4, 10), (5, 20), (8, 160), (10, 600), (16, 600)] {
            let found = falls(&vec![50; count]);
            assert_eq!(found.pause(), Duration::from_secs(seconds), "{count}");
            assert_eq!(found.many(), count >= 3, "{count}");
            assert_eq!(found.just_now().is_some(), count > 0, "{count}");
        }
    }

    #[test]
    fn a_start_that_comes_of_nothing_waits_for_nothing() {
        let asked_for_later = falls(&[90_000, 80_000, 70_000, 60_000, 10_000]);
        assert_eq!((asked_for_later.just_now(), asked_for_later.pause()), (None, Duration::ZERO));
        assert!(asked_for_later.many());
        let long_ago = falls(&[3_600_000, 3_600_000, 3_600_000, 5]);
        assert_eq!((long_ago.lately.len(), long_ago.many()), (1, false));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_hold_it_for_ever() {
        let ahead = falls(&[-4_000_000; 9]);
        assert_eq!((ahead.lately.len(), ahead.pause()), (0, Duration::ZERO));
    }
}
