//! What a start has to do with updates: the version that begins may be on trial, or may have failed.

use super::keeper::{FIRST, Keeper};
use super::source::HttpsSource;
use super::{Here, Standing, for_developers};
use crate::panics;
use async_trait::async_trait;
use hivemind_control::Snapshot;
use hivemind_domain::rules::{Sensed, Signal};
use hivemind_update::{Outcome, Swap, SystemDisk};
use hivemind_worker_core::port::{Clock, News, Senses, SettingsStore, Wanted};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Holds the process that started this one, and waits for its end.
pub(super) const ACCOMPANIED: &str = "HIVEMIND_ACCOMPANIED";
/// So long a new version takes no tasks: it has to be well first.
const ON_TRIAL: Duration = Duration::from_secs(15);

/// Whether another process started this one as the version that follows, watches it, and waits for its end. It has to
/// live, and this one to come of it: programs hand their surroundings down to whatever they start.
pub(crate) fn accompanied() -> bool {
    let said = std::env::var(ACCOMPANIED).ok().and_then(|pid| pid.parse::<u32>().ok());
    said.is_some_and(|pid| ancestors(std::process::id()).any(|one| one == pid))
}

/// The processes that a process comes of, the nearest first; none where the system does not tell.
fn ancestors(pid: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(parent_of(pid), |one| parent_of(*one)).take(32)
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
    (parent > 0).then_some(parent)
}

/// Whether that process is this one's own parent, which hears its exit code.
pub(super) fn by_the_parent() -> bool {
    let said = std::env::var(ACCOMPANIED).ok().and_then(|pid| pid.parse::<u32>().ok());
    #[cfg(unix)]
    let parent = Some(std::os::unix::process::parent_id());
    #[cfg(not(unix))]
    let parent = None;
    said.is_some() && said == parent
}

/// What a start found.
pub(crate) enum AtStart {
    /// The worker goes on.
    GoesOn(Option<Updates>),
    /// This version was started before and never became well: the one before is in place again, at this path.
    TakenBack(PathBuf),
}

/// An installation that can be exchanged.
pub(crate) struct Updates {
    here: Arc<Here>,
    /// The file that is exchanged.
    pub(crate) program: PathBuf,
    on_trial: bool,
    updating: watch::Sender<bool>,
    /// Cancelled when the worker is to end, because a new version waits to be put in place.
    pub(crate) exchange: CancellationToken,
}

impl Updates {
    /// To be called by the process that holds the data folder's lock, before anything else.
    pub(crate) fn at_start() -> AtStart {
        let here = Here::look();
        let Some(program) = here.exchanged() else { return AtStart::GoesOn(None) };
        let outcome = Swap::new(program.clone(), &SystemDisk).started();
        let on_trial = match outcome {
            Ok(Outcome::TakenBack(version)) => {
                tracing::warn!(%version, "this version did not become well: the one before comes back");
                return AtStart::TakenBack(program);
            }
            Ok(Outcome::OnTrial(_)) => true,
            Ok(Outcome::Quiet | Outcome::Staged(_)) => false,
            Err(error) => {
                // The program is a whole one all the same.
                tracing::warn!(%error, "what is known about updates cannot be read or written");
                false
            }
        };
        let (updating, exchange) = (watch::Sender::new(on_trial), CancellationToken::new());
        AtStart::GoesOn(Some(Self { here: Arc::new(here), program, on_trial, updating, exchange }))
    }

    /// Whether another process waits to see this version well, and takes it back where it falls.
    pub(crate) fn are_watched(&self) -> bool {
        self.on_trial && accompanied()
    }

    /// The sensors, and one more that tells of updates.
    pub(crate) fn with_senses(&self, senses: impl Senses, clock: Arc<dyn Clock>) -> Arc<dyn Senses> {
        Arc::new(AlsoUpdates { senses, clock, updating: self.updating.subscribe() })
    }

    /// Ends the trial and looks for updates, until the worker ends.
    pub(crate) async fn keep(
        self,
        data: PathBuf,
        clock: Arc<dyn Clock>,
        settings: Arc<dyn SettingsStore>,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        shutdown: CancellationToken,
    ) {
        if self.on_trial {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(ON_TRIAL) => {}
            }
            confirm(&self.program);
            panics::begin_anew(&data);
            self.updating.send_replace(false);
        }
        let Standing::Takes { program, target, address } = self.here.standing() else { return };
        let source = match HttpsSource::new(&address) {
            Ok(source) => Arc::new(source),
            Err(error) => return tracing::warn!(%error, "updates are not looked for"),
        };
        let first = for_developers("HIVEMIND_UPDATE_AFTER").and_then(|seconds| seconds.parse().ok());
        let first = first.map_or(FIRST, Duration::from_secs);
        let (here, updating, exchange) = (self.here, self.updating, self.exchange);
        let keeper = Keeper {
            here,
            program,
            target,
            source,
            data,
            clock,
            settings,
            snapshots,
            updating,
            exchange,
            first,
        };
        keeper.keep(shutdown).await;
    }
}

/// A version that nobody watches from outside, because the process that began the exchange is gone, speaks for itself.
fn confirm(program: &Path) {
    if !accompanied()
        && let Err(error) = Swap::new(program.to_owned(), &SystemDisk).confirm()
    {
        tracing::warn!(%error, "this version is well and cannot write it down");
    }
}

struct AlsoUpdates<S> {
    senses: S,
    clock: Arc<dyn Clock>,
    updating: watch::Receiver<bool>,
}

impl<S> AlsoUpdates<S> {
    async fn tell(&self, news: &mpsc::Sender<News>) {
        let mut updating = self.updating.clone();
        loop {
            let sensed = Sensed::Updating(Signal::Value(*updating.borrow_and_update()));
            let one = News { sensed, at: self.clock.now().mono, done: None };
            if news.send(one).await.is_err() || updating.changed().await.is_err() {
                return;
            }
        }
    }
}

#[async_trait]
impl<S: Senses> Senses for AlsoUpdates<S> {
    async fn watch(&self, news: mpsc::Sender<News>, wanted: watch::Receiver<Wanted>) {
        tokio::join!(self.senses.watch(news.clone(), wanted), self.tell(&news));
    }
}
