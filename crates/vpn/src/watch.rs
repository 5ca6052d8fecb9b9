//! Tells when a file has changed, without looking all the time.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often is looked where the system tells nothing (its watches are used up, the folder is on another computer).
const LOOK: Duration = Duration::from_millis(1500);
/// And how often where it does: a word may get lost.
const RARELY: Duration = Duration::from_secs(300);
/// Editors write in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// Watches one file.
pub(crate) struct FileWatch {
    changed: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
}

impl FileWatch {
    /// Watches the folder: editors put a new file in the old one's place.
    pub(crate) fn of(file: &Path) -> Self {
        let changed = Arc::new(Notify::new());
        let (tell, name) = (Arc::clone(&changed), file.file_name().map(ToOwned::to_owned));
        let heard = move |event: notify::Result<notify::Event>| {
            let ours =
                |event: notify::Event| event.paths.iter().any(|path| path.file_name() == name.as_deref());
            // An error says that events were lost: then it is looked at, too.
            if event.map_or(true, |event| !event.kind.is_access() && ours(event)) {
                tell.notify_one();
            }
        };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let watcher = notify::recommended_watcher(heard).and_then(|mut watcher| {
            watcher.watch(folder.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        let watcher =
            watcher.inspect_err(|error| tracing::info!(%error, "the link's file is looked at instead")).ok();
        Self { changed, watcher }
    }

    /// Waits until the file may have changed.
    pub(crate) async fn next(&mut self) {
        if self.watcher.is_none() {
            return tokio::time::sleep(LOOK).await;
        }
        if tokio::time::timeout(RARELY, self.changed.notified()).await.is_ok() {
            tokio::time::sleep(SETTLE).await;
        }
    }
}
