//! What the adapter remembers between calls.

use super::dial::Connected;
use super::output::Output;
use super::push::desk::Desk;
use super::refusals::Refusals;
use hivemind_control::{Reach, ReachWhy};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::resources::Resources;
use hivemind_domain::text::plain_line;
use hivemind_proto::nodepool::{ResourceSpec, ResourceUsage};
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
    /// Whether it is a managed function, whose output is told byte for byte.
    pub(super) function: bool,
    /// Since when the pool says that it is not ours, though it may push it again.
    pub(super) astray: Option<Instant>,
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
            function: false,
            astray: None,
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
    pub(super) way: Way,
    /// Why pushing was given up.
    pub(super) turn: Option<ReachWhy>,
    /// What this computer has, as it was told last.
    pub(super) spec: Option<ResourceSpec>,
    pub(super) pushed: Desk,
    /// When this computer's standing was told, and by which way work came then.
    pub(super) standing: Option<(Instant, Way)>,
    /// Failures that the pool had counted when this program first asked.
    pub(super) failed_before: Option<i64>,
    /// Failures that were told to the pool since.
    pub(super) failed_here: i64,
    /// What the owner lends, as the pool was told last.
    pub(super) lent: Option<Resources>,
}

/// How work comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) reach: Reach,
    pub(super) why: ReachWhy,
    /// Where the pool calls.
    pub(super) address: String,
}

impl Way {
    pub(super) fn pull(why: ReachWhy) -> Self {
        Self { reach: Reach::Pull, why, address: String::new() }
    }

    pub(super) fn is_push(&self) -> bool {
        self.reach == Reach::Push
    }
}

impl Default for Way {
    fn default() -> Self {
        Self { reach: Reach::Neither, why: ReachWhy::NotConnected, address: String::new() }
    }
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

    /// The same where the pool pushed it: it is told by an error, which it does not count as a try in vain.
    pub(super) fn refuse(&mut self, task: &str, why: &str) {
        self.refusals.note(task, Instant::now());
        self.notice(&format!("task {task} is left to other computers: {why}"));
    }

    /// What a task in hand has printed.
    pub(super) fn output(&mut self, key: &TaskKey) -> Option<&mut Output> {
        self.tasks.get_mut(key)?.output.as_mut()
    }

    /// A task in hand; taken there where it is not yet. Only where it is certain that the worker has it.
    pub(super) fn held(&mut self, key: &TaskKey) -> &mut Held {
        self.tasks.entry(key.clone()).or_default()
    }
}
