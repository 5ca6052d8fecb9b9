//! What the event loop asks the core between two steps.

use super::attempts::Live;
use super::{Core, view};
use crate::port::{Registered, TaskStatus};
use hivemind_domain::connection::Connection;
use hivemind_domain::contribution::Wish;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::resources::Capabilities;
use hivemind_domain::task::{Phase, Task};
use hivemind_domain::time::{Mono, WallMs};

/// How long the pool's word about pay is waited for before people are shown that it stays away.
const ANSWERED_WITHIN_MS: i64 = 30 * 86_400_000;

/// Whether the pool has said for too long nothing final about an attempt. It is still asked, and may still say it.
pub(crate) fn unanswered(task: &Task, now: WallMs) -> bool {
    let long_ago = |ended: WallMs| now.0.saturating_sub(ended.0) > ANSWERED_WITHIN_MS;
    task.phase == Phase::Reported && task.ended_at.is_some_and(long_ago)
}

impl Core {
    /// When [`Input::Tick`] is needed next. Work and deliveries that are due already wait for something else than
    /// time, so they ask for no wake-up.
    #[must_use]
    pub fn next_wake(&self, now: Mono) -> Option<Mono> {
        let backoff = match &self.connection {
            Connection::Backoff { until, .. } => Some(*until),
            Connection::Idle
            | Connection::Connecting { .. }
            | Connection::Registering { .. }
            | Connection::Online
            | Connection::AuthRequired
            | Connection::Rejected { .. } => None,
        };
        let ask = (self.asked.is_none() && self.may_ask()).then_some(self.ask_after);
        let later = |at: &Mono| *at > now;
        let deliveries = self.live.values().filter_map(Live::delivery_wake);
        let timeouts = self.live.values().filter_map(Live::timeout_wake);
        let waiting = ask.into_iter().chain(deliveries).filter(later);
        [backoff, self.engine_retry_at]
            .into_iter()
            .flatten()
            .chain(timeouts)
            .chain(self.look_wake())
            .chain(self.rules.wake())
            .chain(self.yielding.wake(now))
            .chain(waiting)
            .min()
    }

    /// Use of every attempt, for a status report.
    #[must_use]
    pub fn statuses(&self) -> Vec<TaskStatus> {
        let running = self.live.values().filter(|live| live.task.started_at.is_some());
        running
            .map(|live| TaskStatus {
                key: live.task.key().clone(),
                usage: live.task.usage,
                average: live.task.usage.average(&live.task.assignment.limits),
            })
            .collect()
    }

    /// Why no work is taken, as a stable word; empty when it is.
    #[must_use]
    pub fn paused_word(&self) -> String {
        if let Some(reason) = self.held_by_rules() {
            return view::word(&reason);
        }
        match (self.contribution.primary(), self.contribution.wish()) {
            (Some(reason), _) => view::word(&reason),
            (None, Wish::On) => String::new(),
            (None, wish @ (Wish::Off | Wish::Starting | Wish::Draining)) => view::word(&wish),
        }
    }

    /// This computer as registered, engine and isolation included.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let mut host = self.host.clone();
        if self.limits.cpu_only || !self.engine_gives_gpus() {
            host.gpus.clear();
        }
        host
    }

    /// What the pool said at registration.
    #[must_use]
    pub fn registered(&self) -> Option<&Registered> {
        self.registered.as_ref()
    }

    /// CPT estimated and charged so far for attempts that are not final, but for those that ended before `since`:
    /// what a pool does not settle for days belongs to the day it ended.
    #[must_use]
    pub fn accruing(&self, since: WallMs) -> (u64, u64) {
        let counts = |live: &&Live| live.task.ended_at.is_none_or(|ended| ended >= since);
        self.live.values().filter(counts).fold((0, 0), |(estimated, charged), live| {
            (estimated + live.task.estimate(), charged + live.charged.unwrap_or(0))
        })
    }

    /// Attempts that the pool should believe in and has not acknowledged.
    #[must_use]
    pub fn held(&self) -> Vec<TaskKey> {
        self.live
            .iter()
            .filter(|(_, live)| live.task.phase < Phase::Reported)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The present form of one attempt that is not final.
    #[must_use]
    pub fn live_task(&self, key: &TaskKey) -> Option<&Task> {
        self.live.get(key).map(|live| &live.task)
    }
}
