//! The built program in both languages: what people read is theirs, what programs read is the same.

#![expect(clippy::expect_used, reason = "what tests share counts as tests")]

use std::path::Path;
use std::process::{Command, Output};

/// The program in a home of its own, with nothing of this machine's but what a test says.
fn call(home: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hivemind-worker"));
    command.env_clear().env("HOME", home).env("TMPDIR", home).env("HIVEMIND_DATA", home.join("data"));
    // On Windows a program starts with these or not at all.
    for name in ["SystemRoot", "SystemDrive"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(variables.iter().copied()).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

const TAIWAN: &[(&str, &str)] = &[("LANG", "zh_TW.UTF-8")];
const AMERICA: &[(&str, &str)] = &[("LANG", "en_US.UTF-8")];

#[test]
fn an_error_is_told_in_the_language_of_the_system() {
    let home = tempfile::tempdir().expect("a folder");
    for command in ["status", "doctor", "tasks", "earnings", "timeline"] {
        let told = call(home.path(), TAIWAN, &[command]);
        assert_eq!(
            text(&told.stderr),
            "錯誤：背景程式未執行。 [WORKER_NOT_RUNNING]\n  請以 `hivemind-worker run` 啟動，或以 \
             `hivemind-worker desktop` 開啟視窗。\n",
            "{command}"
        );
        assert_eq!((told.status.code(), told.stdout.as_slice()), (Some(3), b"".as_slice()), "{command}");
    }
    let told = text(&call(home.path(), AMERICA, &["status"]).stderr);
    assert!(told.starts_with("error: The worker is not running. [WORKER_NOT_RUNNING]\n"), "{told}");
}

#[test]
fn the_variables_the_setting_and_the_flag_are_asked_in_their_order() {
    let home = tempfile::tempdir().expect("a folder");
    let told = |variables: &[(&str, &str)], arguments: &[&str]| {
        text(&call(home.path(), variables, arguments).stderr).starts_with("錯誤：")
    };
    assert!(told(&[("LANG", "zh_HK.UTF-8")], &["status"]));
    assert!(told(&[("LC_MESSAGES", "zh_Hant_TW"), ("LANG", "C")], &["status"]));
    assert!(!told(&[("LC_ALL", "C"), ("LANG", "zh_TW.UTF-8")], &["status"]), "LC_ALL is the strongest");
    assert!(!told(&[("LANG", "zh_CN.UTF-8")], &["status"]), "simplified characters are another language");
    assert!(!told(&[], &["status"]));
    assert!(told(&[], &["status", "--language", "zh-tw"]));
    assert!(!told(TAIWAN, &["--language=en", "status"]));
    // The setting is stronger than the system, the flag stronger than the setting.
    let set = call(home.path(), &[], &["settings", "set", "language", "zh-tw"]);
    assert!(set.status.success(), "{set:?}");
    assert!(told(AMERICA, &["status"]));
    assert!(!told(AMERICA, &["status", "--language", "en"]));
    assert!(told(TAIWAN, &["status", "--language", "auto"]));
}

#[test]
fn a_wrong_setting_says_what_is_allowed() {
    let home = tempfile::tempdir().expect("a folder");
    let set = |value: &str| call(home.path(), TAIWAN, &["settings", "set", "max_concurrent_tasks", value]);
    let told = set("many");
    let line = text(&told.stderr);
    assert!(
        line.starts_with("錯誤：max_concurrent_tasks 的值「many」不被允許；允許的是：1 到 ")
            && line.contains(" 的整數 [INVALID_SETTING]\n"),
        "{line}"
    );
    assert_eq!(told.status.code(), Some(2));
    assert_eq!(text(&set("3").stdout), "max_concurrent_tasks = 3（您的選擇）\n");
    let shown = text(&call(home.path(), TAIWAN, &["settings", "show"]).stdout);
    let mut lines = shown.lines();
    let heading = lines.next().expect("a heading");
    assert!(heading.starts_with("設定"), "{heading}");
    // Columns begin at the same place, with two places for each Chinese character.
    let place = |line: &str, word: &str| {
        let before = &line[..line.find(word).unwrap_or_else(|| panic!("no {word} in {line}"))];
        before.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>()
    };
    let row = shown.lines().find(|line| line.starts_with("max_concurrent_tasks ")).expect("the setting");
    assert_eq!(place(row, "您的選擇"), place(heading, "來源"), "{shown}");
    assert_eq!(place(row, "1 到"), place(heading, "允許"), "{shown}");
}

#[test]
fn the_rehearsed_doctor_speaks_chinese() {
    let home = tempfile::tempdir().expect("a folder");
    let told = call(home.path(), TAIWAN, &["doctor", "--simulate", "engine-stopped"]);
    let lines = text(&told.stdout);
    assert!(lines.contains(" 1 問題 容器引擎：/var/run/docker.sock 沒有回應\n"), "{lines}");
    assert!(lines.contains("請啟動 Docker 服務，或開啟 Docker Desktop。"), "{lines}");
    assert!(lines.contains(" 4 正常 登入：已登入：ann\n"), "{lines}");
    assert_eq!(
        text(&told.stderr).trim(),
        "演練 engine-stopped：這是假想的電腦；沒有檢查或更動這台電腦的任何東西。"
    );
    assert_eq!(told.status.code(), Some(1));
    let wrong = call(home.path(), TAIWAN, &["doctor", "--simulate", "nothing"]);
    assert!(text(&wrong.stderr).starts_with("錯誤：沒有「nothing」這個故障"), "{wrong:?}");
}

#[test]
fn help_and_wrong_usage_are_chinese() {
    let home = tempfile::tempdir().expect("a folder");
    let help = call(home.path(), TAIWAN, &["--help"]);
    let page = text(&help.stdout);
    for part in ["出借您的電腦", "用法: hivemind-worker", "指令:", "選項:", "顯示背景程式在做什麼以及原因"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(help.status.success() && !page.contains("Usage"), "{page}");
    let page = text(&call(home.path(), TAIWAN, &["timeline", "-h"]).stdout);
    assert!(page.contains("從現在往前幾小時，1 到 744 [預設：24]"), "{page}");
    let wrong = call(home.path(), TAIWAN, &["status", "--nonsense"]);
    assert!(text(&wrong.stderr).starts_with("錯誤：沒有 --nonsense 這個參數\n"), "{wrong:?}");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(!home.path().join("data").exists(), "reading help makes nothing");
    let page = text(&call(home.path(), AMERICA, &["--help"]).stdout);
    assert!(page.contains("Usage: hivemind-worker") && page.is_ascii(), "{page}");
}

#[test]
fn what_programs_read_is_the_same_in_both_languages() {
    let home = tempfile::tempdir().expect("a folder");
    assert!(call(home.path(), &[], &["settings", "set", "max_concurrent_tasks", "3"]).status.success());
    for arguments in [
        &["status"][..],
        &["settings", "show"],
        &["settings", "set", "max_concurrent_tasks", "many"],
        &["settings", "set", "max_concurrent_tasks", "2"],
        &["settings", "policy"],
        &["doctor", "--simulate", "all"],
        &["doctor", "--simulate", "nothing"],
        &["verify-ledger"],
        &["receipts", "receipts.ledger"],
        &["support", "--lines", "1"],
        &["what-if", "nonsense"],
        &["demo", "--only", "nothing"],
        &["pool", "status", "t", "--url", "no address", "--user", "u", "--password", "p"],
    ] {
        let with = |variables| call(home.path(), variables, &[&["--json"], arguments].concat());
        let (english, chinese) = (with(AMERICA), with(TAIWAN));
        assert_eq!(text(&english.stdout), text(&chinese.stdout), "{arguments:?}");
        assert_eq!(english.status.code(), chinese.status.code(), "{arguments:?}");
        let value: serde_json::Value = serde_json::from_slice(&chinese.stdout).expect("JSON");
        assert!(!value.is_null(), "{arguments:?}");
    }
}

#[test]
fn the_text_for_support_stays_english_and_its_own_words_do_not() {
    let home = tempfile::tempdir().expect("a folder");
    let told = call(home.path(), TAIWAN, &["support"]);
    let body = text(&told.stdout);
    assert!(body.contains("== Settings that are not as built in") && body.is_ascii(), "{body}");
    assert!(text(&told.stderr).contains("`--out FILE` 會將這段文字寫入檔案）"), "{told:?}");
}
