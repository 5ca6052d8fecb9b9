//! The pool.

use async_trait::async_trait;
use hivemind_control::{ErrorCode, MetricsSample, NetworkStanding};
use hivemind_domain::ids::{InstallId, NodeId, TaskKey};
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::resources::{Capabilities, Resources, TrustLevel};
use hivemind_domain::task::{Assignment, CancelledBy, Credit, HandBack, PackageRef, ResultFile, Verdict};
use hivemind_domain::time::WallMs;
use hivemind_domain::usage::{AverageUse, TaskUsage};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// Kind of a failed call, as far as the core acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolErrorKind {
    /// No answer: dial failed, connection broke, time ran out, or the pool says it is busy. Try again later.
    Unreachable,
    /// User name or password is wrong.
    WrongCredentials,
    /// The session is missing, ended or revoked.
    Unauthenticated,
    /// The pool has forgotten this computer.
    NodeUnknown,
    /// The pool refuses this computer for good.
    Refused,
    /// The attempt is no longer ours.
    StaleAttempt,
    /// The pool already has another result for the same attempt.
    Conflict,
    /// The link would be unencrypted and the owner did not allow that.
    Unencrypted,
    /// The pool does not have what was asked for.
    NotFound,
    /// What we sent or got breaks the protocol; trying again does not help.
    Protocol,
    /// Writing or reading on our own disk failed.
    Disk,
    /// A result on our own disk is missing or not what was written there: it can never be sent.
    ResultLost,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PoolError {
    /// What to do about it.
    pub kind: PoolErrorKind,
    /// One printable sentence.
    pub message: String,
    /// The pool's wish for a pause.
    pub retry_after: Option<Duration>,
    /// A code that says more than the kind.
    pub about: Option<ErrorCode>,
    /// Bytes of a result that the pool had when a try to send the rest began.
    pub resumed_at: Option<u64>,
}

impl PoolError {
    /// An error without a wished pause; the sentence is made printable.
    #[must_use]
    pub fn new(kind: PoolErrorKind, message: impl AsRef<str>) -> Self {
        let message = hivemind_domain::text::plain_line(message.as_ref(), 300);
        Self { kind, message, retry_after: None, about: None, resumed_at: None }
    }

    /// The same error under a code that says more.
    #[must_use]
    pub fn under(mut self, code: ErrorCode) -> Self {
        self.about = Some(code);
        self
    }

    /// The same error, of a try to send a result of which the pool had this many bytes.
    #[must_use]
    pub fn resumed_at(mut self, bytes: u64) -> Self {
        self.resumed_at = Some(bytes);
        self
    }
}

/// Session and refresh token. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tokens {
    /// Name at the pool.
    pub username: String,
    /// Proves who calls.
    pub session: String,
    /// Length of the session from when it was given.
    pub session_for: Duration,
    /// Gets the next session.
    pub refresh: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The pool's answer to a registration; durations are already clamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// This computer's name there.
    pub node: NodeId,
    /// How far it is trusted.
    pub trust: TrustLevel,
    /// Pause between heartbeats.
    pub heartbeat_every: Duration,
    /// Length of a lease from an answered heartbeat.
    pub lease: Duration,
    /// Whom the pool pays, `name@pool`; empty where it tells nobody what its ledger holds.
    pub earner: String,
}

/// What a pool's ledger holds for the signed-in account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Whose it is, as in [`Registered`].
    pub earner: String,
    /// All that the account has earned, with every computer.
    pub total_cpt: u64,
    /// Newest first.
    pub entries: Vec<LedgerEntry>,
    /// Whether there may be older entries than those.
    pub cut: bool,
}

/// What one task brought. Texts are printable and bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerEntry {
    /// The task.
    pub task_id: String,
    /// Who paid.
    pub payer: String,
    /// The computer that did it, by the pool's name for it.
    pub computer: String,
    /// Whether that is this one.
    pub here: bool,
    /// What was earned.
    pub cpt: u64,
    /// The pool's word for how far the payment is.
    pub status: String,
    /// When it was written; absent where that cannot be read.
    pub at: Option<WallMs>,
}

/// The pool's answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeartbeatAnswer {
    /// Length of the renewed leases.
    pub lease: Duration,
    /// Held attempts that are ours no longer.
    pub void: Vec<TaskKey>,
    /// Attempts to end.
    pub cancelled: Vec<(TaskKey, CancelledBy)>,
    /// News for the owner, printable.
    pub notices: Vec<String>,
    /// How this computer stands with a pool of the live network, when that was asked.
    pub standing: Option<NetworkStanding>,
}

/// Use of one task in a status report.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskStatus {
    /// Which.
    pub key: TaskKey,
    /// Use so far.
    pub usage: TaskUsage,
    /// Averages in percent of what was granted.
    pub average: AverageUse,
}

/// What is reported every 30 s.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StatusReport {
    /// Use of the computer.
    pub metrics: MetricsSample,
    /// Use of the tasks.
    pub tasks: Vec<TaskStatus>,
    /// Why no work is taken, as a stable word; empty when it is.
    pub paused: String,
    /// What is above its threshold now, as stable words.
    pub alerts: Vec<String>,
}

/// The pool's answer to a status report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusAnswer {
    /// CPT charged for each task so far.
    pub charged: Vec<(TaskKey, u64)>,
    /// Balance of the signed-in account.
    pub balance_cpt: Option<i64>,
}

/// What this computer has to offer when it asks for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offer {
    /// What is free.
    pub free: Resources,
    /// Tasks that occupy a place.
    pub running: u32,
    /// Whether there is an engine for containers; without one only managed functions can be run.
    pub containers: bool,
}

impl Offer {
    /// Of a computer with an engine.
    #[must_use]
    pub fn new(free: Resources, running: u32) -> Self {
        Self { free, running, containers: true }
    }
}

/// An assignment with its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// Checked.
    pub assignment: Assignment,
    /// Length of its lease.
    pub lease: Duration,
}

/// One thing told about a running attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// A new phase, by its word.
    Phase(&'static str),
    /// Use so far.
    Usage(TaskUsage),
    /// Consecutive output lines.
    Lines {
        /// Number of the first one, from 0.
        first: u64,
        /// The lines.
        lines: Vec<OutputLine>,
    },
}

/// One line of a task's output as the engine gave it, at most 16 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    /// Whether it came from standard error.
    pub stderr: bool,
    /// When the engine read it, in nanoseconds since the Unix epoch; rises within a task.
    pub time_ns: i64,
    /// The text, not yet made printable. Of a managed function's standard output with the line break that ended it:
    /// the texts put together are the output, byte for byte.
    pub text: String,
}

/// How far the pool has a task's output durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durable {
    /// Lines it has, counted from the first.
    pub lines: u64,
    /// Time of the last of them, in nanoseconds; zero for none.
    pub last_time_ns: i64,
}

/// What goes along with a result.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultHeader {
    /// Which attempt.
    pub key: TaskKey,
    /// How it ended.
    pub verdict: Verdict,
    /// What it used.
    pub usage: TaskUsage,
    /// Averages in percent of what was granted.
    pub average: AverageUse,
    /// From start to end of the container by the wall.
    pub wall: Duration,
    /// Digest or image id that ran; empty when none did.
    pub image_digest: String,
    /// Outputs, when there are any.
    pub file: Option<ResultFile>,
    /// How long the phases before the upload took.
    pub times: PhaseTimes,
    /// Size of the fetched package in bytes; zero without one.
    pub input_bytes: u64,
    /// Time for which GPUs were held, in milliseconds, added up over them.
    pub gpu_ms: u64,
    /// Whether it was a managed function: then its file is the receipt as JSON.
    pub function: bool,
}

/// A pool, seen from this computer. Every call is made by us, has a time limit of its own and may be dropped.
#[async_trait]
pub trait Pool: Send + Sync + 'static {
    /// What is spoken with it: `hivemind.v1`, or `nodepool` for the live network.
    fn dialect(&self) -> &'static str {
        "hivemind.v1"
    }

    /// `tls`, `loopback` or `unencrypted`; empty until known.
    fn link(&self) -> String;

    /// How far the pool's clock is from ours now, in seconds; more is later there. `None` where it tells no time.
    async fn clock_skew_s(&self) -> Option<i64> {
        None
    }

    /// Finds the pool and proves that it answers. Ends a former connection.
    async fn connect(&self) -> Result<(), PoolError>;

    /// Closes the connection.
    async fn disconnect(&self);

    /// Signs in and uses the new session from now on.
    async fn login(&self, username: &str, password: &str, install: &InstallId) -> Result<Tokens, PoolError>;

    /// Gets a new session for a refresh token and uses it from now on.
    async fn refresh(&self, refresh: &str) -> Result<Tokens, PoolError>;

    /// Uses a stored session from now on.
    async fn resume(&self, tokens: &Tokens);

    /// Revokes the tokens at the pool and forgets them.
    async fn logout(&self) -> Result<(), PoolError>;

    /// Tells the pool what this computer is.
    async fn register(
        &self,
        install: &InstallId,
        hostname: &str,
        capabilities: &Capabilities,
    ) -> Result<Registered, PoolError>;

    /// Life, and the leases of what is held.
    async fn heartbeat(&self, held: &[TaskKey]) -> Result<HeartbeatAnswer, PoolError>;

    /// Returns when a heartbeat would bring news at once; never, where that cannot be known.
    async fn news(&self) {
        std::future::pending().await
    }

    /// Tells the pool that this computer leaves, holding nothing. Does nothing where it is not registered.
    async fn sign_off(&self) -> Result<(), PoolError>;

    /// Use of computer and tasks.
    async fn report_status(&self, report: &StatusReport) -> Result<StatusAnswer, PoolError>;

    /// Waits up to 25 s for a task that fits into what is offered.
    async fn next_task(&self, offer: Offer) -> Result<Option<Assigned>, PoolError>;

    /// Tells about a running attempt until `reports` ends or the stream breaks. Sends how far the pool has it to
    /// `durable`, first of all when the stream opens; sends again by itself what was not durable when it broke is
    /// the caller's part.
    async fn report(
        &self,
        key: &TaskKey,
        reports: mpsc::Receiver<Report>,
        durable: mpsc::Sender<Durable>,
    ) -> Result<(), PoolError>;

    /// Brings a package into the file `into`: resumed at what is there, hash and size checked, on disk for good.
    async fn fetch(&self, key: &TaskKey, package: &PackageRef, into: &Path) -> Result<(), PoolError>;

    /// Sends report and outputs, resumed at what the pool has, until it has them durably.
    async fn submit(&self, header: &ResultHeader, file: Option<&Path>) -> Result<Credit, PoolError>;

    /// The pool's present word on a result it acknowledged; `sha256` of its outputs, empty for none.
    async fn settlement(&self, key: &TaskKey, sha256: &str) -> Result<Credit, PoolError>;

    /// Hands an attempt back.
    async fn hand_back(&self, key: &TaskKey, reason: HandBack, message: &str) -> Result<(), PoolError>;

    /// Bytes of packages and outputs that were moved since the start, tries in vain included.
    fn moved_bytes(&self) -> u64 {
        0
    }

    /// The pool's word about the balance, in CPT.
    async fn balance(&self) -> Result<i64, PoolError>;

    /// What its ledger holds for the account; nothing, where the pool does not tell.
    async fn ledger(&self) -> Result<Option<Ledger>, PoolError> {
        Ok(None)
    }
}
