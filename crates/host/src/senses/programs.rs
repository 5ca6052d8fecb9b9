//! Programs that want the computer for themselves.

use super::Teller;
use hivemind_domain::rules::{Sensed, Signal};
use hivemind_worker_core::port::Wanted;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// How often running programs are looked through, while any are named.
const LOOK: Duration = Duration::from_secs(2);
/// Processes that are looked at.
const MOST: usize = 100_000;

/// Tells whether one of the named programs runs.
pub(super) async fn watch(proc: &Path, mut wanted: watch::Receiver<Wanted>, mut teller: Teller) {
    loop {
        let names = wanted.borrow_and_update().exclusive_apps.clone();
        let signal = if names.is_empty() {
            Signal::Absent
        } else {
            let proc = proc.to_path_buf();
            let looked = tokio::task::spawn_blocking(move || runs(&proc, &names)).await;
            looked.ok().flatten().map_or(Signal::Unreadable, Signal::Value)
        };
        if signal != Signal::Absent || teller.knows() {
            teller.tell(Sensed::ExclusiveApp(signal)).await;
        }
        let changed = if signal == Signal::Absent {
            wanted.changed().await.is_ok()
        } else {
            !matches!(tokio::time::timeout(LOOK, wanted.changed()).await, Ok(Err(_)))
        };
        if !changed {
            // Nobody will change it any more; what is named is looked for still.
            std::future::pending::<()>().await;
        }
    }
}

/// Whether one of these programs runs, by its name without folder or `.exe`; nothing where that cannot be known.
#[cfg(unix)]
fn runs(proc: &Path, names: &[String]) -> Option<bool> {
    let listed = std::fs::read_dir(proc).ok()?;
    let mut any = false;
    for entry in listed.flatten().take(MOST) {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        any = true;
        let folder = proc.join(pid.to_string());
        let said = std::fs::read_to_string(folder.join("comm")).unwrap_or_default();
        let file = std::fs::read_link(folder.join("exe")).ok();
        let file =
            file.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        // What the kernel calls it is cut after 15 bytes.
        if names.iter().any(|name| {
            is(said.trim(), name)
                || is(file, name)
                || (name.len() > 15
                    && said.trim().len() == 15
                    && name.starts_with(&said.trim().to_lowercase()))
        }) {
            return Some(true);
        }
    }
    any.then_some(false)
}

#[cfg(not(unix))]
fn runs(_proc: &Path, names: &[String]) -> Option<bool> {
    use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing());
    let mut processes = system.processes().values().take(MOST);
    Some(
        processes
            .any(|process| process.name().to_str().is_some_and(|own| names.iter().any(|name| is(own, name)))),
    )
}

/// Whether a program's own name is the one that was given.
fn is(own: &str, name: &str) -> bool {
    let plain = own.to_lowercase();
    let plain = plain.strip_suffix(".exe").unwrap_or(&plain);
    !plain.is_empty() && plain == name.strip_suffix(".exe").unwrap_or(name)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_running_program_is_found_by_its_name() {
        let proc = Path::new("/proc");
        let own = std::env::current_exe().unwrap();
        let own = own.file_name().unwrap().to_str().unwrap().to_lowercase();
        assert_eq!(runs(proc, &[own]), Some(true));
        assert_eq!(runs(proc, &["no-such-game".into()]), Some(false));
        assert_eq!(runs(Path::new("/nonexistent"), &["x".into()]), None);
        assert!(is("Game.EXE", "game") && is("game", "game.exe") && !is("games", "game") && !is("", ""));
    }
}
