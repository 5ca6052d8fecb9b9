//! The panics of the last hour: how long a start waits because of them, and which attempts are not gone on with.

use crate::process;
use hivemind_domain::ids::TaskKey;
use hivemind_host::SystemClock;
use hivemind_store::{DataFolder, Lock, SmallFile};
use hivemind_worker_core::at_hand;
use hivemind_worker_core::core::Suspects;
use hivemind_worker_core::port::Clock;
use serde::{Deserialize, Serialize};
use std::panic::PanicHookInfo;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// File beside the journal.
const FILE: &str = "falls.json";
/// Tells a start that it comes of a fall: the process that fell, and how many falls could not be written down.
const VARIABLE: &str = "HIVEMIND_FELL";
/// So far back they count.
const LATELY_MS: u64 = 60 * 60 * 1000;
/// So long ago at most is the fall from which a start comes.
const AT_ONCE_MS: u64 = 10_000;
/// So many within that time are followed by a start at once; over what it fell so often is given up.
const FREE: usize = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often the lock of a worker that fell is tried, and the time between.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// More are not kept.
const KEPT: usize = 16;

/// One panic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fall {
    /// In milliseconds of wall time since 1970.
    at_ms: i64,
    /// File and line of the source. What it said stays on standard error: it may hold anything.
    place: String,
    /// The attempt that was at hand, where that is known.
    #[serde(default)]
    attempt: Option<TaskKey>,
}

impl Fall {
    /// On the thread that falls.
    pub(crate) fn of(info: &PanicHookInfo<'_>) -> Self {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        Self {
            at_ms: SystemClock.now().wall.0,
            place: place.unwrap_or_default(),
            attempt: at_hand::attempt(),
        }
    }
}

/// Keeps a fall for the life that `command` begins.
pub(crate) fn write_down(fall: Fall, data: &Path, command: &mut Command) {
    let file = SmallFile::new(data.join(FILE));
    let mut falls: Vec<Fall> = file.load();
    falls.push(fall);
    let old = falls.len().saturating_sub(KEPT);
    falls.drain(..old);
    // A disk that is full does not make it forget how often it fell.
    let more = usize::from(file.save(&falls).is_err());
    let unwritten = told().map_or(0, |(_, unwritten)| unwritten).saturating_add(more);
    command.env(VARIABLE, format!("{} {unwritten}", std::process::id()));
}

/// What the life before told.
fn told() -> Option<(u32, usize)> {
    let said = std::env::var(VARIABLE).ok()?;
    let (process, unwritten) = said.split_once(' ')?;
    let told = (process.parse().ok()?, unwritten.parse().ok()?);
    // On Unix the same process goes on; programs that it starts inherit what it was told.
    (cfg!(not(unix)) || told.0 == std::process::id()).then_some(told)
}

/// The panics of the last hour in one data folder.
#[derive(Debug)]
pub(crate) struct Falls {
    lately: Vec<Fall>,
    unwritten: usize,
    now_ms: i64,
}

impl Falls {
    /// Those that are known of in this data folder.
    pub(crate) fn load(data: &Path) -> Self {
        let unwritten = told().map_or(0, |(_, unwritten)| unwritten);
        Self::among(SmallFile::new(data.join(FILE)).load(), unwritten, SystemClock.now().wall.0)
    }

    fn among(mut falls: Vec<Fall>, unwritten: usize, now_ms: i64) -> Self {
        falls.retain(|fall| fall.at_ms.abs_diff(now_ms) < LATELY_MS);
        Self { lately: falls, unwritten, now_ms }
    }

    fn count(&self) -> usize {
        self.lately.len().saturating_add(self.unwritten)
    }

    /// Whether this very process goes on after a fall; false where somebody starts another one shortly after.
    pub(crate) fn goes_on(&self) -> bool {
        told().is_some() && self.just_now()
    }

    /// Whether this start follows a fall closely.
    fn just_now(&self) -> bool {
        self.unwritten > 0
            || self.lately.last().is_some_and(|last| last.at_ms.abs_diff(self.now_ms) < AT_ONCE_MS)
    }

    /// What was at hand so often that it may be the reason.
    pub(crate) fn suspects(&self) -> Suspects {
        let mut named: Vec<_> = self.lately.iter().filter_map(|fall| fall.attempt.clone()).collect();
        let unnamed = self.count() - named.len();
        named.sort();
        let mut often: Vec<_> = named
            .chunk_by(|one, next| one == next)
            .filter(|same| same.len() >= FREE)
            .map(<[_]>::to_vec)
            .collect();
        let named = often.iter_mut().filter_map(Vec::pop).collect();
        Suspects { named, all_begun: unnamed >= FREE }
    }

    /// Says that this start comes of a fall, and waits where there were many; false if it was asked to end meanwhile.
    pub(crate) async fn wait(&self, ending: impl Future<Output = ()>) -> bool {
        if !self.just_now() {
            return true;
        }
        let last = self.lately.last();
        let (place, attempt) = (last.map(|last| &last.place), last.and_then(|last| last.attempt.as_ref()));
        let pause = self.pause();
        tracing::error!(
            place,
            ?attempt,
            pause_s = pause.as_secs(),
            "a mistake in this program ended it; it begins anew"
        );
        if pause.is_zero() {
            return true;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = ending => false,
        }
    }

    /// Makes this process the folder's one worker; one that fell just now may not have let go of it yet.
    ///
    /// # Errors
    /// When another process is.
    pub(crate) async fn lock(&self, folder: &DataFolder) -> anyhow::Result<Lock> {
        let tries = if self.just_now() { LOCK_TRIES } else { 0 };
        for _ in 0..tries {
            if let Ok(lock) = process::lock(folder) {
                return Ok(lock);
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        process::lock(folder)
    }

    /// How long this start waits.
    pub(crate) fn pause(&self) -> Duration {
        let more = self.count().saturating_sub(FREE);
        if more == 0 || !self.just_now() {
            return Duration::ZERO;
        }
        let doubled = 1_u32 << (more - 1).min(10);
        FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::ids::TaskId;

    const NOW: i64 = 1_800_000_000_000;

    fn fall(age_ms: i64, task: Option<&str>) -> Fall {
        let attempt = task.map(|task| TaskKey { task: TaskId::new(task).unwrap(), attempt: 1 });
        Fall { at_ms: NOW - age_ms, place: "here.rs:1".to_owned(), attempt }
    }

    fn falls(ages_ms: &[i64]) -> Falls {
        Falls::among(ages_ms.iter().map(|age| fall(*age, None)).collect(), 0, NOW)
    }

    #[test]
    fn the_first_starts_follow_at_once_and_later_ones_after_growing_pauses() {
        for (count, seconds) in [(0, 0), (1, 0), (3, 0), (4, 10), (5, 20), (8, 160), (10, 600), (16, 600)] {
            let found = falls(&vec![50; count]);
            assert_eq!(found.pause(), Duration::from_secs(seconds), "{count}");
            assert_eq!(found.suspects().all_begun, count >= 3, "{count}");
            assert_eq!(found.just_now(), count > 0, "{count}");
        }
    }

    #[test]
    fn a_start_that_comes_of_nothing_waits_for_nothing() {
        let asked_for_later = falls(&[90_000, 80_000, 70_000, 60_000, 10_000]);
        assert_eq!((asked_for_later.just_now(), asked_for_later.pause()), (false, Duration::ZERO));
        assert!(asked_for_later.suspects().all_begun);
        let long_ago = falls(&[3_600_000, 3_600_000, 3_600_000, 5]);
        assert_eq!((long_ago.lately.len(), long_ago.suspects().all_begun), (1, false));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_hold_it_for_ever() {
        let ahead = falls(&[-4_000_000; 9]);
        assert_eq!((ahead.lately.len(), ahead.pause()), (0, Duration::ZERO));
    }

    #[test]
    fn what_was_at_hand_every_time_is_suspected_and_nothing_else() {
        let named = ["poison", "other", "poison", "poison", "other"];
        let found = Falls::among(named.iter().map(|task| fall(50, Some(task))).collect(), 0, NOW);
        let poison = TaskKey { task: TaskId::new("poison").unwrap(), attempt: 1 };
        assert_eq!(found.suspects(), Suspects { named: vec![poison.clone()], all_begun: false });
        let mixed = [Some("poison"), None, Some("poison"), None, Some("poison"), None];
        let found = Falls::among(mixed.iter().map(|task| fall(50, *task)).collect(), 0, NOW);
        assert_eq!(found.suspects(), Suspects { named: vec![poison], all_begun: true });
    }

    #[test]
    fn falls_that_could_not_be_written_down_count() {
        let found = Falls::among(Vec::new(), 5, NOW);
        assert_eq!((found.pause(), found.just_now()), (Duration::from_secs(20), true));
        assert!(found.suspects().all_begun);
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        let kept: Vec<Fall> = serde_json::from_str(r#"[{"at_ms":1,"place":"a.rs:1"}]"#).unwrap();
        assert_eq!(kept[0].attempt, None);
    }
}
