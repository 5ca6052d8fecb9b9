//! When work is taken: the rules' decision over what the worker knows, made anew after every step.

use super::view::word;
use super::{Core, Effect};
use hivemind_control::DecisionView;
use hivemind_domain::contribution::Wish;
use hivemind_domain::rules::{
    self, Decision, Frame, Memory, Overrides, Reason, Sensed, Signal, Signals, Snooze, Span,
};
use hivemind_domain::time::{Mono, Now, WallMs};

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
}

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
            || matches!(reason, Reason::Suspending | Reason::Updating | Reason::TasksFailing);
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
            unreadable: decision.unreadable.iter().map(word).collect(),
            ignored: decision.ignored.iter().map(word).collect(),
        }
    }

    /// Books the time that has passed.
    pub(super) fn note_time(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let working = self.live.values().any(super::Live::computes);
        let reason = self.rules.decision().primary_reason;
        if let Some(span) = self.book.note(reason, working, now) {
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
