//! The event loop and what it performs. Only the loop touches the [`Core`]; everything else sends it inputs.

use crate::at_hand;
use crate::core::{Core, Effect, Input, OwnerAsks, Suspects};
use crate::failpoint;
use crate::port::{
    BookStore, Clock, DebugArchive, Engine, Host, Journal, LogArchive, Pool, PrivateLink, Secrets, Senses,
    SettingsStore, Spool, TaskStatus, Tokens, TrendStore, Zone,
};
use hivemind_control::{ApiError, Event, Level, Notice, Snapshot, WorkTotals};
use hivemind_domain::energy::Meter;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::rules::{Frame, Span, TrafficMeter, preset};
use hivemind_domain::task::Task;
use hivemind_domain::time::Mono;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

mod attempt;
mod beat;
mod benchmark;
mod debug;
mod desktop;
mod diary;
mod doctor;
mod earnings;
mod electricity;
mod engine_watch;
mod handle;
mod journal;
mod link;
mod network_ledger;
mod package;
mod proof;
mod reporter;
mod room;
mod sampler;
mod senses;
mod timeline;
mod trend;
mod what_if;

pub use desktop::{Desktop, LanPage, TrayIcon, lan_port};
pub use doctor::{FAULTS, rehearse};
pub use handle::{WorkerControl, setting_views};

/// How long the loop waits for tasks to be handed back when it ends.
const DRAIN: Duration = Duration::from_secs(20);
/// Inputs after which the state is shown even if more are waiting.
const TOGETHER: usize = 64;

/// How often the stretch of time that goes on is written down.
const BOOK_EVERY: Duration = Duration::from_secs(300);

/// How long the journal may take for what it was given last.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Everything the worker needs from the world.
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// When the event loop began; heartbeats keep step with its timer.
    pub began: tokio::time::Instant,
    /// The pool.
    pub pool: Arc<dyn Pool>,
    /// The private link to the pool, where there may be one.
    pub private_link: Option<Arc<dyn PrivateLink>>,
    /// The container engine.
    pub engine: Arc<dyn Engine>,
    /// This computer.
    pub host: Arc<dyn Host>,
    /// What it notices.
    pub senses: Arc<dyn Senses>,
    /// Attempts.
    pub journal: Arc<dyn Journal>,
    /// Their output.
    pub logs: Arc<dyn LogArchive>,
    /// The book of seconds.
    pub book: Arc<dyn BookStore>,
    /// The computer's use over days.
    pub trend: Arc<dyn TrendStore>,
    /// What is kept of failed attempts.
    pub debug: Arc<dyn DebugArchive>,
    /// Tokens.
    pub secrets: Arc<dyn Secrets>,
    /// Settings.
    pub settings: Arc<dyn SettingsStore>,
    /// Files of attempts.
    pub spool: Spool,
    /// The program around the worker.
    pub desktop: Arc<dyn Desktop>,
    /// Where hours and days are counted.
    pub zone: Zone,
    /// The worker's version.
    pub version: &'static str,
    /// What was found wrong while the ports were opened, such as damaged records; told to the owner.
    pub found: Vec<ApiError>,
    /// Over what this program fell in earlier lives.
    pub suspects: Suspects,
}

/// An input, and who waits for the state after it.
pub(crate) struct Message {
    input: Input,
    done: Option<oneshot::Sender<Arc<Snapshot>>>,
}

/// What the link to the pool tells on its own beat.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LinkState {
    held: Vec<TaskKey>,
    statuses: Vec<TaskStatus>,
    paused: String,
    alerts: Vec<String>,
}

/// What goes on for an attempt outside the loop.
enum Activity {
    Preparing(CancellationToken),
    Following,
    /// Followed, and asked to end.
    Halting,
    /// The outputs are not wanted any more once the token is cancelled.
    Collecting(CancellationToken),
}

/// Shared by everything that the loop starts.
pub(crate) struct Shared {
    ports: Ports,
    /// The pool that `ports.pool` speaks with; the setting may name another, which a restart goes to.
    pool_url: String,
    inputs: mpsc::Sender<Message>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    /// How many settlements were written down since the start.
    settlements: watch::Sender<u64>,
    events: broadcast::Sender<Event>,
    /// Whether the owner, or the system, asked the worker to end.
    ending: CancellationToken,
    link: watch::Sender<LinkState>,
    tokens: Mutex<Option<link::Session>>,
    /// How often a person signed in or out; held while what is kept of a sign-in changes.
    sign_ins: tokio::sync::Mutex<u64>,
    activities: Mutex<HashMap<TaskKey, Activity>>,
    reporters: Mutex<HashMap<TaskKey, reporter::Handle>>,
    readings: Mutex<sampler::Readings>,
    /// Repositories of images that the owner allowed for one more task.
    once_images: Mutex<std::collections::BTreeSet<String>>,
    /// What the packages of attempts hold, for people.
    listings: Mutex<HashMap<TaskKey, String>>,
    totals: Mutex<WorkTotals>,
    engine_watch: engine_watch::EngineWatch,
    /// The stretch of time that goes on.
    present_span: Mutex<Option<Span>>,
    trend: Mutex<hivemind_domain::trend::Gatherer>,
    /// What the sensors tell at present.
    present_frame: Mutex<Option<Frame>>,
    /// What the sensors are to look for.
    wanted: watch::Sender<crate::port::Wanted>,
    /// The last self-test; held while one runs.
    proof: tokio::sync::Mutex<Option<hivemind_control::ProofView>>,
    /// How fast this computer is.
    benchmark: Mutex<Option<hivemind_domain::benchmark::Benchmark>>,
    /// What its parts draw while idle.
    electricity: Mutex<Meter>,
}

impl Shared {
    async fn tell(&self, input: Input) {
        // The loop outlives everything that tells it something, but for the very end.
        let _ = self.inputs.send(Message { input, done: None }).await;
    }

    fn private_link(&self) -> hivemind_control::PrivateLinkView {
        self.ports.private_link.as_ref().map(|link| link.view()).unwrap_or_default()
    }

    fn keep_tokens(&self, tokens: Option<&Tokens>) {
        *lock(&self.tokens) = tokens.map(|tokens| link::Session {
            tokens: tokens.clone(),
            until: self.ports.clock.now().mono.after(tokens.session_for),
        });
    }
}

/// A lock whose holder never panics half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A random number in 0..1 for jitter.
fn unit() -> f64 {
    rand::random()
}

/// A running worker.
pub struct Worker {
    /// What it can be asked.
    pub control: Arc<WorkerControl>,
    /// Every state it gets into. Looking here does not count as somebody who watches: nothing is measured for it.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// How many settlements were written down since the start.
    pub settlements: watch::Receiver<u64>,
    /// Cancelled when the owner, or the system, asks it to end.
    pub ending: CancellationToken,
    /// Ends when the worker has ended.
    pub ended: JoinHandle<()>,
}

impl Worker {
    /// Reads the journal and starts the loop on the present tokio runtime.
    ///
    /// # Errors
    /// When the journal cannot be read: without it nothing may be started.
    pub async fn start(mut ports: Ports) -> Result<Self, crate::port::StoreError> {
        let unfinished = ports.journal.unfinished().await?;
        let settings = ports.settings.current();
        let contribute = match ports.journal.wish().await? {
            Some(wish) => wish,
            None => settings.flag("contribute_on_start"),
        };
        let traffic = ports.journal.traffic().await?;
        let idle_power = ports.journal.idle_power().await?;
        let benchmark = ports.journal.benchmark().await?;
        let (snooze, gpu_snooze) = (ports.journal.snooze().await?, ports.journal.gpu_snooze().await?);
        failpoint::reach("recovery.restored");
        package::sweep(&ports.spool, &unfinished).await;
        let (found, suspects) = (std::mem::take(&mut ports.found), std::mem::take(&mut ports.suspects));
        let (inputs, messages) = mpsc::channel(256);
        let shared = Arc::new(Shared {
            pool_url: settings.text("master_url").to_owned(),
            inputs,
            snapshots: watch::Sender::new(Arc::new(Snapshot::default())),
            settlements: watch::Sender::default(),
            events: broadcast::Sender::new(256),
            ending: CancellationToken::new(),
            link: watch::Sender::new(LinkState::default()),
            tokens: Mutex::default(),
            sign_ins: tokio::sync::Mutex::default(),
            activities: Mutex::default(),
            reporters: Mutex::default(),
            readings: Mutex::default(),
            once_images: Mutex::default(),
            engine_watch: engine_watch::EngineWatch::default(),
            listings: Mutex::default(),
            totals: Mutex::default(),
            present_span: Mutex::default(),
            trend: Mutex::default(),
            present_frame: Mutex::default(),
            wanted: watch::Sender::default(),
            proof: tokio::sync::Mutex::default(),
            benchmark: Mutex::new(benchmark),
            electricity: Mutex::new(Meter::knowing(idle_power)),
            ports,
        });
        let capabilities = room::capabilities(&shared).await;
        let core = Core::new(room::limits(&shared, &capabilities), capabilities);
        let lately = earnings::Today::since(shared.ports.clock.now().wall);
        let today = shared.ports.journal.ended_since(lately).await?;
        let control = Arc::new(WorkerControl::new(Arc::clone(&shared)));
        let snapshots = shared.snapshots.subscribe();
        let settlements = shared.settlements.subscribe();
        let ending = shared.ending.clone();
        let first = Input::Restored { tasks: unfinished, contribute, found, suspects };
        let mut event_loop = EventLoop::new(core, shared, earnings::Today::new(&today));
        // Before any work can be asked for.
        if let Some(traffic) = traffic {
            event_loop.take(Input::Traffic(traffic));
        }
        if snooze.is_some() {
            event_loop.take(Input::Owner(OwnerAsks::Snooze(snooze)));
        }
        if gpu_snooze.is_some() {
            event_loop.take(Input::Owner(OwnerAsks::SnoozeGpus(gpu_snooze)));
        }
        event_loop.take(first);
        event_loop.show();
        let ended = tokio::spawn(event_loop.run(messages));
        Ok(Self { control, snapshots, settlements, ending, ended })
    }
}

struct EventLoop {
    core: Core,
    shared: Arc<Shared>,
    today: earnings::Today,
    diary: diary::Diary,
    writer: mpsc::UnboundedSender<journal::Entry>,
    writing: JoinHandle<()>,
    link: link::Link,
    sampler: JoinHandle<()>,
    senses: JoinHandle<()>,
    booked: Mono,
    seq: u64,
    /// Wall time of the loop's begin.
    began_ms: i64,
    ended: bool,
}

impl EventLoop {
    fn new(core: Core, shared: Arc<Shared>, today: earnings::Today) -> Self {
        let (writer, writing) = journal::spawn(Arc::clone(&shared));
        let sampler = tokio::spawn(sampler::run(Arc::clone(&shared)));
        let senses = tokio::spawn(senses::run(Arc::clone(&shared)));
        let link = link::Link::new(Arc::clone(&shared));
        let diary = diary::Diary::default();
        let began_ms = shared.ports.clock.now().wall.0;
        Self {
            core,
            shared,
            today,
            diary,
            writer,
            writing,
            link,
            sampler,
            senses,
            booked: Mono::default(),
            seq: 0,
            began_ms,
            ended: false,
        }
    }

    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut give_up = None;
        while !self.ended {
            let now = self.shared.ports.clock.now().mono;
            let wake = self.core.next_wake(now).map(|at| at.since(now));
            let message = tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => message,
                    None => break,
                },
                () = sleep_for(wake) => Message { input: Input::Tick, done: None },
                () = sleep_until(give_up) => break,
            };
            // What was told together is one state for whoever looks.
            let mut askers = Vec::new();
            let queued = std::iter::from_fn(|| messages.try_recv().ok());
            for Message { input, done } in std::iter::once(message).chain(queued).take(TOGETHER) {
                if matches!(input, Input::Shutdown) && give_up.is_none() {
                    give_up = Some(tokio::time::Instant::now() + DRAIN);
                }
                self.take(input);
                askers.extend(done);
                if self.ended {
                    break;
                }
            }
            self.show();
            for asker in askers {
                let _ = asker.send(Arc::clone(&self.shared.snapshots.borrow()));
            }
        }
        self.sampler.abort();
        self.senses.abort();
        // With something unsent the lease is left to run: whoever starts again before its end delivers it.
        self.link.close(self.core.held().is_empty()).await;
        if let Some(span) = self.core.present_span() {
            let _ = self.shared.ports.book.keep(span).await;
        }
        trend::keep_rest(&self.shared).await;
        self.core.moved(sampler::moved(&self.shared), self.shared.ports.clock.now());
        if let Err(error) = self.shared.ports.journal.set_traffic(self.core.traffic()).await {
            tracing::warn!(%error, "the traffic of the last moments is not kept");
        }
        if let Some(frame) = self.core.present_frame() {
            let _ = self.shared.ports.book.keep_frame(frame).await;
        }
        drop(self.writer);
        if tokio::time::timeout(LAST_WORDS, self.writing).await.is_err() {
            tracing::error!("the journal could not be written to its end");
        }
    }

    fn take(&mut self, input: Input) {
        let about = if let Input::Task(key, _) = &input { Some(key.clone()) } else { None };
        let effects = at_hand::within(about, || self.core.step(input, self.shared.ports.clock.now()));
        for effect in effects {
            self.perform(effect);
        }
    }

    fn show(&mut self) {
        let now = self.shared.ports.clock.now();
        self.write_log();
        *lock(&self.shared.present_span) = self.core.present_span();
        *lock(&self.shared.present_frame) = self.core.present_frame();
        self.keep_present_time(now.mono);
        let awake = self.core.keeps_awake();
        self.shared.wanted.send_if_modified(|wanted| {
            let other = wanted.awake != awake;
            wanted.awake = awake;
            other
        });
        self.publish();
    }

    fn perform(&mut self, effect: Effect) {
        let shared = Arc::clone(&self.shared);
        match effect {
            Effect::Pool(todo) => self.link.perform(todo, self.core.capabilities(), self.core.registered()),
            Effect::Persist(task, effects) => {
                let _ = self.writer.send(journal::Entry::Attempt(task, effects));
            }
            Effect::Perform(task, effect) => attempt::perform(&shared, *task, effect),
            Effect::KeepWish(contribute) => {
                let _ = self.writer.send(journal::Entry::Wish(contribute));
            }
            Effect::KeepGpuSnooze(snooze) => {
                let _ = self.writer.send(journal::Entry::GpuSnooze(snooze));
            }
            Effect::KeepSnooze(snooze) => {
                let _ = self.writer.send(journal::Entry::Snooze(snooze));
            }
            Effect::KeepTraffic(meter) => self.keep_traffic(meter),
            Effect::Ask { offer, number } => self.link.ask(offer, number),
            Effect::Decline(key, reason, message) => self.link.decline(key, reason, message),
            Effect::VerifyEngine => engine_watch::verify(shared),
            Effect::FindContainers => {
                tokio::spawn(async move {
                    let answer = shared.ports.engine.own(&shared.ports.spool.install).await;
                    failpoint::reach("recovery.containers");
                    shared.tell(Input::Containers(answer)).await;
                });
            }
            Effect::RemoveStray(container) => {
                tokio::spawn(async move {
                    if let Err(error) = shared.ports.engine.remove(&container).await {
                        tracing::warn!(%container, %error, "a left-over container stays for now");
                        if error.is_outage() {
                            shared.tell(Input::EngineChecked(Err(error))).await;
                        }
                    }
                });
            }
            Effect::Prioritise(container, priority) => {
                tokio::spawn(async move {
                    if let Err(error) = shared.ports.engine.prioritise(&container, priority).await {
                        tracing::warn!(%container, ?priority, %error, "a container keeps its share");
                    }
                });
            }
            Effect::Limit(container, cpu_millis) => {
                tokio::spawn(async move {
                    if let Err(error) = shared.ports.engine.limit(&container, cpu_millis).await {
                        tracing::warn!(%container, cpu_millis, %error, "a container keeps its part of the processor");
                    }
                });
            }
            Effect::Book(span) => self.keep_time(span),
            Effect::KeepFrame(frame) => self.keep_frame(*frame),
            Effect::HoldInstallations(held) => shared.ports.engine.hold_installations(held),
            Effect::Freeze { key, container, frozen } => {
                tokio::spawn(async move {
                    let engine = &shared.ports.engine;
                    let answer =
                        if frozen { engine.freeze(&container).await } else { engine.thaw(&container).await };
                    if let Err(error) = &answer {
                        tracing::warn!(task_id = %key, frozen, %error, "a container does not give way as it should");
                    }
                    shared.tell(Input::Froze { key, frozen, answer }).await;
                });
            }
            Effect::Forget(task) => self.forget(&task),
            Effect::Ended => self.ended = true,
        }
    }

    /// Writes a stretch of time down; what cannot be written is missing in the timeline, and nowhere else.
    fn keep_time(&self, span: Span) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            if let Err(error) = shared.ports.book.keep(span).await {
                tracing::warn!(%error, "a stretch of time is not kept");
            }
        });
    }

    /// What cannot be written is counted from what was kept before.
    fn keep_traffic(&self, meter: TrafficMeter) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            if let Err(error) = shared.ports.journal.set_traffic(meter).await {
                tracing::warn!(%error, "the traffic is not kept");
            }
        });
    }

    fn keep_frame(&self, frame: Frame) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            if let Err(error) = shared.ports.book.keep_frame(frame).await {
                tracing::warn!(%error, "what the sensors told is not kept");
            }
        });
    }

    /// Now and then also the one that goes on: a crash loses no more than the rest.
    fn keep_present_time(&mut self, now: Mono) {
        if now.since(self.booked) >= BOOK_EVERY {
            self.booked = now;
            if let Some(span) = self.core.present_span() {
                self.keep_time(span);
            }
            if let Some(frame) = self.core.present_frame() {
                self.keep_frame(frame);
            }
        }
    }

    /// Alerts, as lines of the log.
    fn write_log(&mut self) {
        for Notice { level, error, .. } in self.core.take_news() {
            let (alert, task_id) = (error.code.word(), error.facts.get("task").map_or("", String::as_str));
            if level == Level::Ok {
                tracing::info!(alert, "an alert is over");
            } else {
                tracing::warn!(alert, task_id, message = %error.message, "alert");
            }
        }
    }

    fn forget(&mut self, task: &Task) {
        let ports = &self.shared.ports;
        self.today.roll(&ports.zone.present(), ports.clock.now().wall);
        self.today.add(task);
        debug::count(&self.shared, task);
        lock(&self.shared.listings).remove(task.key());
        lock(&self.shared.reporters).remove(task.key());
        if task.credit.is_some() {
            self.link.read_balance();
        }
    }

    fn publish(&mut self) {
        let shared = &self.shared;
        let now = shared.ports.clock.now();
        let settings = shared.ports.settings.current();
        let mut snapshot = self.core.snapshot(now);
        snapshot.version = shared.ports.version.to_owned();
        snapshot.began_ms = self.began_ms;
        snapshot.pool.url.clone_from(&shared.pool_url);
        snapshot.pool.dialect = shared.ports.pool.dialect().to_owned();
        snapshot.pool.link = shared.ports.pool.link();
        snapshot.private_link = shared.private_link();
        {
            let readings = lock(&shared.readings);
            snapshot.host.hostname.clone_from(&readings.hostname);
            snapshot.host.gpu_note.clone_from(&readings.gpu_note);
        }
        snapshot.host.benchmark = lock(&shared.benchmark).as_ref().map(Into::into);
        self.today.roll(&shared.ports.zone.present(), now.wall);
        let midnight = earnings::midnight(&shared.ports.zone.present(), now.wall);
        snapshot.today = self.today.sum(self.core.accruing(midnight));
        let (nearest, differs) = preset::nearest(&settings);
        snapshot.preset.name = nearest.name.to_owned();
        snapshot.preset.differs = differs.into_iter().map(str::to_owned).collect();
        snapshot.language = settings.text("language").to_owned();
        snapshot.theme = settings.text("theme").to_owned();
        snapshot.seq = self.seq;
        if **shared.snapshots.borrow() != snapshot {
            self.seq += 1;
            snapshot.seq = self.seq;
            self.diary.status(&snapshot);
            shared.snapshots.send_replace(Arc::new(snapshot));
        }
        let link = LinkState {
            held: self.core.held(),
            statuses: self.core.statuses(),
            paused: self.core.paused_word(),
            alerts: self.core.alerts(),
        };
        shared.link.send_if_modified(|old| {
            let changed = *old != link;
            *old = link;
            changed
        });
    }
}

async fn sleep_for(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
