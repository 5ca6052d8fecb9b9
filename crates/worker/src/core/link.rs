//! The core's dealings with the pool: connection, leases, asking for work.

use super::{Core, Effect, EngineState, pool_problem};
use crate::port::{Assigned, HeartbeatAnswer, Offer, PoolError, PoolErrorKind};
use hivemind_control::{ApiError, ErrorCode, Level};
use hivemind_domain::admission;
use hivemind_domain::connection::{Connection, Happening};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::lease::Lease;
use hivemind_domain::resources::Resources;
use hivemind_domain::retry;
use hivemind_domain::task::{HandBack, ManagedFunction, Phase, Task, TaskInput, Verdict};
use hivemind_domain::time::{Mono, Now, WallMs};
use std::time::Duration;

/// A call for work that comes back sooner with nothing was not let wait.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Longest pause between two tries while a lease may still be saved.
const SOON: Duration = Duration::from_millis(700);

impl Core {
    pub(super) fn connect(&mut self, happening: Happening, now: Now, effects: &mut Vec<Effect>) {
        if let Some(todo) = self.connection.step(happening, now.mono) {
            if !self.connection.is_online() {
                self.asked = None;
            }
            effects.push(Effect::Pool(todo));
        }
    }

    pub(super) fn pool_failed(&mut self, error: &PoolError, unit: f64, now: Now, effects: &mut Vec<Effect>) {
        let problem = pool_problem(error);
        let cause = problem.code.word();
        if self.pool_problem.as_ref() != Some(&problem) {
            self.notice(Level::Warning, problem.clone(), now);
        }
        self.pool_problem = Some(problem);
        if error.kind == PoolErrorKind::NodeUnknown {
            self.orphan(effects);
        }
        let mut push_back = error.retry_after;
        let lost_before = self.unproven;
        if self.connection.is_online() {
            // A registration alone is no success: a link on which no heartbeat is answered waits longer every time.
            push_back = Some(retry::pause(lost_before, unit, error.retry_after));
            self.unproven = lost_before.saturating_add(1);
        }
        let happening = match error.kind {
            PoolErrorKind::NodeUnknown if self.connection.is_online() && lost_before == 0 => {
                Happening::Forgotten
            }
            PoolErrorKind::WrongCredentials => Happening::SignInMissing,
            PoolErrorKind::Refused | PoolErrorKind::Unencrypted => Happening::Refused { cause },
            PoolErrorKind::NodeUnknown
            | PoolErrorKind::Unreachable
            | PoolErrorKind::Unauthenticated
            | PoolErrorKind::StaleAttempt
            | PoolErrorKind::Conflict
            | PoolErrorKind::NotFound
            | PoolErrorKind::Protocol
            | PoolErrorKind::Disk
            | PoolErrorKind::ResultLost => Happening::Failed { cause, unit, push_back },
        };
        self.connect(happening, now, effects);
        if error.retry_after.is_none() {
            self.hurry(now);
        }
    }

    /// Notes on what is done and not paid yet that the pool has forgotten who did it.
    fn orphan(&mut self, effects: &mut Vec<Effect>) {
        let earner = self.registered.as_ref().map(|known| known.earner.as_str()).unwrap_or_default();
        for live in self.live.values_mut() {
            let task = &mut live.task;
            let told = task.phase == Phase::Reported && !task.credit.is_some_and(|credit| credit.settled);
            if told && !earner.is_empty() && task.earner == earner && !task.orphaned {
                task.orphaned = true;
                effects.push(Effect::Persist(Box::new(task.clone()), Vec::new()));
            }
        }
    }

    /// While a lease may still be saved, the next try comes soon. That is over with the lease, after seconds.
    fn hurry(&mut self, now: Now) {
        let holds = |lease: Lease| lease.holds(now.mono);
        let mut held = self.live.values().filter(|live| live.task.phase < Phase::Reported);
        if held.any(|live| live.lease.is_some_and(holds))
            && let Connection::Backoff { until, .. } = &mut self.connection
        {
            *until = (*until).min(now.mono.after(SOON));
        }
    }

    /// The wall time of the next try is reckoned once for each pause: the two clocks never move quite together, and
    /// what is shown would differ each time it is looked at.
    pub(super) fn note_retry(&mut self, now: Now) {
        let Connection::Backoff { until, .. } = &self.connection else {
            self.retry = None;
            return;
        };
        if self.retry.is_none_or(|(shown, _)| shown != *until) {
            let wait = i64::try_from(until.since(now.mono).as_millis()).unwrap_or(i64::MAX);
            self.retry = Some((*until, WallMs(now.wall.0.saturating_add(wait))));
        }
    }

    pub(super) fn heartbeat(
        &mut self,
        sent: Mono,
        answer: HeartbeatAnswer,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        self.unproven = 0;
        for (key, live) in &mut self.live {
            // An attempt accepted after the heartbeat was sent is not in its answer.
            if !answer.void.contains(key) && live.accepted <= sent {
                let granted = Lease::granted(sent, answer.lease);
                live.lease.get_or_insert(granted).renew(sent, answer.lease);
            }
        }
        for key in &answer.void {
            let newer = self.live.get(key).is_some_and(|live| live.accepted > sent);
            if !newer {
                self.task(key, TaskInput::Revoked, now, effects);
            }
        }
        for (key, by) in answer.cancelled {
            self.task(&key, TaskInput::Stop(Verdict::Cancelled { by }), now, effects);
        }
        if answer.standing.is_some() {
            self.standing = answer.standing;
        }
        for text in answer.notices {
            self.notice(Level::Notice, ApiError::new(ErrorCode::PoolNotice, text), now);
        }
        self.deliver_due(now, effects);
    }

    pub(super) fn granted(&self) -> (Resources, usize) {
        let occupying = self.live.values().filter(|live| live.task.phase.occupies());
        occupying.fold((Resources::default(), 0), |(sum, count), live| {
            (sum.plus(live.task.assignment.limits.resources), count + 1)
        })
    }

    pub(super) fn may_ask(&self) -> bool {
        self.rules.decision().takes_work()
            && self.connection.is_online()
            && match &self.engine {
                EngineState::Unknown => false,
                EngineState::Ready(_) => !self.live.values().any(|live| live.parked),
                // What waits for the engine keeps its place meanwhile.
                EngineState::Away(_) => self.functions_only(),
            }
    }

    pub(super) fn ask_for_work(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.may_ask() || now.mono < self.ask_after {
            return;
        }
        let (granted, running) = self.granted();
        let Some(mut free) = admission::offer(self.allowed_now(), granted, running, self.limits.max_tasks)
        else {
            return;
        };
        let containers = !self.engine_is_away();
        free.gpus = if containers { self.free_gpus() } else { 0 };
        if !containers && !free.covers(ManagedFunction::NEEDS) {
            return;
        }
        // A standing call is only superseded when more has become free since, or something else can be run.
        if self.asked.is_some_and(|(_, asked)| asked.containers == containers && asked.free.covers(free)) {
            return;
        }
        let running = u32::try_from(running).unwrap_or(u32::MAX);
        let offer = Offer { free, running, containers };
        self.ask_number += 1;
        self.asked = Some((self.ask_number, offer));
        self.asked_at = now.mono;
        effects.push(Effect::Ask { offer, number: self.ask_number });
    }

    pub(super) fn asked(
        &mut self,
        number: u64,
        answer: Result<Option<Assigned>, PoolError>,
        unit: f64,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let standing = self.asked.is_some_and(|(asked, _)| asked == number);
        if standing {
            self.asked = None;
        }
        match answer {
            // A pool that does not let the call wait is asked in growing steps, as after a failure.
            Ok(None) if standing && now.mono.since(self.asked_at) < AT_ONCE => {
                self.ask_after = now.mono.after(retry::pause(self.ask_failures, unit, None));
                self.ask_failures = self.ask_failures.saturating_add(1);
            }
            Ok(None) => self.ask_failures = 0,
            Ok(Some(assigned)) => {
                self.ask_failures = 0;
                if self.accept(assigned, now, effects) {
                    // A pool that offers again and again what cannot run here is asked in growing steps too.
                    self.ask_after = now.mono.after(retry::pause(self.declines, unit, None));
                    self.declines = self.declines.saturating_add(1);
                }
            }
            // Our own newer call took its place at the pool; that is no failure.
            Err(_) if number < self.ask_number => {}
            Err(error) => {
                self.ask_after = now.mono.after(retry::pause(self.ask_failures, unit, error.retry_after));
                self.ask_failures = self.ask_failures.saturating_add(1);
                match error.kind {
                    PoolErrorKind::NodeUnknown | PoolErrorKind::Unauthenticated | PoolErrorKind::Refused => {
                        // Without the link this is known already.
                        if self.connection.is_online() {
                            self.pool_failed(&error, unit, now, effects);
                        }
                    }
                    // A busy or broken call for work is no reason to drop a link whose heartbeats are answered.
                    PoolErrorKind::Unreachable
                    | PoolErrorKind::WrongCredentials
                    | PoolErrorKind::StaleAttempt
                    | PoolErrorKind::Conflict
                    | PoolErrorKind::Unencrypted
                    | PoolErrorKind::NotFound
                    | PoolErrorKind::Protocol
                    | PoolErrorKind::Disk
                    | PoolErrorKind::ResultLost => {
                        self.notice(Level::Notice, pool_problem(&error), now);
                    }
                }
            }
        }
    }

    /// Takes an offer or hands it back; true when it was declined for what it wants.
    fn accept(&mut self, mut assigned: Assigned, now: Now, effects: &mut Vec<Effect>) -> bool {
        let key = assigned.assignment.key.clone();
        if self.live.contains_key(&key) {
            return false;
        }
        if self.shutting_down || !self.rules.decision().takes_work() {
            // The call for it was under way when that changed: nothing is wrong with the task or with this computer.
            let reason = if self.shutting_down { HandBack::ShuttingDown } else { HandBack::OwnerStopped };
            let message = format!("{key}: this computer takes no work now: {}", self.paused_word());
            effects.push(Effect::Decline(key, reason, message));
            return false;
        }
        let fits = |reason| ApiError::new(ErrorCode::PoolProtocol, reason);
        let permitted = self.permits_kind(&mut assigned).and_then(|()| self.permits(&assigned));
        let gpus = permitted.and_then(|()| self.allocate_gpus(&key, &assigned));
        let gpus = gpus.and_then(|gpus| self.fits(&key, &assigned).map(|()| gpus).map_err(fits));
        let gpus = match gpus {
            Ok(gpus) => gpus,
            Err(error) => {
                self.decline(key, error, now, effects);
                return true;
            }
        };
        if let Err(problem) = self.judge_network(&assigned.assignment, now) {
            effects.push(Effect::Decline(key, HandBack::CannotRun, problem.message.clone()));
            self.network_notice(problem, now);
            return true;
        }
        self.declines = 0;
        let mut task = Task::accept(assigned.assignment, now.wall);
        task.gpus = gpus;
        task.earner = self.registered.as_ref().map(|known| known.earner.clone()).unwrap_or_default();
        let todo = task.step(TaskInput::Begin, now.wall);
        effects.push(Effect::Persist(Box::new(task.clone()), todo));
        // A long poll may have waited for long: the pool grants the lease when it answers, not when we asked.
        let lease = Lease::granted(now.mono, assigned.lease);
        self.live.insert(key, super::Live::accepted(task, lease, now));
        false
    }

    fn fits(&self, key: &TaskKey, assigned: &Assigned) -> Result<(), String> {
        let assignment = &assigned.assignment;
        assignment.limits.check().map_err(|e| format!("{key}: {e}"))?;
        let (granted, running) = self.granted();
        let need = assignment.limits.resources;
        // A function needs no container, so that what those can have together is nothing to it.
        let allowed = if assignment.function.is_some() { self.allowed_here() } else { self.allowed_now() };
        admission::admit(allowed, granted, need, running, self.limits.max_tasks)
            .map_err(|e| format!("{key}: {e}"))
    }

    pub(super) fn charged(&mut self, charged: Vec<(TaskKey, u64)>, balance: Option<i64>) {
        for (key, cpt) in charged {
            if let Some(live) = self.live.get_mut(&key) {
                live.charged = Some(cpt);
            }
        }
        if let (Some(account), Some(_)) = (&mut self.account, balance) {
            account.balance_cpt = balance;
        }
    }
}
