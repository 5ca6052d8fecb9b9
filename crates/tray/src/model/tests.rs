use super::*;
use hivemind_control::{ApiError, DecisionReason, EarningsSum, ErrorCode, PoolView, StatusView};

const NOW: i64 = 1_000_000;

fn snapshot(state: StatusState) -> Snapshot {
    let on = !matches!(state, StatusState::Off);
    Snapshot {
        status: StatusView { state, contributing: on, ..StatusView::default() },
        pool: PoolView { url: "https://user@pool.example:443/path".into(), ..PoolView::default() },
        today: EarningsSum { estimated_cpt: 20, credited_cpt: 14, settled_cpt: 9, tasks: 3 },
        ..Snapshot::default()
    }
}

fn case(change: impl FnOnce(&mut Snapshot), state: StatusState) -> Snapshot {
    let mut snapshot = snapshot(state);
    change(&mut snapshot);
    snapshot
}

#[test]
fn both_lines_of_every_state_in_both_languages() {
    use Language::{English as En, TraditionalChinese as Zh};
    use StatusState::{Connecting, Earning, NeedsYou, Off, Ready, Snoozed, Yielding};
    let stopped = |s: &mut Snapshot| s.status.problem = Some(ApiError::new(ErrorCode::EngineStopped, "x"));
    let signed_out =
        |s: &mut Snapshot| s.status.problem = Some(ApiError::new(ErrorCode::SignInRequired, "x"));
    let waiting = |s: &mut Snapshot| {
        s.pool.state = PoolState::Backoff;
        s.pool.failures = 2;
        s.pool.retry_at_ms = Some(NOW + 7_001);
        s.pool.cause = Some(ApiError::new(ErrorCode::PoolUnreachable, "x"));
    };
    let no_docker = |s: &mut Snapshot| {
        s.engine.functions_only = true;
        s.engine.problem = Some(ApiError::new(ErrorCode::EngineMissing, "x"));
    };
    let in_use = |s: &mut Snapshot| s.decision.reason = DecisionReason::InUse;
    let hours = |s: &mut Snapshot| {
        s.decision.reason = DecisionReason::Schedule;
        s.decision.until = Some("18:00".into());
    };
    let table: Vec<(Snapshot, Language, &str, &str)> = vec![
        (
            case(|s| s.status.running_tasks = 2, Earning),
            En,
            "Earning · 2 tasks · +14 CPT today",
            "Connected to pool.example:443",
        ),
        (
            case(|s| s.status.running_tasks = 1, Earning),
            En,
            "Earning · 1 task · +14 CPT today",
            "Connected to pool.example:443",
        ),
        (
            case(|s| s.status.running_tasks = 2, Earning),
            Zh,
            "賺取中 · 2 個任務 · 今日 +14 CPT",
            "已連線至 pool.example:443",
        ),
        (
            case(|s| (s.status.running_tasks, s.status.draining) = (1, true), Earning),
            En,
            "Finishing · 1 task left",
            "Takes no new tasks, then stops",
        ),
        (snapshot(Ready), En, "Ready · waiting for a task", "Connected to pool.example:443"),
        (
            case(no_docker, Ready),
            En,
            "Ready · waiting for a task",
            "Only small functions: Docker isn't installed",
        ),
        (case(no_docker, Ready), Zh, "就緒 · 等待任務", "僅限小型函式：尚未安裝 Docker"),
        (snapshot(Ready), Zh, "就緒 · 等待任務", "已連線至 pool.example:443"),
        (
            case(in_use, Yielding),
            En,
            "Paused — you're using the computer",
            "Goes on by itself when that is over",
        ),
        (case(in_use, Yielding), Zh, "已暫停：您正在使用電腦", "待情況解除後會自動繼續"),
        (case(hours, Yielding), En, "Paused — it is outside the hours you chose", "Goes on at 18:00"),
        (case(hours, Yielding), Zh, "已暫停：不在您選擇的時段內", "18:00 繼續"),
        (snapshot(Snoozed), En, "Snoozed until you resume", "You asked for a pause"),
        (case(hours, Snoozed), En, "Snoozed until 18:00", "You asked for a pause"),
        (case(hours, Snoozed), Zh, "休息至 18:00", "您要求休息"),
        (snapshot(Off), En, "Off", "Tick Contribute to begin"),
        (snapshot(Off), Zh, "已關閉", "勾選「貢獻」即可開始"),
        (snapshot(Connecting), En, "Connecting…", "pool.example:443"),
        (case(waiting, Connecting), En, "Reconnecting… try 3, next in 8 s", "The pool does not answer"),
        (case(waiting, Connecting), Zh, "重新連線中…第 3 次，8 秒後再試", "任務池沒有回應"),
        (case(|s| s.pool.failures = 2, Connecting), En, "Reconnecting… try 3", "pool.example:443"),
        (
            case(stopped, NeedsYou),
            En,
            "Docker isn't running — open to fix",
            "The dashboard shows how to start it",
        ),
        (case(stopped, NeedsYou), Zh, "Docker 未在執行 — 開啟以修正", "主控台有啟動說明"),
        (case(signed_out, NeedsYou), En, "You are not signed in — open to fix", "Sign in on the dashboard"),
        (snapshot(NeedsYou), En, "Something needs you — open to fix", "The dashboard shows what to do"),
    ];
    for (snapshot, language, status, reason) in table {
        let model = tray_model(&snapshot, language, NOW);
        assert_eq!((model.status.as_str(), model.reason.as_str()), (status, reason));
        assert_eq!(model.state, snapshot.status.state);
        assert_eq!(model.menu[0], Entry::Line { id: "status", text: status.into() });
        assert_eq!(model.menu[1], Entry::Line { id: "reason", text: reason.into() });
    }
}

fn ids(model: &TrayModel) -> Vec<&'static str> {
    let id = |entry: &Entry| match entry {
        Entry::Line { id, .. }
        | Entry::Check { id, .. }
        | Entry::Action { id, .. }
        | Entry::Menu { id, .. } => *id,
        Entry::Separator => "-",
    };
    model.menu.iter().map(id).collect()
}

#[test]
fn the_menu_toggles_finishes_and_never_loses_an_entry() {
    let toggle = |s: &Snapshot| {
        let model = tray_model(s, Language::English, NOW);
        assert_eq!(
            ids(&model),
            [
                "status",
                "reason",
                "-",
                "contribute",
                "finish",
                "snooze",
                "ignore",
                "-",
                "open",
                "earnings",
                "report",
                "-",
                "quit"
            ]
        );
        let Entry::Check { checked, click, .. } = model.menu[3].clone() else { panic!("no toggle") };
        let Entry::Action { enabled, click: Click::Finish, .. } = model.menu[4] else { panic!("no finish") };
        (checked, click, enabled)
    };
    assert_eq!(toggle(&snapshot(StatusState::Off)), (false, Click::Start, false));
    assert_eq!(toggle(&snapshot(StatusState::Ready)), (true, Click::Stop, true));
    assert_eq!(toggle(&case(|s| s.status.draining = true, StatusState::Earning)), (true, Click::Stop, false));
    let earnings = &tray_model(&snapshot(StatusState::Off), Language::English, NOW).menu[9];
    assert_eq!(*earnings, Entry::Line { id: "earnings", text: "Earnings today: 14 CPT".into() });
}

#[test]
fn a_try_that_is_due_counts_down_no_further() {
    let due = case(
        |s| (s.pool.state, s.pool.failures, s.pool.retry_at_ms) = (PoolState::Backoff, 1, Some(NOW - 1)),
        StatusState::Connecting,
    );
    assert_eq!(tray_model(&due, Language::English, NOW).status, "Reconnecting… try 2");
}

#[test]
fn shows_only_the_host_of_an_address() {
    for (url, host) in [
        ("http://127.0.0.1:50051", "127.0.0.1:50051"),
        ("grpcs://a.b/c?d", "a.b"),
        ("https://name:secret@pool.example", "pool.example"),
        ("pool.example", "pool.example"),
        ("", ""),
    ] {
        assert_eq!(host_of(url), host);
    }
}

#[test]
fn pauses_and_the_way_out_of_them_are_in_the_menu() {
    let pauses = |snapshot: &Snapshot| -> Vec<(&'static str, Click, bool)> {
        let model = tray_model(snapshot, Language::English, NOW);
        let Entry::Menu { items, .. } = model.menu[5].clone() else { panic!("no pauses") };
        let action = |entry: &Entry| match entry {
            Entry::Action { id, click, enabled, .. } => Some((*id, *click, *enabled)),
            Entry::Line { .. } | Entry::Check { .. } | Entry::Menu { .. } | Entry::Separator => None,
        };
        items.iter().filter_map(action).collect()
    };
    let ready = pauses(&snapshot(StatusState::Ready));
    assert_eq!(ready.len(), 5);
    assert_eq!(ready[0], ("snooze_15m", Click::Snooze("15m"), true));
    assert!(pauses(&snapshot(StatusState::Off)).iter().all(|(.., enabled)| !enabled));
    let snoozed = pauses(&snapshot(StatusState::Snoozed));
    assert_eq!((snoozed.len(), snoozed[0].1), (6, Click::Snooze("off")));
    let ignore = |snapshot: &Snapshot| tray_model(snapshot, Language::English, NOW).menu[6].clone();
    let Entry::Action { click, .. } = ignore(&snapshot(StatusState::Yielding)) else { panic!("no entry") };
    assert_eq!(click, Click::IgnoreRules(60));
    let forced =
        case(|s| s.decision.all = vec![hivemind_control::DecisionReason::Forced], StatusState::Earning);
    let Entry::Action { click, .. } = ignore(&forced) else { panic!("no entry") };
    assert_eq!(click, Click::IgnoreRules(0));
}

#[test]
fn after_failures_in_a_row_the_menu_lets_work_go_on() {
    let failing = |s: &mut Snapshot| s.status.problem = Some(ApiError::new(ErrorCode::FailingEngine, "x"));
    let model = tray_model(&case(failing, StatusState::NeedsYou), Language::English, NOW);
    assert_eq!(model.status, "5 tasks in a row failed: Docker failed — open to fix");
    let resume = model.menu.iter().find(|entry| matches!(entry, Entry::Action { id: "resume", .. }));
    assert!(matches!(resume, Some(Entry::Action { click: Click::Start, enabled: true, .. })), "{resume:?}");
    let calm = tray_model(&case(|_| (), StatusState::Ready), Language::English, NOW);
    assert!(!calm.menu.iter().any(|entry| matches!(entry, Entry::Action { id: "resume", .. })));
}

#[test]
fn tray_and_page_tell_every_reason_in_the_same_words() {
    let held = [
        DecisionReason::Suspending,
        DecisionReason::Updating,
        DecisionReason::TasksFailing,
        DecisionReason::CriticallyHot,
        DecisionReason::OnBattery,
        DecisionReason::TooHot,
        DecisionReason::ExclusiveApp,
        DecisionReason::FullScreen,
        DecisionReason::InUse,
        DecisionReason::OthersBusy,
        DecisionReason::Schedule,
        DecisionReason::Metered,
        DecisionReason::NetworkHours,
        DecisionReason::NetworkQuota,
        DecisionReason::DiskLow,
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/messages");
    for (language, file) in [(Language::English, "en.json"), (Language::TraditionalChinese, "zh-TW.json")] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let words: serde_json::Value = serde_json::from_str(&text).unwrap();
        for reason in held {
            let name = serde_json::to_value(reason).unwrap();
            let why = words[format!("because_{}", name.as_str().unwrap())].as_str().unwrap();
            let page = words["say_yielding"].as_str().unwrap().replace("{why}", why);
            let tray =
                tray_model(&case(|s| s.decision.reason = reason, StatusState::Yielding), language, NOW);
            assert_eq!(tray.status, page, "{name} in {file}");
        }
    }
}
