//! Time since the last input where X does not tell it: Mutter, the freedesktop screen saver, logind.

use super::bus::{ANSWER, connect, exists, proxy};
use super::{Teller, login};
use futures_util::StreamExt;
use hivemind_domain::rules::{Sensed, Signal};
use std::time::Duration;
use zbus::message::Type;
use zbus::{Connection, MatchRule, MessageStream, Proxy};

const MUTTER: (&str, &str, &str) =
    ("org.gnome.Mutter.IdleMonitor", "/org/gnome/Mutter/IdleMonitor/Core", "org.gnome.Mutter.IdleMonitor");
const SCREEN_SAVER: (&str, &str, &str) =
    ("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver", "org.freedesktop.ScreenSaver");
/// How often a service is asked that does not say by itself when somebody comes back.
const LOOK: Duration = Duration::from_secs(2);
/// How often one that does is asked all the same.
const SELDOM: Duration = Duration::from_secs(30);
/// Pause before a bus that went away is looked for again.
const AGAIN: Duration = Duration::from_secs(30);

/// Tells the time without input of a session with this bus.
pub(super) async fn watch(system_bus: Option<String>, session_bus: Option<String>, mut teller: Teller) {
    let Some(address) = session_bus else { return };
    loop {
        if let Some(bus) = connect(Some(&address)).await {
            if exists(&bus, MUTTER.0).await {
                mutter(&bus, &mut teller).await;
            } else if exists(&bus, SCREEN_SAVER.0).await {
                screen_saver(&bus, &mut teller).await;
            } else {
                // A session without either: what the system knows of it has to do.
                tokio::select! {
                    () = login::watch(system_bus.clone(), true, Teller::clone(&teller)) => {}
                    () = tokio::time::sleep(AGAIN * 10) => {}
                }
                continue;
            }
            teller.tell(Sensed::Idle(Signal::Unreadable)).await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Mutter says by itself when somebody comes back. Returns when it is gone.
async fn mutter(bus: &Connection, teller: &mut Teller) {
    let Ok(monitor) = proxy(bus, MUTTER.0, MUTTER.1, MUTTER.2).await else { return };
    let rule = MatchRule::builder().msg_type(Type::Signal).interface(MUTTER.2).map(|rule| rule.build());
    let Ok(rule) = rule else { return };
    let Ok(mut fired) = MessageStream::for_match_rule(rule, bus, Some(16)).await else { return };
    loop {
        let Some(ms) = call::<u64>(&monitor, "GetIdletime").await else { return };
        teller.tell(Sensed::Idle(Signal::Value(Duration::from_millis(ms)))).await;
        // It fires once, at the next input after this.
        if call::<u32>(&monitor, "AddUserActiveWatch").await.is_none() {
            return;
        }
        tokio::select! {
            signal = fired.next() => if !matches!(signal, Some(Ok(_))) { return },
            () = tokio::time::sleep(SELDOM) => {}
        }
    }
}

/// Desktops disagree about whether this is in seconds, as specified, or in milliseconds.
async fn screen_saver(bus: &Connection, teller: &mut Teller) {
    let Ok(saver) = proxy(bus, SCREEN_SAVER.0, SCREEN_SAVER.1, SCREEN_SAVER.2).await else { return };
    let mut unit = Unit::default();
    loop {
        let Some(value) = call::<u32>(&saver, "GetSessionIdleTime").await else { return };
        if let Some(idle) = unit.read(value) {
            teller.tell(Sensed::Idle(Signal::Value(idle))).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn call<T>(proxy: &Proxy<'_>, method: &str) -> Option<T>
where
    T: serde::de::DeserializeOwned + zbus::zvariant::Type,
{
    tokio::time::timeout(ANSWER, proxy.call(method, &())).await.ok()?.ok()
}

/// Seconds or milliseconds, found out by how fast the number grows.
#[derive(Debug, Default)]
struct Unit {
    last: Option<u32>,
    milliseconds: Option<bool>,
}

impl Unit {
    /// The time that a number stands for; nothing while its unit is not known. Called every [`LOOK`].
    fn read(&mut self, value: u32) -> Option<Duration> {
        if let Some(grown) = self.last.and_then(|last| value.checked_sub(last)).filter(|grown| *grown > 0) {
            self.milliseconds = Some(grown > 200);
        }
        self.last = Some(value);
        match self.milliseconds {
            Some(true) => Some(Duration::from_millis(u64::from(value))),
            Some(false) => Some(Duration::from_secs(u64::from(value))),
            // Somebody who moves is here in both units.
            None if value == 0 => Some(Duration::ZERO),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_found_out() {
        let mut seconds = Unit::default();
        assert_eq!(
            [0, 2, 4, 0].map(|v| seconds.read(v)).map(|t| t.map(|t| t.as_secs())),
            [Some(0), Some(2), Some(4), Some(0)]
        );
        let mut ms = Unit::default();
        assert_eq!(
            [500, 2500, 4600].map(|v| ms.read(v)),
            [None, Some(Duration::from_millis(2500)), Some(Duration::from_millis(4600))]
        );
    }
}
