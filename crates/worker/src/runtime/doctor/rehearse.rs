//! Faults without anything being broken: the facts of a computer on which all is well, one of them changed, judged by the
//! same checks. Who helps can see, and who translates can read, what a person would be told.

use super::judge::judge;
use super::{Facts, LanPage, Sandbox, TrayIcon};
use crate::port::{EngineError, EngineErrorKind, EngineInfo, LinkTraffic, Tuning};
use hivemind_control::{
    AccountView, ApiError, DoctorReport, EngineView, ErrorCode, GpuUse, HoleView, LinkState, PoolState,
    PoolView, PrivateLinkView, Snapshot,
};
use hivemind_domain::resources::GIB;
use std::time::Duration;

/// Something that can be wrong.
#[derive(Debug)]
pub struct Fault {
    /// Its stable word.
    pub name: &'static str,
    /// The number of the check that must notice it.
    pub check: u32,
    change: fn(&mut Facts),
}

/// Every fault that can be rehearsed, by the number of its check.
pub const FAULTS: &[Fault] = &[
    fault("engine-missing", 1, |facts| {
        let why = "no container engine is installed (/var/run/docker.sock is missing)";
        no_engine(facts, EngineErrorKind::Missing, why);
    }),
    fault("engine-stopped", 1, |facts| {
        no_engine(facts, EngineErrorKind::Stopped, "nothing answers at /var/run/docker.sock");
    }),
    fault("virtualization-off", 1, |facts| {
        let why = "Docker needs virtualization, and it is switched off in this computer's firmware";
        no_engine(facts, EngineErrorKind::NoVirtualization, why);
    }),
    fault("wsl-missing", 1, |facts| {
        let why = "no container engine is installed, and neither is WSL 2, which Docker Desktop needs";
        no_engine(facts, EngineErrorKind::NoWsl, why);
    }),
    fault("podman", 1, |facts| {
        if let Ok(info) = &mut facts.engine {
            "podman".clone_into(&mut info.name);
            "5.4.2".clone_into(&mut info.version);
        }
    }),
    fault("engine-forbidden", 1, |facts| {
        no_engine(facts, EngineErrorKind::Forbidden, "/var/run/docker.sock: permission denied");
    }),
    fault("engine-old", 1, |facts| {
        let why = "the container engine 19.03.15 is too old: 20.10 or newer is needed";
        no_engine(facts, EngineErrorKind::TooOld, why);
    }),
    fault("engine-failing", 1, |facts| {
        no_engine(facts, EngineErrorKind::Broken, "the engine answered 500: layer does not exist");
    }),
    fault("dns-dead", 3, |facts| {
        away(facts, ErrorCode::PoolUnreachable, "the name pool.example cannot be looked up");
    }),
    fault("pool-away", 3, |facts| away(facts, ErrorCode::PoolUnreachable, "the pool does not answer")),
    fault("pool-certificate", 3, |facts| {
        away(facts, ErrorCode::PoolUntrusted, "the pool's certificate is not valid");
    }),
    fault("pool-certificate-expired", 3, |facts| {
        away(facts, ErrorCode::ClockWrong, "by this computer's clock the pool's certificate has expired");
    }),
    fault("pool-certificate-early", 3, |facts| {
        away(
            facts,
            ErrorCode::ClockWrong,
            "by this computer's clock the pool's certificate is not valid yet",
        );
    }),
    fault("pool-refuses", 3, |facts| {
        away(facts, ErrorCode::PoolRefused, "the pool does not take this computer");
        facts.snapshot.pool.state = PoolState::Rejected;
    }),
    fault("signed-out", 4, |facts| facts.snapshot.account = None),
    fault("unencrypted", 5, |facts| {
        facts.carrier = "unencrypted".to_owned();
        facts.snapshot.pool.url = "http://pool.example".to_owned();
    }),
    fault("little-memory", 6, |facts| facts.snapshot.host.memory_bytes = GIB),
    fault("engine-memory", 6, |facts| {
        if let Ok(info) = &mut facts.engine {
            info.memory_bytes = GIB;
        }
    }),
    fault("disk-low", 7, |facts| facts.disk = (95 * GIB, 100 * GIB)),
    fault("disk-full", 7, |facts| facts.disk = (100 * GIB, 100 * GIB)),
    fault("gpu-driver-missing", 8, |facts| {
        facts.snapshot.host.gpus.clear();
        facts.snapshot.host.gpu_note = "no NVIDIA driver".to_owned();
    }),
    fault("gpu-toolkit-missing", 8, |facts| facts.snapshot.engine.gpus = false),
    fault("keyring-missing", 9, |facts| facts.tokens_in_file = true),
    fault("keyring-locked", 9, |facts| {
        problem(facts, ErrorCode::KeyringLocked, "the keyring is locked");
        away(facts, ErrorCode::KeyringLocked, "the keyring is locked");
        facts.snapshot.account = None;
    }),
    fault("isolation-low", 20, |facts| {
        facts.snapshot.engine.minimum_isolation = "rootless".to_owned();
        problem(facts, ErrorCode::IsolationTooLow, "plain is weaker than rootless");
    }),
    fault("known-hole", 21, |facts| holes(facts, false)),
    fault("maybe-mended-hole", 21, |facts| holes(facts, true)),
    fault("sandbox-broken", 22, |facts| {
        facts.sandbox = Sandbox::Tried(37, vec!["Reach devices in your home or office network".to_owned()]);
    }),
    fault("companion-missing", 30, |facts| facts.bounds_disk = false),
    fault("link-down", 31, |facts| {
        link(facts, LinkState::Down, ErrorCode::LinkNoHandshake, "no handshake came within 30 s");
    }),
    fault("link-silent", 31, |facts| {
        if let Some((view, traffic)) = &mut facts.link {
            view.state = LinkState::Stale;
            traffic.handshake_age = Some(Duration::from_secs(400));
        }
    }),
    fault("link-key-exposed", 31, |facts| {
        if let Some((view, _)) = &mut facts.link {
            view.file_exposed = true;
        }
    }),
    fault("sensor-unreadable", 32, |facts| {
        facts.snapshot.decision.unreadable = vec!["full_screen".to_owned()];
    }),
    fault("sensor-ignored", 32, |facts| facts.snapshot.decision.ignored = vec!["cpu_heat".to_owned()]),
    fault("clock-wrong", 33, |facts| {
        let words = "this computer's clock is 7200 s behind the pool's; the private link is not used";
        link(facts, LinkState::Down, ErrorCode::LinkClock, words);
    }),
    fault("clock-late", 33, |facts| facts.clock_skew_s = Some(7200)),
    fault("clock-early", 33, |facts| facts.clock_skew_s = Some(-7200)),
    fault("port-taken", 34, |facts| facts.monitor = Some(false)),
    fault("journal-failed", 35, |facts| {
        problem(facts, ErrorCode::JournalFailed, "cannot write journal.sqlite: permission denied");
    }),
    fault("lan-served", 36, |facts| {
        facts.lan = LanPage::Served {
            addresses: vec!["https://192.168.1.7:5443/".to_owned(), "https://sofa.local:5443/".to_owned()],
            certificate_sha256: "0f".repeat(32),
        };
    }),
    fault("lan-port-taken", 36, |facts| facts.lan = LanPage::Failed { port: 5443, why: None }),
    fault("lan-certificate", 36, |facts| {
        let why = Some("the certificate cannot be used: the file holds none".to_owned());
        facts.lan = LanPage::Failed { port: 5443, why };
    }),
    fault("tray-missing", 37, |facts| facts.tray = TrayIcon::NoHost),
    fault("tasks-failing-engine", 38, |facts| {
        let last = "could not start the container: the engine answered 500: layer does not exist";
        failing(facts, ErrorCode::FailingEngine, last);
    }),
    fault("tasks-failing-image", 38, |facts| {
        let last = "busybox:latest: manifest unknown";
        failing(facts, ErrorCode::FailingImage, last);
    }),
    fault("tasks-failing-disk", 38, |facts| {
        let last = "cannot write result.zip: no space left on device";
        failing(facts, ErrorCode::FailingDisk, last);
    }),
    fault("tasks-failing-gpu", 38, |facts| {
        let last = "the container engine has no NVIDIA runtime: install the NVIDIA Container Toolkit and start the engine again";
        failing(facts, ErrorCode::FailingGpu, last);
    }),
    fault("window-missing", 39, |facts| facts.window_lacks = Some("WebView2")),
    fault("untuned", 40, |facts| {
        if let Ok(info) = &mut facts.engine {
            info.storage = "vfs".to_owned();
        }
        facts.tuning =
            Tuning { open_files: Some(256), swappiness: Some(100), socket_buffer_bytes: Some(65_536) };
    }),
];

const fn fault(name: &'static str, check: u32, change: fn(&mut Facts)) -> Fault {
    Fault { name, check, change }
}

/// What the checks would say with this fault; nothing for a word that is no fault.
#[must_use]
pub fn rehearse(name: &str) -> Option<DoctorReport> {
    let fault = FAULTS.iter().find(|fault| fault.name == name)?;
    let mut facts = well();
    (fault.change)(&mut facts);
    Some(judge(&facts))
}

fn no_engine(facts: &mut Facts, kind: EngineErrorKind, message: &str) {
    facts.engine = Err(EngineError::new(kind, message));
    facts.snapshot.engine.ready = Some(false);
}

fn away(facts: &mut Facts, code: ErrorCode, message: &str) {
    facts.snapshot.pool.state = PoolState::Backoff;
    facts.snapshot.pool.cause = Some(ApiError::new(code, message));
}

fn problem(facts: &mut Facts, code: ErrorCode, message: &str) {
    facts.snapshot.status.problems.push(ApiError::new(code, message));
}

fn failing(facts: &mut Facts, code: ErrorCode, last: &str) {
    problem(facts, code, &format!("the last one: {last}"));
}

fn link(facts: &mut Facts, state: LinkState, code: ErrorCode, message: &str) {
    if let Some((view, _)) = &mut facts.link {
        view.state = state;
        view.problem = Some(ApiError::new(code, message));
    }
    facts.carrier = "tls".to_owned();
}

fn holes(facts: &mut Facts, maybe_mended: bool) {
    facts.snapshot.engine.holes = vec![HoleView {
        id: "CVE-2024-21626".to_owned(),
        component: "runc".to_owned(),
        found: "1.1.11".to_owned(),
        mended: "1.1.12".to_owned(),
        maybe_mended,
        ..HoleView::default()
    }];
}

/// A computer on which all is well.
fn well() -> Facts {
    let mut snapshot = Snapshot {
        pool: PoolView {
            url: "https://pool.example".to_owned(),
            state: PoolState::Online,
            link: "tunnel".to_owned(),
            ..PoolView::default()
        },
        account: Some(AccountView { username: "ann".to_owned(), ..AccountView::default() }),
        engine: EngineView {
            ready: Some(true),
            isolation: "plain".to_owned(),
            minimum_isolation: "plain".to_owned(),
            gpus: true,
            ..EngineView::default()
        },
        ..Snapshot::default()
    };
    snapshot.host.memory_bytes = 16 * GIB;
    snapshot.host.gpus = vec![GpuUse { name: "NVIDIA GeForce RTX 4070".to_owned(), ..GpuUse::default() }];
    let view = PrivateLinkView {
        state: LinkState::Up,
        address: "10.77.0.2".to_owned(),
        endpoint: "203.0.113.2:51820".to_owned(),
        mtu: 1220,
        file: "wg0.conf".to_owned(),
        ..PrivateLinkView::default()
    };
    let traffic = LinkTraffic { handshake_age: Some(Duration::from_secs(42)), received: 4096, sent: 2048 };
    Facts {
        engine: Ok(EngineInfo {
            name: "docker".to_owned(),
            version: "27.3.1".to_owned(),
            isolation: "plain".to_owned(),
            gpus: true,
            holes: Vec::new(),
            memory_bytes: 16 * GIB,
            cpus: 8,
            storage: "overlay2".to_owned(),
        }),
        image: "justin308/hivemind-worker:latest".to_owned(),
        snapshot,
        carrier: "tunnel".to_owned(),
        clock_skew_s: Some(0),
        link: Some((view, traffic)),
        disk: (40 * GIB, 100 * GIB),
        bounds_disk: true,
        tokens_in_file: false,
        sandbox: Sandbox::Tried(37, Vec::new()),
        monitor: Some(true),
        port: 5001,
        lan: LanPage::Off,
        tray: TrayIcon::Shown,
        window_lacks: None,
        tuning: Tuning {
            open_files: Some(1_048_576),
            swappiness: Some(60),
            socket_buffer_bytes: Some(212_992),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_control::{Finding, Level};
    use std::collections::BTreeSet;

    fn troubles(report: &DoctorReport) -> Vec<&Finding> {
        report.findings.iter().filter(|finding| finding.level > Level::Notice).collect()
    }

    #[test]
    fn where_all_is_well_every_check_says_so() {
        let report = judge(&well());
        assert!(
            report.findings.iter().all(|f| f.level == Level::Ok && f.code.is_none() && f.fix.is_none()),
            "{report:#?}"
        );
        let numbers: Vec<u32> = report.findings.iter().map(|finding| finding.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "each check has a number of its own: {numbers:?}");
    }

    #[test]
    fn every_fault_is_noticed_by_its_check_with_proof_and_fix() {
        let sound = judge(&well());
        for fault in FAULTS {
            let report = rehearse(fault.name).expect("a fault");
            let told = report.findings.iter().find(|f| f.number == fault.check).expect("its check");
            let before = sound.findings.iter().find(|f| f.number == fault.check).expect("its check");
            assert_ne!(told.proof, before.proof, "{}", fault.name);
            assert!(!told.proof.is_empty() && !told.proof.contains(char::is_control), "{}", fault.name);
            // A computer without an NVIDIA GPU is a computer like others: that is told, and is no trouble.
            if fault.name == "gpu-driver-missing" {
                assert!(troubles(&report).is_empty());
                continue;
            }
            let quiet = [
                "podman",
                "maybe-mended-hole",
                "sensor-ignored",
                "lan-served",
                "tray-missing",
                "window-missing",
                "untuned",
            ]
            .contains(&fault.name);
            assert!(told.level > Level::Notice || quiet, "{}: {told:?}", fault.name);
            assert!(told.fix.is_some(), "{}: {told:?}", fault.name);
            let others = troubles(&report).into_iter().filter(|f| f.number != fault.check).map(|f| f.number);
            assert_eq!(others.collect::<Vec<_>>(), [0; 0], "{}: one fault is one trouble", fault.name);
        }
    }

    /// The page translates proofs; what it must know is this list. `HIVEMIND_BLESS=1` writes it anew.
    #[test]
    fn the_pages_list_of_proofs_is_fresh() {
        let sound = judge(&well()).findings;
        let mut told = std::collections::BTreeMap::from([("none", sound.clone())]);
        for fault in FAULTS {
            let findings = rehearse(fault.name).expect("a fault").findings;
            told.insert(fault.name, findings.into_iter().filter(|f| !sound.contains(f)).collect());
        }
        let text = serde_json::to_string_pretty(&told).expect("JSON") + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/text/rehearsed.json");
        if std::env::var_os("HIVEMIND_BLESS").is_some() {
            std::fs::write(path, &text).expect("written");
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
        assert!(kept == text, "ui/src/text/rehearsed.json is stale: run this test with HIVEMIND_BLESS=1");
    }

    #[test]
    fn one_trouble_does_not_hide_another() {
        let names =
            ["engine-stopped", "keyring-locked", "journal-failed", "tasks-failing-disk", "clock-late"];
        let mut facts = well();
        for name in names {
            let fault = FAULTS.iter().find(|fault| fault.name == name).expect("a fault");
            (fault.change)(&mut facts);
        }
        let report = judge(&facts);
        let told: BTreeSet<u32> = troubles(&report).into_iter().map(|finding| finding.number).collect();
        assert!(told.is_superset(&BTreeSet::from([1, 9, 33, 35, 38])), "{told:?}");
    }

    #[test]
    fn every_check_that_can_fail_has_a_fault() {
        let rehearsed: BTreeSet<u32> = FAULTS.iter().map(|fault| fault.check).collect();
        let all: BTreeSet<u32> = judge(&well()).findings.iter().map(|finding| finding.number).collect();
        // What the standard image is cannot be wrong by itself.
        assert_eq!(all.difference(&rehearsed).collect::<Vec<_>>(), [&2]);
        assert!(rehearse("nothing").is_none());
    }
}
