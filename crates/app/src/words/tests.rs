//! What holds for every sentence: the languages differ, and no English stands in a Chinese one but for names.

use super::*;
use hivemind_control::{
    AccountView, AttackView, BenchmarkView, DecisionReason, ElectricitySum, ElectricityView, ErrorCode,
    Finding, Level, MetricsSample, NetworkEntry, NetworkLedger, NetworkPay, NetworkStanding, NetworkTrust,
    PhasesView, PrivateLinkView, Reach, ReachWhy, ReportView, SettingView, Snapshot, StatusState,
};
use hivemind_worker_core::{FAULTS, rehearse};

const EN: Words = Words(Language::English);
const ZH: Words = Words(Language::TraditionalChinese);

/// The first English words in a text: three of small letters one after the other, outside of what stands in backticks and
/// is typed as it is. Names have capitals, or come alone. Nothing where there is none.
pub(crate) fn english(text: &str) -> Option<String> {
    let outside: String = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
    // A Chinese character, or Chinese punctuation, ends what may be a sentence.
    outside.split(|c: char| !c.is_ascii()).find_map(|part| {
        let mut run: Vec<&str> = Vec::new();
        part.split_whitespace().find_map(|word| {
            let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
            let letters = |c: char| c.is_ascii_lowercase() || c == '\'';
            let plain =
                bare.starts_with(|c: char| c.is_ascii_alphabetic()) && bare.chars().skip(1).all(letters);
            if plain {
                run.push(bare);
            } else {
                run.clear();
            }
            (run.len() >= 3).then(|| run.join(" "))
        })
    })
}

fn snapshot(state: StatusState) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.status.state = state;
    snapshot.decision.reason = DecisionReason::OnBattery;
    snapshot.pool.url = "https://pool.example".to_owned();
    snapshot.pool.link = "tls".to_owned();
    snapshot.pool.trust = Some("medium".to_owned());
    snapshot.account = Some(AccountView { username: "ann".to_owned(), ..AccountView::default() });
    snapshot
}

fn finding(level: Level) -> Finding {
    Finding {
        number: 7,
        check: "disk".to_owned(),
        level,
        proof: "5.0 GiB free where tasks are kept".to_owned(),
        code: None,
        fix: None,
    }
}

/// Everything that is said in one language, with figures and names in its places.
fn everything(w: Words) -> Vec<String> {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut said = own(&[
        w.draining(),
        w.function(),
        w.how_to_resume(),
        w.password_prompt(),
        w.password_unreadable(),
        w.tokens_in_file(),
        w.all_days(),
        w.did_not_run(),
        w.unknown(),
        w.at_the_next_start(),
        w.no_host_question(),
        w.no_image_question(),
        w.ended_the_worker(),
        w.does_not_end(),
        w.changes_unwritable(),
        w.engine_objects(),
        w.nothing_left(),
        w.denied(true),
        w.denied(false),
        w.read_before_giving(),
        w.looks_only(),
        w.task_id(),
        w.answer_broke_off(),
        w.answer_too_large(),
        w.no_token(),
        w.no_result(),
        w.download_broke_off(),
        w.no_demo_pool(),
        w.worker_knows_nothing(),
        w.receipt_names_another(),
        w.as_it_should_be(),
        w.press_to_end(),
        w.other_table(),
        w.picture_too_large(),
        w.not_grey(),
    ]);
    for columns in [
        &w.task_columns()[..7],
        &w.file_columns(),
        &w.earnings_columns(),
        &w.network_columns()[..4],
        &w.what_if_columns()[..2],
        &w.what_if_rows(),
        &w.setting_columns(),
        &w.image_columns(),
        &w.proof_columns()[1..],
    ] {
        said.extend(own(columns));
    }
    for state in [
        StatusState::Earning,
        StatusState::Ready,
        StatusState::Yielding,
        StatusState::Snoozed,
        StatusState::Off,
        StatusState::Connecting,
        StatusState::NeedsYou,
    ] {
        said.push(w.status(&snapshot(state)));
    }
    let shot = snapshot(StatusState::Ready);
    let error = hivemind_control::ApiError::new(ErrorCode::EngineStopped, "nothing answers at /run/d.sock");
    let view = SettingView {
        key: "max_concurrent_tasks".to_owned(),
        value: "3".to_owned(),
        source: "file".to_owned(),
        default: "2".to_owned(),
        allowed: "a whole number from 1 to 64".to_owned(),
        env: None,
        flag: None,
        restart: false,
    };
    let report =
        ReportView { exit_class: "out_of_memory".to_owned(), exit_code: Some(137), ..ReportView::default() };
    let io = std::io::Error::from_raw_os_error(13);
    said.extend([
        w.duration(7),
        w.duration(1500),
        w.duration(61_000),
        w.duration(3_720_000),
        w.unreadable("/x"),
        w.unwritable("/x"),
        w.unmakeable("/x"),
        w.unopenable("/x"),
        w.no_event_loop(&io),
        w.no_service_of_the_system(),
        w.service_needs_root(),
        w.no_systemd(&io),
        w.no_file_for_the_service(),
        w.goes_on_at("08:00"),
        w.gpus_snoozed(None),
        w.gpus_for_a_program().to_owned(),
        w.by_the_schedule("max"),
        w.electricity(&ElectricityView::default()),
        w.electricity(&ElectricityView { processor: "no_sensor".to_owned(), ..ElectricityView::default() }),
        w.electricity(&ElectricityView {
            processor: "no_permission".to_owned(),
            ..ElectricityView::default()
        }),
        w.electricity(&ElectricityView { processor: "learning".to_owned(), ..ElectricityView::default() }),
        w.electricity(&ElectricityView {
            sum: ElectricitySum { known_tasks: 1, tasks: 2, gpu_mwh: 5, ..ElectricitySum::default() },
            ..ElectricityView::default()
        }),
        w.what_if_electricity("1", "2"),
        w.gpus_snoozed(Some("08:00")),
        w.no_new_tasks(0, 2),
        w.no_new_tasks(2, 0),
        w.no_new_tasks(1, 1),
        w.problem(&error),
        w.today(&shot),
        w.of("1", Some("2")),
        w.traffic("1", "2"),
        w.account("ann", None),
        w.account("ann", Some(3)),
        w.pool(&shot),
        w.measured(&BenchmarkView { disk_read_mb_per_s: Some(9), ..BenchmarkView::default() }),
        w.worker_runs(None),
        w.worker_runs(Some("http://127.0.0.1:5001/")),
        w.link_renewed(&PrivateLinkView::default()),
        w.link_narrowed(&PrivateLinkView::default()),
        w.link_not_renewed(&error),
        w.works_once(120),
        w.compare_certificate("0F:A1"),
        w.no_browser(&io),
        w.signed_in("ann"),
        w.files_are_in(3, "/x"),
        w.no_plain_file("/x"),
        w.outcome(&report),
        w.times(&report, "1 B"),
        w.moved("1 B", "2 B", "3 B", "4 B"),
        w.phases(PhasesView::default()),
        w.image("sha256:0"),
        w.preset("quiet", &[]).replace("quiet", ""),
        w.preset("max", &["idle_minutes".to_owned()]),
        w.reason(DecisionReason::InUse),
        w.reason(DecisionReason::Free),
        w.reason(DecisionReason::OnBattery),
        w.computed(9000, 9000),
        w.computed(9000, 5000),
        w.no_change("x"),
        w.signals_known("1:00:00", "2:00:00"),
        w.ledger_sound(2, 3),
        w.signed_by("00ff"),
        w.receipts_written(2, "/x"),
        w.setting_row(&view).join(" "),
        w.setting(&view),
        w.policy_from("/x", true),
        w.policy_from("/x", false),
        w.host_question("a.example", "t"),
        w.getting_image("i", "1 B", "2 B"),
        w.start_at_login("/x"),
        w.keyring_entry("ann"),
        w.removed("/x"),
        w.removed_objects(1, 2, 3),
        w.objects_stay(1, "x"),
        w.left("/x", "y"),
        w.still_there("x"),
        w.no_fault("x", "y"),
        w.rehearsal("x"),
        w.finding(&finding(Level::Ok)),
        w.finding(&finding(Level::Error)),
        w.proven(0, 37),
        w.proven(1, 37),
        w.reading(&MetricsSample { load: Some([1.0, 1.0, 1.0]), ..MetricsSample::default() }),
        w.gpu("GPU", None),
        w.gpu("GPU", Some(3.0)),
        w.taken_out([]),
        w.taken_out([("[key]", 2)]),
        w.support_written("/x", "1"),
        w.support_shown("1"),
        w.reachable_unencrypted("0.0.0.0:1"),
        w.pool_runs("http://x/", "y"),
        w.private_links("0.0.0.0:1"),
        w.believed_with("00ff"),
        w.answer_no_json(500),
        w.pool_answers(500, None),
        w.no_address("x"),
        w.no_sample("x"),
        w.books("x"),
        w.counts(1, 2),
        w.not_ended_within(3),
        w.ended_otherwise("failed", Some(1), "x"),
        w.ended_otherwise("failed", None, "x"),
        w.receipt_differs(Some(1), 2),
        w.receipt_differs(None, 2),
        w.another_hash("0", "1"),
        w.no_balance("x"),
        w.paid_otherwise(1, (2, 3), (4, 5)),
        w.paid(1, 2),
        w.monitor_once("http://x/"),
        w.requester_page("http://x/"),
        w.no_window(&error),
        w.holds_no("x.png"),
        w.other_count("1", 2, 3),
        w.word_count(Some("the × 3"), 4),
        w.word_count(None, 0),
        w.other_size(1, 2),
        w.other_pixel((1, 2), 3, 4),
        w.pixels(1, 2, 3),
        w.failure(&anyhow::anyhow!("x")),
        w.ledger_broken(&hivemind_store::Broken { row: 3, why: "it is cut short".to_owned() }),
    ]);
    said
}

#[test]
fn the_languages_differ_and_chinese_is_chinese() {
    let (english_texts, chinese) = (everything(EN), everything(ZH));
    assert_eq!(english_texts.len(), chinese.len());
    assert!(chinese.len() > 150, "{}", chinese.len());
    for (en, zh) in english_texts.iter().zip(&chinese) {
        assert_ne!(en, zh);
        assert!(!zh.is_ascii(), "{zh}");
        assert_eq!(english(zh), None, "{zh}");
        let has_han = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(has_han(zh) || zh.contains(['：', '／']), "{zh}");
        assert!(!has_han(en), "{en}");
    }
}

#[test]
fn english_in_chinese_would_be_found() {
    assert_eq!(english("錯誤：the worker ended badly").as_deref(), Some("the worker ended"));
    assert_eq!(english("a task（只有一個）").as_deref(), None, "two words can be a name");
    assert_eq!(english("請執行 `hivemind-worker open it now please` 指令"), None);
    assert_eq!(english("安裝 Docker Engine 20.10 以上版本"), None);
}

#[test]
fn what_every_check_says_of_every_fault_is_told_in_chinese() {
    for fault in FAULTS {
        let report = rehearse(fault.name).unwrap();
        for finding in &report.findings {
            let told = ZH.0.said(&finding.proof);
            // An engine's own words stay as they are.
            let ours = told.text.replace("layer does not exist", "");
            assert_eq!(english(&ours), None, "{}: {}", fault.name, told.text);
            let name_alone = finding.check == "gpu" && finding.level == Level::Ok;
            assert!(told.ours || name_alone, "{}: {}", fault.name, finding.proof);
            assert_ne!(ZH.0.check(&finding.check), finding.check, "{}", finding.check);
            if let Some(fix) = &finding.fix {
                assert!(ZH.0.said(fix).ours, "{}: {fix}", fault.name);
                assert_eq!(english(&ZH.advice(fix)), None, "{fix}");
            }
        }
    }
}

#[test]
fn an_error_names_its_causes_and_what_to_do() {
    let io = std::io::Error::from_raw_os_error(2);
    let error = anyhow::Error::from(io).context(ZH.unreadable("/x"));
    assert_eq!(ZH.failure(&error), "錯誤：無法讀取 /x：找不到檔案或資料夾（os error 2）");
    assert_eq!(ZH.fix(&error), None);
    let error = hivemind_control::ApiError::new(ErrorCode::WorkerNotRunning, "The worker is not running.");
    let error = anyhow::Error::from(error);
    assert_eq!(EN.failure(&error), "error: The worker is not running. [WORKER_NOT_RUNNING]");
    assert_eq!(ZH.failure(&error), "錯誤：背景程式未執行。 [WORKER_NOT_RUNNING]");
    assert!(EN.fix(&error).unwrap().contains("hivemind-worker run"));
    assert!(ZH.fix(&error).unwrap().contains("hivemind-worker run"));
    let attack = AttackView {
        name: "clock".to_owned(),
        what: "Set the clock".to_owned(),
        denied: true,
        evidence: String::new(),
    };
    assert_eq!((EN.0.attack(&attack).as_str(), ZH.0.attack(&attack).as_str()), ("Set the clock", "設定時鐘"));
}

#[test]
fn how_work_comes_from_the_live_network_is_said_in_both_languages() {
    let every = [
        ReachWhy::NotConnected,
        ReachWhy::Overlay,
        ReachWhy::SameComputer,
        ReachWhy::Chosen,
        ReachWhy::NoOverlayAddress,
        ReachWhy::PortTaken,
        ReachWhy::ThroughProxy,
        ReachWhy::TokensRefused,
        ReachWhy::PushedInVain,
        ReachWhy::LowTrust,
        ReachWhy::Banned,
    ];
    let mut said = std::collections::BTreeSet::new();
    for why in every {
        for reach in [Reach::Push, Reach::Pull, Reach::Neither] {
            let trust = Some(NetworkTrust { score: 97, ..NetworkTrust::default() });
            let standing = NetworkStanding {
                reach,
                why,
                address: "100.64.0.9:50053".into(),
                trust,
                earned_cpt: Some(90),
            };
            let mut snapshot = snapshot(StatusState::Ready);
            snapshot.pool.dialect = "nodepool".to_owned();
            snapshot.pool.standing = Some(standing);
            let (en, zh) = (EN.pool(&snapshot), ZH.pool(&snapshot));
            for sentence in [&en, &zh] {
                assert!(sentence.contains("97") && sentence.contains("100.64.0.9"), "{sentence}");
            }
            assert_eq!(english(&zh), None, "{zh}");
            assert!(said.insert(en) && said.insert(zh), "{why:?} is said like another");
        }
    }
}

#[test]
fn every_way_in_which_pay_is_missing_is_said_in_both_languages() {
    let mut ledger = NetworkLedger { earner: "ann@pool".into(), cut: true, ..NetworkLedger::default() };
    assert!(EN.network_missing(&ledger).is_empty());
    let every = [
        NetworkPay::Paid,
        NetworkPay::Waiting,
        NetworkPay::Unpaid,
        NetworkPay::Orphaned,
        NetworkPay::Withdrawn,
    ];
    for state in every {
        ledger.entries.push(NetworkEntry { state, ..NetworkEntry::default() });
    }
    let (en, zh) = (EN.network_missing(&ledger), ZH.network_missing(&ledger));
    assert_eq!((en.len(), zh.len()), (4, 4), "what is paid needs no reason");
    let states = ledger.entries.iter().flat_map(|entry| [EN, ZH].map(|w| w.network_pay(entry.state, "")));
    let own =
        [EN, ZH].map(|w| [w.network_total("ann", 7), w.network_cut(100), w.no_network_ledger().to_owned()]);
    let said: Vec<String> = states.chain(own.into_iter().flatten()).collect();
    let different: std::collections::BTreeSet<&String> = said.iter().collect();
    assert_eq!(different.len(), said.len());
    for sentence in zh.into_iter().map(str::to_owned).chain([ZH.network_cut(3), ZH.network_total("ann", 7)]) {
        assert_eq!(english(&sentence), None, "{sentence}");
    }
    assert_eq!(EN.network_pay(NetworkPay::Paid, "credited"), "credited", "the network's own word");
}
