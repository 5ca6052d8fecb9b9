//! Keeps a tray host in step with the worker.

use crate::click::Click;
use crate::model::{TrayModel, seconds_to_next_try, tray_model};
use crate::place::{Place, PlaceTeller};
use futures_util::StreamExt;
use hivemind_control::{Control, Event, Snapshot};
use hivemind_words::Language;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

#[cfg(target_os = "linux")]
use crate::linux as system;
#[cfg(windows)]
use crate::windows as system;

/// Milliseconds since the Unix epoch.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Why a tray ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to, or the worker ended.
    Shutdown,
    /// There is nothing here that could show a tray; the sentence says what is missing.
    NoDesktop(String),
}

/// Shows the tray until `shutdown` or the end of the worker. A tray host that comes later or goes away for a while is
/// waited for; only where there can be none does this return early. `place` hears where the icon is.
pub async fn run(
    control: Arc<dyn Control>,
    clock: WallClock,
    place: PlaceTeller,
    shutdown: CancellationToken,
) -> Ended {
    let ours = shutdown.child_token();
    // The host and the clicks end with us, however we end.
    let _end = ours.clone().drop_guard();
    let (models, watched) = watch::channel(TrayModel::default());
    let (clicks, clicked) = mpsc::channel(8);
    let mut host = tokio::spawn(host(watched, clicks, place.clone(), ours.clone()));
    tokio::spawn(perform(Arc::clone(&control), clicked));

    let locale = Language::system_locale();
    let mut events = control.subscribe();
    let mut present: Option<Arc<Snapshot>> = None;
    loop {
        let counting = present.as_ref().is_some_and(|s| seconds_to_next_try(s, clock()).is_some());
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Snapshot(snapshot)) => present = Some(snapshot),
                // While counting down these come often enough to hold the timer up, so they count as a tick.
                Some(Event::Metrics(_) | Event::Log { .. } | Event::RaiseWindow | Event::ReportProblem | Event::Quitting) if !counting => continue,
                Some(Event::Metrics(_) | Event::Log { .. } | Event::RaiseWindow | Event::ReportProblem | Event::Quitting) => {}
                None => break,
            },
            () = sleep(Duration::from_secs(1)), if counting => {}
            ended = &mut host => {
                place.tell(Place::NoDesktop);
                return ended.unwrap_or_else(|error| Ended::NoDesktop(format!("the tray failed: {error}")));
            }
            () = shutdown.cancelled() => break,
        }
        if let Some(snapshot) = &present {
            let model = tray_model(snapshot, Language::choose(&snapshot.language, &locale), clock());
            models.send_if_modified(|shown| {
                let other = *shown != model;
                if other {
                    *shown = model;
                }
                other
            });
        }
    }
    ours.cancel();
    // Time to take the icon away.
    let _ = tokio::time::timeout(Duration::from_secs(3), host).await;
    Ended::Shutdown
}

/// Waits for something to show, then shows it: an icon that lies for a moment is worse than one that comes later.
async fn host(
    mut models: watch::Receiver<TrayModel>,
    clicks: mpsc::Sender<Click>,
    place: PlaceTeller,
    shutdown: CancellationToken,
) -> Ended {
    tokio::select! {
        changed = models.changed() => if changed.is_err() { return Ended::Shutdown },
        () = shutdown.cancelled() => return Ended::Shutdown,
    }
    system::host(models, clicks, place, shutdown).await
}

/// One after the other, so that two clicks end as the last one wants.
async fn perform(control: Arc<dyn Control>, mut clicked: mpsc::Receiver<Click>) {
    while let Some(click) = clicked.recv().await {
        if let Err(error) = click.perform(control.as_ref()).await {
            tracing::warn!(?click, %error, "a click in the tray failed");
        }
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
mod system {
    use super::{CancellationToken, Click, Ended, PlaceTeller, TrayModel, mpsc, watch};

    #[expect(clippy::unused_async, reason = "the twins of other systems wait")]
    pub(super) async fn host(
        _models: watch::Receiver<TrayModel>,
        _clicks: mpsc::Sender<Click>,
        _place: PlaceTeller,
        _shutdown: CancellationToken,
    ) -> Ended {
        Ended::NoDesktop("this operating system's tray is not supported".to_owned())
    }
}
