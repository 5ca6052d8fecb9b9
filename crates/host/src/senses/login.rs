//! logind: who is here, whether the screen is locked, when the computer sleeps.

use super::Teller;
use super::bus::{connect, exists, property, proxy, signals};
use futures_util::StreamExt;
use hivemind_domain::rules::{Sensed, Signal};
use std::time::Duration;
use zbus::Connection;
use zbus::zvariant::{OwnedFd, OwnedObjectPath};

pub(super) const SERVICE: &str = "org.freedesktop.login1";
pub(super) const MANAGER: (&str, &str, &str) =
    (SERVICE, "/org/freedesktop/login1", "org.freedesktop.login1.Manager");
const SESSION: &str = "org.freedesktop.login1.Session";
/// Pause before a bus that went away is looked for again.
const AGAIN: Duration = Duration::from_secs(30);
/// Nobody tells of every input here: without another word the time without input would grow beside somebody who works.
const STILL_HERE: Duration = Duration::from_secs(20);
/// Sessions that are looked at.
const MOST_SESSIONS: usize = 64;
/// Nobody is held up for longer than this.
const HOLD: Duration = Duration::from_secs(4);

/// A session as logind lists it.
type Listed = (String, u32, String, String, OwnedObjectPath);

/// What logind knows of one session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Session {
    graphical: bool,
    remote: bool,
    active: bool,
    locked: bool,
    idle_hint: bool,
    idle_since_us: u64,
}

/// Tells lock, remote sessions and sleep; also the time without input where nothing finer tells it (`tell_idle`).
pub(super) async fn watch(address: Option<String>, tell_idle: bool, mut teller: Teller) {
    loop {
        if let Some(bus) = connect(address.as_deref()).await {
            follow(&bus, tell_idle, &mut teller).await;
        }
        if teller.knows() {
            for gone in [Sensed::Locked(Signal::Absent), Sensed::RemoteSession(Signal::Absent)] {
                teller.tell(gone).await;
            }
            if tell_idle {
                teller.tell(Sensed::Idle(Signal::Absent)).await;
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn follow(bus: &Connection, tell_idle: bool, teller: &mut Teller) {
    let Ok(mut manager) = signals(bus, SERVICE, MANAGER.2).await else { return };
    let Ok(mut sessions) = signals(bus, SERVICE, SESSION).await else { return };
    let mut hold = inhibit(bus).await;
    let mut asleep = false;
    loop {
        if exists(bus, SERVICE).await {
            tell_sessions(bus, tell_idle, teller).await;
            let preparing = going_down(bus).await;
            if preparing && !asleep {
                // The system waits for us while we hold on, at most for as long as it wants to.
                let _ =
                    tokio::time::timeout(HOLD, teller.tell_and_wait(Sensed::Suspending(Signal::Value(true))))
                        .await;
                hold = None;
            } else if !preparing {
                if asleep {
                    teller.tell(Sensed::Suspending(Signal::Value(false))).await;
                }
                if hold.is_none() {
                    hold = inhibit(bus).await;
                }
            }
            asleep = preparing;
        } else if teller.knows() {
            teller.tell(Sensed::Locked(Signal::Absent)).await;
            teller.tell(Sensed::RemoteSession(Signal::Absent)).await;
        }
        let next = tokio::select! {
            next = manager.next() => next,
            next = sessions.next() => next,
            () = tokio::time::sleep(STILL_HERE), if tell_idle => continue,
        };
        if !matches!(next, Some(Ok(_))) {
            return;
        }
    }
}

/// A promise of the system to wait a moment before it sleeps or ends; it holds while this lives.
async fn inhibit(bus: &Connection) -> Option<OwnedFd> {
    if !exists(bus, SERVICE).await {
        return None;
    }
    let manager = proxy(bus, MANAGER.0, MANAGER.1, MANAGER.2).await.ok()?;
    let asked = ("sleep:shutdown", "HiveMind Worker", "Tasks are frozen and written down first", "delay");
    manager
        .call("Inhibit", &asked)
        .await
        .map_err(|error| tracing::debug!(%error, "sleep is not delayed"))
        .ok()
}

async fn going_down(bus: &Connection) -> bool {
    for name in ["PreparingForSleep", "PreparingForShutdown"] {
        let value = property(bus, MANAGER, name).await;
        if value.and_then(|value| bool::try_from(value).ok()).unwrap_or(false) {
            return true;
        }
    }
    false
}

async fn sessions(bus: &Connection) -> Option<Vec<Session>> {
    let manager = proxy(bus, MANAGER.0, MANAGER.1, MANAGER.2).await.ok()?;
    let listed: Vec<Listed> = manager.call("ListSessions", &()).await.ok()?;
    let mut found = Vec::new();
    for (_, _, _, _, path) in listed.into_iter().take(MOST_SESSIONS) {
        if let Some(session) = session(bus, path.as_str()).await {
            found.push(session);
        }
    }
    Some(found)
}

async fn session(bus: &Connection, path: &str) -> Option<Session> {
    let at = (SERVICE, path, SESSION);
    let text =
        async |name: &str| property(bus, at, name).await.and_then(|value| String::try_from(value).ok());
    let flag = async |name: &str| property(bus, at, name).await.and_then(|value| bool::try_from(value).ok());
    // Greeters and background services are nobody.
    if text("Class").await? != "user" {
        return None;
    }
    let kind = text("Type").await.unwrap_or_default();
    Some(Session {
        graphical: matches!(kind.as_str(), "x11" | "wayland" | "mir"),
        remote: flag("Remote").await.unwrap_or(false),
        active: flag("Active").await.unwrap_or(false),
        locked: flag("LockedHint").await.unwrap_or(false),
        idle_hint: flag("IdleHint").await.unwrap_or(false),
        idle_since_us: property(bus, at, "IdleSinceHintMonotonic")
            .await
            .and_then(|value| u64::try_from(value).ok())
            .unwrap_or(0),
    })
}

async fn tell_sessions(bus: &Connection, tell_idle: bool, teller: &mut Teller) {
    let Some(all) = sessions(bus).await else {
        teller.tell(Sensed::Locked(Signal::Unreadable)).await;
        return;
    };
    let (locked, remote, idle) = judge(&all, super::Teller::now().0);
    teller.tell(Sensed::Locked(locked)).await;
    teller.tell(Sensed::RemoteSession(remote)).await;
    if tell_idle {
        teller.tell(Sensed::Idle(idle)).await;
    }
}

/// Lock, remote use and time without input of all sessions together. `uptime` is the system's monotonic clock.
fn judge(all: &[Session], uptime: Duration) -> (Signal<bool>, Signal<bool>, Signal<Duration>) {
    let here: Vec<&Session> = all.iter().filter(|s| s.graphical && !s.remote && s.active).collect();
    let locked = match here.is_empty() {
        true => Signal::Absent,
        false => Signal::Value(here.iter().all(|session| session.locked)),
    };
    // Somebody who has gone away from a remote session is no use.
    let remote = all.iter().any(|s| s.remote && s.active && !s.idle_hint && !s.locked);
    let idle = here.iter().map(|session| match session.idle_hint {
        true => uptime.saturating_sub(Duration::from_micros(session.idle_since_us)),
        false => Duration::ZERO,
    });
    (locked, Signal::Value(remote), idle.min().map_or(Signal::Absent, Signal::Value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Session {
        Session { graphical: true, active: true, ..Session::default() }
    }

    #[test]
    fn without_a_session_the_computer_is_away() {
        let ssh_of_a_service = Session { remote: true, idle_hint: true, active: true, ..Session::default() };
        for all in [vec![], vec![Session::default()], vec![ssh_of_a_service]] {
            let judged = judge(&all, Duration::from_secs(100));
            assert_eq!(judged, (Signal::Absent, Signal::Value(false), Signal::Absent), "{all:?}");
        }
    }

    #[test]
    fn one_person_here_is_use_and_all_locked_is_none() {
        let hinted = Session { idle_hint: true, idle_since_us: 40_000_000, ..here() };
        let (locked, _, idle) = judge(std::slice::from_ref(&hinted), Duration::from_secs(100));
        assert_eq!((locked, idle), (Signal::Value(false), Signal::Value(Duration::from_secs(60))));
        let (_, _, idle) = judge(&[hinted, here()], Duration::from_secs(100));
        assert_eq!(idle, Signal::Value(Duration::ZERO));
        let locked = Session { locked: true, ..here() };
        assert_eq!(judge(std::slice::from_ref(&locked), Duration::ZERO).0, Signal::Value(true));
        assert_eq!(judge(&[locked, here()], Duration::ZERO).0, Signal::Value(false));
    }

    #[test]
    fn somebody_from_afar_is_use() {
        let remote = Session { graphical: true, remote: true, active: true, ..Session::default() };
        assert_eq!(judge(&[remote], Duration::ZERO).1, Signal::Value(true));
    }
}
