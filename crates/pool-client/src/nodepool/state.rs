//! What the adapter remembers between calls.

use super::dial::Connected;
use super::output::Output;
use super::refusals::Refusals;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::text::plain_line;
use hivemind_proto::nodepool::ResourceUsage;
use hivemind_worker_core::port::{Assigned, PoolError, PoolErrorKind};
use std::collections::{HashMap, VecDeque};
use tokio::time::Instant;

/// News that wait for the next heartbeat.
const MOST_NOTICES: usize = 8;

/// Who is signed in.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) username: String,
    pub(super) token: String,
}

/// One task in our hands.
pub(super) struct Held {
    pub(super) since: Instant,
    /// Most bytes of its package.
    pub(super) most_bytes: Option<u64>,
    pub(super) usage: ResourceUsage,
    pub(super) output: Option<Output>,
    /// Told to be complete, or about to be: no report about it is believed any more.
    pub(super) completing: bool,
    /// Since when the pool says that it is not ours to complete, and its ledger says nothing.
    pub(super) refused: Option<Instant>,
    /// When the pool took its completion.
    pub(super) completed: Option<Instant>,
    pub(super) cut_told: bool,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            most_bytes: None,
            usage: ResourceUsage::default(),
            output: None,
            completing: false,
            refused: None,
            completed: None,
            cut_told: false,
        }
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) connected: Option<Connected>,
    pub(super) session: Option<Session>,
    pub(super) worker: Option<String>,
    pub(super) usage: ResourceUsage,
    pub(super) paused: bool,
    pub(super) tasks: HashMap<TaskKey, Held>,
    pub(super) refusals: Refusals,
    pub(super) notices: VecDeque<String>,
    /// Number of the newest call for work.
    pub(super) ask: u64,
    /// Pulled and not handed on.
    pub(super) ready: VecDeque<(Instant, Assigned)>,
}

impl State {
    pub(super) fn session(&self) -> Result<Session, PoolError> {
        let missing = || PoolError::new(PoolErrorKind::Unauthenticated, "nobody is signed in");
        self.session.clone().ok_or_else(missing)
    }

    pub(super) fn worker(&self) -> Result<String, PoolError> {
        let missing = || PoolError::new(PoolErrorKind::NodeUnknown, "this computer is not registered");
        self.worker.clone().ok_or_else(missing)
    }

    pub(super) fn notice(&mut self, text: &str) {
        if self.notices.len() >= MOST_NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(plain_line(text, 256));
    }

    /// A task is left to the pool.
    pub(super) fn leave(&mut self, task: &str, why: &str) {
        self.refusals.note(task, Instant::now());
        self.notice(&format!(
            "task {task} is left to other computers: {why}; the pool counts that as a try at it, not as a failure"
        ));
    }

    pub(super) fn held(&mut self, key: &TaskKey) -> &mut Held {
        self.tasks.entry(key.clone()).or_default()
    }
}
