//! The core's dealings with its attempts.

use super::freeze::Ice;
use super::watchdog::Watched;
use super::{Core, Effect, pool_problem};
use crate::port::{OwnContainer, PoolError, PoolErrorKind};
use hivemind_control::Level;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::lease::Lease;
use hivemind_domain::priority::Priority;
use hivemind_domain::retry;
use hivemind_domain::task::{FailureClass, HandBack, Phase, Task, TaskEffect, TaskInput, Verdict};
use hivemind_domain::time::{Mono, Now};
use hivemind_domain::usage::UsageSample;
use std::time::Duration;

/// The pool is asked after this time whether pay that was promised has moved, then in growing steps.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);
const SETTLED_AT_MOST: Duration = Duration::from_secs(600);
/// Why an attempt is given up over which this program fell.
const FELL: &str = "the worker fell over it several times";
/// Exit codes of containers that an ending engine asked to end (143) or killed (137), or that a lost machine left
/// behind (255, set by Docker when it starts again).
pub(crate) const ENDED_BY_ENGINE: [i64; 3] = [137, 143, 255];

/// An attempt that is not final, with what need not survive a restart.
pub(super) struct Live {
    pub(super) task: Task,
    /// Absent after a restart, until the pool renews it.
    pub(super) lease: Option<Lease>,
    /// When it came into this process.
    pub(super) accepted: Mono,
    /// Waits for the engine to come back.
    pub(super) parked: bool,
    /// Its container was found running after nobody had watched it for a while, or the engine had been away.
    readopted: bool,
    /// CPT charged by the pool so far.
    pub(super) charged: Option<u64>,
    /// Last reading and when it came.
    pub(super) reading: Option<(UsageSample, Mono)>,
    /// CPU use between the last two readings, in percent of what was granted.
    pub(super) cpu_percent: f32,
    /// Busy share and memory of its GPUs, where the driver tells.
    pub(super) gpu: Option<(Option<f32>, u64)>,
    /// The share of the computer that its container was given last; absent when nobody knows.
    pub(super) priority: Option<Priority>,
    /// Since when usage has not been booked; set while the container runs and is not frozen.
    counted_to: Option<Mono>,
    /// Thousandths of a core that its container was given last; absent when nobody knows.
    pub(super) cpu_given: Option<u32>,
    /// Whether its container is frozen.
    pub(super) ice: Ice,
    /// What the watch over it remembers.
    pub(super) watched: Watched,
    /// What waits for the pool, since when it may be tried, and failed tries so far.
    delivery: Option<Delivery>,
}

struct Delivery {
    effect: TaskEffect,
    after: Mono,
    failures: u32,
    /// Bytes of the result that the pool was known to have.
    arrived: u64,
    under_way: bool,
}

impl Live {
    pub(super) fn accepted(task: Task, lease: Lease, now: Now) -> Self {
        let cpu_given = Some(task.assignment.limits.resources.cpu_millis);
        Self { priority: Some(Priority::Normal), cpu_given, ..Self::new(task, Some(lease), now.mono) }
    }

    fn new(task: Task, lease: Option<Lease>, accepted: Mono) -> Self {
        Self {
            task,
            lease,
            accepted,
            parked: false,
            readopted: false,
            charged: None,
            reading: None,
            cpu_percent: 0.0,
            gpu: None,
            priority: None,
            counted_to: None,
            cpu_given: None,
            ice: Ice::Thawed,
            watched: Watched::default(),
            delivery: None,
        }
    }

    /// From the journal: no lease is believed in until the pool renews it, and the engine has to be asked first.
    pub(super) fn restored(task: Task) -> Self {
        // What only waits for the pool needs no engine.
        Self { parked: task.phase < Phase::Uploading, ..Self::new(task, None, Mono::default()) }
    }

    /// Running time without frozen time.
    pub(super) fn active(&self, now: Mono) -> Duration {
        let booked = Duration::from_millis(self.task.usage.active_ms);
        booked + self.counted_to.map_or(Duration::ZERO, |since| now.since(since))
    }

    fn book(&mut self, now: Mono) {
        if let Some(since) = self.counted_to {
            let sample = self.reading.map(|(sample, _)| sample).unwrap_or_default();
            self.task.usage.add(&sample, now.since(since));
            self.counted_to = Some(now);
        }
    }

    /// It was frozen: its time stands still.
    pub(super) fn stop_counting(&mut self, now: Mono) {
        self.book(now);
        self.counted_to = None;
    }

    /// It goes on; what it told of its use before is long ago.
    pub(super) fn count_on(&mut self, now: Mono) {
        self.counted_to.get_or_insert(now);
        self.watched.since = Some(now);
        self.reading = self.reading.map(|(sample, _)| (sample, now));
    }

    pub(super) fn delivery_wake(&self) -> Option<Mono> {
        self.delivery.as_ref().filter(|d| !d.under_way).map(|d| d.after)
    }

    pub(super) fn timeout_wake(&self) -> Option<Mono> {
        // Without its engine nobody knows whether it runs.
        self.counted_to.filter(|_| self.task.verdict.is_none() && !self.parked).map(|since| {
            let booked = Duration::from_millis(self.task.usage.active_ms);
            since.after(self.task.assignment.limits.timeout.saturating_sub(booked))
        })
    }
}

impl Core {
    /// Takes an attempt over from the journal.
    pub(super) fn restore(&mut self, task: Task, suspected: bool, now: Now, effects: &mut Vec<Effect>) {
        let key = task.key().clone();
        if suspected && task.phase != Phase::Reported {
            self.live.insert(key.clone(), Live::restored(task));
            return self.task(&key, TaskInput::GivenUp(FELL.to_owned()), now, effects);
        }
        let waits_for_pool = task.phase >= Phase::Uploading;
        if task.phase == Phase::Reported {
            effects.push(Effect::Perform(Box::new(task.clone()), TaskEffect::RemoveFiles));
        }
        self.live.insert(key.clone(), Live::restored(task));
        if waits_for_pool {
            self.kept(&key, now, effects);
        }
        self.go_on_without_engine(&key, effects);
    }

    /// The journal has what is to be told to the pool: never sooner, or a crash could make us tell it otherwise.
    pub(super) fn kept(&mut self, key: &TaskKey, now: Now, effects: &mut Vec<Effect>) {
        let Some(live) = self.live.get_mut(key).filter(|live| live.delivery.is_none()) else { return };
        let due = |effect: &TaskEffect| match effect {
            TaskEffect::Submit | TaskEffect::HandBack => Some(now.mono),
            TaskEffect::AwaitSettlement => Some(now.mono.after(SETTLED_WITHIN)),
            TaskEffect::Prepare
            | TaskEffect::Run
            | TaskEffect::Halt
            | TaskEffect::Collect
            | TaskEffect::RemoveContainer
            | TaskEffect::RemoveFiles => None,
        };
        let todo = live.task.resume(false);
        live.delivery = todo.into_iter().find_map(|effect| {
            let after = due(&effect)?;
            Some(Delivery { effect, after, failures: 0, arrived: 0, under_way: false })
        });
        self.deliver_due(now, effects);
    }

    /// The pay has not moved yet: asked again in growing steps.
    pub(super) fn unsettled(&mut self, key: &TaskKey, now: Now) {
        if let Some(delivery) = self.live.get_mut(key).and_then(|live| live.delivery.as_mut()) {
            delivery.under_way = false;
            delivery.failures = delivery.failures.saturating_add(1);
            let pause = SETTLED_WITHIN.saturating_mul(1 << delivery.failures.min(8));
            delivery.after = now.mono.after(pause.min(SETTLED_AT_MOST));
        }
    }

    /// Feeds one attempt and turns what it asks for into effects.
    pub(super) fn task(&mut self, key: &TaskKey, input: TaskInput, now: Now, effects: &mut Vec<Effect>) {
        let Some(live) = self.live.get_mut(key) else { return };
        if live.ended_with_the_engine(&input) {
            return self.begin_anew(key, now, effects);
        }
        match &input {
            TaskInput::Started => {
                if live.ice != Ice::Frozen {
                    live.counted_to.get_or_insert(now.mono);
                }
                live.watched.since = Some(now.mono);
            }
            TaskInput::Exited { .. } | TaskInput::Stopped | TaskInput::Failed { .. } | TaskInput::Revoked => {
                live.stop_counting(now.mono);
                live.watched.since = None;
                live.ice = Ice::Thawed;
            }
            TaskInput::HandBackTaken | TaskInput::Acknowledged(_) | TaskInput::ResultLost(_) => {
                live.delivery = None;
            }
            TaskInput::GivenUp(_) => {
                live.stop_counting(now.mono);
                live.delivery = None;
            }
            TaskInput::Begin
            | TaskInput::Prepared { .. }
            | TaskInput::Stop(_)
            | TaskInput::Took(_)
            | TaskInput::Collected(_) => {}
        }
        let before = live.task.clone();
        let todo = live.task.step(input, now.wall);
        if live.task == before && todo.is_empty() {
            return;
        }
        live.parked &= live.task.phase < Phase::Uploading;
        let ended = live.task.phase >= Phase::Uploading
            && (before.phase < Phase::Uploading || before.verdict != live.task.verdict);
        let tried = ended.then(|| (live.task.clone(), live.accepted));
        // An exit is seen again after a restart, so it does not need the disk. A start does: running time is counted
        // from it when nobody watched.
        let written_later = live.task.phase == Phase::Collecting
            || (live.task.phase == before.phase
                && live.task.verdict == before.verdict
                && live.task.started_at == before.started_at);
        if written_later {
            let task = live.task.clone();
            effects.extend(todo.into_iter().map(|effect| Effect::Perform(Box::new(task.clone()), effect)));
        } else {
            effects.push(Effect::Persist(Box::new(live.task.clone()), todo));
        }
        if live.task.phase.is_final() {
            let task = live.task.clone();
            self.live.remove(key);
            self.give_up_writing(key);
            effects.push(Effect::Forget(Box::new(task)));
        }
        if let Some((task, began)) = tried {
            self.tried(&task, began, now);
        }
    }

    /// The engine went down and took the container along: once more, within the same attempt.
    fn begin_anew(&mut self, key: &TaskKey, now: Now, effects: &mut Vec<Effect>) {
        let Some(live) = self.live.get_mut(key) else { return };
        live.stop_counting(now.mono);
        live.ice = Ice::Thawed;
        live.readopted = false;
        live.task.rewind(false);
        let todo = live.task.resume(false);
        effects.push(Effect::Persist(Box::new(live.task.clone()), todo));
    }

    /// Ends every attempt that still occupies this computer.
    pub(super) fn end_all(&mut self, reason: HandBack, message: &str, now: Now, effects: &mut Vec<Effect>) {
        let keys: Vec<_> =
            self.live.iter().filter(|(_, l)| l.task.phase.occupies()).map(|(k, _)| k.clone()).collect();
        for key in keys {
            let verdict = Verdict::HandedBack { reason, message: message.to_owned() };
            self.task(&key, TaskInput::Stop(verdict), now, effects);
        }
    }

    pub(super) fn used(&mut self, key: &TaskKey, mut sample: UsageSample, now: Now) {
        let Some(live) = self.live.get_mut(key) else { return };
        sample.gpu_percent = sample.gpu_percent.or(live.gpu.and_then(|(percent, _)| percent));
        if let Some((last, at)) = live.reading {
            let elapsed_ns = now.mono.since(at).as_secs_f64() * 1e9;
            let granted = elapsed_ns * f64::from(live.task.assignment.limits.resources.cpu_millis) / 1000.0;
            let spent = sample.cpu_total_ns.saturating_sub(last.cpu_total_ns) as f64;
            if granted > 0.0 {
                live.cpu_percent = (100.0 * spent / granted).clamp(0.0, 100.0) as f32;
            }
        }
        live.reading = Some((sample, now.mono));
        live.book(now.mono);
    }

    pub(super) fn time_out_tasks(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let late: Vec<_> = self
            .live
            .iter()
            .filter(|(_, live)| {
                live.counted_to.is_some()
                    && !live.parked
                    && live.task.verdict.is_none()
                    && live.active(now.mono) >= live.task.assignment.limits.timeout
            })
            .map(|(key, live)| (key.clone(), live.task.assignment.limits.timeout))
            .collect();
        for (key, timeout) in late {
            let verdict = Verdict::Failed {
                class: FailureClass::TimedOut,
                exit_code: None,
                message: format!("the task ran longer than the {} s it was granted", timeout.as_secs()),
            };
            self.task(&key, TaskInput::Stop(verdict), now, effects);
        }
    }

    /// Sends what waits for the pool, as far as the pool still counts on us.
    pub(super) fn deliver_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.connection.is_online() {
            return;
        }
        for live in self.live.values_mut() {
            let confirmed = live.lease.is_some_and(|lease| lease.holds(now.mono));
            if let Some(delivery) = &mut live.delivery
                && (confirmed || delivery.effect == TaskEffect::AwaitSettlement)
                && !delivery.under_way
                && now.mono >= delivery.after
            {
                delivery.under_way = true;
                effects.push(Effect::Perform(Box::new(live.task.clone()), delivery.effect.clone()));
            }
        }
    }

    pub(super) fn delivery_failed(
        &mut self,
        key: &TaskKey,
        error: &PoolError,
        unit: f64,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        if self.live.get(key).is_some_and(|live| live.task.phase == Phase::Reported) {
            // Nothing is lost by waiting; a link that broke is found out by its heartbeats.
            return self.unsettled(key, now);
        }
        match error.kind {
            PoolErrorKind::StaleAttempt | PoolErrorKind::NotFound => {
                self.notice(Level::Warning, pool_problem(error).with("task", key.task.as_str()), now);
                self.task(key, TaskInput::Revoked, now, effects);
                return;
            }
            PoolErrorKind::ResultLost => {
                self.notice(Level::Error, pool_problem(error).with("task", key.task.as_str()), now);
                self.task(key, TaskInput::ResultLost(error.message.clone()), now, effects);
                return;
            }
            PoolErrorKind::Unauthenticated | PoolErrorKind::NodeUnknown => {
                // Without the link this is known already.
                if self.connection.is_online() {
                    self.pool_failed(error, unit, now, effects);
                }
            }
            PoolErrorKind::Conflict | PoolErrorKind::Protocol | PoolErrorKind::Disk => {
                self.notice(Level::Error, pool_problem(error).with("task", key.task.as_str()), now);
            }
            PoolErrorKind::Unreachable
            | PoolErrorKind::WrongCredentials
            | PoolErrorKind::Refused
            | PoolErrorKind::Unencrypted => {}
        }
        if let Some(delivery) = self.live.get_mut(key).and_then(|live| live.delivery.as_mut()) {
            // Lasting errors are tried at most every 30 s; a person was told.
            let lasting =
                matches!(error.kind, PoolErrorKind::Conflict | PoolErrorKind::Protocol | PoolErrorKind::Disk);
            // The try before brought the result on: a bad line is no reason to wait ever longer.
            if let Some(arrived) = error.resumed_at.filter(|arrived| *arrived > delivery.arrived) {
                delivery.arrived = arrived;
                delivery.failures = 0;
            }
            let pause =
                if lasting { retry::CAP } else { retry::pause(delivery.failures, unit, error.retry_after) };
            delivery.under_way = false;
            delivery.failures = delivery.failures.saturating_add(1);
            delivery.after = now.mono.after(pause);
        }
    }

    /// Goes on with every parked attempt and removes containers that belong to none.
    pub(super) fn adopt(&mut self, containers: &[OwnContainer], now: Now, effects: &mut Vec<Effect>) {
        for own in containers {
            let live = own.key.as_ref().and_then(|key| self.live.get(key));
            if live.is_none_or(|live| live.task.phase > Phase::Collecting) {
                effects.push(Effect::RemoveStray(own.container.clone()));
            }
        }
        self.restore_gpus(containers);
        let parked: Vec<_> =
            self.live.iter().filter(|(_, live)| live.parked).map(|(key, _)| key.clone()).collect();
        for key in parked {
            let Some(live) = self.live.get_mut(&key) else { continue };
            live.parked = false;
            live.readopted = live.task.phase == Phase::Running;
            let found = containers.iter().find(|own| own.key.as_ref() == Some(&key));
            live.task.rewind(found.is_some());
            if live.task.phase != Phase::Running {
                // What it was for goes for nothing, and so does its time.
                live.counted_to = None;
            }
            if let Some(own) = found {
                live.task.container = Some(own.container.clone());
            }
            live.ice = if found.is_some_and(|own| own.frozen) { Ice::Frozen } else { Ice::Thawed };
            live.count_from_start(now);
            let todo = live.task.resume(found.is_some());
            effects.push(Effect::Persist(Box::new(live.task.clone()), todo));
        }
    }
}

impl Live {
    /// Whether this is how a container ends that its engine ended: killed or without a word, while nobody watched
    /// and nobody had asked for it. Its program has not failed.
    fn ended_with_the_engine(&self, input: &TaskInput) -> bool {
        let TaskInput::Exited { code, out_of_memory: false } = input else { return false };
        self.readopted
            && self.task.phase == Phase::Running
            && self.task.verdict.is_none()
            && ENDED_BY_ENGINE.contains(code)
    }

    /// After an adoption: the container went on while nobody counted, but for the time in which it was frozen. The
    /// wall clock tells how long, within what the task may have run at all.
    fn count_from_start(&mut self, now: Now) {
        if self.task.phase != Phase::Running || self.counted_to.is_some() {
            return;
        }
        let frozen = self.ice == Ice::Frozen;
        if let Some(started) = self.task.started_at {
            if frozen {
                self.task.freeze(now.wall);
            }
            let still = self.task.frozen_until(now.wall);
            let wall = u64::try_from(now.wall.0.saturating_sub(started.0)).unwrap_or(0).saturating_sub(still);
            let most = u64::try_from(self.task.assignment.limits.timeout.as_millis()).unwrap_or(u64::MAX);
            if wall <= most {
                let missed = wall.saturating_sub(self.task.usage.active_ms);
                self.task.usage.add(&UsageSample::default(), Duration::from_millis(missed));
            }
        }
        if !frozen {
            self.task.thaw(now.wall);
            self.counted_to = Some(now.mono);
        }
    }
}
