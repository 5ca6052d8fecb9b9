//! All decisions of the worker: `step(input, now) -> effects`, pure. The event loop is its only caller.

use crate::port::{EngineError, EngineInfo, Offer, PullProgress, Registered, StoreError};
use hivemind_control::{AccountView, ApiError, ErrorCode, Level, NetworkStanding, Notice};
use hivemind_domain::breaker::Breaker;
use hivemind_domain::connection::{Connection, Happening};
use hivemind_domain::contribution::{Contribution, PauseReason, Wish};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::resources::Capabilities;
use hivemind_domain::rules::{Book, Recorder};
use hivemind_domain::task::{HandBack, Phase, TaskInput, Verdict};
use hivemind_domain::time::{Mono, Now, WallMs};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

mod admit;
mod attempts;
mod breaker;
mod decide;
mod freeze;
mod functions;
mod input;
mod link;
mod network;
mod outlook;
mod priority;
mod problem;
mod share;
mod view;
mod watchdog;

pub(crate) use attempts::ENDED_BY_ENGINE;
use attempts::Live;
pub use input::{Effect, EngineState, Input, Limits, OwnerAsks, Suspects, Written};
pub(crate) use outlook::unanswered;
pub use problem::engine_problem;
pub(crate) use problem::pool_problem;
pub(crate) use view::task_view;

/// Notices kept for people.
const MAX_NOTICES: usize = 50;
/// Pause before the engine is asked again while it is away.
const ENGINE_RETRY: Duration = Duration::from_secs(5);

/// The worker's whole state.
pub struct Core {
    contribution: Contribution,
    /// What cannot be written at present.
    unwritten: BTreeSet<Written>,
    connection: Connection,
    /// The end of the present pause before the next try, by both clocks.
    retry: Option<(Mono, WallMs)>,
    engine: EngineState,
    engine_asked: bool,
    engine_retry_at: Option<Mono>,
    live: BTreeMap<TaskKey, Live>,
    limits: Limits,
    host: Capabilities,
    account: Option<AccountView>,
    registered: Option<Registered>,
    /// How this computer stands with a pool of the live network, as it was told last.
    standing: Option<NetworkStanding>,
    pool_problem: Option<ApiError>,
    ask_number: u64,
    asked: Option<(u64, Offer)>,
    ask_failures: u32,
    /// Offers in a row that were declined for what they want.
    declines: u32,
    ask_after: Mono,
    asked_at: Mono,
    /// Links in a row that were lost before a heartbeat was answered on them.
    unproven: u32,
    notices: VecDeque<Notice>,
    questions: admit::Questions,
    pulls: Vec<PullProgress>,
    priority: priority::Present,
    rules: decide::Desk,
    yielding: freeze::Yielding,
    breaker: Breaker,
    book: Book,
    history: Recorder,
    network: network::NetworkDesk,
    watchdog: watchdog::Watchdog,
    shutting_down: bool,
    ended: bool,
}

impl Core {
    /// A worker that knows nothing yet.
    #[must_use]
    pub fn new(limits: Limits, host: Capabilities) -> Self {
        Self {
            contribution: Contribution::default(),
            unwritten: BTreeSet::new(),
            connection: Connection::default(),
            retry: None,
            engine: EngineState::default(),
            engine_asked: false,
            engine_retry_at: None,
            live: BTreeMap::new(),
            limits,
            host,
            account: None,
            registered: None,
            standing: None,
            pool_problem: None,
            ask_number: 0,
            asked: None,
            ask_failures: 0,
            declines: 0,
            ask_after: Mono::default(),
            asked_at: Mono::default(),
            unproven: 0,
            notices: VecDeque::new(),
            questions: admit::Questions::default(),
            pulls: Vec::new(),
            priority: priority::Present::default(),
            rules: decide::Desk::default(),
            yielding: freeze::Yielding::default(),
            breaker: Breaker::default(),
            book: Book::default(),
            history: Recorder::default(),
            network: network::NetworkDesk::default(),
            watchdog: watchdog::Watchdog::default(),
            shutting_down: false,
            ended: false,
        }
    }

    /// Takes one input and says what to do.
    pub fn step(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.apply(input, now, &mut effects);
        self.follow_up(now, &mut effects);
        self.rules.done_sensing();
        effects
    }

    fn apply(&mut self, input: Input, now: Now, effects: &mut Vec<Effect>) {
        match input {
            Input::Owner(asks) => self.owner(asks, now, effects),
            Input::Restored { tasks, contribute, found, suspects } => {
                for task in tasks {
                    let suspected = suspects.include(&task);
                    self.restore(task, suspected, now, effects);
                }
                for error in found {
                    self.notice(Level::Error, error, now);
                }
                if contribute {
                    self.contribution.start();
                }
                self.ask_engine(effects);
            }
            Input::EngineChecked(answer) => self.engine_checked(answer, now, effects),
            Input::EngineGone => self.ask_engine(effects),
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
            Input::Kept(key) => self.kept(&key, now, effects),
            Input::Unsettled(key) => self.unsettled(&key, now),
            Input::Used(key, sample) => self.used(&key, sample, now),
            Input::Charged(charged, balance) => self.charged(charged, balance),
            Input::Written(what, answer) => self.written(what, answer, now),
            Input::DiskLow(low) => {
                if self.contribution.set(PauseReason::DiskLow, low) && low {
                    self.notice(
                        Level::Error,
                        ApiError::new(ErrorCode::DiskLow, "the disk is nearly full"),
                        now,
                    );
                }
            }
            Input::Traffic(meter) => self.rules.count_from(meter),
            Input::Moved(bytes) => self.moved(bytes, now),
            Input::Proved(broken) => self.proved(&broken, now, effects),
            Input::Limits(limits) => {
                self.limits = limits;
                self.settle_questions();
            }
            Input::Host(host) => {
                let engine = std::mem::take(&mut self.host.engine);
                let isolation = std::mem::take(&mut self.host.isolation);
                self.host = Capabilities { engine, isolation, ..*host };
            }
            Input::OwnerLoad(load) => {
                self.rules.owner_load(load);
                self.owner_load(load, now);
            }
            Input::Sensed(sensed, seen) => self.rules.sensed(sensed, seen),
            Input::Froze { key, frozen, answer } => self.froze(&key, frozen, answer, now, effects),
            Input::GpuUse(containers) => self.gpu_use(&containers),
            Input::Energy(taken) => self.energy(taken),
            Input::Pulling(pulls) => self.pulls = pulls,
            Input::ImageAsked(image) => self.ask_about(&image, now),
            Input::Alarm(alarm) => self.alarm(alarm, now),
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
                self.snooze(None, effects);
                self.breaker.resume();
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
            OwnerAsks::StopTask(key, message) => {
                let verdict = Verdict::HandedBack { reason: HandBack::OwnerStopped, message };
                self.task(&key, TaskInput::Stop(verdict), now, effects);
            }
            OwnerAsks::HostDecided { host, once } => self.network.decided(host, once),
            OwnerAsks::Snooze(snooze) => self.snooze(snooze, effects),
            OwnerAsks::SnoozeGpus(snooze) => self.snooze_gpus(snooze, effects),
            OwnerAsks::Force(until) => self.rules.force(until),
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
        self.judge(now, effects);
        self.give_way(now, effects);
        self.prioritise(effects);
        self.share_out(effects);
        self.note_time(now, effects);
        self.keep_traffic(now, effects);
        self.look(now);
        self.deliver_due(now, effects);
        self.ask_for_work(now, effects);
        self.note_retry(now);
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
            .set(PauseReason::EngineUnavailable, willing && self.engine_is_away() && !self.functions_only());
        self.contribution.set(PauseReason::TasksFailing, willing && self.breaker.open().is_some());
        self.contribution.set(PauseReason::IsolationTooLow, willing && self.isolation_problem().is_some());
        self.contribution
            .set(PauseReason::SignInRequired, willing && self.connection == Connection::AuthRequired);
        self.contribution
            .set(PauseReason::PoolRefused, willing && matches!(self.connection, Connection::Rejected { .. }));
        let away = match self.connection {
            Connection::Backoff { .. } => true,
            // What only a person mends is told on through the next tries, not anew after each.
            Connection::Connecting { failures } | Connection::Registering { failures } => {
                failures > 0 && self.waits_in_vain()
            }
            Connection::Idle
            | Connection::Online
            | Connection::AuthRequired
            | Connection::Rejected { .. } => false,
        };
        self.contribution.set(PauseReason::PoolUnreachable, willing && away);
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

    fn written(&mut self, what: Written, answer: Result<(), StoreError>, now: Now) {
        let wanted = match &what {
            Written::Records => true,
            Written::Package(key) | Written::Result(key) => self.live.contains_key(key),
        };
        match answer {
            Ok(()) => _ = self.unwritten.remove(&what),
            // A try that goes on a little after its attempt is over.
            Err(_) if !wanted => {}
            // Told once, however often it is tried.
            Err(error) => {
                if self.unwritten.insert(what) {
                    let code = if error.disk_full { ErrorCode::DiskLow } else { ErrorCode::JournalFailed };
                    self.notice(Level::Error, ApiError::new(code, &error.message), now);
                }
            }
        }
        self.contribution.set(PauseReason::JournalFailed, !self.unwritten.is_empty());
    }

    /// What an attempt that is over could not write is wanted no more.
    fn give_up_writing(&mut self, key: &TaskKey) {
        let (package, result) = (Written::Package(key.clone()), Written::Result(key.clone()));
        if self.unwritten.remove(&package) | self.unwritten.remove(&result) {
            self.contribution.set(PauseReason::JournalFailed, !self.unwritten.is_empty());
        }
    }

    /// With a broken box nothing runs, whatever it costs; a later test that finds it whole lets work go on.
    fn proved(&mut self, broken: &[String], now: Now, effects: &mut Vec<Effect>) {
        self.contribution.set(PauseReason::SandboxBroken, !broken.is_empty());
        if !broken.is_empty() {
            let sentence =
                format!("a task could do on this computer what it must not: {}", broken.join(", "));
            self.notice(Level::Error, ApiError::new(ErrorCode::SandboxBroken, sentence), now);
            self.end_all(HandBack::CannotRun, "the self-test of the container failed", now, effects);
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.connect(Happening::Tick, now, effects);
        if self.engine_retry_at.is_some_and(|at| now.mono >= at) {
            self.ask_engine(effects);
        }
        self.time_out_tasks(now, effects);
    }

    fn ask_engine(&mut self, effects: &mut Vec<Effect>) {
        if !self.engine_asked {
            self.engine_asked = true;
            self.engine_retry_at = None;
            effects.push(Effect::VerifyEngine);
        }
    }

    fn notice(&mut self, level: Level, error: ApiError, now: Now) {
        self.notices.push_front(Notice { at_ms: now.wall.0, level, error });
        self.notices.truncate(MAX_NOTICES);
    }
}

#[cfg(test)]
mod tests;
