//! logind and Mutter, answered by services that are ours.

use crate::desk::{Bus, Ear, PATIENCE, nowhere};
use hivemind_domain::rules::{Sensed, Signal};
use hivemind_host::Places;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use zbus::Connection;
use zbus::object_server::{InterfaceRef, SignalEmitter};
use zbus::zvariant::{ObjectPath, OwnedFd, OwnedObjectPath};

#[derive(Default)]
struct Login {
    preparing: bool,
    /// Our ends of what was handed out.
    holds: Arc<Mutex<Vec<UnixStream>>>,
    modes: Vec<String>,
    /// What nobody may hold off here.
    refused: Option<&'static str>,
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Login {
    fn list_sessions(&self) -> Vec<(String, u32, String, String, OwnedObjectPath)> {
        let path = ObjectPath::from_static_str_unchecked("/org/freedesktop/login1/session/c1");
        vec![("c1".into(), 1000, "me".into(), "seat0".into(), path.into())]
    }

    fn inhibit(&mut self, what: &str, _who: &str, _why: &str, mode: &str) -> zbus::fdo::Result<OwnedFd> {
        if self.refused == Some(what) {
            return Err(zbus::fdo::Error::AccessDenied("not authorised".into()));
        }
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.modes.push(format!("{what} {mode}"));
        self.holds.lock().unwrap().push(ours);
        Ok(std::os::fd::OwnedFd::from(theirs).into())
    }

    #[zbus(property)]
    fn preparing_for_sleep(&self) -> bool {
        self.preparing
    }

    #[zbus(property)]
    fn preparing_for_shutdown(&self) -> bool {
        false
    }

    #[zbus(signal)]
    async fn prepare_for_sleep(emitter: &SignalEmitter<'_>, start: bool) -> zbus::Result<()>;
}

#[derive(Default)]
struct Session {
    locked: bool,
    remote: bool,
    idle: bool,
}

#[zbus::interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn class(&self) -> &'static str {
        "user"
    }
    #[zbus(property, name = "Type")]
    fn kind(&self) -> &'static str {
        "wayland"
    }
    #[zbus(property)]
    fn remote(&self) -> bool {
        self.remote
    }
    #[zbus(property)]
    fn active(&self) -> bool {
        true
    }
    #[zbus(property)]
    fn locked_hint(&self) -> bool {
        self.locked
    }
    #[zbus(property)]
    fn idle_hint(&self) -> bool {
        self.idle
    }
    #[zbus(property)]
    fn idle_since_hint_monotonic(&self) -> u64 {
        1
    }
}

async fn serve(bus: &Bus) -> (Connection, InterfaceRef<Login>, InterfaceRef<Session>) {
    let connection = bus.connect().await;
    let server = connection.object_server();
    server.at("/org/freedesktop/login1", Login::default()).await.unwrap();
    server.at("/org/freedesktop/login1/session/c1", Session::default()).await.unwrap();
    let manager = server.interface("/org/freedesktop/login1").await.unwrap();
    let session = server.interface("/org/freedesktop/login1/session/c1").await.unwrap();
    connection.request_name("org.freedesktop.login1").await.unwrap();
    (connection, manager, session)
}

#[tokio::test]
async fn lock_use_from_afar_and_idleness_are_told() {
    let Some(bus) = Bus::start().await else { return };
    let (_connection, _manager, session) = serve(&bus).await;
    let mut ear = Ear::on(Places { system_bus: Some(bus.address.clone()), ..nowhere() });
    ear.hears(Sensed::Locked(Signal::Value(false))).await;
    ear.hears(Sensed::Idle(Signal::Value(Duration::ZERO))).await;
    let change = async |change: fn(&mut Session)| {
        let mut state = session.get_mut().await;
        change(&mut state);
        state.locked_hint_changed(session.signal_emitter()).await.unwrap();
    };
    change(|s| s.locked = true).await;
    ear.hears(Sensed::Locked(Signal::Value(true))).await;
    change(|s| (s.locked, s.idle) = (false, true)).await;
    let away = |s: &Sensed| matches!(s, Sensed::Idle(Signal::Value(idle)) if *idle > Duration::ZERO);
    ear.until("away since long", away).await;
    change(|s| (s.remote, s.idle) = (true, false)).await;
    ear.hears(Sensed::RemoteSession(Signal::Value(true))).await;
}

#[tokio::test]
async fn somebody_who_is_here_is_told_again_without_a_signal() {
    let Some(bus) = Bus::start().await else { return };
    let (_connection, _manager, _session) = serve(&bus).await;
    let mut ear = Ear::on(Places { system_bus: Some(bus.address.clone()), ..nowhere() });
    // Whoever listens lets the time without input grow from each of these words on.
    for _ in 0..2 {
        ear.hears(Sensed::Idle(Signal::Value(Duration::ZERO))).await;
    }
}

#[tokio::test]
async fn sleep_is_held_up_until_the_worker_is_done_and_no_longer() {
    let Some(bus) = Bus::start().await else { return };
    let (_connection, manager, _session) = serve(&bus).await;
    let holds = Arc::clone(&manager.get().await.holds);
    let mut ear = Ear::on(Places { system_bus: Some(bus.address.clone()), ..nowhere() });
    ear.hears(Sensed::Locked(Signal::Value(false))).await;
    let taken = tokio::time::timeout(PATIENCE, async {
        while holds.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        holds.lock().unwrap().remove(0)
    });
    let mut hold = taken.await.unwrap();
    assert_eq!(manager.get().await.modes, ["sleep:shutdown delay"]);

    manager.get_mut().await.preparing = true;
    Login::prepare_for_sleep(manager.signal_emitter(), true).await.unwrap();
    let news = ear.hears(Sensed::Suspending(Signal::Value(true))).await;
    hold.set_nonblocking(true).unwrap();
    let kept = hold.read(&mut [0]).unwrap_err();
    assert_eq!(kept.kind(), std::io::ErrorKind::WouldBlock, "held while the worker works");
    news.done.unwrap().send(()).unwrap();
    hold.set_nonblocking(false).unwrap();
    let (closed, ended) = oneshot::channel();
    std::thread::spawn(move || closed.send(hold.read(&mut [0]).unwrap()));
    assert_eq!(tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap(), 0, "let go");

    manager.get_mut().await.preparing = false;
    Login::prepare_for_sleep(manager.signal_emitter(), false).await.unwrap();
    ear.hears(Sensed::Suspending(Signal::Value(false))).await;
    tokio::time::timeout(PATIENCE, async {
        while holds.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("it holds the next sleep up again");
}

/// Our end of the hold with this mode.
async fn held(manager: &InterfaceRef<Login>, mode: &str) -> UnixStream {
    let holding = async {
        loop {
            let found = {
                let mut login = manager.get_mut().await;
                let place = login.modes.iter().position(|known| known == mode);
                place.map(|place| {
                    login.modes.remove(place);
                    login.holds.lock().unwrap().remove(place)
                })
            };
            match found {
                Some(hold) => return hold,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, holding).await.unwrap_or_else(|_| panic!("nobody holds {mode}"))
}

async fn let_go(mut hold: UnixStream) {
    let (closed, ended) = oneshot::channel();
    std::thread::spawn(move || closed.send(hold.read(&mut [0]).unwrap()));
    assert_eq!(tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap(), 0, "let go");
}

#[tokio::test]
async fn the_computer_is_kept_awake_while_that_is_wanted_and_no_longer() {
    let Some(bus) = Bus::start().await else { return };
    let (_connection, manager, _session) = serve(&bus).await;
    let mut ear = Ear::on(Places { system_bus: Some(bus.address.clone()), ..nowhere() });
    ear.hears(Sensed::Locked(Signal::Value(false))).await;
    let _delay = held(&manager, "sleep:shutdown delay").await;
    assert!(manager.get().await.modes.is_empty(), "nothing is held off unasked");
    ear.want_awake(true);
    let hold = held(&manager, "sleep:idle block").await;
    ear.want_awake(false);
    let_go(hold).await;
    // A system that lets sleep be held off by nobody may let idleness.
    manager.get_mut().await.refused = Some("sleep:idle");
    ear.want_awake(true);
    let hold = held(&manager, "idle block").await;
    drop(ear);
    let_go(hold).await;
}

struct Mutter {
    idle_ms: u64,
}

#[zbus::interface(name = "org.gnome.Mutter.IdleMonitor")]
impl Mutter {
    fn get_idletime(&self) -> u64 {
        self.idle_ms
    }

    fn add_user_active_watch(&self) -> u32 {
        7
    }

    #[zbus(signal)]
    async fn watch_fired(emitter: &SignalEmitter<'_>, id: u32) -> zbus::Result<()>;
}

#[tokio::test]
async fn mutter_tells_when_somebody_comes_back() {
    let Some(bus) = Bus::start().await else { return };
    let connection = bus.connect().await;
    let path = "/org/gnome/Mutter/IdleMonitor/Core";
    connection.object_server().at(path, Mutter { idle_ms: 400_000 }).await.unwrap();
    let mutter: InterfaceRef<Mutter> = connection.object_server().interface(path).await.unwrap();
    connection.request_name("org.gnome.Mutter.IdleMonitor").await.unwrap();
    let mut ear = Ear::on(Places {
        session_bus: Some(bus.address.clone()),
        wayland: true,
        display: Some(":99".into()),
        ..nowhere()
    });
    ear.hears(Sensed::Idle(Signal::Value(Duration::from_secs(400)))).await;
    mutter.get_mut().await.idle_ms = 3;
    Mutter::watch_fired(mutter.signal_emitter(), 7).await.unwrap();
    ear.hears(Sensed::Idle(Signal::Value(Duration::from_millis(3)))).await;
    connection.release_name("org.gnome.Mutter.IdleMonitor").await.unwrap();
}
