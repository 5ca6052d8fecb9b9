//! The watch over running tasks and this computer: thresholds, limits that come near, streams that fall silent.
//!
//! The engine is never asked for it: what is judged is what its streams told, every 5 s while a task runs.

use super::attempts::Live;
use super::freeze::Ice;
use super::{Core, view};
use hivemind_control::{ApiError, ErrorCode, Level, Notice};
use hivemind_domain::alert::{Alarm, Gauge, NearLimit};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::task::Phase;
use hivemind_domain::time::{Mono, Now};
use std::collections::BTreeSet;
use std::time::Duration;

/// Pause between two looks at the running tasks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A running container that has told nothing of its use for so long is worth a word; the engine adapter itself asks
/// the engine after 30 s.
const SILENT_AFTER: Duration = Duration::from_secs(20);

/// What is remembered of one task between two looks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Watched {
    /// Since when its container is followed.
    pub(super) since: Option<Mono>,
    memory: NearLimit,
    disk: NearLimit,
    time: NearLimit,
    silent: bool,
}

/// What is remembered of everything.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    /// Gauges of this computer above their thresholds.
    raised: BTreeSet<Gauge>,
    next_look: Option<Mono>,
    /// For the log: what changed since it was read last.
    news: Vec<Notice>,
}

impl Core {
    /// A gauge of this computer was raised or is calm again.
    pub(super) fn alarm(&mut self, alarm: Alarm, now: Now) {
        if !alarm.raised {
            if self.watchdog.raised.remove(&alarm.gauge) {
                let error = ApiError::new(code_of(alarm.gauge), format!("{} is over", alarm.gauge.word()));
                self.watchdog.news.push(Notice { at_ms: now.wall.0, level: Level::Ok, error });
            }
            return;
        }
        if !self.watchdog.raised.insert(alarm.gauge) {
            return;
        }
        let (what, unit) = match alarm.gauge {
            Gauge::Cpu => ("the processor is busy", "%"),
            Gauge::Memory => ("memory in use", "%"),
            Gauge::Disk => ("the disk is full", "%"),
            Gauge::Temperature => ("the computer is hot", "°C"),
        };
        let (value, threshold) = (alarm.value.round(), alarm.threshold);
        let text = format!("{what}: {value} {unit}, the threshold is {threshold} {unit}");
        let error = ApiError::new(code_of(alarm.gauge), text)
            .with("value", format!("{value} {unit}"))
            .with("threshold", format!("{threshold} {unit}"));
        self.tell(Level::Warning, error, now);
    }

    /// Looks at every running task when it is time to.
    pub(super) fn look(&mut self, now: Now) {
        if !self.live.values().any(is_watched) {
            self.watchdog.next_look = None;
            return;
        }
        if self.watchdog.next_look.is_some_and(|at| now.mono < at) {
            return;
        }
        self.watchdog.next_look = Some(now.mono.after(LOOK_EVERY));
        let mut found = Vec::new();
        for (key, live) in self.live.iter_mut().filter(|(_, live)| is_watched(live)) {
            inspect(key, live, now.mono, &mut found);
        }
        for error in found {
            self.tell(Level::Warning, error, now);
        }
    }

    /// When it has to look again; never while no task runs.
    pub(super) fn look_wake(&self) -> Option<Mono> {
        self.watchdog.next_look.filter(|_| self.live.values().any(is_watched))
    }

    /// What is above its threshold now, as stable words in order.
    #[must_use]
    pub fn alerts(&self) -> Vec<String> {
        let mut words: Vec<String> =
            self.watchdog.raised.iter().map(|gauge| gauge.word().to_owned()).collect();
        let watched = || self.live.values().filter(|live| is_watched(live)).map(|live| &live.watched);
        if watched().any(|w| w.memory.is_near() || w.disk.is_near() || w.time.is_near()) {
            words.push(view::word(&ErrorCode::TaskNearLimit).to_lowercase());
        }
        if watched().any(|w| w.silent) {
            words.push(view::word(&ErrorCode::TaskSilent).to_lowercase());
        }
        words
    }

    /// What the log should hold, since it was asked last.
    pub fn take_news(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.watchdog.news)
    }

    fn tell(&mut self, level: Level, error: ApiError, now: Now) {
        self.watchdog.news.push(Notice { at_ms: now.wall.0, level, error: error.clone() });
        self.notice(level, error, now);
    }
}

fn is_watched(live: &Live) -> bool {
    live.task.phase == Phase::Running && live.watched.since.is_some() && !live.parked
}

fn code_of(gauge: Gauge) -> ErrorCode {
    match gauge {
        Gauge::Cpu => ErrorCode::CpuHigh,
        Gauge::Memory => ErrorCode::MemoryHigh,
        Gauge::Disk => ErrorCode::DiskHigh,
        Gauge::Temperature => ErrorCode::TemperatureHigh,
    }
}

fn inspect(key: &TaskKey, live: &mut Live, now: Mono, found: &mut Vec<ApiError>) {
    let limits = &live.task.assignment.limits;
    let active = live.active(now);
    let mut near = |limit: &str, state: &mut NearLimit, used: f64, granted: f64| {
        if state.read(used, granted) {
            let percent = (100.0 * used / granted).floor();
            let text = format!("a task has used {percent} % of the {limit} it was granted");
            let error = ApiError::new(ErrorCode::TaskNearLimit, text);
            found.push(
                error
                    .with("task", key.task.as_str())
                    .with("limit", limit)
                    .with("percent", format!("{percent} %")),
            );
        }
    };
    let reading = live.reading;
    if let Some((sample, _)) = reading {
        near(
            "memory",
            &mut live.watched.memory,
            sample.memory_bytes as f64,
            limits.resources.memory_bytes as f64,
        );
        if let Some(used) = sample.disk_used_bytes {
            near("disk", &mut live.watched.disk, used as f64, limits.disk_bytes as f64);
        }
    }
    near("time", &mut live.watched.time, active.as_secs_f64(), limits.timeout.as_secs_f64());
    let heard = reading.map(|(_, at)| at).max(live.watched.since);
    // A frozen one may be silent.
    let silent = live.ice == Ice::Thawed && heard.is_some_and(|at| now.since(at) >= SILENT_AFTER);
    if silent && !live.watched.silent {
        let text = format!("a running task has told nothing of its use for {} s", SILENT_AFTER.as_secs());
        found.push(ApiError::new(ErrorCode::TaskSilent, text).with("task", key.task.as_str()));
    }
    live.watched.silent = silent;
}
