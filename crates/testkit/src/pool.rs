//! A pool in memory that behaves like one: sessions end and rotate, leases are renewed or void, results are taken
//! once, output lines are counted.

use crate::{FakeClock, Faults, lock};
use hivemind_control::NetworkStanding;
use hivemind_domain::ids::{InstallId, TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{Assignment, CancelledBy, HandBack, NetworkNeed};
use hivemind_domain::time::Mono;
use hivemind_worker_core::port::{
    Assigned, Clock, OutputLine, PoolError, PoolErrorKind, ResultHeader, StatusReport, Tokens,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

mod serve;

/// The one account.
pub const USERNAME: &str = "ann";
/// Its password; recognisable wherever it should not be.
pub const PASSWORD: &str = "password-canary";
/// How long a used refresh token still works, so that a lost answer locks nobody out.
const REUSE_GRACE: Duration = Duration::from_secs(60);
/// How long a call for work waits.
const LONG_POLL: Duration = Duration::from_secs(25);

/// Calls of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the port's method of that name")]
pub enum PoolCall {
    Connect,
    Disconnect,
    Login,
    Refresh,
    Resume,
    Logout,
    Register,
    Heartbeat,
    SignOff,
    Settlement,
    ReportStatus,
    NextTask,
    Report,
    Fetch,
    Submit,
    HandBack,
    Balance,
}

/// What the pool knows about an attempt it has given away.
#[derive(Debug, Clone, Default)]
pub struct AttemptRow {
    /// Ours no longer.
    pub void: bool,
    /// To be ended.
    pub cancelled: Option<CancelledBy>,
    /// Output lines, each once.
    pub lines: Vec<OutputLine>,
    /// Lines that came although the pool had said that it has them, or that left a gap.
    pub out_of_order: u32,
    /// Phases in the order in which they were told.
    pub phases: Vec<&'static str>,
    /// What was handed in.
    pub result: Option<ResultHeader>,
    /// Bytes of the outputs.
    pub output: Option<Vec<u8>>,
    /// When results were handed in, whether they were taken or not.
    pub submitted_at: Vec<Mono>,
    /// When it was handed back, and why.
    pub handed_back: Vec<HandBack>,
    /// When it was last renewed.
    pub renewed_at: Mono,
}

/// The pool.
pub struct FakePool {
    /// What goes wrong, and what was called.
    pub faults: Faults<PoolCall, PoolError>,
    clock: Arc<FakeClock>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    connected: bool,
    sessions: Vec<Session>,
    current: Option<String>,
    session_for: Duration,
    node: Option<InstallId>,
    heartbeat_every: Duration,
    lease: Duration,
    at_once: bool,
    queue: VecDeque<Assigned>,
    asks: u64,
    attempts: BTreeMap<TaskKey, AttemptRow>,
    packages: BTreeMap<String, Vec<u8>>,
    /// Bytes of packages and outputs.
    moved: u64,
    breaks: VecDeque<(usize, bool)>,
    pay: u64,
    settles: bool,
    balance: i64,
    reports: Vec<StatusReport>,
    standing: Option<NetworkStanding>,
}

struct Session {
    tokens: Tokens,
    until: Mono,
    refreshable: bool,
    refreshed_at: Option<Mono>,
}

fn failed<T>(kind: PoolErrorKind, message: &str) -> Result<T, PoolError> {
    Err(PoolError::new(kind, message))
}

/// The key of a task's attempt.
///
/// # Panics
/// When `task` is no task id.
#[must_use]
pub fn key(task: &str, attempt: u32) -> TaskKey {
    TaskKey { task: TaskId::new(task).expect("a task id"), attempt }
}

/// The first attempt at a task without a package: one core, 2 GiB, one hour, a lease of 10 s.
#[must_use]
pub fn assigned(task: &str) -> Assigned {
    let assignment = Assignment {
        key: key(task, 1),
        name: task.to_owned(),
        image: None,
        command: vec!["true".to_owned()],
        package: None,
        limits: TaskLimits::default(),
        network: NetworkNeed::None,
        formula: Formula::V2,
        array: None,
        function: None,
    };
    Assigned { assignment, lease: Duration::from_secs(10) }
}

impl FakePool {
    /// Sets the bytes of packages and outputs that were moved so far.
    pub fn set_moved(&self, bytes: u64) {
        lock(&self.state).moved = bytes;
    }

    /// A pool with one account, no work, heartbeats every 2 s and leases of 10 s. A result earns 7 CPT, at once.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        let state = State {
            connected: false,
            sessions: Vec::new(),
            current: None,
            session_for: Duration::from_secs(3600),
            node: None,
            heartbeat_every: Duration::from_secs(2),
            lease: Duration::from_secs(10),
            at_once: false,
            queue: VecDeque::new(),
            asks: 0,
            attempts: BTreeMap::new(),
            packages: BTreeMap::new(),
            moved: 0,
            breaks: VecDeque::new(),
            pay: 7,
            settles: true,
            balance: 100,
            reports: Vec::new(),
            standing: None,
        };
        let faults = Faults::new(Arc::clone(&clock));
        Self { faults, clock, state: Mutex::new(state), changed: Notify::new() }
    }

    fn change<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let done = work(&mut lock(&self.state));
        self.changed.notify_waiters();
        done
    }

    /// Has work for whoever asks.
    pub fn give(&self, work: Assigned) {
        self.change(|state| state.queue.push_back(work));
    }

    /// Knows an attempt from before the test.
    pub fn expect_attempt(&self, key: &TaskKey) {
        self.change(|state| state.attempts.insert(key.clone(), AttemptRow::default()));
    }

    /// Has this package.
    pub fn keep_package(&self, id: &str, content: &[u8]) {
        self.change(|state| state.packages.insert(id.to_owned(), content.to_vec()));
    }

    /// Gives an attempt to somebody else.
    pub fn void(&self, key: &TaskKey) {
        self.change(|state| state.attempts.entry(key.clone()).or_default().void = true);
    }

    /// Wants an attempt to end.
    pub fn cancel(&self, key: &TaskKey, by: CancelledBy) {
        self.change(|state| state.attempts.entry(key.clone()).or_default().cancelled = Some(by));
    }

    /// Forgets this computer until it registers again.
    pub fn forget_node(&self) {
        self.change(|state| state.node = None);
    }

    /// Ends every session; refresh tokens stay good unless `for_good`.
    pub fn end_sessions(&self, for_good: bool) {
        self.change(|state| {
            for session in &mut state.sessions {
                session.until = Mono::default();
                session.refreshable &= !for_good;
            }
        });
    }

    /// Length of sessions given from now on.
    pub fn set_session_length(&self, length: Duration) {
        self.change(|state| state.session_for = length);
    }

    /// What a result earns, and whether the ledger moves it at once.
    pub fn set_pay(&self, cpt: u64, settles: bool) {
        self.change(|state| (state.pay, state.settles) = (cpt, settles));
    }

    /// Says from now on how the computer stands with it, as pools of the live network do.
    pub fn stand(&self, standing: NetworkStanding) {
        self.change(|state| state.standing = Some(standing));
    }

    /// Answers calls for work at once instead of waiting.
    pub fn answer_at_once(&self, at_once: bool) {
        self.change(|state| state.at_once = at_once);
    }

    /// Breaks the next report streams: each after so many more lines, which are kept or lost.
    pub fn break_reports(&self, after: &[(usize, bool)]) {
        self.change(|state| state.breaks.extend(after));
    }

    /// What it knows about an attempt.
    #[must_use]
    pub fn attempt(&self, key: &TaskKey) -> AttemptRow {
        lock(&self.state).attempts.get(key).cloned().unwrap_or_default()
    }

    /// Every status report.
    #[must_use]
    pub fn reports(&self) -> Vec<StatusReport> {
        lock(&self.state).reports.clone()
    }

    /// Whether this computer is registered.
    #[must_use]
    pub fn knows_node(&self) -> bool {
        lock(&self.state).node.is_some()
    }

    /// Signs the account in, as if it had happened before the test.
    #[must_use]
    pub fn issue(&self) -> Tokens {
        let now = self.clock.now().mono;
        self.change(|state| state.issue(now))
    }
}

impl State {
    fn issue(&mut self, now: Mono) -> Tokens {
        let number = self.sessions.len() + 1;
        let tokens = Tokens {
            username: USERNAME.to_owned(),
            session: format!("session-canary-{number}"),
            session_for: self.session_for,
            refresh: format!("refresh-canary-{number}"),
        };
        let until = now.after(self.session_for);
        self.sessions.push(Session { tokens: tokens.clone(), until, refreshable: true, refreshed_at: None });
        tokens
    }

    fn connected(&self) -> Result<(), PoolError> {
        if self.connected { Ok(()) } else { failed(PoolErrorKind::Unreachable, "not connected") }
    }

    fn signed_in(&self, now: Mono) -> Result<(), PoolError> {
        self.connected()?;
        let holds =
            |session: &Session| Some(&session.tokens.session) == self.current.as_ref() && session.until > now;
        if self.sessions.iter().any(holds) {
            Ok(())
        } else {
            failed(PoolErrorKind::Unauthenticated, "the session does not hold")
        }
    }

    fn known(&self, now: Mono) -> Result<(), PoolError> {
        self.signed_in(now)?;
        if self.node.is_some() { Ok(()) } else { failed(PoolErrorKind::NodeUnknown, "register first") }
    }

    fn ours(&mut self, key: &TaskKey) -> Result<&mut AttemptRow, PoolError> {
        match self.attempts.get_mut(key) {
            Some(row) if !row.void => Ok(row),
            Some(_) => failed(PoolErrorKind::StaleAttempt, "the attempt was given to somebody else"),
            None => failed(PoolErrorKind::NotFound, "no such attempt"),
        }
    }
}
