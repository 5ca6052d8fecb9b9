//! When work is taken: the rules' decision over what the worker knows, made anew after every step.

use super::view::word;
use super::{Core, Effect};
use hivemind_control::{DecisionView, TrafficView};
use hivemind_domain::contribution::Wish;
use hivemind_domain::rules::{
    self, Decision, Frame, Memory, Overrides, Reason, Sensed, Signal, Signals, Snooze, Span, TrafficMeter,
};
use hivemind_domain::time::{Mono, Now, WallMs};
use std::time::Duration;

/// The last decision and what the next one is made from.
#[derive(Debug, Default)]
pub(super) struct Desk {
    memory: Memory,
    overrides: Overrides,
    /// What the sensors told last.
    signals: Signals,
    /// When the time without input was told.
    idle_at: Mono,
    decision: Decision,
    /// When the signal was seen that is being worked on.
    seen: Option<Mono>,
    wake: Option<Mono>,
    traffic: TrafficMeter,
    /// What was kept of it last, and when.
    kept_traffic: (TrafficMeter, Mono),
}

/// What was moved is kept no oftener.
const KEEP_TRAFFIC: Duration = Duration::from_secs(30);

impl Desk {
    pub(super) fn owner_load(&mut self, load: f32) {
        self.signals.take(Sensed::OtherPrograms(Signal::Value(load)));
    }

    /// Takes a sensor's news, noticed at `seen`.
    pub(super) fn sensed(&mut self, sensed: Sensed, seen: Mono) {
        if matches!(sensed, Sensed::Idle(_)) {
            self.idle_at = seen;
        }
        self.seen = Some(seen);
        self.signals.take(sensed);
    }

    /// What was counted before this start.
    pub(super) fn count_from(&mut self, meter: TrafficMeter) {
        self.traffic = meter;
        self.kept_traffic.0 = meter;
    }

    /// Nothing more follows from what was sensed.
    pub(super) fn done_sensing(&mut self) {
        self.seen = None;
    }

    pub(super) fn snooze(&mut self, snooze: Option<Snooze>) {
        self.overrides.snooze = snooze;
    }

    /// Sets the rules aside until then, or no more. That ends a pause, and a pause ends it.
    pub(super) fn force(&mut self, until: Option<WallMs>) {
        self.overrides.forced = until;
    }

    /// When the same signals may lead to another decision.
    pub(super) fn wake(&self) -> Option<Mono> {
        self.wake
    }

    /// When what led to the present decision was noticed.
    pub(super) fn seen(&self, now: Mono) -> Mono {
        self.seen.map_or(now, |seen| seen.min(now))
    }

    pub(super) fn decision(&self) -> &Decision {
        &self.decision
    }
}

impl Core {
    /// Pauses, or works again; kept over a restart.
    pub(super) fn snooze(&mut self, snooze: Option<Snooze>, effects: &mut Vec<Effect>) {
        if self.rules.overrides.snooze != snooze {
            self.rules.snooze(snooze);
            if snooze.is_some() {
                self.rules.force(None);
            }
            effects.push(Effect::KeepSnooze(snooze));
        }
    }

    /// Keeps GPUs out of work, or lends them again; kept over a restart.
    pub(super) fn snooze_gpus(&mut self, snooze: Option<Snooze>, effects: &mut Vec<Effect>) {
        if self.rules.overrides.gpu_snooze != snooze {
            self.rules.overrides.gpu_snooze = snooze;
            effects.push(Effect::KeepGpuSnooze(snooze));
        }
    }

    /// Decides anew.
    pub(super) fn judge(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let signals = Signals {
            wish: self.contribution.wish(),
            obstacles: self.contribution.reasons().collect(),
            failing_for: self.breaker.pause(now.mono),
            // Without news it grows: every input would have been told.
            idle: match self.rules.signals.idle {
                Signal::Value(idle) => Signal::Value(idle.saturating_add(now.mono.since(self.rules.idle_at))),
                other @ (Signal::Absent | Signal::Unreadable) => other,
            },
            traffic: Signal::Value(self.rules.traffic.roll(&self.limits.rules.zone, now.wall)),
            ..self.rules.signals.clone()
        };
        let memory = std::mem::take(&mut self.rules.memory);
        let (decision, memory) =
            rules::decide(&signals, &self.limits.rules, &self.rules.overrides, memory, now);
        self.rules.memory = memory;
        let (limits, overrides) = (&self.limits.rules, &self.rules.overrides);
        if let Some(frame) = self.history.note(&signals, limits, overrides, &decision, now) {
            effects.push(Effect::KeepFrame(Box::new(frame)));
        }
        self.rules.wake = decision.look_after.map(|after| now.mono.after(after));
        self.rules.decision = decision;
    }

    /// Why a willing worker takes no work now, by its rules; the worker's own obstacles are told in other ways.
    pub(super) fn held_by_rules(&self) -> Option<Reason> {
        let decision = self.rules.decision();
        let reason = decision.primary_reason;
        let by_rules = reason >= Reason::CriticallyHot
            || matches!(
                reason,
                Reason::Suspending | Reason::Updating | Reason::DiskLow | Reason::TasksFailing
            );
        (self.contribution.wish() == Wish::On && !decision.takes_work() && by_rules).then_some(reason)
    }

    pub(super) fn decision_view(&self, now: Now) -> DecisionView {
        let decision = self.rules.decision();
        let zone = &self.limits.rules.zone;
        let clock = |at: WallMs| rules::clock_text(zone, now.wall, at);
        DecisionView {
            takes_work: decision.takes_work(),
            reason: decision.primary_reason.into(),
            all: decision.all_reasons.iter().copied().map(Into::into).collect(),
            until_ms: decision.next_change_at.map(|at| at.0),
            until: decision.next_change_at.map(clock),
            remedy: word(&decision.what_you_can_do),
            gpus_snoozed: decision.gpu_snooze.is_some(),
            gpus_until: decision.gpu_snooze.and_then(Snooze::until).map(clock),
            gpu_app: decision.gpu_app,
            preset_now: self.limits.rules.preset_now(now.wall).map(|preset| preset.name.to_owned()),
            unreadable: decision.unreadable.iter().map(word).collect(),
            ignored: decision.ignored.iter().map(word).collect(),
        }
    }

    /// Whether the computer is to be kept from going to sleep by itself: only where the owner chose it, while a task
    /// computes, and never on battery. One that cannot be read counts as in use.
    #[must_use]
    pub fn keeps_awake(&self) -> bool {
        let mains = matches!(self.rules.signals.on_battery, Signal::Absent | Signal::Value(false));
        self.limits.keep_awake && mains && self.live.values().any(super::Live::computes)
    }

    /// Counts what work has moved over the network.
    pub fn moved(&mut self, bytes: u64, now: Now) {
        self.rules.traffic.add(bytes, &self.limits.rules.zone, now.wall);
    }

    /// What work has moved, to be kept.
    #[must_use]
    pub fn traffic(&self) -> TrafficMeter {
        self.rules.traffic
    }

    /// Has it kept when it has changed, now and then: a crash loses no more than that.
    pub(super) fn keep_traffic(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let (kept, at) = self.rules.kept_traffic;
        if kept != self.rules.traffic && now.mono.since(at) >= KEEP_TRAFFIC {
            self.rules.kept_traffic = (self.rules.traffic, now.mono);
            effects.push(Effect::KeepTraffic(self.rules.traffic));
        }
    }

    pub(super) fn traffic_view(&self, now: Now) -> TrafficView {
        let rules = &self.limits.rules;
        let mut meter = self.rules.traffic;
        let moved = meter.roll(&rules.zone, now.wall);
        TrafficView {
            day_bytes: moved.day,
            month_bytes: moved.month,
            day_quota_bytes: rules.quota_day,
            month_quota_bytes: rules.quota_month,
        }
    }

    /// Books the time that has passed.
    pub(super) fn note_time(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let working = self.live.values().any(super::Live::computes);
        let (reason, takes) = (self.rules.decision().primary_reason, self.rules.decision().takes_work());
        if let Some(span) = self.book.note(reason, takes, working, now) {
            effects.push(Effect::Book(span));
        }
    }

    /// What the sensors tell at present.
    #[must_use]
    pub fn present_frame(&self) -> Option<Frame> {
        self.history.open()
    }

    /// The stretch of time that goes on.
    #[must_use]
    pub fn present_span(&self) -> Option<Span> {
        self.book.open()
    }
}
