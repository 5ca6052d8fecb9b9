//! What the sensors told, kept small: one frame a minute, and one whenever something that decides changes.

use super::{Decision, Overrides, Reason, Rules, Signal, Signals, Snooze, Traffic};
use crate::contribution::{PauseReason, Wish};
use crate::resources::MIB;
use crate::time::{Mono, Now, WallMs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// A frame that goes on this long is ended by the next one that differs in anything.
const MINUTE: Duration = Duration::from_secs(60);
/// Frames come no closer than this.
const CLOSEST: Duration = Duration::from_millis(500);
/// Without input for less than this, somebody is there all the while.
const THERE: Duration = Duration::from_secs(60);
/// Further apart than this, the wall clock was set.
const CLOCK_SET_MS: u64 = 2_000;

/// A reading as it is kept: absent, `"?"` when it could not be read, or the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Kept<T> {
    Value(T),
    Unreadable(Mark),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Mark {
    #[serde(rename = "?")]
    Unreadable,
}

type Field<T> = Option<Kept<T>>;

fn keep<T, K>(signal: Signal<T>, kept: impl FnOnce(T) -> K) -> Field<K> {
    match signal {
        Signal::Absent => None,
        Signal::Unreadable => Some(Kept::Unreadable(Mark::Unreadable)),
        Signal::Value(value) => Some(Kept::Value(kept(value))),
    }
}

fn told<K: Copy, T>(field: Field<K>, value: impl FnOnce(K) -> T) -> Signal<T> {
    match field {
        None => Signal::Absent,
        Some(Kept::Unreadable(_)) => Signal::Unreadable,
        Some(Kept::Value(kept)) => Signal::Value(value(kept)),
    }
}

/// What was the case, with short names: there are some thousands of them in a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    #[serde(rename = "w")]
    wish: Wish,
    #[serde(rename = "o", default, skip_serializing_if = "BTreeSet::is_empty")]
    obstacles: BTreeSet<PauseReason>,
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    snoozed: bool,
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    forced: bool,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    locked: Field<bool>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    remote: Field<bool>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    battery: Field<bool>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    full_screen: Field<bool>,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    exclusive: Field<bool>,
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    network_app: Field<bool>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    metered: Field<bool>,
    /// Whole MiB of this day and month, rounded down: quotas are reached from below.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    moved_mib: Field<[u64; 2]>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    suspending: Field<bool>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    updating: Field<bool>,
    /// Whole degrees, rounded down: thresholds are whole and reached from below.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    cpu: Field<i32>,
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    gpu: Field<i32>,
    /// Whole percent, rounded up: limits are whole and have to be exceeded.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    load: Field<i32>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    disk_gib: Field<u64>,
}

/// A stretch of time in which the sensors told the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// From then.
    #[serde(rename = "f")]
    pub from: WallMs,
    /// Up to then.
    #[serde(rename = "t")]
    pub to: WallMs,
    /// When the last input was, by the same clock; the newest in this time.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    input: Field<i64>,
    #[serde(flatten)]
    state: State,
}

impl Frame {
    /// The same, still going on at this moment.
    #[must_use]
    pub fn going_on(self, to: WallMs) -> Self {
        Self { to, ..self }
    }

    /// The part of it within these bounds.
    #[must_use]
    pub fn within(mut self, from: WallMs, to: WallMs) -> Option<Self> {
        self.from = self.from.max(from);
        self.to = self.to.min(to);
        (self.from < self.to).then_some(self)
    }

    /// What the rules were told at this moment.
    #[must_use]
    pub fn signals(&self, at: WallMs) -> Signals {
        let s = &self.state;
        let since =
            |input: i64| Duration::from_millis(u64::try_from(at.0.saturating_sub(input)).unwrap_or(0));
        let same = |field| told(field, |value| value);
        Signals {
            wish: s.wish,
            obstacles: s.obstacles.clone(),
            failing_for: None,
            suspending: same(s.suspending),
            updating: same(s.updating),
            disk_free: told(s.disk_gib, |gib: u64| gib.saturating_mul(crate::resources::GIB)),
            cpu_celsius: told(s.cpu, |c| c as f32),
            gpu_celsius: told(s.gpu, |c| c as f32),
            on_battery: same(s.battery),
            exclusive_app: same(s.exclusive),
            network_app: same(s.network_app),
            // It takes no time from others than tasks with GPUs.
            gpu_app: Signal::Absent,
            full_screen: same(s.full_screen),
            idle: told(self.input, since),
            locked: same(s.locked),
            remote_session: same(s.remote),
            other_programs: told(s.load, |percent| percent as f32),
            metered: same(s.metered),
            traffic: told(s.moved_mib, |[day, month]: [u64; 2]| Traffic {
                day: day.saturating_mul(MIB),
                month: month.saturating_mul(MIB),
            }),
        }
    }

    /// What the owner had said for then.
    #[must_use]
    pub fn overrides(&self, at: WallMs) -> Overrides {
        Overrides {
            snooze: self.state.snoozed.then_some(Snooze::UntilResumed),
            gpu_snooze: None,
            forced: self.state.forced.then_some(WallMs(at.0.saturating_add(3_600_000))),
        }
    }
}

/// What of a moment has to be kept to the second.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Coarse {
    reasons: Vec<Reason>,
    booleans: State,
    there: Option<bool>,
    hot: [bool; 4],
    busy: [bool; 2],
}

#[derive(Debug, Clone)]
struct Open {
    frame: Frame,
    coarse: Coarse,
    since: Mono,
}

/// Writes the history.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Option<Open>);

impl Recorder {
    /// Notes what was told and what came of it; gives the frame that has ended with it.
    pub fn note(
        &mut self,
        signals: &Signals,
        rules: &Rules,
        overrides: &Overrides,
        decision: &Decision,
        now: Now,
    ) -> Option<Frame> {
        let state = state(signals, overrides, now.wall);
        let ms = |idle: Duration| i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        let input = keep(signals.idle, |idle| now.wall.0.saturating_sub(ms(idle)));
        let coarse = coarse(&state, signals, rules.at(now.wall), decision);
        let begin = |from: WallMs, state: State| Open {
            frame: Frame { from, to: from, input, state },
            coarse: coarse.clone(),
            since: now.mono,
        };
        let Some(mut open) = self.0.take() else {
            self.0 = Some(begin(now.wall, state));
            return None;
        };
        let passed = now.mono.since(open.since);
        open.frame.to = WallMs(open.frame.from.0.saturating_add(ms(passed)));
        let was_set = open.frame.to.0.abs_diff(now.wall.0) > CLOCK_SET_MS;
        let changed = open.coarse != coarse && passed >= CLOSEST;
        let stale = passed >= MINUTE && open.frame.state != state;
        if !(was_set || changed || stale) {
            if open.coarse == coarse {
                open.frame.input = input;
            }
            self.0 = Some(open);
            return None;
        }
        let next = if was_set { now.wall } else { open.frame.to };
        self.0 = Some(begin(next, state));
        (open.frame.to > open.frame.from).then_some(open.frame)
    }

    /// The frame that goes on, as far as it was noted.
    #[must_use]
    pub fn open(&self) -> Option<Frame> {
        self.0.as_ref().map(|open| open.frame.clone())
    }
}

fn state(signals: &Signals, overrides: &Overrides, now: WallMs) -> State {
    let same = |signal: Signal<bool>| keep(signal, |value| value);
    let number = |signal: Signal<f32>, whole: fn(f32) -> f32| {
        // What is no number was ignored, and is again.
        let lies = matches!(signal, Signal::Value(value) if !value.is_finite());
        let kept = keep(signal, |value| whole(value).clamp(-1000.0, 100_000.0) as i32);
        kept.filter(|_| !lies)
    };
    let mut obstacles = signals.obstacles.clone();
    if signals.failing_for.is_some() {
        obstacles.insert(PauseReason::TasksFailing);
    }
    State {
        wish: signals.wish,
        obstacles,
        snoozed: overrides.snooze.is_some_and(|snooze| snooze.holds(now)),
        forced: overrides.forced_until(now).is_some(),
        locked: same(signals.locked),
        remote: same(signals.remote_session),
        battery: same(signals.on_battery),
        full_screen: same(signals.full_screen),
        exclusive: same(signals.exclusive_app),
        network_app: same(signals.network_app),
        metered: same(signals.metered),
        moved_mib: keep(signals.traffic, |moved| [moved.day / MIB, moved.month / MIB]),
        suspending: same(signals.suspending),
        updating: same(signals.updating),
        cpu: number(signals.cpu_celsius, f32::floor),
        gpu: number(signals.gpu_celsius, f32::floor),
        load: number(signals.other_programs, f32::ceil),
        disk_gib: keep(signals.disk_free, |bytes| bytes / crate::resources::GIB),
    }
}

fn coarse(state: &State, signals: &Signals, rules: &Rules, decision: &Decision) -> Coarse {
    let at_least = |signal: Signal<f32>, limit: u8| {
        let limit = f32::from(limit.saturating_sub(rules.heat_slack));
        matches!(signal, Signal::Value(celsius) if celsius >= limit)
    };
    let above = |limit: u8| matches!(signals.other_programs, Signal::Value(load) if load > f32::from(limit));
    let critical = |limit: u8| limit.saturating_add(rules.heat_critical);
    Coarse {
        reasons: decision.all_reasons.clone(),
        // Numbers change all the time; what they come to is in the rest.
        booleans: State {
            cpu: None,
            gpu: None,
            load: None,
            disk_gib: None,
            moved_mib: None,
            ..state.clone()
        },
        there: match signals.idle {
            Signal::Value(idle) => Some(idle < THERE),
            Signal::Absent | Signal::Unreadable => None,
        },
        hot: [
            at_least(signals.cpu_celsius, rules.cpu_celsius),
            at_least(signals.cpu_celsius, critical(rules.cpu_celsius)),
            at_least(signals.gpu_celsius, rules.gpu_celsius),
            at_least(signals.gpu_celsius, critical(rules.gpu_celsius)),
        ],
        busy: [above(rules.busy_in_use), above(rules.busy_away)],
    }
}
