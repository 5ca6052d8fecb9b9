//! The seven states as a tray host receives them, and every entry of the menu, in both languages.

use crate::desktop::{Bus, Line, TrayHost};
use crate::scenarios::{Running, start, until};
use hivemind_control::{ApiError, DecisionReason, ErrorCode, PoolState, Snapshot, StatusState};
use std::collections::HashSet;
use std::path::Path;

/// The worker's choice of language, and the sentences that this language has for one thing.
const LANGUAGES: [&str; 2] = ["en", "zh-tw"];

fn base(state: StatusState, language: &str) -> Snapshot {
    let mut snapshot = Snapshot { language: language.to_owned(), ..Snapshot::default() };
    snapshot.status.state = state;
    snapshot.status.contributing = state != StatusState::Off;
    snapshot.pool.url = "https://pool.example:443/".to_owned();
    snapshot.today.credited_cpt = 14;
    snapshot
}

/// A state, the file of its picture, and its two lines in English and in Chinese.
struct State {
    snapshot: fn(&str) -> Snapshot,
    picture: &'static str,
    attention: bool,
    lines: [(&'static str, &'static str); 2],
}

const STATES: [State; 7] = [
    State {
        snapshot: |language| {
            let mut snapshot = base(StatusState::Earning, language);
            snapshot.status.running_tasks = 2;
            snapshot
        },
        picture: "earning",
        attention: false,
        lines: [
            ("Earning · 2 tasks · +14 CPT today", "Connected to pool.example:443"),
            ("賺取中 · 2 個任務 · 今日 +14 CPT", "已連線至 pool.example:443"),
        ],
    },
    State {
        snapshot: |language| base(StatusState::Ready, language),
        picture: "ready",
        attention: false,
        lines: [
            ("Ready · waiting for a task", "Connected to pool.example:443"),
            ("就緒 · 等待任務", "已連線至 pool.example:443"),
        ],
    },
    State {
        snapshot: |language| {
            let mut snapshot = base(StatusState::Yielding, language);
            snapshot.decision.reason = DecisionReason::InUse;
            snapshot
        },
        picture: "yielding",
        attention: false,
        lines: [
            ("Paused — you're using the computer", "Goes on by itself when that is over"),
            ("已暫停：您正在使用電腦", "待情況解除後會自動繼續"),
        ],
    },
    State {
        snapshot: |language| {
            let mut snapshot = base(StatusState::Snoozed, language);
            snapshot.decision.until = Some("15:40".to_owned());
            snapshot
        },
        picture: "snoozed",
        attention: false,
        lines: [("Snoozed until 15:40", "You asked for a pause"), ("休息至 15:40", "您要求休息")],
    },
    State {
        snapshot: |language| base(StatusState::Off, language),
        picture: "off",
        attention: false,
        lines: [("Off", "Tick Contribute to begin"), ("已關閉", "勾選「貢獻」即可開始")],
    },
    State {
        snapshot: |language| {
            let mut snapshot = base(StatusState::Connecting, language);
            // The clock of these tests stands at 0.
            snapshot.pool.state = PoolState::Backoff;
            snapshot.pool.failures = 2;
            snapshot.pool.retry_at_ms = Some(8_000);
            snapshot.pool.cause = Some(ApiError::new(ErrorCode::PoolUnreachable, "x"));
            snapshot
        },
        picture: "connecting",
        attention: false,
        lines: [
            ("Reconnecting… try 3, next in 8 s", "The pool does not answer"),
            ("重新連線中…第 3 次，8 秒後再試", "任務池沒有回應"),
        ],
    },
    State {
        snapshot: |language| {
            let mut snapshot = base(StatusState::NeedsYou, language);
            snapshot.status.problem = Some(ApiError::new(ErrorCode::EngineStopped, "x"));
            snapshot
        },
        picture: "needs_you",
        attention: true,
        lines: [
            ("Docker isn't running — open to fix", "The dashboard shows how to start it"),
            ("Docker 未在執行 — 開啟以修正", "主控台有啟動說明"),
        ],
    },
];

/// What stands under the two lines, in English and in Chinese; a pause's way out comes first while it lasts.
const BELOW: [[&str; 17]; 2] = [
    [
        "",
        "Contribute",
        "Finish current tasks, then stop",
        "Snooze",
        "Resume now",
        "",
        "For 15 minutes",
        "For 1 hour",
        "For 3 hours",
        "Until 08:00",
        "Until I resume",
        "Ignore rules for 1 hour",
        "",
        "Open dashboard",
        "Earnings today: 14 CPT",
        "Report a problem",
        "",
    ],
    [
        "",
        "貢獻",
        "完成目前任務後停止",
        "休息",
        "立即繼續",
        "",
        "15 分鐘",
        "1 小時",
        "3 小時",
        "到 08:00",
        "直到我手動繼續",
        "忽略規則 1 小時",
        "",
        "開啟主控台",
        "今日收益：14 CPT",
        "回報問題",
        "",
    ],
];
const QUIT: [&str; 2] = ["Quit", "結束"];

fn labels(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.label.as_str()).collect()
}

async fn shows(host: &TrayHost, first: &str) -> Vec<Line> {
    until(first, || async { host.lines().await.first().is_some_and(|line| line.label == first) }).await;
    host.lines().await
}

fn picture(name: &str, edge: i32) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../icons/tray");
    std::fs::read(folder.join(format!("{name}-{edge}.argb"))).unwrap()
}

pub async fn all() {
    let _bus = Bus::start().await;
    let host = TrayHost::start().await;
    let running = start();
    let mut seen = HashSet::new();
    for (index, language) in LANGUAGES.into_iter().enumerate() {
        for state in &STATES {
            let (status, reason) = state.lines[index];
            running.worker.show((state.snapshot)(language));
            let lines = shows(&host, status).await;
            let snoozed = state.picture == "snoozed";
            let way_out = |at: &usize| snoozed || !(4..6).contains(at);
            let below = BELOW[index].iter().enumerate().filter(|(at, _)| way_out(at)).map(|(_, text)| *text);
            let wanted: Vec<&str> = [status, reason].into_iter().chain(below).chain([QUIT[index]]).collect();
            assert_eq!(labels(&lines), wanted, "{language} {}", state.picture);
            assert!(lines[..2].iter().all(|line| !line.enabled), "what is only read cannot be clicked");
            assert_eq!(lines[3].checked, Some(state.picture != "off"), "{}", state.picture);
            assert_eq!(host.tip().await, (status.to_owned(), reason.to_owned()));
            let attention = if state.attention { "NeedsAttention" } else { "Active" };
            assert_eq!(host.property::<String>("Status").await, attention, "{}", state.picture);
            let pictures = host.pictures().await;
            assert_eq!(pictures.iter().map(|(edge, _)| *edge).collect::<Vec<_>>(), [24, 48]);
            for (edge, bytes) in pictures {
                assert!(bytes == picture(state.picture, edge), "another picture than {}", state.picture);
                if edge == 24 {
                    // By shape alone: what is left of a picture without its colours.
                    let shape: Vec<bool> = bytes.chunks(4).map(|pixel| pixel[0] > 127).collect();
                    seen.insert(shape);
                }
            }
        }
    }
    assert_eq!(seen.len(), STATES.len(), "each state has a shape of its own");
    assert!(running.worker.calls().is_empty(), "looking asks for nothing: {:?}", running.worker.calls());
    running.end().await;
}

/// Clicks this line of the present menu, and looks what was asked for.
async fn asks(host: &TrayHost, running: &Running, lines: &[Line], at: usize, wanted: &str) {
    assert!(lines[at].enabled, "{:?}", lines[at]);
    running.worker.take_asked();
    host.click_on(&lines[at]).await;
    let mut asked = Vec::new();
    until(wanted, || {
        asked.extend(running.worker.take_asked());
        let done = !asked.is_empty();
        async move { done }
    })
    .await;
    assert_eq!(asked, [wanted], "{:?}", lines[at]);
}

fn snooze(length: &str, gpus_only: bool) -> String {
    format!("snooze SnoozeRequest {{ length: {length:?}, gpus_only: {gpus_only} }}")
}

fn ignore(minutes: u32) -> String {
    format!("ignore_rules IgnoreRulesRequest {{ minutes: {minutes} }}")
}

pub async fn actions() {
    let _bus = Bus::start().await;
    let host = TrayHost::start().await;
    let running = start();
    let lengths = ["15m", "1h", "3h", "08:00", "resume"];
    for (index, language) in LANGUAGES.into_iter().enumerate() {
        // Off: it can be started, and nothing else that concerns work.
        running.worker.show(base(StatusState::Off, language));
        let lines = shows(&host, STATES[4].lines[index].0).await;
        for line in [4, 6, 7, 8, 9, 10, 11] {
            assert!(!lines[line].enabled, "{:?} while it is off", lines[line]);
        }
        asks(&host, &running, &lines, 3, "start ()").await;

        // Ready, with a GPU: the pauses are there twice.
        let mut ready = base(StatusState::Ready, language);
        ready.limits.gpus = 1;
        ready.today.credited_cpt = 15 + index as u64;
        running.worker.show(ready.clone());
        let gpus = ["GPUs only", "僅 GPU"][index];
        until("the pauses of GPUs", || async { labels(&host.lines().await).contains(&gpus) }).await;
        let lines = host.lines().await;
        assert_eq!((lines[11].label.as_str(), lines[12].label.as_str()), ("", gpus));
        asks(&host, &running, &lines, 4, "finish ()").await;
        for (at, length) in lengths.into_iter().enumerate() {
            asks(&host, &running, &lines, 6 + at, &snooze(length, false)).await;
            asks(&host, &running, &lines, 13 + at, &snooze(length, true)).await;
        }
        asks(&host, &running, &lines, 18, &ignore(60)).await;
        asks(&host, &running, &lines, 20, "open_window ()").await;
        asks(&host, &running, &lines, 22, "report_problem ()").await;
        asks(&host, &running, &lines, 24, "quit ()").await;
        asks(&host, &running, &lines, 3, "stop ()").await;

        // Paused, all of it and the GPUs: the ways out come first.
        let mut snoozed = base(StatusState::Snoozed, language);
        snoozed.decision.until = Some("15:40".to_owned());
        snoozed.decision.gpus_snoozed = true;
        running.worker.show(snoozed);
        let lines = shows(&host, STATES[3].lines[index].0).await;
        assert_eq!(lines[6].label, lines[15].label);
        asks(&host, &running, &lines, 6, &snooze("off", false)).await;
        asks(&host, &running, &lines, 15, &snooze("off", true)).await;

        // Rules set aside: they can be followed again.
        let mut forced = (STATES[0].snapshot)(language);
        forced.decision.all = vec![DecisionReason::Forced];
        running.worker.show(forced);
        let lines = shows(&host, STATES[0].lines[index].0).await;
        assert_eq!(lines[11].label, ["Follow the rules again", "重新遵循規則"][index]);
        asks(&host, &running, &lines, 11, &ignore(0)).await;

        // After failures in a row: work goes on when somebody says so.
        let mut failing = base(StatusState::NeedsYou, language);
        failing.status.problem = Some(ApiError::new(ErrorCode::FailingEngine, "x"));
        running.worker.show(failing);
        let first = [
            "5 tasks in a row failed: Docker failed — open to fix",
            "連續 5 個任務失敗：Docker 發生錯誤 — 開啟以修正",
        ];
        let lines = shows(&host, first[index]).await;
        assert_eq!(lines[2].label, ["Resume now", "立即繼續"][index]);
        asks(&host, &running, &lines, 2, "start ()").await;
    }
    running.end().await;
}

pub async fn language() {
    let _bus = Bus::start().await;
    let host = TrayHost::start().await;
    let running = start();
    for language in ["en", "zh-tw", "auto", "zh-tw", "en"] {
        let index = usize::from(language == "zh-tw");
        // `auto` is the system's language, which is none here: English.
        running.worker.show(base(StatusState::Ready, language));
        let lines = shows(&host, STATES[1].lines[index].0).await;
        assert_eq!(lines.last().unwrap().label, QUIT[index], "{language}");
    }
    running.end().await;
}
