//! Who is alive, who waits for work, and which work waits: the part of the pool that lives in memory only.
//!
//! Nodes, leases and the queue are rebuilt from the database at start; from then on a heartbeat touches nothing
//! but this. Everything here is plain data and plain functions; the caller holds the lock.

use crate::tasks::{Held, Waiting};
use hivemind_domain::ids::{NodeId, TaskKey};
use hivemind_domain::resources::{Resources, TrustLevel};
use hivemind_domain::task::CancelledBy;
use hivemind_proto::v1;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Load of a node that has not reported yet: full, so that it comes last among its equals.
const UNKNOWN_LOAD: f32 = 100.0;
/// How long a node that handed a task back for want of an engine or by its owner's wish is passed over for it.
const PASS_OVER: Duration = Duration::from_secs(30);
/// How long one that cannot run a task is passed over for it.
const PASS_OVER_UNABLE: Duration = Duration::from_secs(3600);

/// What a node said about itself last.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeStatus {
    pub(crate) usage: v1::NodeUsage,
    /// Why it takes no tasks; empty when it does.
    pub(crate) pause: String,
    /// What is above its threshold there, as words.
    pub(crate) alerts: Vec<String>,
}

/// A registered node.
#[derive(Debug, Clone)]
pub(crate) struct LiveNode {
    pub(crate) user: i64,
    pub(crate) trust: TrustLevel,
    pub(crate) last_seen: Instant,
    pub(crate) load: f32,
    pub(crate) status: Option<NodeStatus>,
}

impl LiveNode {
    pub(crate) fn new(user: i64, trust: TrustLevel, now: Instant) -> Self {
        Self { user, trust, last_seen: now, load: UNKNOWN_LOAD, status: None }
    }
}

/// An attempt that a node holds.
#[derive(Debug, Clone)]
struct LiveLease {
    node: NodeId,
    renewed: Instant,
    cancel: Option<CancelledBy>,
}

/// A node's open long poll.
#[derive(Debug)]
pub(crate) struct Poll {
    /// Tells this poll from a later one of the same node.
    pub(crate) ticket: u64,
    free: Resources,
    running: u32,
    since: Instant,
    answer: oneshot::Sender<v1::Assignment>,
}

/// A task and the node chosen for it.
#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) task: Waiting,
    pub(crate) node: NodeId,
    pub(crate) answer: oneshot::Sender<v1::Assignment>,
}

/// What a heartbeat is answered.
#[derive(Debug, Default)]
pub(crate) struct Beat {
    /// Per held attempt: renewed, or unknown here, which the database has to explain.
    pub(crate) known: Vec<bool>,
    pub(crate) cancellations: Vec<(TaskKey, CancelledBy)>,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Live {
    nodes: HashMap<NodeId, LiveNode>,
    leases: HashMap<TaskKey, LiveLease>,
    queue: VecDeque<Waiting>,
    polls: HashMap<NodeId, Poll>,
    passed_over: HashMap<(String, NodeId), Instant>,
    tickets: u64,
}

impl Live {
    /// After a restart: silence counts from `from`, which may lie ahead.
    pub(crate) fn restored(
        nodes: Vec<(NodeId, i64, TrustLevel)>,
        held: Vec<Held>,
        queue: Vec<Waiting>,
        from: Instant,
    ) -> Self {
        let lease =
            |held: Held| (held.key, LiveLease { node: held.node, renewed: from, cancel: held.cancel });
        Self {
            nodes: nodes
                .into_iter()
                .map(|(id, user, trust)| (id, LiveNode::new(user, trust, from)))
                .collect(),
            leases: held.into_iter().map(lease).collect(),
            queue: queue.into(),
            ..Self::default()
        }
    }

    /// A node, when it is registered.
    pub(crate) fn node(&self, id: &NodeId) -> Option<&LiveNode> {
        self.nodes.get(id)
    }

    /// Adds a node, or renews what is known of it; its leases stay.
    pub(crate) fn register(&mut self, id: NodeId, user: i64, trust: TrustLevel, now: Instant) {
        let node = self.nodes.entry(id).or_insert_with(|| LiveNode::new(user, trust, now));
        (node.trust, node.last_seen) = (trust, now);
    }

    /// Changes a node's trust.
    pub(crate) fn set_trust(&mut self, id: &NodeId, trust: TrustLevel) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.trust = trust;
        }
    }

    /// Removes a node; what it still holds is lost at the next look.
    pub(crate) fn remove(&mut self, id: &NodeId) {
        self.nodes.remove(id);
        self.polls.remove(id);
    }

    /// Keeps a node's own report.
    pub(crate) fn report(&mut self, id: &NodeId, status: NodeStatus) {
        if let Some(node) = self.nodes.get_mut(id) {
            let usage = &status.usage;
            node.load = hivemind_domain::resources::load_percent(usage.cpu_percent, usage.memory_percent);
            node.status = Some(status);
        }
    }

    /// Life of a node and its held attempts; `None` when the node is not registered.
    pub(crate) fn beat(&mut self, id: &NodeId, held: &[TaskKey], now: Instant) -> Option<Beat> {
        self.nodes.get_mut(id)?.last_seen = now;
        let mut beat = Beat::default();
        for key in held {
            let lease = self.leases.get_mut(key).filter(|lease| lease.node == *id);
            beat.known.push(lease.is_some());
            if let Some(lease) = lease {
                lease.renewed = now;
                beat.cancellations.extend(lease.cancel.map(|by| (key.clone(), by)));
            }
        }
        Some(beat)
    }

    /// Opens a node's long poll; an older one of the same node ends.
    pub(crate) fn open_poll(
        &mut self,
        id: NodeId,
        free: Resources,
        running: u32,
        now: Instant,
    ) -> (u64, oneshot::Receiver<v1::Assignment>) {
        self.tickets += 1;
        let (answer, answered) = oneshot::channel();
        let poll = Poll { ticket: self.tickets, free, running, since: now, answer };
        self.polls.insert(id, poll);
        (self.tickets, answered)
    }

    /// Closes a poll; false when it was answered or replaced already.
    pub(crate) fn close_poll(&mut self, id: &NodeId, ticket: u64) -> bool {
        let mine = self.polls.get(id).is_some_and(|poll| poll.ticket == ticket);
        if mine {
            self.polls.remove(id);
        }
        mine
    }

    /// Whether a poll of this node is open.
    pub(crate) fn has_poll(&self, id: &NodeId) -> bool {
        self.polls.contains_key(id)
    }

    /// Puts a task at the end of the queue.
    pub(crate) fn enqueue(&mut self, task: Waiting) {
        if !self.queue.iter().any(|waiting| waiting.task == task.task) {
            self.queue.push_back(task);
        }
    }

    /// Puts a task that had a node before at the head of the queue.
    pub(crate) fn enqueue_first(&mut self, task: Waiting) {
        if !self.queue.iter().any(|waiting| waiting.task == task.task) {
            self.queue.push_front(task);
        }
    }

    /// Takes a task out of the queue.
    pub(crate) fn dequeue(&mut self, task: &str) {
        self.queue.retain(|waiting| waiting.task.as_str() != task);
    }

    /// The next task for which a node waits, with the best such node: trust first, then lowest load, then fewest
    /// running tasks, then longest wait. Tasks are served oldest first; one that fits nobody holds up none.
    pub(crate) fn next_match(&mut self, now: Instant) -> Option<Match> {
        self.passed_over.retain(|_, until| *until > now);
        for place in 0..self.queue.len() {
            let Some(node) = self.queue.get(place).and_then(|task| self.best_node(task)) else { continue };
            let (Some(task), Some(poll)) = (self.queue.remove(place), self.polls.remove(&node)) else {
                continue;
            };
            return Some(Match { task, node, answer: poll.answer });
        }
        None
    }

    fn best_node(&self, task: &Waiting) -> Option<NodeId> {
        let ranked = |(id, poll): (&NodeId, &Poll)| {
            let node = self.nodes.get(id)?;
            let fits = poll.free.covers(task.need) && !poll.answer.is_closed();
            let passed = self.passed_over.contains_key(&(task.task.as_str().to_owned(), id.clone()));
            // Loads are finite and 0 to 100, so thousandths order them well.
            let load = (node.load * 1000.0) as u32;
            (fits && !passed).then(|| ((Reverse(node.trust), load, poll.running, poll.since), id.clone()))
        };
        self.polls.iter().filter_map(ranked).min().map(|(_, id)| id)
    }

    /// The lease of a new attempt.
    pub(crate) fn lease(&mut self, key: TaskKey, node: NodeId, now: Instant) {
        self.leases.insert(key, LiveLease { node, renewed: now, cancel: None });
    }

    /// Ends a lease.
    pub(crate) fn release(&mut self, key: &TaskKey) {
        self.leases.remove(key);
    }

    /// Has a lease's worker told to end it.
    pub(crate) fn ask_to_end(&mut self, key: &TaskKey, by: CancelledBy) {
        if let Some(lease) = self.leases.get_mut(key) {
            lease.cancel.get_or_insert(by);
        }
    }

    /// Passes a node over for a task it just handed back.
    pub(crate) fn pass_over(&mut self, key: &TaskKey, unable: bool, now: Instant) {
        if let Some(lease) = self.leases.get(key) {
            let until = now + if unable { PASS_OVER_UNABLE } else { PASS_OVER };
            self.passed_over.insert((key.task.as_str().to_owned(), lease.node.clone()), until);
        }
    }

    /// Removes nodes silent for `lease`, and names them with the attempts that are thereby, or because their node
    /// no longer lists them, lost. The attempts stay until [`Live::release`].
    pub(crate) fn lapsed(&mut self, lease: Duration, now: Instant) -> (Vec<NodeId>, Vec<TaskKey>) {
        let silent = |since: Instant| now.duration_since(since) >= lease;
        let gone: Vec<NodeId> =
            self.nodes.iter().filter(|(_, n)| silent(n.last_seen)).map(|(id, _)| id.clone()).collect();
        for id in &gone {
            self.remove(id);
        }
        let lost = |lease: &LiveLease| silent(lease.renewed) || !self.nodes.contains_key(&lease.node);
        let lost = self.leases.iter().filter(|(_, lease)| lost(lease)).map(|(key, _)| key.clone()).collect();
        (gone, lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::ids::TaskId;

    const SMALL: Resources = Resources { cpu_millis: 1000, memory_bytes: 1 << 30, gpus: 0 };
    const LARGE: Resources = Resources { cpu_millis: 8000, memory_bytes: 8 << 30, gpus: 1 };
    const LEASE: Duration = Duration::from_secs(10);

    fn node(name: &str) -> NodeId {
        NodeId::new(name).unwrap()
    }

    fn task(name: &str, need: Resources) -> Waiting {
        Waiting { task: TaskId::new(name).unwrap(), need }
    }

    fn key(name: &str, attempt: u32) -> TaskKey {
        TaskKey { task: TaskId::new(name).unwrap(), attempt }
    }

    fn usage(cpu: f32, memory: f32) -> v1::NodeUsage {
        v1::NodeUsage { cpu_percent: cpu, memory_percent: memory, ..Default::default() }
    }

    /// Nodes `(name, trust, cpu, memory)`, all waiting with room for one small task.
    fn waiting(nodes: &[(&str, TrustLevel, f32, f32)]) -> (Live, Vec<oneshot::Receiver<v1::Assignment>>) {
        let now = Instant::now();
        let mut live = Live::default();
        let mut answers = Vec::new();
        for (name, trust, cpu, memory) in nodes {
            live.register(node(name), 1, *trust, now);
            let status = NodeStatus { usage: usage(*cpu, *memory), ..NodeStatus::default() };
            live.report(&node(name), status);
            answers.push(live.open_poll(node(name), SMALL, 0, now).1);
        }
        (live, answers)
    }

    fn order(mut live: Live, tasks: usize) -> Vec<String> {
        for n in 0..tasks {
            live.enqueue(task(&format!("t{n}"), SMALL));
        }
        std::iter::from_fn(|| live.next_match(Instant::now())).map(|m| m.node.to_string()).collect()
    }

    #[tokio::test]
    async fn trust_comes_first_then_the_lowest_of_the_larger_load() {
        use TrustLevel::{High, Low, Medium};
        let (live, _answers) = waiting(&[
            ("low-idle", Low, 0.0, 0.0),
            ("medium-busy", Medium, 10.0, 90.0),
            ("medium-calm", Medium, 40.0, 40.0),
            ("high-full", High, 99.0, 99.0),
            ("medium-nan", Medium, f32::NAN, 0.0),
        ]);
        assert_eq!(order(live, 9), ["high-full", "medium-calm", "medium-busy", "medium-nan", "low-idle"]);
    }

    #[tokio::test]
    async fn only_nodes_with_room_that_still_wait_are_chosen() {
        let (mut live, mut answers) =
            waiting(&[("a", TrustLevel::High, 0.0, 0.0), ("b", TrustLevel::Low, 0.0, 0.0)]);
        live.enqueue(task("large", LARGE));
        live.enqueue(task("small", SMALL));
        answers.remove(0);
        let chosen = live.next_match(Instant::now()).unwrap();
        assert_eq!((chosen.task.task.as_str(), chosen.node.as_str()), ("small", "b"));
        assert!(live.next_match(Instant::now()).is_none());
        let (_, _answer) = live.open_poll(node("b"), LARGE, 0, Instant::now());
        assert_eq!(live.next_match(Instant::now()).unwrap().task.task.as_str(), "large");
    }

    #[tokio::test]
    async fn a_node_that_handed_a_task_back_is_passed_over_for_it() {
        let (mut live, _answers) =
            waiting(&[("a", TrustLevel::High, 0.0, 0.0), ("b", TrustLevel::Low, 0.0, 0.0)]);
        let now = Instant::now();
        live.lease(key("t", 1), node("a"), now);
        live.pass_over(&key("t", 1), false, now);
        live.enqueue(task("t", SMALL));
        assert_eq!(live.next_match(now).unwrap().node.as_str(), "b");
        live.enqueue(task("t", SMALL));
        assert!(live.next_match(now).is_none());
        assert_eq!(live.next_match(now + PASS_OVER).unwrap().node.as_str(), "a");
    }

    #[tokio::test]
    async fn silence_removes_a_node_and_unlisted_attempts_are_lost() {
        let (mut live, _answers) =
            waiting(&[("a", TrustLevel::Low, 0.0, 0.0), ("b", TrustLevel::Low, 0.0, 0.0)]);
        let now = Instant::now();
        live.lease(key("silent", 1), node("a"), now);
        live.lease(key("listed", 1), node("b"), now);
        live.lease(key("forgotten", 1), node("b"), now);
        let later = now + Duration::from_secs(6);
        let beat = live.beat(&node("b"), &[key("listed", 1), key("silent", 1)], later).unwrap();
        assert_eq!(beat.known, [true, false], "another node's attempt is not renewed");
        assert_eq!(live.lapsed(LEASE, now + Duration::from_secs(9)), (vec![], vec![]));
        let (gone, mut lost) = live.lapsed(LEASE, now + LEASE);
        lost.sort();
        assert_eq!((gone, lost), (vec![node("a")], vec![key("forgotten", 1), key("silent", 1)]));
        assert!(live.beat(&node("a"), &[], later).is_none());
        live.enqueue(task("t", SMALL));
        assert_eq!(live.next_match(later).unwrap().node.as_str(), "b", "a removed node gets nothing");
    }

    #[tokio::test]
    async fn cancellations_ride_on_every_beat_until_the_lease_ends() {
        let (mut live, _answers) = waiting(&[("a", TrustLevel::Low, 0.0, 0.0)]);
        let now = Instant::now();
        live.lease(key("t", 1), node("a"), now);
        live.ask_to_end(&key("t", 1), CancelledBy::Requester);
        live.ask_to_end(&key("t", 1), CancelledBy::InsufficientFunds);
        for _ in 0..2 {
            let beat = live.beat(&node("a"), &[key("t", 1)], now).unwrap();
            assert_eq!(beat.cancellations, [(key("t", 1), CancelledBy::Requester)]);
        }
        live.release(&key("t", 1));
        assert_eq!(live.beat(&node("a"), &[key("t", 1)], now).unwrap().known, [false]);
    }
}
