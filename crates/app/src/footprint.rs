//! What this installation is, and what is on this computer because of the worker: told, so that nothing has to be searched
//! for.

use crate::autostart;
use crate::updates::Shown;
use hivemind_control::{FootprintView, TraceView, VersionView};
use hivemind_store::{ChangeJournal, DataFolder, OwnLog};
use hivemind_worker_core::port::SettingsStore;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that one look at a folder counts at most.
const MOST_FILES: usize = 20_000;
/// Lies beside the programs of an installation for Windows that nobody signed. Its name is known here and to what makes the
/// installer (`xtask/src/dist/msi.rs`), and nowhere else.
const UNSIGNED: &str = "UNSIGNED.txt";

/// What the look needs to know.
pub(crate) struct Places {
    pub(crate) folder: DataFolder,
    pub(crate) settings: PathBuf,
    pub(crate) in_force: Arc<dyn SettingsStore>,
    pub(crate) socket: PathBuf,
    pub(crate) monitor: Option<SocketAddr>,
    pub(crate) log: Option<OwnLog>,
    pub(crate) changes: ChangeJournal,
}

fn trace(what: &str, place: impl ToString, size_bytes: Option<u64>, present: bool) -> TraceView {
    TraceView { what: what.to_owned(), place: place.to_string(), size_bytes, present }
}

fn file(what: &str, path: &Path) -> TraceView {
    let about = path.symlink_metadata().ok();
    trace(
        what,
        path.display(),
        about.as_ref().filter(|a| a.is_file()).map(std::fs::Metadata::len),
        about.is_some(),
    )
}

/// Sum of the files below a folder. Links are counted as what they are, never followed.
fn size(folder: &Path) -> Option<u64> {
    let mut open = vec![folder.to_path_buf()];
    let (mut sum, mut seen) = (0, 0);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            seen += 1;
            if seen > MOST_FILES {
                return None;
            }
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                open.push(entry.path());
            } else {
                sum += about.len();
            }
        }
    }
    Some(sum)
}

/// Whether the installer said beside this program that nobody signed it.
fn said_unsigned(program: &Path) -> bool {
    program.with_file_name(UNSIGNED).is_file()
}

pub(crate) fn look(places: &Places) -> FootprintView {
    let data = places.folder.data();
    let mut traces = vec![
        trace("data", data.display(), size(data), data.is_dir()),
        file("settings", &places.settings),
        file("socket", &places.socket),
    ];
    if let Some(log) = &places.log {
        traces.push(trace("log", log.path().display(), Some(log.size()), true));
    }
    let monitor = places.monitor.map(|address| format!("http://{address}/"));
    traces.push(trace("monitor", monitor.as_deref().unwrap_or_default(), None, monitor.is_some()));
    traces.push(match autostart::entry() {
        Some(entry) => trace("autostart", &entry.0, None, entry.1),
        None => trace("autostart", "", None, false),
    });
    let own =
        VersionView { name: "hivemind-worker".to_owned(), version: crate::updates::version().to_owned() };
    let sqlite =
        VersionView { name: "SQLite".to_owned(), version: hivemind_store::sqlite_version().to_owned() };
    let updates = Shown::now(data, places.in_force.current().flag("updates")).into();
    let unsigned = cfg!(windows) && std::env::current_exe().is_ok_and(|own| said_unsigned(&own));
    FootprintView { versions: vec![own, sqlite], traces, updates, unsigned }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_installer_says_of_itself_is_looked_for_beside_the_program_alone() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let program = bin.join("hivemind-worker.exe");
        assert!(!said_unsigned(&program));
        // Neither one folder up nor a folder of that name says anything.
        std::fs::write(folder.path().join(UNSIGNED), "x").unwrap();
        std::fs::create_dir(bin.join(UNSIGNED)).unwrap();
        assert!(!said_unsigned(&program));
        std::fs::remove_dir(bin.join(UNSIGNED)).unwrap();
        std::fs::write(bin.join(UNSIGNED), "").unwrap();
        assert!(said_unsigned(&program), "whatever stands in it");
    }
}
