//! What is on this computer because of the worker: told, so that nothing has to be searched for.

use crate::autostart;
use hivemind_control::{FootprintView, TraceView, VersionView};
use hivemind_store::{ChangeJournal, DataFolder, OwnLog};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Files that one look at a folder counts at most.
const MOST_FILES: usize = 20_000;

/// What the look needs to know.
pub(crate) struct Places {
    pub(crate) folder: DataFolder,
    pub(crate) settings: PathBuf,
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
    FootprintView { versions: vec![own, sqlite], traces }
}
