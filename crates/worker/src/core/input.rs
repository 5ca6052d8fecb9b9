//! What can happen to the worker, and what has to be done about it.

use crate::port::{
    Assigned, EngineError, EngineInfo, GpuContainer, HeartbeatAnswer, Offer, OwnContainer, PoolError,
    PullProgress, Registered, StoreError,
};
use hivemind_control::{AccountView, ApiError};
use hivemind_domain::alert::Alarm;
use hivemind_domain::connection::Todo;
use hivemind_domain::energy::Energy;
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::images::ImageRules;
use hivemind_domain::isolation::Isolation;
use hivemind_domain::network::NetworkRules;
use hivemind_domain::priority::Priority;
use hivemind_domain::resources::{Capabilities, Resources};
use hivemind_domain::rules::{Frame, Rules, Sensed, Snooze, Span, TrafficMeter};
use hivemind_domain::task::{HandBack, Task, TaskEffect, TaskInput};
use hivemind_domain::time::{Mono, WallMs};
use hivemind_domain::trust::TrustLimits;
use hivemind_domain::usage::UsageSample;

/// What the owner allows, taken from the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Tasks at once.
    pub max_tasks: usize,
    /// CPU, memory and GPUs for all tasks together.
    pub allowed: Resources,
    /// Whether GPUs are kept out.
    pub cpu_only: bool,
    /// The largest task of each trust level.
    pub trust: TrustLimits,
    /// Which images may run.
    pub images: ImageRules,
    /// Under which isolation no work is taken.
    pub minimum_isolation: Isolation,
    /// Whether tasks' share of the computer follows the owner's load.
    pub dynamic_priority: bool,
    /// What tasks may reach.
    pub network: NetworkRules,
    /// Whether the computer is kept from sleeping by itself while a task computes.
    pub keep_awake: bool,
    /// Whether managed functions are taken.
    pub functions: bool,
    /// When to work.
    pub rules: Box<Rules>,
}

/// What the owner asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerAsks {
    /// Contribute.
    Start,
    /// Stop at once.
    Stop,
    /// Finish what runs, then stop.
    Finish,
    /// Stop one task.
    StopTask(TaskKey, String),
    /// The owner decided about a host; once means for the next task only.
    HostDecided {
        /// Which.
        host: HostRule,
        /// Whether one task may reach it.
        once: bool,
    },
    /// Try to reach the pool now.
    Reconnect,
    /// Take no new work for a while, or again.
    Snooze(Option<Snooze>),
    /// Keep GPUs out of work for a while, or no more.
    SnoozeGpus(Option<Snooze>),
    /// Work although the rules say no, until then; or follow them again.
    Force(Option<WallMs>),
}

/// Attempts over which this program fell so often that it does not go on with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suspects {
    /// Those at hand when it fell.
    pub named: Vec<TaskKey>,
    /// Whatever has no verdict yet: it fell, and nobody knows what was at hand.
    pub all_begun: bool,
}

impl Suspects {
    /// Whether `task` is one of them.
    pub(super) fn include(&self, task: &Task) -> bool {
        self.named.contains(task.key()) || self.all_begun && task.verdict.is_none()
    }
}

/// What of ours is written to the disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    /// The journal.
    Records,
    /// An attempt's package.
    Package(TaskKey),
    /// An attempt's outputs.
    Result(TaskKey),
}

/// Everything that can happen to the worker.
#[derive(Debug)]
pub enum Input {
    /// The owner asks.
    Owner(OwnerAsks),
    /// The journal was read.
    Restored {
        /// Attempts that are not final.
        tasks: Vec<Task>,
        /// Whether to contribute.
        contribute: bool,
        /// What was found wrong at the start and the owner should know.
        found: Vec<ApiError>,
        /// Over which of them this program fell.
        suspects: Suspects,
    },
    /// The engine was asked whether it can be used.
    EngineChecked(Result<EngineInfo, EngineError>),
    /// The engine may be gone.
    EngineGone,
    /// The engine was asked for our containers.
    Containers(Result<Vec<OwnContainer>, EngineError>),
    /// Somebody signed in.
    SignedIn(AccountView),
    /// The tokens are gone.
    SignedOut,
    /// The session stands.
    Authenticated(AccountView),
    /// No usable tokens.
    SignInMissing,
    /// The pool knows this computer.
    Registered(Registered),
    /// A call of the connection itself failed.
    PoolFailed {
        /// How.
        error: PoolError,
        /// Random number in 0..1.
        unit: f64,
    },
    /// A heartbeat was answered.
    Heartbeat {
        /// When it was sent.
        sent: Mono,
        /// The answer.
        answer: HeartbeatAnswer,
    },
    /// A call for work came back.
    Asked {
        /// Its number.
        number: u64,
        /// What came.
        answer: Result<Option<Assigned>, PoolError>,
        /// Random number in 0..1.
        unit: f64,
    },
    /// Something happened to an attempt.
    Task(TaskKey, TaskInput),
    /// A step of an attempt failed because the engine is away.
    EngineAway(TaskKey, EngineError),
    /// Sending a result or a hand-back failed.
    DeliveryFailed {
        /// Which attempt.
        key: TaskKey,
        /// How.
        error: PoolError,
        /// Random number in 0..1.
        unit: f64,
    },
    /// The journal has an attempt that now waits for the pool.
    Kept(TaskKey),
    /// The pool has a result and has not moved its pay yet.
    Unsettled(TaskKey),
    /// A container's reading.
    Used(TaskKey, UsageSample),
    /// The pool named charges and balance.
    Charged(Vec<(TaskKey, u64)>, Option<i64>),
    /// Something could not be written, or can be again.
    Written(Written, Result<(), StoreError>),
    /// Too little room on the disk, or enough again.
    DiskLow(bool),
    /// What work had moved over the network before this start.
    Traffic(TrafficMeter),
    /// Work has moved so many bytes more.
    Moved(u64),
    /// A gauge of this computer was raised, or is calm again.
    Alarm(Alarm),
    /// The self-test was run; these things, which a task must not be able to do, were not denied.
    Proved(Vec<String>),
    /// The settings changed.
    Limits(Limits),
    /// This computer was looked at; engine and isolation are left as they are.
    Host(Box<Capabilities>),
    /// The owner's own programs use this share of the computer, in percent.
    OwnerLoad(f32),
    /// Electricity that attempts took above idle since this was told last.
    Energy(Vec<(TaskKey, Energy)>),
    /// What containers do on GPUs.
    GpuUse(Vec<GpuContainer>),
    /// Images that are on their way here.
    Pulling(Vec<PullProgress>),
    /// While it was prepared, an attempt turned out to want an image that the owner has to decide about.
    ImageAsked(String),
    /// A sensor of this computer has news, noticed at that time.
    Sensed(Sensed, Mono),
    /// The engine was asked to freeze a container, or to let it go on.
    Froze {
        /// Whose.
        key: TaskKey,
        /// Which of the two.
        frozen: bool,
        /// How that went.
        answer: Result<(), EngineError>,
    },
    /// Time has passed.
    Tick,
    /// The worker is to end.
    Shutdown,
}

/// What has to be done outside.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Work on the connection.
    Pool(Todo),
    /// Write the attempt to the journal, then perform.
    Persist(Box<Task>, Vec<TaskEffect>),
    /// Perform; nothing new has to be written first.
    Perform(Box<Task>, TaskEffect),
    /// Keep whether to contribute.
    KeepWish(bool),
    /// Keep the pause that the owner asked for.
    KeepSnooze(Option<Snooze>),
    /// Keep the pause of GPUs that the owner asked for.
    KeepGpuSnooze(Option<Snooze>),
    /// Keep what work has moved.
    KeepTraffic(TrafficMeter),
    /// Ask for work; an older call is superseded at the pool.
    Ask {
        /// What this computer offers.
        offer: Offer,
        /// Number of this call.
        number: u64,
    },
    /// Hand back an assignment that was never accepted.
    Decline(TaskKey, HandBack, String),
    /// Ask the engine whether it can be used.
    VerifyEngine,
    /// Ask the engine for our containers.
    FindContainers,
    /// Remove a container that belongs to no attempt.
    RemoveStray(String),
    /// Freeze what computes to make tasks ready, now and from now on, or let it go on.
    HoldInstallations(bool),
    /// Give a container another share of the computer.
    Prioritise(String, Priority),
    /// Give a container so many thousandths of a core.
    Limit(String, u32),
    /// A stretch of time has ended; keep it.
    Book(Span),
    /// What the sensors told for a while; keep it.
    KeepFrame(Box<Frame>),
    /// Freeze a container, or let it go on; answered with [`Input::Froze`].
    Freeze {
        /// Whose.
        key: TaskKey,
        /// The engine's id.
        container: String,
        /// Which of the two.
        frozen: bool,
    },
    /// The attempt is final; everything about it outside the history can go.
    Forget(Box<Task>),
    /// Everything is delivered or handed back: the worker may end.
    Ended,
}

/// Whether the engine can be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EngineState {
    /// Not asked yet.
    #[default]
    Unknown,
    /// It can.
    Ready(EngineInfo),
    /// It cannot.
    Away(EngineError),
}
