//! What the checks say about what was found. Pure: the same facts give the same words, whether they were found or are
//! rehearsed.

mod link;
mod memory;
mod tuning;

use super::page::{lan, monitor, tray, window};
use super::{Facts, Sandbox};
use crate::core::engine_problem;
use crate::port::EngineErrorKind;
use hivemind_control::{ApiError, DoctorReport, ErrorCode, Finding, HoleView, Level, PoolState};
use hivemind_domain::isolation::Isolation;
use hivemind_domain::resources::GIB;
use link::{clock, encryption, tunnel};
use memory::memory;
use tuning::tuning;

/// Free room on the disk that images, packages and results need to be comfortable.
const COMFORTABLE_DISK: u64 = 10 * GIB;

pub(super) fn finding(number: u32, check: &str, level: Level, proof: String) -> Finding {
    Finding { number, check: check.to_owned(), level, proof, code: None, fix: None }
}

fn advise(mut finding: Finding, code: ErrorCode, fix: &str) -> Finding {
    finding.code = Some(code);
    finding.fix = Some(fix.to_owned());
    finding
}

/// Every check, in the order of their numbers.
pub(super) fn judge(facts: &Facts) -> DoctorReport {
    let mut findings = vec![
        engine(facts),
        image(facts),
        pool(facts),
        sign_in(facts),
        encryption(facts),
        memory(facts),
        disk(facts),
        gpu(facts),
        tokens(facts),
        isolation(facts),
        holes(facts),
        sandbox(facts),
        task_disk(facts),
        tunnel(facts),
        sensors(facts),
        clock(facts),
        monitor(facts),
        journal(facts),
        lan(facts),
        tray(facts),
        tasks(facts),
        window(facts),
        tuning(facts),
    ];
    findings.sort_by_key(|finding| finding.number);
    DoctorReport { findings }
}

fn engine(facts: &Facts) -> Finding {
    match &facts.engine {
        Ok(info) => {
            let proof = format!("{} {} answers; isolation: {}", info.name, info.version, info.isolation);
            if info.name != "podman" {
                return finding(1, "engine", Level::Ok, proof);
            }
            let mut untried = finding(1, "engine", Level::Notice, proof);
            let fix =
                "Nothing has to be done; if tasks fail, use Docker: this worker was not tried with Podman.";
            untried.fix = Some(fix.into());
            untried
        }
        Err(error) => {
            let problem = engine_problem(error);
            let fix = match error.kind {
                EngineErrorKind::Missing => "Install Docker Engine 20.10 or newer, or Docker Desktop.",
                EngineErrorKind::NoWsl => {
                    "Install WSL 2 (`wsl --install` in a terminal of an administrator, then restart Windows), then Docker Desktop."
                }
                EngineErrorKind::Stopped => "Start the Docker service, or open Docker Desktop.",
                EngineErrorKind::NoVirtualization => {
                    "Switch virtualization on in the computer's firmware settings (Intel VT-x or AMD-V), then start Docker Desktop."
                }
                EngineErrorKind::Forbidden => {
                    "Allow this user to use Docker, for example with rootless Docker, then log out of this computer and back in."
                }
                EngineErrorKind::TooOld => "Update Docker to 20.10 or newer.",
                EngineErrorKind::Image
                | EngineErrorKind::ImageRefused
                | EngineErrorKind::ImageTooLarge
                | EngineErrorKind::Gpu
                | EngineErrorKind::Package
                | EngineErrorKind::Output
                | EngineErrorKind::Disk
                | EngineErrorKind::Gone
                | EngineErrorKind::Dependencies
                | EngineErrorKind::Network
                | EngineErrorKind::Broken
                | EngineErrorKind::Failed => "Look at the Docker service's own log.",
            };
            advise(finding(1, "engine", Level::Error, problem.message.clone()), problem.code, fix)
        }
    }
}

fn image(facts: &Facts) -> Finding {
    finding(2, "image", Level::Ok, format!("tasks without an image of their own run in {}", facts.image))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not told apart has the general advice")]
fn pool(facts: &Facts) -> Finding {
    let pool = &facts.snapshot.pool;
    match (pool.state, &pool.cause) {
        (PoolState::Online, _) => finding(3, "pool", Level::Ok, format!("{} answers", pool.url)),
        (PoolState::AuthRequired, _) => {
            finding(3, "pool", Level::Notice, format!("{} waits for your sign-in", pool.url))
        }
        (PoolState::Idle, _) => {
            finding(3, "pool", Level::Notice, format!("{} is not asked while not contributing", pool.url))
        }
        // The sign-in lies behind the keyring, so that the pool was not even asked.
        (_, Some(cause)) if cause.code == ErrorCode::KeyringLocked => finding(
            3,
            "pool",
            Level::Notice,
            format!("{} is not asked before the keyring is unlocked", pool.url),
        ),
        (_, Some(cause)) => {
            let proof = format!("{}: {}", pool.url, cause.message);
            let fix = match cause.code {
                ErrorCode::PoolRefused => "Ask the pool's owner why, or sign in with another account.",
                ErrorCode::PoolUntrusted => {
                    "If it is your own pool, pin its certificate in the settings; if not, ask its owner: somebody may be listening in."
                }
                ErrorCode::ClockWrong => {
                    "Check this computer's date and time; if they are right, the pool needs another certificate."
                }
                _ => "Check the internet connection and the pool's address in the settings.",
            };
            advise(finding(3, "pool", Level::Error, proof), cause.code, fix)
        }
        (_, None) => finding(3, "pool", Level::Notice, format!("connecting to {}", pool.url)),
    }
}

fn sign_in(facts: &Facts) -> Finding {
    match &facts.snapshot.account {
        Some(account) => finding(4, "sign_in", Level::Ok, format!("signed in as {}", account.username)),
        None if keyring_problem(facts).is_some() => {
            finding(4, "sign_in", Level::Notice, "not known before the keyring is unlocked".into())
        }
        None => advise(
            finding(4, "sign_in", Level::Error, "nobody is signed in".into()),
            ErrorCode::SignInRequired,
            "Sign in with your account at the pool.",
        ),
    }
}

fn disk(facts: &Facts) -> Finding {
    let (used, total) = facts.disk;
    if total == 0 {
        return finding(7, "disk", Level::Notice, "the disk was not looked at yet".into());
    }
    let free = total.saturating_sub(used);
    let proof = format!("{:.1} GiB free where tasks are kept", free as f64 / GIB as f64);
    match free {
        f if f >= COMFORTABLE_DISK => finding(7, "disk", Level::Ok, proof),
        f if f >= GIB => {
            let fix = "Free up space until at least 10 GiB are free.";
            advise(finding(7, "disk", Level::Warning, proof), ErrorCode::DiskLow, fix)
        }
        _ => {
            let fix = "Free up space until at least 2 GiB are free.";
            advise(finding(7, "disk", Level::Error, proof), ErrorCode::DiskLow, fix)
        }
    }
}

fn task_disk(facts: &Facts) -> Finding {
    if facts.bounds_disk {
        let proof = "a task that keeps more on disk than it was granted is ended within a second";
        return finding(30, "task_disk", Level::Ok, proof.into());
    }
    let proof = "each file of a task is limited, but not all of them together: the program hivemind-companion is \
                 missing beside the worker, or is built for another processor";
    advise(
        finding(30, "task_disk", Level::Warning, proof.into()),
        ErrorCode::DiskUnbounded,
        "Install HiveMind Worker again, and keep room free on the disk until then.",
    )
}

/// Sensors that cannot be read, or whose reading cannot be true.
fn sensors(facts: &Facts) -> Finding {
    let decision = &facts.snapshot.decision;
    let names = |list: &[String]| list.join(", ").replace('_', " ");
    if !decision.unreadable.is_empty() {
        let proof =
            format!("{}: cannot be read, so the computer counts as in use", names(&decision.unreadable));
        return advise(
            finding(32, "sensors", Level::Warning, proof),
            ErrorCode::SensorUnreadable,
            "Check that the system's service for it is running, then restart the worker.",
        );
    }
    if !decision.ignored.is_empty() {
        let proof = format!("{}: the readings are impossible and are ignored", names(&decision.ignored));
        return advise(
            finding(32, "sensors", Level::Notice, proof),
            ErrorCode::SensorIgnored,
            "Nothing has to be done; a driver or firmware update may fix the sensor.",
        );
    }
    finding(32, "sensors", Level::Ok, "every sensor gives plausible readings".into())
}

fn gpu(facts: &Facts) -> Finding {
    let snapshot = &facts.snapshot;
    let names: Vec<_> = snapshot.host.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
    if names.is_empty() {
        let proof = format!("no NVIDIA GPU in use: {}; tasks use the processor", snapshot.host.gpu_note);
        return finding(8, "gpu", Level::Notice, proof);
    }
    let unable = snapshot.engine.ready == Some(true) && !snapshot.engine.gpus && !snapshot.limits.cpu_only;
    if unable {
        return advise(
            finding(
                8,
                "gpu",
                Level::Warning,
                format!("{}: Docker cannot give GPUs to tasks", names.join(", ")),
            ),
            ErrorCode::GpuUnavailable,
            "Install the NVIDIA Container Toolkit (1.17.8 or newer), run `nvidia-ctk runtime configure`, and start \
             Docker again; or turn on “Keep GPUs out” (cpu_only) in the settings.",
        );
    }
    finding(8, "gpu", Level::Ok, names.join(", "))
}

fn isolation(facts: &Facts) -> Finding {
    let snapshot = &facts.snapshot;
    let engine = &snapshot.engine;
    if engine.ready != Some(true) {
        return finding(20, "isolation", Level::Notice, "not known before the engine is usable".into());
    }
    let problem = facts.problem(ErrorCode::IsolationTooLow);
    let said = match engine.isolation.as_str() {
        "plain" => "tasks share this computer's kernel, and the engine runs as root",
        "userns" => "tasks share this computer's kernel; root inside is an ordinary user outside",
        "rootless" => "tasks share this computer's kernel; the engine itself is an ordinary user",
        "gvisor" => "a kernel in user space (gVisor) answers the tasks' system calls",
        "vm" => "a virtual machine stands between tasks and this computer",
        _ => "the isolation is not known",
    };
    let proof = format!("{}: {said}; at least {} is required", engine.isolation, engine.minimum_isolation);
    match problem {
        Some(_) => advise(
            finding(20, "isolation", Level::Error, proof),
            ErrorCode::IsolationTooLow,
            isolation_fix(Isolation::from_word(&engine.minimum_isolation)),
        ),
        None => finding(20, "isolation", Level::Ok, proof),
    }
}

/// Names only what is enough.
fn isolation_fix(required: Isolation) -> &'static str {
    match required {
        Isolation::Plain | Isolation::Userns => {
            "Use user namespaces, rootless Docker or gVisor, or lower “Least isolation” (minimum_isolation)."
        }
        Isolation::Rootless => {
            "Use rootless Docker or gVisor, or lower “Least isolation” (minimum_isolation)."
        }
        Isolation::Gvisor => "Use gVisor or Kata Containers, or lower “Least isolation” (minimum_isolation).",
        Isolation::Vm => "Use Kata Containers, or lower “Least isolation” (minimum_isolation).",
    }
}

fn holes(facts: &Facts) -> Finding {
    let engine = &facts.snapshot.engine;
    if engine.ready != Some(true) {
        return finding(21, "known_holes", Level::Notice, "not known before the engine is usable".into());
    }
    if engine.holes.is_empty() {
        return finding(
            21,
            "known_holes",
            Level::Ok,
            "this engine has none of the listed vulnerabilities".into(),
        );
    }
    let named: Vec<String> = engine
        .holes
        .iter()
        .map(|HoleView { id, component, found, mended, maybe_mended, .. }| match maybe_mended {
            true => format!("{id} may affect {component} {found} (fixed upstream in {mended})"),
            false => format!("{id} in {component} {found} (fixed in {mended})"),
        })
        .collect();
    // A distribution fixes holes without raising the number, so that the number alone proves nothing.
    let unclear = engine.holes.iter().all(|hole| hole.maybe_mended);
    let (level, fix) = if unclear {
        (
            Level::Notice,
            "Your distribution may have fixed this without raising the version number: install its security updates.",
        )
    } else {
        (Level::Warning, "Update Docker Engine with its containerd and runc to the versions named, or newer.")
    };
    advise(finding(21, "known_holes", level, named.join("; ")), ErrorCode::EngineVulnerable, fix)
}

/// The keyring is locked or away, so that nobody knows who is signed in.
fn keyring_problem(facts: &Facts) -> Option<&ApiError> {
    facts.problem(ErrorCode::KeyringLocked)
}

fn tokens(facts: &Facts) -> Finding {
    if let Some(problem) = keyring_problem(facts) {
        let proof =
            format!("{}; the sign-in kept in it cannot be read, so no tasks are taken", problem.message);
        return advise(finding(9, "keyring", Level::Error, proof), problem.code, "Unlock the keyring.");
    }
    if facts.snapshot.account.is_none() {
        return finding(9, "keyring", Level::Notice, "nothing is kept: nobody is signed in".into());
    }
    if facts.tokens_in_file {
        let proof = "there is no keyring: the sign-in is kept in a file that only you can read";
        let mut file = finding(9, "keyring", Level::Warning, proof.into());
        file.fix =
            Some("Install and unlock a keyring such as GNOME Keyring or KWallet, then sign in again.".into());
        return file;
    }
    finding(9, "keyring", Level::Ok, "the sign-in is kept in the system's keyring".into())
}

fn sandbox(facts: &Facts) -> Finding {
    match &facts.sandbox {
        Sandbox::Trying => finding(22, "sandbox", Level::Notice, "the self-test runs right now".into()),
        Sandbox::Untried => {
            let proof = "not tried since the worker started";
            finding(22, "sandbox", Level::Notice, proof.into())
        }
        Sandbox::Tried(attempts, broken) if broken.is_empty() => {
            finding(22, "sandbox", Level::Ok, format!("{attempts} attempts to break out were denied"))
        }
        Sandbox::Tried(_, broken) => advise(
            finding(22, "sandbox", Level::Error, format!("a task could: {}", broken.join(", "))),
            ErrorCode::SandboxBroken,
            "Update the container engine, undo changes to its settings, then try again.",
        ),
    }
}

fn journal(facts: &Facts) -> Finding {
    match facts.problem(ErrorCode::JournalFailed) {
        Some(problem) => advise(
            finding(35, "journal", Level::Error, problem.message.clone()),
            problem.code,
            "Make room on the disk, and make sure that you may write to the data folder.",
        ),
        None => finding(35, "journal", Level::Ok, "what is to be done is written down first".into()),
    }
}

/// Tasks that failed in a row by this computer's fault, so that no more are taken.
fn tasks(facts: &Facts) -> Finding {
    let causes = [
        (ErrorCode::FailingEngine, "Restart Docker and look at its own log, then start contributing again."),
        (
            ErrorCode::FailingImage,
            "Check the internet connection and the standard image in the settings, then start contributing again.",
        ),
        (
            ErrorCode::FailingDisk,
            "Free up space and check that the disk is sound, then start contributing again.",
        ),
        (
            ErrorCode::FailingGpu,
            "Repair the NVIDIA driver or Container Toolkit, or turn on “Keep GPUs out” (cpu_only), then start contributing again.",
        ),
    ];
    let failing = causes.iter().find_map(|(code, fix)| Some((facts.problem(*code)?, *fix)));
    match failing {
        Some((problem, fix)) => {
            advise(finding(38, "tasks", Level::Error, problem.message.clone()), problem.code, fix)
        }
        None => finding(38, "tasks", Level::Ok, "this computer makes no tasks fail".into()),
    }
}
