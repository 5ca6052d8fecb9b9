//! Programs that want the computer for themselves.

use super::Teller;
use hivemind_domain::rules::{ExclusiveApps, Sensed, Signal};
use hivemind_worker_core::port::Wanted;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// How often running programs are looked through, while any are named.
const LOOK: Duration = Duration::from_secs(2);
/// Processes that are looked at.
const MOST: usize = 100_000;
/// Linux cuts the name of a process after so many bytes.
const CUT: usize = 15;

/// Tells of each kind whether one of the named programs runs.
pub(super) async fn watch(proc: &Path, mut wanted: watch::Receiver<Wanted>, mut teller: Teller) {
    let mut told = [false; 3];
    loop {
        let apps = wanted.borrow_and_update().exclusive_apps.clone();
        let none = apps.is_empty();
        let signals = if none { [Signal::Absent; 3] } else { look(proc, apps).await };
        let news: [fn(Signal<bool>) -> Sensed; 3] =
            [Sensed::ExclusiveApp, Sensed::GpuApp, Sensed::NetworkApp];
        for ((signal, sensed), told) in signals.into_iter().zip(news).zip(&mut told) {
            // Nothing is said of what was never asked for.
            if signal != Signal::Absent || *told {
                *told = true;
                teller.tell(sensed(signal)).await;
            }
        }
        let changed = if none {
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

/// Of each kind, whether one runs; absent where none is named.
async fn look(proc: &Path, apps: ExclusiveApps) -> [Signal<bool>; 3] {
    let proc = proc.to_path_buf();
    let looked = tokio::task::spawn_blocking(move || {
        let running = list(&proc);
        [&apps.everything, &apps.gpus, &apps.network].map(|names| match &running {
            _ if names.is_empty() => Signal::Absent,
            None => Signal::Unreadable,
            Some(running) => Signal::Value(running.iter().any(|program| program.is_one_of(names))),
        })
    });
    looked.await.unwrap_or([Signal::Unreadable; 3])
}

/// Our own programs always run: whoever named one would never work again.
const OURS: [&str; 2] = ["hivemind-worker", "hivemind-worker-window"];

/// Names of the programs of the owner that run, as the owner would name them.
pub(crate) fn running(proc: &Path) -> Vec<String> {
    let all = list(proc).unwrap_or_default();
    let own = all
        .into_iter()
        .filter(|program| !program.file.is_empty() && !OURS.iter().any(|ours| is(&program.file, ours)));
    // A program for Windows is a file of Wine's here, and itself only by what it is called.
    own.flat_map(|Program { said, file }| {
        let of_windows = said.to_lowercase().ends_with(".exe") && said != file;
        [Some(file), of_windows.then_some(said)].into_iter().flatten()
    })
    .collect()
}

/// A running program.
struct Program {
    /// What the system calls it; Linux cuts it after 15 bytes.
    said: String,
    /// The name of its file; empty where it belongs to somebody else.
    file: String,
}

impl Program {
    fn is_one_of(&self, names: &[String]) -> bool {
        names.iter().any(|name| {
            is(&self.said, name)
                || is(&self.file, name)
                || (name.len() > CUT && self.said.len() == CUT && name.starts_with(&self.said.to_lowercase()))
        })
    }
}

/// Every running program; nothing where that cannot be known.
#[cfg(unix)]
fn list(proc: &Path) -> Option<Vec<Program>> {
    let listed = std::fs::read_dir(proc).ok()?;
    let mut found = Vec::new();
    for entry in listed.flatten().take(MOST) {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let folder = proc.join(pid.to_string());
        let said = std::fs::read_to_string(folder.join("comm")).unwrap_or_default();
        let file = std::fs::read_link(folder.join("exe")).ok();
        let file = file.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        found.push(Program {
            said: said.trim().to_owned(),
            file: file.unwrap_or_default().trim_end_matches(" (deleted)").to_owned(),
        });
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(not(unix))]
fn list(_proc: &Path) -> Option<Vec<Program>> {
    use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing());
    let names = system.processes().values().take(MOST).filter_map(|process| process.name().to_str());
    Some(names.map(|name| Program { said: String::new(), file: name.to_owned() }).collect())
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

    #[tokio::test]
    async fn a_running_program_is_found_by_its_name_and_kind() {
        let proc = Path::new("/proc");
        let own = std::env::current_exe().unwrap();
        let own = own.file_name().unwrap().to_str().unwrap().to_owned();
        let apps = |text: String| ExclusiveApps::parse(&text);
        let both = look(proc, apps(format!("no-such-game, {own}:gpu"))).await;
        assert_eq!(both, [Signal::Value(false), Signal::Value(true), Signal::Absent]);
        assert_eq!(look(proc, apps(format!("{own}:network"))).await[2], Signal::Value(true));
        let nowhere = look(Path::new("/nonexistent"), apps("x".into())).await;
        assert_eq!(nowhere, [Signal::Unreadable, Signal::Absent, Signal::Absent]);
        assert!(running(proc).contains(&own));
        assert!(is("Game.EXE", "game") && is("game", "game.exe") && !is("games", "game") && !is("", ""));
        let cut = Program { said: "a-rather-long-n".into(), file: String::new() };
        assert!(cut.is_one_of(&["a-rather-long-name".into()]) && !cut.is_one_of(&["a-rather".into()]));
    }
}
