//! Numbered checks with proof and fix.

use super::{Shared, lock};
use crate::core::engine_problem;
use crate::port::EngineErrorKind;
use hivemind_control::{DoctorReport, ErrorCode, Finding, Level, PoolState};
use hivemind_domain::resources::GIB;

/// Memory under which the seeds' requirements are not met.
const LEAST_MEMORY: u64 = 2 * GIB;
/// Free room on the disk that images, packages and results need to be comfortable.
const COMFORTABLE_DISK: u64 = 10 * GIB;

fn finding(number: u32, check: &str, level: Level, proof: String) -> Finding {
    Finding { number, check: check.to_owned(), level, proof, code: None, fix: None }
}

fn advise(mut finding: Finding, code: ErrorCode, fix: &str) -> Finding {
    finding.code = Some(code);
    finding.fix = Some(fix.to_owned());
    finding
}

/// Looks at everything now.
pub(super) async fn examine(shared: &Shared) -> DoctorReport {
    let findings = vec![
        engine(shared).await,
        image(shared),
        pool(shared),
        sign_in(shared),
        encryption(shared),
        memory(shared),
        disk(shared),
        gpu(shared),
        tokens(shared),
        task_disk(shared),
    ];
    DoctorReport { findings }
}

async fn engine(shared: &Shared) -> Finding {
    match shared.ports.engine.verify().await {
        Ok(info) => {
            let proof = format!("{} {} answers; isolation: {}", info.name, info.version, info.isolation);
            finding(1, "engine", Level::Ok, proof)
        }
        Err(error) => {
            let problem = engine_problem(&error);
            let fix = match error.kind {
                EngineErrorKind::Missing => "Install Docker Engine 20.10 or newer, or Docker Desktop.",
                EngineErrorKind::Stopped => "Start the Docker service, or open Docker Desktop.",
                EngineErrorKind::Forbidden => {
                    "Allow this user to use Docker, for example with rootless Docker, then sign in again."
                }
                EngineErrorKind::TooOld => "Update Docker to 20.10 or newer.",
                EngineErrorKind::Image
                | EngineErrorKind::Package
                | EngineErrorKind::Output
                | EngineErrorKind::Gone
                | EngineErrorKind::Failed => "Look at the Docker service's own log.",
            };
            advise(finding(1, "engine", Level::Error, problem.message.clone()), problem.code, fix)
        }
    }
}

fn image(shared: &Shared) -> Finding {
    let settings = shared.ports.settings.current();
    finding(
        2,
        "image",
        Level::Ok,
        format!("tasks without an image of their own run in {}", settings.worker_image()),
    )
}

fn pool(shared: &Shared) -> Finding {
    let pool = shared.snapshots.borrow().pool.clone();
    match (pool.state, pool.cause) {
        (PoolState::Online, _) => finding(3, "pool", Level::Ok, format!("{} answers", pool.url)),
        (PoolState::AuthRequired, _) => {
            finding(3, "pool", Level::Notice, format!("{} waits for your sign-in", pool.url))
        }
        (PoolState::Idle, _) => {
            finding(3, "pool", Level::Notice, format!("{} is not asked while not contributing", pool.url))
        }
        (_, Some(cause)) => {
            let proof = format!("{}: {}", pool.url, cause.message);
            let fix = "Check the internet connection and the pool's address in the settings.";
            advise(finding(3, "pool", Level::Error, proof), cause.code, fix)
        }
        (_, None) => finding(3, "pool", Level::Notice, format!("connecting to {}", pool.url)),
    }
}

fn sign_in(shared: &Shared) -> Finding {
    match &shared.snapshots.borrow().account {
        Some(account) => finding(4, "sign_in", Level::Ok, format!("signed in as {}", account.username)),
        None => advise(
            finding(4, "sign_in", Level::Error, "nobody is signed in".into()),
            ErrorCode::SignInRequired,
            "Sign in with your account at the pool.",
        ),
    }
}

fn encryption(shared: &Shared) -> Finding {
    match shared.ports.pool.link().as_str() {
        "tls" => finding(5, "encryption", Level::Ok, "the link to the pool is encrypted".into()),
        "loopback" => finding(5, "encryption", Level::Ok, "the pool is on this computer".into()),
        "unencrypted" => advise(
            finding(5, "encryption", Level::Warning, "the link to the pool is not encrypted".into()),
            ErrorCode::PoolUnencrypted,
            "Use a pool with https, or a private network.",
        ),
        _ => finding(5, "encryption", Level::Notice, "not known before the first connection".into()),
    }
}

fn memory(shared: &Shared) -> Finding {
    let total = shared.snapshots.borrow().host.memory_bytes;
    let proof = format!("{:.1} GiB of memory", total as f64 / GIB as f64);
    if total >= LEAST_MEMORY {
        return finding(6, "memory", Level::Ok, proof);
    }
    let mut low = finding(6, "memory", Level::Warning, proof);
    low.fix = Some("Tasks need at least 2 GiB of memory in the computer.".into());
    low
}

fn disk(shared: &Shared) -> Finding {
    let latest = lock(&shared.readings).latest();
    if latest.disk_total_bytes == 0 {
        return finding(7, "disk", Level::Notice, "the disk was not looked at yet".into());
    }
    let free = latest.disk_total_bytes.saturating_sub(latest.disk_used_bytes);
    let proof = format!("{:.1} GiB free where tasks are kept", free as f64 / GIB as f64);
    match free {
        f if f >= COMFORTABLE_DISK => finding(7, "disk", Level::Ok, proof),
        f if f >= GIB => {
            advise(finding(7, "disk", Level::Warning, proof), ErrorCode::DiskLow, "Free some room.")
        }
        _ => advise(finding(7, "disk", Level::Error, proof), ErrorCode::DiskLow, "Free at least 2 GiB."),
    }
}

fn task_disk(shared: &Shared) -> Finding {
    if shared.ports.engine.bounds_disk() {
        let proof = "a task that keeps more on disk than it was granted is ended within a second";
        return finding(30, "task_disk", Level::Ok, proof.into());
    }
    let proof = "each file of a task is bounded, but not all of them together: the program hivemind-companion is \
                 missing beside the worker, or does not fit the container engine's processor";
    advise(
        finding(30, "task_disk", Level::Warning, proof.into()),
        ErrorCode::DiskUnbounded,
        "Install HiveMind Worker again, and keep room free on the disk until then.",
    )
}

fn gpu(shared: &Shared) -> Finding {
    let host = shared.snapshots.borrow().host.clone();
    let names: Vec<_> = host.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
    let proof = if names.is_empty() { host.gpu_note } else { names.join(", ") };
    finding(8, "gpu", Level::Ok, proof)
}

fn tokens(shared: &Shared) -> Finding {
    if shared.ports.secrets.in_file() {
        let mut file = finding(
            9,
            "keyring",
            Level::Warning,
            "there is no keyring: the sign-in lies in a file that only you can read".into(),
        );
        file.fix =
            Some("Install and unlock a keyring such as GNOME Keyring or KWallet, then sign in again.".into());
        return file;
    }
    finding(9, "keyring", Level::Ok, "the sign-in lies in the system's keyring".into())
}
