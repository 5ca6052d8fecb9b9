//! The tray on Linux: a StatusNotifierItem on the session bus, brought back whenever bus or tray host were away.

use crate::click::Click;
use crate::model::TrayModel;
use crate::place::{Place, PlaceTeller};
use crate::run::Ended;
use futures_util::StreamExt;
use item::Item;
use ksni::{Handle, TrayMethods};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use zbus::{Connection, MessageStream};

mod item;

#[cfg(feature = "fuzzing")]
pub(crate) use item::handed;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
/// For the bus to answer.
const BUS_TIME: Duration = Duration::from_secs(10);
/// For a tray host to take the icon; one that hangs would hold us for ever.
const HOST_TIME: Duration = Duration::from_secs(20);
const UPDATE_TIME: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A tray that lived this long starts its pauses anew.
const SETTLED: Duration = Duration::from_secs(30);

/// Why one life of the tray ended.
enum Life {
    Shutdown,
    Lost(String),
}

pub(crate) async fn host(
    mut models: watch::Receiver<TrayModel>,
    clicks: mpsc::Sender<Click>,
    place: PlaceTeller,
    shutdown: CancellationToken,
) -> Ended {
    if !bus_is_known() {
        let why = "no session bus: DBUS_SESSION_BUS_ADDRESS is not set and XDG_RUNTIME_DIR holds no bus";
        tracing::info!(why, "the worker runs without a tray");
        return Ended::NoDesktop(why.to_owned());
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let began = tokio::time::Instant::now();
        let why = match live(&mut models, &clicks, &place, &shutdown).await {
            Life::Shutdown => return Ended::Shutdown,
            Life::Lost(why) => why,
        };
        place.tell(Place::Coming);
        if began.elapsed() > SETTLED {
            pause = FIRST_PAUSE;
        }
        tracing::debug!(why, pause_ms = pause.as_millis(), "the tray is away; it comes back");
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.cancelled() => return Ended::Shutdown,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether there is an address to dial, now or later. The order is the one that D-Bus prescribes.
fn bus_is_known() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    set("DBUS_SESSION_BUS_ADDRESS").is_some()
        || set("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).join("bus").exists())
}

async fn live(
    models: &mut watch::Receiver<TrayModel>,
    clicks: &mpsc::Sender<Click>,
    place: &PlaceTeller,
    shutdown: &CancellationToken,
) -> Life {
    tokio::select! {
        life = serve(models, clicks, place) => Life::Lost(life.unwrap_or_else(|error| error)),
        () = shutdown.cancelled() => Life::Shutdown,
    }
}

/// One life of the tray; it ends with the reason why it has to begin anew.
async fn serve(
    models: &mut watch::Receiver<TrayModel>,
    clicks: &mpsc::Sender<Click>,
    place: &PlaceTeller,
) -> Result<String, String> {
    // The library never tells that its bus died. A connection of our own does.
    let bus = timeout(BUS_TIME, Connection::session())
        .await
        .map_err(|_| "the session bus does not answer".to_owned())?
        .map_err(|error| error.to_string())?;
    let mut signs_of_life = MessageStream::from(&bus);
    let offline = Arc::new(AtomicBool::new(false));
    let item =
        Item::new(models.borrow_and_update().clone(), clicks.clone(), Arc::clone(&offline), place.clone());
    // Without a name of its own on the bus: a sandbox may forbid it, two sandboxes may share a process number, and the
    // library panics where it is taken. Every host knows icons without one.
    let spawning = item.assume_sni_available(true).disable_dbus_name(true).spawn();
    let handle = timeout(HOST_TIME, spawning)
        .await
        .map_err(|_| "the tray host does not answer".to_owned())?
        .map_err(|error| error.to_string())?;
    let _gone = CloseOnDrop(handle.clone());
    // A host that came between the refusal and the library's watch would be missed for ever.
    if offline.load(Ordering::Relaxed) && is_owned(&bus, WATCHER).await && offline.load(Ordering::Relaxed) {
        return Ok("a tray host came at once".to_owned());
    }
    if !offline.load(Ordering::Relaxed) {
        place.tell(Place::Shown);
    }
    loop {
        tokio::select! {
            changed = models.changed() => {
                if changed.is_err() {
                    return Ok("the worker ended".to_owned());
                }
                let model = models.borrow_and_update().clone();
                match timeout(UPDATE_TIME, handle.update(|item| item.model = model)).await {
                    Ok(Some(())) => {}
                    Ok(None) => return Ok("the tray ended".to_owned()),
                    Err(_) => return Ok("the tray host hangs".to_owned()),
                }
            }
            message = signs_of_life.next() => {
                if !matches!(message, Some(Ok(_))) {
                    return Ok("the session bus went away".to_owned());
                }
            }
        }
    }
}

async fn is_owned(bus: &Connection, name: &str) -> bool {
    let Ok(daemon) = zbus::fdo::DBusProxy::new(bus).await else { return false };
    let Ok(name) = name.try_into() else { return false };
    timeout(BUS_TIME, daemon.name_has_owner(name)).await.is_ok_and(|owned| owned.unwrap_or(false))
}

/// Takes the icon away however its life ends.
struct CloseOnDrop(Handle<Item>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        drop(self.0.shutdown());
    }
}
