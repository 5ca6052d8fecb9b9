//! `hivemind-worker support`: a text for whoever helps. Versions, settings, findings, counts and the last lines of the
//! log; names, addresses and keys are taken out, and of tasks there are only numbers. Nothing is sent anywhere.

use crate::cli::{Cli, SupportOptions};
use crate::redact::{Known, redact};
use crate::words::words;
use crate::{output, process};
use anyhow::Context;
use hivemind_control::{
    ApiError, DoctorReport, ErrorCode, FootprintView, HistoryQuery, Level, OwnLogLine, OwnLogQuery,
    SettingView, Snapshot,
};
use hivemind_domain::text::plain_line;
use hivemind_local_api::SocketClient;
use hivemind_store::{DataFolder, OwnLog};
use hivemind_worker_core::port::SettingsStore;
use std::fmt::{Display, Write as _};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// How attempts can stand and end; the journal counts them by these words.
const STATES: [&str; 12] = [
    "accepted",
    "preparing",
    "running",
    "collecting",
    "uploading",
    "settled",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "handed_back",
    "lost",
];
/// The longest line, in bytes.
const LONGEST: usize = 8 * 1024;
/// The most lines that one question to the log brings.
const MOST_LINES: u32 = 1000;

/// What there is to tell, before anything is taken out of it.
#[derive(Default)]
struct Told {
    snapshot: Option<Snapshot>,
    footprint: FootprintView,
    settings: Vec<SettingView>,
    doctor: DoctorReport,
    tasks: Vec<(&'static str, u32)>,
    log: Vec<OwnLogLine>,
    /// What could not be had, and why.
    missing: Vec<String>,
}

/// Shows the text, or writes it into a new file that only this user can read.
pub(crate) async fn run(cli: &Cli, options: &SupportOptions) -> anyhow::Result<ExitCode> {
    let told = gather(cli, options.lines).await;
    let install = process::folder(cli).ok().map(|folder| folder.install().as_str().to_owned());
    let done = redact(&told.text(), &told.known(install));
    let counts = words().taken_out(done.counts.iter().map(|(mark, count)| (*mark, *count)));
    match &options.out {
        Some(path) => {
            write_new(path, &done.text).with_context(|| words().unwritable(path.display()))?;
            if cli.json {
                output::json(
                    &serde_json::json!({ "path": path.display().to_string(), "taken_out": done.counts }),
                );
            } else {
                output::line(words().support_written(path.display(), &counts));
                output::note(words().read_before_giving());
            }
        }
        None if cli.json => {
            output::json(&serde_json::json!({ "text": done.text, "taken_out": done.counts }));
        }
        None => {
            output::lines(done.text.trim_end());
            output::note(words().support_shown(&counts));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A file that is there already is somebody's: it is not written over, and no link is followed.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Asks the worker; where none runs, reads what lies on the disk.
async fn gather(cli: &Cli, lines: u32) -> Told {
    let mut told = Told::default();
    let folder = match process::folder(cli) {
        Ok(folder) => folder,
        Err(error) => {
            told.missing.push(format!("the data folder: {error:#}"));
            return told;
        }
    };
    match SocketClient::connect(process::socket_path(&folder)).await {
        Ok(socket) => ask(&mut told, &socket.typed(), lines).await,
        Err(error) => {
            told.missing.push(format!("the worker's own words: {error}"));
            read(&mut told, cli, &folder, lines);
        }
    }
    told
}

async fn ask(told: &mut Told, worker: &hivemind_control::Client<SocketClient>, lines: u32) {
    fn or<T>(missing: &mut Vec<String>, what: &str, answer: Result<T, ApiError>) -> Option<T> {
        answer.map_err(|error| missing.push(format!("{what}: {error}"))).ok()
    }
    let missing = &mut told.missing;
    told.snapshot = or(missing, "state", worker.snapshot(()).await);
    told.footprint = or(missing, "versions", worker.footprint(()).await).unwrap_or_default();
    told.settings = or(missing, "settings", worker.settings(()).await).unwrap_or_default();
    told.doctor = or(missing, "findings", worker.doctor(()).await).unwrap_or_default();
    for state in STATES {
        let query = HistoryQuery { state: Some(state.to_owned()), search: None, offset: 0, limit: 1 };
        match worker.tasks(query).await {
            Ok(page) if page.total > 0 => told.tasks.push((state, page.total)),
            Ok(_) => {}
            Err(error) => {
                missing.push(format!("tasks: {error}"));
                break;
            }
        }
    }
    let query = OwnLogQuery { limit: lines.min(MOST_LINES), ..OwnLogQuery::default() };
    told.log = or(missing, "log", worker.own_log(query).await).map(|page| page.lines).unwrap_or_default();
}

fn read(told: &mut Told, cli: &Cli, folder: &DataFolder, lines: u32) {
    match process::settings(cli, folder) {
        Ok(store) => told.settings = hivemind_worker_core::setting_views(&store.current()),
        Err(error) => told.missing.push(format!("settings: {error:#}")),
    }
    // Without a worker there may be no log yet; looking makes none.
    if folder.data().join("worker.log").symlink_metadata().is_err() {
        return told.missing.push("log: there is none yet".to_owned());
    }
    let query = OwnLogQuery { limit: lines.min(MOST_LINES), ..OwnLogQuery::default() };
    match OwnLog::open(folder.data()).and_then(|log| log.page(&query)) {
        Ok(page) => told.log = page.lines,
        Err(error) => told.missing.push(format!("log: {error}")),
    }
}

fn say(text: &mut String, name: &str, value: impl Display) {
    put(text, &format!("{name}: {value}"));
}

/// One line: what a stranger wrote makes no line of its own, and hides no word from what is taken out afterwards.
fn put(text: &mut String, line: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{}", plain_line(line, LONGEST));
}

impl Told {
    fn known(&self, install: Option<String>) -> Known {
        let variable = |names: &[&str]| {
            names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        };
        let mut words = Vec::new();
        let mut add = |word: Option<&str>, mark| {
            if let Some(word) = word.filter(|word| word.chars().count() > 1) {
                words.push((word.to_owned(), mark));
            }
        };
        if let Some(snapshot) = &self.snapshot {
            add(snapshot.account.as_ref().map(|account| account.username.as_str()), "[account]");
            add(
                Some(&snapshot.host.hostname).filter(|name| name.len() > 2).map(String::as_str),
                "[computer]",
            );
            add(snapshot.pool.node_id.as_deref(), "[node]");
        }
        add(install.as_deref(), "[node]");
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().display().to_string());
        let user = variable(&["USER", "LOGNAME", "USERNAME"]).filter(|user| user != "root");
        Known { words, home: home.filter(|home| home != "/root"), user }
    }

    fn text(&self) -> String {
        let mut text = format!("HiveMind Worker {}: text for support\n", env!("CARGO_PKG_VERSION"));
        for missing in &self.missing {
            say(&mut text, "not to be had", missing);
        }
        text.push_str("\n== Versions\n");
        for version in &self.footprint.versions {
            say(&mut text, &version.name, &version.version);
        }
        if let Some(snapshot) = &self.snapshot {
            state(&mut text, snapshot);
        }
        text.push_str("\n== Settings that are not as built in\n");
        for view in self.settings.iter().filter(|view| view.value != view.default) {
            say(&mut text, &view.key, format!("{} ({})", view.value, view.source));
        }
        text.push_str("\n== Findings\n");
        for finding in &self.doctor.findings {
            let level = match finding.level {
                Level::Ok => "ok",
                Level::Notice => "info",
                Level::Warning => "warn",
                Level::Error => "FAIL",
            };
            let code = finding.code.map(ErrorCode::word).unwrap_or_default();
            say(
                &mut text,
                &format!("{:>2} {level} {} {code}", finding.number, finding.check),
                &finding.proof,
            );
        }
        text.push_str("\n== Tasks, counted by how they stand and ended\n");
        for (state, count) in &self.tasks {
            say(&mut text, state, count);
        }
        let _ = writeln!(text, "\n== Log, the last {} lines", self.log.len());
        for line in &self.log {
            put(&mut text, &format!("{} {} {}", line.at_ms, line.level, line.text));
        }
        text
    }
}

/// How things stand. No name of a task, no word of a requester, no image, no host that a task asked for.
fn state(text: &mut String, snapshot: &Snapshot) {
    let (status, pool, engine, host) = (&snapshot.status, &snapshot.pool, &snapshot.engine, &snapshot.host);
    text.push_str("\n== Computer\n");
    say(text, "system", &host.os);
    say(text, "processor", format!("{}, {} at once", host.cpu_name, host.cpu_cores));
    say(text, "memory", output::bytes(host.memory_bytes));
    for gpu in &host.gpus {
        say(text, "GPU", &gpu.name);
    }
    text.push_str("\n== State\n");
    say(text, "status", format!("{:?}, {} running", status.state, status.running_tasks));
    if let Some(problem) = &status.problem {
        say(text, "problem", format!("{}: {}", problem.code.word(), problem.message));
    }
    say(text, "reason", format!("{:?} of {:?}", snapshot.decision.reason, snapshot.decision.all));
    say(
        text,
        "pool",
        format!("{:?} over {:?}, {}, {} failures", pool.state, pool.link, pool.dialect, pool.failures),
    );
    if let Some(cause) = &pool.cause {
        say(text, "pool's problem", format!("{}: {}", cause.code.word(), cause.message));
    }
    say(text, "private link", format!("{:?}", snapshot.private_link.state));
    say(text, "engine", format!("{} {}, {}", engine.name, engine.version, engine.isolation));
    say(text, "alerts", snapshot.alerts.join(", "));
    for notice in &snapshot.notices {
        say(text, "notice", format!("{:?} {}", notice.level, notice.at_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_control::{AccountView, Finding, VersionView};

    /// What must be nowhere in the text, with where it was planted.
    fn canaries() -> Vec<(&'static str, &'static str)> {
        vec![
            ("account", "canary-mei"),
            ("computer", "canary-living-room"),
            ("node", "canary-node-5b1f0c"),
            ("password in the pool's address", "canaryword"),
            ("name in the pool's address", "canaryname"),
            ("session", "eyJhbGciOiJIUzI1NiIs9canary1"),
            ("refresh token", "Zm9vYmFyQ2FuYXJ5UmVmcmVzaFRva2VuMTIz"),
            ("key of the private link", "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="),
            ("key with slashes", "aB/z5TF/lXX/te14tji3zlMNq+hd2rYUIgJBgB3fBmk="),
            ("receipts' key", "0707ca0707ca0707ca0707ca0707ca0707ca0707ca0707ca0707ca0707ca0707"),
            ("password as %XX", "%63%61%6E%61%72%79%20%77%72%6F%6E%67"),
            ("password as hex", "63616e6172792077726f6e6720686f727365"),
            ("password as base64", "Y2FuYXJ5IHdyb25nIGhvcnNlIDdmM2E5MWMy"),
            ("home in a path", "canary-ann"),
            ("another home", "canary-bob"),
            ("a home on Windows", "canary-lee"),
            ("address in the LAN", "192.168.77.20"),
            ("address of the pool", "203.0.113.77"),
            ("IPv6", "2001:db8:77::20"),
            ("mail", "canary.ann@mail.example.org"),
            ("pairing code", "4Kf9canaryQ2xV7bLmN8rT1w"),
            ("cookie", "c2Vzc2lvbi1jYW5hcnktMTIzNDU2Nzg5MEFC"),
            ("bearer", "sk9Canary8f7e6d5c4b3a29181716"),
            ("a task's name", "canary task name"),
            ("a task's message", "canary task message"),
            ("a host that a task asked for", "canary-host.example"),
            ("an image that a task wanted", "canary/image"),
        ]
    }

    fn planted() -> Told {
        let of = |name: &str| {
            canaries().into_iter().find(|(place, _)| *place == name).expect("planted").1.to_owned()
        };
        let account = Some(AccountView { username: of("account"), ..AccountView::default() });
        let mut snapshot = Snapshot { account, ..Snapshot::default() };
        snapshot.host.hostname = of("computer");
        snapshot.pool.node_id = Some(of("node"));
        let url = format!(
            "https://{}:{}@pool.example",
            of("name in the pool's address"),
            of("password in the pool's address")
        );
        snapshot.pool.url = url.clone();
        snapshot.pool.cause = Some(ApiError::new(
            ErrorCode::PoolUnreachable,
            format!("{url} at {}", of("address of the pool")),
        ));
        snapshot.status.problem = Some(ApiError::new(
            ErrorCode::EngineStopped,
            format!("unix:///home/{}/docker.sock", of("another home")),
        ));
        snapshot.host_questions = vec![hivemind_control::HostQuestion {
            host: of("a host that a task asked for"),
            task_name: of("a task's name"),
            asked_at_ms: 1,
        }];
        let mut told = Told { snapshot: Some(snapshot), ..Told::default() };
        told.footprint.versions.push(VersionView { name: "sqlite".into(), version: "3.50.1".into() });
        let setting = |key: &str, value: String| SettingView {
            key: key.into(),
            value,
            source: "file".into(),
            default: String::new(),
            allowed: String::new(),
            env: None,
            flag: None,
            restart: false,
        };
        told.settings = vec![
            setting("master_url", url),
            setting("log_file", format!("C:\\Users\\{}\\worker.log", of("a home on Windows"))),
            setting("wireguard_config_path", format!("/srv/{}/wg0.conf", of("home in a path"))),
        ];
        told.doctor.findings.push(Finding {
            number: 4,
            check: "sign_in".into(),
            level: Level::Ok,
            proof: format!("signed in as {} from {}", of("account"), of("IPv6")),
            code: None,
            fix: None,
        });
        let logged = [
            "session",
            "refresh token",
            "key of the private link",
            "key with slashes",
            "receipts' key",
            "password as %XX",
            "password as hex",
            "password as base64",
            "address in the LAN",
            "mail",
            "pairing code",
            "cookie",
            "bearer",
        ];
        told.log = logged
            .map(|name| OwnLogLine {
                at_ms: 1,
                level: "info".into(),
                text: format!("was told value={} now", of(name)),
            })
            .into();
        told
    }

    #[test]
    fn of_what_is_planted_everywhere_nothing_is_told() {
        let told = planted();
        let known = Known { user: Some("canary-ann".into()), ..told.known(None) };
        let (whole, done) = (told.text(), redact(&told.text(), &known));
        let canaries = canaries();
        assert!(canaries.len() >= 25);
        let hits: Vec<_> = canaries.iter().filter(|(_, canary)| done.text.contains(canary)).collect();
        assert!(hits.is_empty(), "{hits:?} in\n{}", done.text);
        // They were there: what is no payload of a task was in the text before.
        let there = canaries.iter().filter(|(_, canary)| whole.contains(canary)).count();
        assert!(there >= 20, "{there} of {} were there", canaries.len());
        assert!(
            done.text.contains("sqlite: 3.50.1") && done.text.contains("ENGINE_STOPPED"),
            "{}",
            done.text
        );
        assert!(done.counts["[key]"] >= 10, "{:?}", done.counts);
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("support.txt");
        write_new(&path, "one").expect("written");
        assert!(write_new(&path, "two").is_err());
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "one");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().expect("it").permissions().mode() & 0o777, 0o600);
        }
    }
}
