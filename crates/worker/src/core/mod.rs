//! All decisions of the worker: `step(input, now) -> effects`, pure. The event loop is its only caller.

use crate::port::{
    Assigned, EngineError, EngineInfo, HeartbeatAnswer, OwnContainer, PoolError, Registered, StoreError,
    TaskStatus,
};
use hivemind_control::{AccountView, ApiError, ErrorCode, Level, Notice};
use hivemind_domain::connection::{Connection, Happening, Todo};
use hivemind_domain::contribution::{Contribution, PauseReason, Wish};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::resources::{Capabilities, Resources};
use hivemind_domain::task::{HandBack, Phase, Task, TaskEffect, TaskInput, Verdict};
use hivemind_domain::time::{Mono, Now};
use hivemind_domain::usage::UsageSample;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

mod attempts;
mod link;
mod problem;
mod view;

use attempts::Live;
pub(crate) use problem::{engine_problem, pool_problem};
pub(crate) use view::task_view;

/// Notices kept for people.
const MAX_NOTICES: usize = 50;
/// Pause before the engine is asked again while it is away.
const ENGINE_RETRY: Duration = Duration::from_secs(5);

/// What the owner allows, taken from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Tasks at once.
    pub max_tasks: usize,
    /// CPU, memory and GPUs for all tasks together.
    pub allowed: Resources,
    /// Whether GPUs are kept out.
    pub cpu_only: bool,
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
    StopTask(TaskKey),
    /// Try to reach the pool now.
    Reconnect,
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
    },
    /// The engine was asked whether it can be used.
    EngineChecked(Result<EngineInfo, EngineError>),
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
    /// A container's reading.
    Used(TaskKey, UsageSample),
    /// The pool named charges and balance.
    Charged(Vec<(TaskKey, u64)>, Option<i64>),
    /// The journal could not be written, or can be again.
    Journal(Result<(), StoreError>),
    /// Too little room on the disk, or enough again.
    DiskLow(bool),
    /// The settings changed.
    Limits(Limits),
    /// This computer was looked at.
    Host(Box<Capabilities>),
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
    /// Ask for work; an older call is superseded at the pool.
    Ask {
        /// What is free.
        free: Resources,
        /// Tasks that occupy a place.
        running: u32,
        /// Number of this call.
        number: u64,
    },
    /// Hand back an assignment that was never accepted.
    Decline(TaskKey, String),
    /// Ask the engine whether it can be used.
    VerifyEngine,
    /// Ask the engine for our containers.
    FindContainers,
    /// Remove a container that belongs to no attempt.
    RemoveStray(String),
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

/// The worker's whole state.
pub struct Core {
    contribution: Contribution,
    connection: Connection,
    engine: EngineState,
    engine_asked: bool,
    engine_retry_at: Option<Mono>,
    live: BTreeMap<TaskKey, Live>,
    limits: Limits,
    host: Capabilities,
    account: Option<AccountView>,
    registered: Option<Registered>,
    pool_problem: Option<ApiError>,
    ask_number: u64,
    asked: Option<(u64, Resources)>,
    ask_failures: u32,
    ask_after: Mono,
    asked_at: Mono,
    /// Links in a row that were lost before a heartbeat was answered on them.
    unproven: u32,
    notices: VecDeque<Notice>,
    shutting_down: bool,
    ended: bool,
}

impl Core {
    /// A worker that knows nothing yet.
    #[must_use]
    pub fn new(limits: Limits, host: Capabilities) -> Self {
        Self {
            contribution: Contribution::default(),
            connection: Connection::default(),
            engine: EngineState::default(),
            engine_asked: false,
            engine_retry_at: None,
            live: BTreeMap::new(),
            limits,
            host,
            account: None,
            registered: None,
            pool_problem: None,
            ask_number: 0,
            asked: None,
            ask_failures: 0,
            ask_after: Mono::default(),
            asked_at: Mono::default(),
            unproven: 0,
            notices: VecDeque::new(),
            shutting_down: false,
            ended: false,
        }
    }

    /// Takes one input and says what to do.
    pub fn step(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.apply(input, now, &mut effects);
        self.follow_up(now, &mut effects);
        effects
    }

    fn apply(&mut self, input: Input, now: Now, effects: &mut Vec<Effect>) {
        match input {
            Input::Owner(asks) => self.owner(asks, now, effects),
            Input::Restored { tasks, contribute } => {
                for task in tasks {
                    self.live.insert(task.key().clone(), Live::restored(task));
                }
                if contribute {
                    self.contribution.start();
                }
                self.engine_asked = true;
                effects.push(Effect::VerifyEngine);
            }
            Input::EngineChecked(answer) => self.engine_checked(answer, now, effects),
            Input::Containers(Ok(containers)) => self.adopt(&containers, now, effects),
            Input::Containers(Err(error)) => self.engine_checked(Err(error), now, effects),
            Input::SignedIn(account) => {
                self.account = Some(account);
                self.connect(Happening::Wanted, now, effects);
            }
            Input::SignedOut => {
                self.account = None;
                self.connect(Happening::SignInMissing, now, effects);
            }
            Input::Authenticated(account) => {
                self.account = Some(account);
                self.connect(Happening::Authenticated, now, effects);
            }
            Input::SignInMissing => self.connect(Happening::SignInMissing, now, effects),
            Input::Registered(registered) => {
                self.registered = Some(registered);
                self.pool_problem = None;
                self.connect(Happening::Registered, now, effects);
            }
            Input::PoolFailed { error, unit } => self.pool_failed(&error, unit, now, effects),
            Input::Heartbeat { sent, answer } => self.heartbeat(sent, answer, now, effects),
            Input::Asked { number, answer, unit } => self.asked(number, answer, unit, now, effects),
            Input::Task(key, input) => self.task(&key, input, now, effects),
            Input::EngineAway(key, error) => {
                if let Some(live) = self.live.get_mut(&key) {
                    live.parked = true;
                }
                self.engine_checked(Err(error), now, effects);
            }
            Input::DeliveryFailed { key, error, unit } => {
                self.delivery_failed(&key, &error, unit, now, effects)
            }
            Input::Used(key, sample) => self.used(&key, sample, now),
            Input::Charged(charged, balance) => self.charged(charged, balance),
            Input::Journal(answer) => self.journal(answer, now),
            Input::DiskLow(low) => {
                if self.contribution.set(PauseReason::DiskLow, low) && low {
                    self.notice(
                        Level::Error,
                        ApiError::new(ErrorCode::DiskLow, "the disk is nearly full"),
                        now,
                    );
                }
            }
            Input::Limits(limits) => self.limits = limits,
            Input::Host(host) => self.host = *host,
            Input::Tick => self.tick(now, effects),
            Input::Shutdown => {
                self.shutting_down = true;
                self.contribution.set(PauseReason::ShuttingDown, true);
                self.end_all(HandBack::ShuttingDown, "the worker is ending", now, effects);
            }
        }
    }

    fn owner(&mut self, asks: OwnerAsks, now: Now, effects: &mut Vec<Effect>) {
        match asks {
            OwnerAsks::Start => {
                self.contribution.start();
                effects.push(Effect::KeepWish(true));
                if self.connection != Connection::AuthRequired {
                    self.connect(Happening::Wanted, now, effects);
                }
            }
            OwnerAsks::Stop => {
                self.contribution.stop();
                effects.push(Effect::KeepWish(false));
                self.end_all(HandBack::OwnerStopped, "the owner stopped contributing", now, effects);
            }
            OwnerAsks::Finish => {
                self.contribution.finish(self.unfinished());
                effects.push(Effect::KeepWish(false));
            }
            OwnerAsks::StopTask(key) => {
                let verdict = Verdict::HandedBack {
                    reason: HandBack::OwnerStopped,
                    message: "the owner stopped this task".into(),
                };
                self.task(&key, TaskInput::Stop(verdict), now, effects);
            }
            OwnerAsks::Reconnect => self.connect(Happening::Wanted, now, effects),
        }
    }

    /// What follows from the new state, whatever led to it.
    fn follow_up(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let unfinished = self.unfinished();
        self.contribution.settle(self.connection.is_online(), unfinished);
        let wanted = self.contribution.wants_connection(unfinished) && !self.ended;
        match (wanted, &self.connection) {
            (true, Connection::Idle) => self.connect(Happening::Wanted, now, effects),
            (
                false,
                Connection::Connecting { .. }
                | Connection::Registering { .. }
                | Connection::Online
                | Connection::Backoff { .. }
                | Connection::AuthRequired
                | Connection::Rejected { .. },
            ) => self.connect(Happening::Unwanted, now, effects),
            (
                true,
                Connection::Connecting { .. }
                | Connection::Registering { .. }
                | Connection::Online
                | Connection::Backoff { .. }
                | Connection::AuthRequired
                | Connection::Rejected { .. },
            )
            | (false, Connection::Idle) => {}
        }
        self.name_obstacles();
        self.deliver_due(now, effects);
        self.ask_for_work(now, effects);
        if self.shutting_down && !self.ended && unfinished == 0 {
            self.ended = true;
            effects.push(Effect::Ended);
        }
    }

    /// Attempts that still need something done here; what was reported only waits for the pool's ledger.
    fn unfinished(&self) -> usize {
        self.live.values().filter(|live| live.task.phase < Phase::Reported).count()
    }

    fn name_obstacles(&mut self) {
        let willing = self.contribution.wish() != Wish::Off;
        self.contribution
            .set(PauseReason::EngineUnavailable, willing && matches!(self.engine, EngineState::Away(_)));
        self.contribution
            .set(PauseReason::SignInRequired, willing && self.connection == Connection::AuthRequired);
        self.contribution
            .set(PauseReason::PoolRefused, willing && matches!(self.connection, Connection::Rejected { .. }));
        self.contribution.set(
            PauseReason::PoolUnreachable,
            willing && matches!(self.connection, Connection::Backoff { .. }),
        );
    }

    fn engine_checked(
        &mut self,
        answer: Result<EngineInfo, EngineError>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        self.engine_asked = false;
        match answer {
            Ok(info) => {
                let was_ready = matches!(self.engine, EngineState::Ready(_));
                self.engine_retry_at = None;
                self.host.engine = format!("{} {}", info.name, info.version);
                self.host.isolation.clone_from(&info.isolation);
                self.engine = EngineState::Ready(info);
                if !was_ready {
                    effects.push(Effect::FindContainers);
                }
            }
            Err(error) => {
                self.engine_retry_at = Some(now.mono.after(ENGINE_RETRY));
                if self.engine != EngineState::Away(error.clone()) {
                    self.notice(Level::Error, engine_problem(&error), now);
                    self.engine = EngineState::Away(error);
                }
            }
        }
    }

    fn journal(&mut self, answer: Result<(), StoreError>, now: Now) {
        let failed = answer.is_err();
        if let Err(error) = answer {
            let code = if error.disk_full { ErrorCode::DiskLow } else { ErrorCode::JournalFailed };
            self.notice(Level::Error, ApiError::new(code, &error.message), now);
        }
        self.contribution.set(PauseReason::JournalFailed, failed);
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.connect(Happening::Tick, now, effects);
        if self.engine_retry_at.is_some_and(|at| now.mono >= at) && !self.engine_asked {
            self.engine_asked = true;
            self.engine_retry_at = None;
            effects.push(Effect::VerifyEngine);
        }
        self.time_out_tasks(now, effects);
    }

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
        [backoff, self.engine_retry_at].into_iter().flatten().chain(timeouts).chain(waiting).min()
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
        if self.limits.cpu_only {
            host.gpus.clear();
        }
        host
    }

    /// What the pool said at registration.
    #[must_use]
    pub fn registered(&self) -> Option<&Registered> {
        self.registered.as_ref()
    }

    /// CPT estimated and charged so far for attempts that are not final.
    #[must_use]
    pub fn accruing(&self) -> (u64, u64) {
        self.live.values().fold((0, 0), |(estimated, charged), live| {
            (estimated + live.task.estimate(), charged + live.charged.unwrap_or(0))
        })
    }

    fn notice(&mut self, level: Level, error: ApiError, now: Now) {
        self.notices.push_front(Notice { at_ms: now.wall.0, level, error });
        self.notices.truncate(MAX_NOTICES);
    }

    /// Attempts that the pool should believe in.
    #[must_use]
    pub fn held(&self) -> Vec<TaskKey> {
        self.live.iter().filter(|(_, live)| !live.task.phase.is_final()).map(|(key, _)| key.clone()).collect()
    }

    /// The present form of one attempt that is not final.
    #[must_use]
    pub fn live_task(&self, key: &TaskKey) -> Option<&Task> {
        self.live.get(key).map(|live| &live.task)
    }
}

#[cfg(test)]
mod tests;
