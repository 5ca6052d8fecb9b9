//! A worker that lets everything through: whatever a stranger can name in its state and its answers is the one text.

use async_trait::async_trait;
use hivemind_control::{
    AccountView, ApiError, AttackView, Control, DebugFile, DebugView, DecisionReason, DecisionView,
    DoctorReport, EarningsDay, EarningsView, ElectricitySum, ElectricityView, EngineView, ErrorCode,
    EventStream, Finding, FootprintView, GpuUse, HistoryPage, HostQuestion, HostView, IdlePower,
    ImageQuestion, Level, LogLine, LogPage, MetricsSample, MetricsView, Notice, OwnLogLine, OwnLogPage,
    PoolView, PresetView, ProofView, PullView, ReportView, SettingView, Snapshot, StatusState, StatusView,
    Subscription, TaskView, TimelineView, TraceView, UpdateTried, UpdateWhy, UpdatesView, VersionView,
    subscription,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// More of a text than any field's bound lets through, and little enough for a state with dozens of fields.
const MOST_BYTES: usize = 64 * 1024;

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MOST_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// An error as a worker would tell it that makes nothing printable.
pub(super) fn error(code: ErrorCode, text: &str) -> ApiError {
    let facts = BTreeMap::from([("fact".to_owned(), text.to_owned())]);
    ApiError { code, message: text.to_owned(), facts, action: None }
}

/// A task of which everything but numbers and the worker's own words is the text.
fn task(text: &str) -> TaskView {
    let said = || Some(text.to_owned());
    TaskView {
        task_id: text.to_owned(),
        name: text.to_owned(),
        phase: "settled".to_owned(),
        verdict: Some("failed".to_owned()),
        message: said(),
        failure_class: said(),
        image_digest: said(),
        gpus: vec![text.to_owned()],
        result_sha256: said(),
        report: Some(ReportView {
            exit_class: text.to_owned(),
            image_digest: text.to_owned(),
            ..ReportView::default()
        }),
        ..TaskView::default()
    }
}

/// A whole state of this text. `language` is the owner's choice.
pub(super) fn snapshot(text: &str, state: StatusState, language: &str) -> Snapshot {
    let text = cut(text);
    let own = || text.to_owned();
    Snapshot {
        version: own(),
        status: StatusView {
            state,
            contributing: true,
            problem: (state != StatusState::Connecting).then(|| error(ErrorCode::Internal, text)),
            ..StatusView::default()
        },
        decision: DecisionView {
            reason: DecisionReason::Schedule,
            until: Some(own()),
            gpus_snoozed: true,
            gpus_until: Some(own()),
            preset_now: Some(own()),
            unreadable: vec![own()],
            ..DecisionView::default()
        },
        pool: PoolView {
            url: own(),
            cause: (state != StatusState::Connecting).then(|| error(ErrorCode::PoolRefused, text)),
            link: own(),
            node_id: Some(own()),
            trust: Some(own()),
            ..PoolView::default()
        },
        engine: EngineView { name: own(), version: own(), isolation: own(), ..EngineView::default() },
        account: Some(AccountView { username: own(), ..AccountView::default() }),
        tasks: vec![task(text)],
        host: HostView {
            hostname: own(),
            cpu_name: own(),
            gpus: vec![GpuUse { uuid: own(), name: own(), ..GpuUse::default() }],
            gpu_note: own(),
            ..HostView::default()
        },
        image_questions: vec![ImageQuestion { repository: own(), image: own(), declined: 1, since_ms: 0 }],
        pulls: vec![PullView { image: own(), ..PullView::default() }],
        notices: vec![Notice { at_ms: 0, level: Level::Error, error: error(ErrorCode::PoolNotice, text) }],
        host_questions: vec![HostQuestion { host: own(), task_name: own(), asked_at_ms: 0 }],
        preset: PresetView { name: own(), differs: vec![own()] },
        language: language.to_owned(),
        ..Snapshot::default()
    }
}

/// What it answers, by the command's name.
fn answer(name: &str, text: &str) -> Value {
    let own = || text.to_owned();
    match name {
        "tasks" => value(&HistoryPage { tasks: vec![task(text)], total: 1 }),
        "task" => value(&task(text)),
        "logs" => value(&LogPage {
            lines: vec![LogLine { number: 0, stderr: true, at_ms: 0, text: own() }],
            total: 1,
            first_kept: 0,
        }),
        "own_log" => value(&OwnLogPage {
            lines: vec![OwnLogLine { at_ms: 0, level: own(), text: own() }],
            total: 1,
            first: 0,
            file: own(),
        }),
        "timeline" => value(&TimelineView::default()),
        "doctor" => value(&DoctorReport {
            findings: vec![Finding {
                number: 1,
                check: own(),
                level: Level::Notice,
                proof: own(),
                code: None,
                fix: Some(own()),
            }],
        }),
        "earnings" => value(&EarningsView {
            days: vec![EarningsDay { day: own(), ..EarningsDay::default() }],
            electricity: ElectricityView {
                sum: ElectricitySum {
                    known_tasks: 1,
                    tasks: 2,
                    cost_micros: Some(5),
                    ..ElectricitySum::default()
                },
                currency: own(),
                processor: own(),
                gpus: own(),
                idle: vec![IdlePower { device: own(), milliwatts: 1 }],
            },
            ..EarningsView::default()
        }),
        "settings" => value(&vec![SettingView {
            key: own(),
            value: own(),
            default: own(),
            source: own(),
            allowed: own(),
            env: Some(own()),
            flag: Some(own()),
            restart: false,
        }]),
        "metrics" => value(&MetricsView {
            samples: vec![MetricsSample {
                gpus: vec![GpuUse { uuid: own(), name: own(), ..GpuUse::default() }],
                ..MetricsSample::default()
            }],
            ..MetricsView::default()
        }),
        "debug_data" => value(&DebugView {
            folder: own(),
            files: vec![DebugFile { name: own(), size_bytes: 1 }],
            ..DebugView::default()
        }),
        "prove" => value(&ProofView {
            at_ms: 0,
            attacks: vec![AttackView { name: own(), what: own(), denied: true, evidence: own() }],
        }),
        "footprint" => value(&FootprintView {
            versions: vec![VersionView { name: own(), version: own() }],
            traces: vec![TraceView { what: own(), place: own(), size_bytes: None, present: true }],
            updates: UpdatesView {
                version: own(),
                package: Some(own()),
                newest: Some(own()),
                ready: Some(own()),
                why: Some(UpdateWhy { word: own(), text: own() }),
                tried: Some(UpdateTried { version: own(), taken_back: None }),
                ..UpdatesView::default()
            },
            unsigned: true,
        }),
        _ => value(&snapshot(text, StatusState::Yielding, "en")),
    }
}

fn value(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).expect("an answer is JSON")
}

/// That worker.
pub(super) struct Stranger {
    text: String,
    snapshots: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<hivemind_control::Event>,
}

impl Stranger {
    /// One in this state, as far as it is asked for it.
    pub(super) fn new(text: &str, state: StatusState, language: &str) -> Arc<Self> {
        let snapshots = watch::Sender::new(Arc::new(snapshot(text, state, language)));
        Arc::new(Self { text: cut(text).to_owned(), snapshots, events: broadcast::Sender::new(8) })
    }

    fn said<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, ApiError> {
        // To begin and to end is refused, so that refusals are told too.
        if matches!(name, "start" | "stop") {
            return Err(error(ErrorCode::PoolRefused, &self.text));
        }
        serde_json::from_value(answer(name, &self.text)).map_err(|_| error(ErrorCode::Internal, &self.text))
    }
}

macro_rules! stranger {
    ($($(#[doc = $doc:literal])* $access:ident $name:ident($request:ty) -> $response:ty;)*) => {
        #[async_trait]
        impl Control for Stranger {
            $(async fn $name(&self, _request: $request) -> Result<$response, ApiError> {
                self.said(stringify!($name))
            })*

            fn subscribe(&self) -> EventStream {
                subscription(Subscription { snapshots: self.snapshots.subscribe(), events: self.events.subscribe() })
            }
        }
    };
}

hivemind_control::control_commands!(stranger);
