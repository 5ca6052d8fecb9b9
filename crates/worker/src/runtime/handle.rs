//! What the worker can be asked, answered by the loop or from what it published.

use super::desktop::lan_port;
use super::electricity::{self, Bill};
use super::{
    Message, Shared, debug, doctor, earnings, link, lock, network_ledger, proof, room, timeline, trend,
    what_if,
};
use crate::core::{Input, OwnerAsks, pool_problem, task_view};
use crate::port::{HistoryFilter, Host, PrivateLink, StoreError};
use async_trait::async_trait;
use hivemind_control::{
    AccountView, ApiError, Control, DebugView, DoctorReport, EarnedPage, EarnedQuery, EarningsQuery,
    EarningsView, ErrorCode, Event, EventStream, FootprintView, HistoryPage, HistoryQuery, HostAnswer,
    HostDecision, IgnoreRulesRequest, ImageDecision, InviteRequest, LogPage, LogQuery, LoginRequest,
    MetricsView, NetworkLedger, OwnLogPage, OwnLogQuery, PairingCode, PracticeView, PresetOffer,
    PresetRequest, ProofView, ReceiptsPart, ReceiptsQuery, SettingChange, SettingView, Snapshot,
    SnoozeRequest, StopTaskRequest, Subscription, TaskRef, TaskView, TimelineQuery, TimelineView, TraceView,
    TrendQuery, TrendView, VersionView, WhatIfRequest, WhatIfView, subscription,
};
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::rules::{SnoozeFor, preset};
use hivemind_domain::settings::{KEYS, Key, Settings, Source, key};
use hivemind_domain::task::Task;
use hivemind_domain::text::plain_line;
use hivemind_domain::time::WallMs;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

const MOST_PROGRAMS: usize = 500;
/// Of a program's name, in bytes.
const MOST_NAME: usize = 64;
const DAY_MS: i64 = 86_400_000;
/// So many bytes of an owner's reason are passed on.
const LONGEST_REASON: usize = 200;
/// The rules are set aside for a day at most.
const MOST_FORCED_MINUTES: u32 = 1440;

/// The control API of a running worker.
pub struct WorkerControl {
    shared: Arc<Shared>,
}

impl WorkerControl {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Tells every window to come to the front; says whether anybody listens.
    #[must_use]
    pub fn raise_window(&self) -> bool {
        self.shared.events.send(Event::RaiseWindow).is_ok()
    }

    fn show_window(&self, event: Event, screen: Option<&'static str>) -> Result<(), ApiError> {
        // Who asks now wants the next worker: its window would lose this one at once.
        if self.shared.ending.is_cancelled() {
            return Err(ending());
        }
        let _ = self.shared.events.send(event);
        self.shared.ports.desktop.open_window(screen)
    }

    fn private_link(&self) -> Result<&Arc<dyn PrivateLink>, ApiError> {
        let off = || ApiError::new(ErrorCode::LinkFailed, "the private link is switched off in the settings");
        self.shared.ports.private_link.as_ref().ok_or_else(off)
    }

    async fn ask(&self, input: Input) -> Result<Snapshot, ApiError> {
        let (done, state) = oneshot::channel();
        self.shared.inputs.send(Message { input, done: Some(done) }).await.map_err(|_| ending())?;
        state.await.map(|snapshot| (*snapshot).clone()).map_err(|_| ending())
    }

    /// Attempts that ended within so many local days, today's among them; 0 means 30.
    async fn ended_within(&self, days: u32) -> Result<Vec<Task>, ApiError> {
        let days = if days == 0 { 30 } else { days.min(3650) };
        let ports = &self.shared.ports;
        let first = ports.clock.now().wall.0 - i64::from(days - 1) * DAY_MS;
        let since = earnings::midnight(&ports.zone.present(), WallMs(first));
        ports.journal.ended_since(since).await.map_err(store_problem)
    }

    fn bill(&self) -> Bill {
        let ports = &self.shared.ports;
        Bill::new(&ports.settings.current(), ports.zone.present())
    }

    async fn key(&self, task: &TaskRef) -> Result<TaskKey, ApiError> {
        let unknown = || {
            ApiError::new(ErrorCode::TaskUnknown, "there is no such task on this computer")
                .with("task", &task.task_id)
        };
        let id = TaskId::new(task.task_id.clone()).map_err(|_| unknown())?;
        if let Some(attempt) = task.attempt {
            return Ok(TaskKey { task: id, attempt });
        }
        let found = self.shared.ports.journal.find(id.as_str(), None).await.map_err(store_problem)?;
        found.map(|task| task.key().clone()).ok_or_else(unknown)
    }
}

fn ending() -> ApiError {
    ApiError::new(ErrorCode::WorkerNotRunning, "the worker is ending")
}

/// What the requester is told of an attempt that the owner stopped.
fn stopped_because(reason: &str) -> String {
    let reason = plain_line(reason, LONGEST_REASON);
    match reason.trim() {
        "" => "the owner stopped this task".to_owned(),
        reason => format!("the owner stopped this task: {reason}"),
    }
}

pub(super) fn store_problem(error: StoreError) -> ApiError {
    let code = if error.disk_full { ErrorCode::DiskLow } else { ErrorCode::JournalFailed };
    ApiError::new(code, error.message)
}

/// Every setting as the hosts show it.
#[must_use]
pub fn setting_views(settings: &Settings) -> Vec<SettingView> {
    let views = KEYS.iter().map(|key| {
        let (value, source) = settings.get(key.name).unwrap_or((key.default, Source::Default));
        SettingView {
            key: key.name.to_owned(),
            value: value.to_owned(),
            default: key.default.to_owned(),
            source: source_word(source).to_owned(),
            allowed: key.allowed(),
            env: key.env.map(str::to_owned),
            flag: key.flag.map(str::to_owned),
            restart: key.restart,
        }
    });
    views.collect()
}

fn source_word(source: Source) -> &'static str {
    match source {
        Source::Default => "default",
        Source::File => "file",
        Source::Environment => "environment",
        Source::Flag => "flag",
    }
}

/// How many rows of a page are wanted.
fn page_limit(limit: u32) -> Result<u32, ApiError> {
    match limit {
        0 => Ok(50),
        n @ 1..=500 => Ok(n),
        n => {
            let text = format!("limit is {n}, allowed is 1 to 500");
            Err(ApiError::new(ErrorCode::InvalidRequest, text))
        }
    }
}

/// Has `work` done where waiting for the disk stalls nobody.
async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let broken = |error: tokio::task::JoinError| ApiError::new(ErrorCode::Internal, error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(broken)
}

/// Names of programs are strangers' text: printable, bounded, each once.
fn named_once(programs: Vec<String>) -> Vec<String> {
    // One that would have to be changed for that would never be found again by its new name.
    let plain = |name: &String| {
        !name.is_empty() && !name.contains([',', ':']) && plain_line(name, MOST_NAME) == *name
    };
    let names: BTreeSet<String> = programs.into_iter().filter(plain).collect();
    names.into_iter().take(MOST_PROGRAMS).collect()
}

fn trace(what: &str, place: String, present: bool) -> TraceView {
    TraceView { what: what.to_owned(), place, size_bytes: None, present }
}

#[async_trait]
impl Control for WorkerControl {
    async fn snapshot(&self, (): ()) -> Result<Snapshot, ApiError> {
        Ok((**self.shared.snapshots.borrow()).clone())
    }

    async fn start(&self, (): ()) -> Result<Snapshot, ApiError> {
        self.ask(Input::Owner(OwnerAsks::Start)).await
    }

    async fn stop(&self, (): ()) -> Result<Snapshot, ApiError> {
        self.ask(Input::Owner(OwnerAsks::Stop)).await
    }

    async fn finish(&self, (): ()) -> Result<Snapshot, ApiError> {
        self.ask(Input::Owner(OwnerAsks::Finish)).await
    }

    async fn snooze(&self, request: SnoozeRequest) -> Result<Snapshot, ApiError> {
        let length = SnoozeFor::parse(&request.length)
            .map_err(|error| ApiError::new(ErrorCode::InvalidRequest, error.to_string()))?;
        let ports = &self.shared.ports;
        let snooze = length.begin(&ports.zone.present(), ports.clock.now().wall);
        let asks = if request.gpus_only { OwnerAsks::SnoozeGpus(snooze) } else { OwnerAsks::Snooze(snooze) };
        self.ask(Input::Owner(asks)).await
    }

    async fn ignore_rules(&self, request: IgnoreRulesRequest) -> Result<Snapshot, ApiError> {
        if request.minutes > MOST_FORCED_MINUTES {
            let text = format!("minutes is {}, allowed is 0 to {MOST_FORCED_MINUTES}", request.minutes);
            return Err(ApiError::new(ErrorCode::InvalidRequest, text));
        }
        let now = self.shared.ports.clock.now().wall;
        let until = WallMs(now.0.saturating_add(i64::from(request.minutes) * 60_000));
        self.ask(Input::Owner(OwnerAsks::Force((request.minutes > 0).then_some(until)))).await
    }

    async fn set_preset(&self, request: PresetRequest) -> Result<Vec<SettingView>, ApiError> {
        let Some(preset) = preset::PRESETS.iter().find(|preset| preset.name == request.name) else {
            let name = hivemind_domain::text::plain_line(&request.name, 40);
            let text = format!("\"{name}\" is no preset; allowed are quiet, balanced and max");
            return Err(ApiError::new(ErrorCode::InvalidRequest, text));
        };
        let settings = &self.shared.ports.settings;
        for (key, value) in preset.values {
            if settings.current().text(key) != *value {
                settings.set(key, Some(value)).await.map_err(room::change_problem)?;
            }
        }
        let capabilities = room::capabilities(&self.shared).await;
        self.ask(Input::Limits(room::limits(&self.shared, &capabilities))).await?;
        Ok(setting_views(&settings.current()))
    }

    async fn programs(&self, (): ()) -> Result<Vec<String>, ApiError> {
        let host: Arc<dyn Host> = Arc::clone(&self.shared.ports.host);
        off_the_loop(move || named_once(host.programs())).await
    }

    async fn presets(&self, (): ()) -> Result<Vec<PresetOffer>, ApiError> {
        Ok(room::preset_offers(&self.shared).await)
    }

    async fn trend(&self, query: TrendQuery) -> Result<TrendView, ApiError> {
        trend::trend(&self.shared, query).await
    }

    async fn timeline(&self, query: TimelineQuery) -> Result<TimelineView, ApiError> {
        timeline::timeline(&self.shared, query).await
    }

    async fn what_if(&self, request: WhatIfRequest) -> Result<WhatIfView, ApiError> {
        what_if::what_if(&self.shared, request).await
    }

    async fn tasks(&self, query: HistoryQuery) -> Result<HistoryPage, ApiError> {
        let limit = page_limit(query.limit)?;
        let filter = HistoryFilter { state: query.state, search: query.search, offset: query.offset, limit };
        let (tasks, total) = self.shared.ports.journal.page(&filter).await.map_err(store_problem)?;
        let live = self.shared.snapshots.borrow().clone();
        let shown = tasks.iter().map(|task| {
            let view = task_view(task);
            let newer = live.tasks.iter().find(|t| t.task_id == view.task_id && t.attempt == view.attempt);
            newer.cloned().unwrap_or(view)
        });
        Ok(HistoryPage { tasks: shown.collect(), total })
    }

    async fn task(&self, task: TaskRef) -> Result<TaskView, ApiError> {
        let live = self.shared.snapshots.borrow().clone();
        let same = |t: &&TaskView| t.task_id == task.task_id && task.attempt.is_none_or(|a| a == t.attempt);
        if let Some(view) = live.tasks.iter().rev().find(same) {
            return Ok(view.clone());
        }
        let found =
            self.shared.ports.journal.find(&task.task_id, task.attempt).await.map_err(store_problem)?;
        found.as_ref().map(task_view).ok_or_else(|| {
            ApiError::new(ErrorCode::TaskUnknown, "there is no such task on this computer")
                .with("task", &task.task_id)
        })
    }

    async fn logs(&self, query: LogQuery) -> Result<LogPage, ApiError> {
        let key = self.key(&query.task).await?;
        let limit = if query.limit == 0 { 200 } else { query.limit.min(1000) };
        self.shared.ports.logs.page(&key, query.from, limit).await.map_err(store_problem)
    }

    async fn own_log(&self, query: OwnLogQuery) -> Result<OwnLogPage, ApiError> {
        let desktop = Arc::clone(&self.shared.ports.desktop);
        off_the_loop(move || desktop.own_log(&query)).await?
    }

    async fn debug_data(&self, task: TaskRef) -> Result<DebugView, ApiError> {
        debug::view(&self.shared, &self.key(&task).await?).await
    }

    async fn open_debug_data(&self, task: TaskRef) -> Result<(), ApiError> {
        let view = debug::view(&self.shared, &self.key(&task).await?).await?;
        self.shared.ports.desktop.open_folder(std::path::Path::new(&view.folder))
    }

    async fn stop_task(&self, request: StopTaskRequest) -> Result<TaskView, ApiError> {
        let task = TaskRef { task_id: request.task_id, attempt: request.attempt };
        let key = self.key(&task).await?;
        let running = self
            .shared
            .snapshots
            .borrow()
            .tasks
            .iter()
            .any(|t| t.task_id == key.task.as_str() && t.attempt == key.attempt && t.verdict.is_none());
        if !running {
            return Err(ApiError::new(ErrorCode::TaskEnded, "this task has already ended")
                .with("task", &task.task_id));
        }
        let message = stopped_because(request.reason.as_deref().unwrap_or_default());
        self.ask(Input::Owner(OwnerAsks::StopTask(key, message))).await?;
        self.task(task).await
    }

    async fn earnings(&self, query: EarningsQuery) -> Result<EarningsView, ApiError> {
        let ports = &self.shared.ports;
        let tasks = self.ended_within(query.days).await?;
        let balance_cpt = self.shared.snapshots.borrow().account.as_ref().and_then(|a| a.balance_cpt);
        let week = earnings::midnight(&ports.zone.present(), WallMs(ports.clock.now().wall.0 - 7 * DAY_MS));
        let recent = ports.journal.ended_since(week).await.map_err(store_problem)?;
        let forecast = earnings::forecast(&ports.zone.present(), &recent, ports.clock.now().wall);
        let zone = ports.zone.present();
        let (view, electricity) = earnings::view(&zone, &self.bill(), &tasks, ports.clock.now().wall);
        let electricity = electricity::view(&self.shared, &electricity);
        Ok(EarningsView { balance_cpt, forecast, electricity, ..view })
    }

    async fn earned_tasks(&self, query: EarnedQuery) -> Result<EarnedPage, ApiError> {
        let limit = page_limit(query.limit)?;
        let tasks = self.ended_within(query.days).await?;
        let ports = &self.shared.ports;
        Ok(earnings::page(
            &ports.zone.present(),
            &self.bill(),
            &tasks,
            ports.clock.now().wall,
            (query.offset, limit),
        ))
    }

    async fn network_ledger(&self, (): ()) -> Result<NetworkLedger, ApiError> {
        let tasks = self.ended_within(30).await?;
        let told = self.shared.ports.pool.ledger().await.map_err(|error| pool_problem(&error))?;
        Ok(told.map(|told| network_ledger::view(told, &tasks)).unwrap_or_default())
    }

    async fn receipts(&self, query: ReceiptsQuery) -> Result<ReceiptsPart, ApiError> {
        let desktop = Arc::clone(&self.shared.ports.desktop);
        off_the_loop(move || desktop.receipts(query)).await?
    }

    async fn login(&self, request: LoginRequest) -> Result<AccountView, ApiError> {
        let short = |text: &str| (1..=256).contains(&text.len());
        if !short(&request.username) || !short(&request.password) {
            let text = "user name and password must have 1 to 256 bytes";
            return Err(ApiError::new(ErrorCode::WrongCredentials, text));
        }
        let ports = &self.shared.ports;
        let problem = |error| pool_problem(&error);
        ports.pool.connect().await.map_err(problem)?;
        let tokens = ports
            .pool
            .login(&request.username, &request.password, &ports.spool.install)
            .await
            .map_err(problem)?;
        {
            let mut sign_ins = self.shared.sign_ins.lock().await;
            if let Err(error) = ports.secrets.save(&self.shared.pool_url, &tokens).await {
                return Err(ApiError::new(ErrorCode::KeyringLocked, error.to_string()));
            }
            *sign_ins += 1;
            self.shared.keep_tokens(Some(&tokens));
            // A renewal that came back in between has put its session in place of this one.
            ports.pool.resume(&tokens).await;
        }
        let account = link::account(&self.shared, &tokens);
        self.ask(Input::SignedIn(account.clone())).await?;
        Ok(account)
    }

    async fn logout(&self, (): ()) -> Result<Snapshot, ApiError> {
        let ports = &self.shared.ports;
        let mut sign_ins = self.shared.sign_ins.lock().await;
        *sign_ins += 1;
        // What counts is that the tokens are gone here; the pool may be out of reach.
        if let Err(error) = ports.pool.logout().await {
            tracing::warn!(%error, "the pool was not told about the sign-out");
        }
        self.shared.keep_tokens(None);
        if let Err(error) = ports.secrets.clear(&self.shared.pool_url).await {
            return Err(ApiError::new(ErrorCode::KeyringLocked, error.to_string()));
        }
        drop(sign_ins);
        self.ask(Input::SignedOut).await
    }

    async fn settings(&self, (): ()) -> Result<Vec<SettingView>, ApiError> {
        Ok(setting_views(&self.shared.ports.settings.current()))
    }

    async fn check_setting(&self, change: SettingChange) -> Result<(), ApiError> {
        // A copy that nobody keeps: the same judge as for a change.
        let mut copy = Settings::default();
        let value = change.value.as_deref();
        let value = value.or_else(|| key(&change.key).map(|key| key.default)).unwrap_or_default();
        copy.apply(&change.key, value, Source::File).map_err(|error| room::change_problem(error.into()))
    }

    async fn set_setting(&self, change: SettingChange) -> Result<Vec<SettingView>, ApiError> {
        let ports = &self.shared.ports;
        let settings =
            ports.settings.set(&change.key, change.value.as_deref()).await.map_err(room::change_problem)?;
        if change.key.replace('-', "_") == "start_at_login" {
            ports.desktop.start_at_login(settings.flag("start_at_login"))?;
        }
        if key(&change.key).is_some_and(Key::opens_a_door) {
            ports.desktop.serve_lan(lan_port(&settings));
        }
        if key(&change.key).is_some_and(Key::carries_the_link)
            && let Some(link) = &ports.private_link
        {
            link.reconsider();
        }
        let capabilities = room::capabilities(&self.shared).await;
        self.ask(Input::Limits(room::limits(&self.shared, &capabilities))).await?;
        Ok(setting_views(&settings))
    }

    async fn answer_image(&self, decision: ImageDecision) -> Result<Vec<SettingView>, ApiError> {
        let settings = room::answer(&self.shared, &decision).await?;
        let capabilities = room::capabilities(&self.shared).await;
        self.ask(Input::Limits(room::limits(&self.shared, &capabilities))).await?;
        Ok(setting_views(&settings))
    }

    async fn answer_host(&self, answer: HostAnswer) -> Result<Snapshot, ApiError> {
        let host = HostRule::parse(&answer.host).map_err(|why| {
            let text = format!("\"{}\" {why}", hivemind_domain::text::plain_line(&answer.host, 80));
            ApiError::new(ErrorCode::InvalidRequest, text)
        })?;
        let list = match answer.decision {
            HostDecision::Once => None,
            HostDecision::Always => Some("allowed_hosts"),
            HostDecision::Never => Some("denied_hosts"),
        };
        if let Some(key) = list {
            let present = self.shared.ports.settings.current().text(key).to_owned();
            let rules = HostRule::parse_list(&present).unwrap_or_default();
            if !rules.contains(&host) {
                let value = if present.is_empty() { host.to_string() } else { format!("{present}, {host}") };
                self.set_setting(SettingChange { key: key.to_owned(), value: Some(value) }).await?;
            }
        }
        let once = answer.decision == HostDecision::Once;
        self.ask(Input::Owner(OwnerAsks::HostDecided { host, once })).await
    }

    async fn metrics(&self, (): ()) -> Result<MetricsView, ApiError> {
        let totals = *lock(&self.shared.totals);
        Ok(MetricsView { totals, ..lock(&self.shared.readings).view() })
    }

    async fn doctor(&self, (): ()) -> Result<DoctorReport, ApiError> {
        Ok(doctor::examine(&self.shared).await)
    }

    async fn prove(&self, (): ()) -> Result<ProofView, ApiError> {
        proof::prove(&self.shared).await
    }

    async fn renew_link(&self, (): ()) -> Result<hivemind_control::PrivateLinkView, ApiError> {
        let link = self.private_link()?;
        link.renew().await?;
        Ok(link.view())
    }

    async fn narrow_link(&self, (): ()) -> Result<hivemind_control::PrivateLinkView, ApiError> {
        let link = self.private_link()?;
        link.narrow().await?;
        Ok(link.view())
    }

    async fn link(&self, (): ()) -> Result<hivemind_control::LinkTrafficView, ApiError> {
        let traffic = self.shared.ports.private_link.as_ref().map(|link| link.traffic()).unwrap_or_default();
        Ok(hivemind_control::LinkTrafficView {
            link: self.shared.private_link(),
            handshake_s: traffic.handshake_age.map(|age| age.as_secs()),
            received_bytes: traffic.received,
            sent_bytes: traffic.sent,
        })
    }

    async fn footprint(&self, (): ()) -> Result<FootprintView, ApiError> {
        let desktop = Arc::clone(&self.shared.ports.desktop);
        let mut view = off_the_loop(move || desktop.footprint()).await?;
        let engine = self.shared.snapshots.borrow().engine.clone();
        if !engine.version.is_empty() {
            view.versions.push(VersionView { name: engine.name, version: engine.version });
        }
        let ports = &self.shared.ports;
        let kept = if ports.secrets.in_file() { "file" } else { "keyring" };
        let signed_in = self.shared.snapshots.borrow().account.is_some();
        view.traces.push(trace("secrets", kept.to_owned(), signed_in));
        if let Ok(containers) = ports.engine.own(&ports.spool.install).await {
            let some = !containers.is_empty();
            view.traces.push(trace("containers", containers.len().to_string(), some));
        }
        Ok(view)
    }

    async fn practice(&self, (): ()) -> Result<PracticeView, ApiError> {
        Ok(self.shared.ports.desktop.practice())
    }

    async fn begin_practice(&self, (): ()) -> Result<PracticeView, ApiError> {
        self.shared.ports.desktop.begin_practice()
    }

    async fn open_window(&self, (): ()) -> Result<(), ApiError> {
        self.show_window(Event::RaiseWindow, None)
    }

    async fn report_problem(&self, (): ()) -> Result<(), ApiError> {
        self.show_window(Event::ReportProblem, Some("support"))
    }

    async fn invite(&self, request: InviteRequest) -> Result<PairingCode, ApiError> {
        self.shared.ports.desktop.invite(request)
    }

    async fn pair(&self, (): ()) -> Result<PairingCode, ApiError> {
        self.shared.ports.desktop.pair()
    }

    async fn quit(&self, (): ()) -> Result<(), ApiError> {
        self.shared.ending.cancel();
        let _ = self.shared.events.send(Event::Quitting);
        // The answer must not wait for tasks to end.
        let ended = self.ask(Input::Shutdown);
        tokio::time::timeout(Duration::from_secs(1), ended).await.ok();
        Ok(())
    }

    fn subscribe(&self) -> EventStream {
        subscription(Subscription {
            snapshots: self.shared.snapshots.subscribe(),
            events: self.shared.events.subscribe(),
        })
    }
}
