//! Sensors on the system's bus that are one property each: battery and metered network.

use super::Teller;
use futures_util::StreamExt;
use hivemind_domain::rules::{Sensed, Signal};
use std::time::Duration;
use zbus::message::Type;
use zbus::proxy::CacheProperties;
use zbus::zvariant::OwnedValue;
use zbus::{Connection, MatchRule, MessageStream, Proxy};

/// Pause before a bus that went away is looked for again.
const AGAIN: Duration = Duration::from_secs(30);
/// A service answers within this time, or cannot be read.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
/// Signals that come together are one piece of news.
const SETTLE: Duration = Duration::from_millis(20);

/// Where a property is.
#[derive(Debug, Clone, Copy)]
struct Property {
    service: &'static str,
    path: &'static str,
    interface: &'static str,
    name: &'static str,
    /// What its value means; nothing where it is of another kind.
    means: fn(&OwnedValue) -> Option<bool>,
    tell: fn(Signal<bool>) -> Sensed,
}

const BATTERY: Property = Property {
    service: "org.freedesktop.UPower",
    path: "/org/freedesktop/UPower",
    interface: "org.freedesktop.UPower",
    name: "OnBattery",
    means: |value| bool::try_from(value).ok(),
    tell: Sensed::OnBattery,
};

const METERED: Property = Property {
    service: "org.freedesktop.NetworkManager",
    path: "/org/freedesktop/NetworkManager",
    interface: "org.freedesktop.NetworkManager",
    name: "Metered",
    // NMMetered: 1 is yes, 3 is guessed yes.
    means: |value| u32::try_from(value).ok().map(|metered| matches!(metered, 1 | 3)),
    tell: Sensed::Metered,
};

/// Whether the computer runs on battery, by UPower.
pub(super) async fn power(address: Option<String>, teller: Teller) {
    follow(address, BATTERY, teller).await;
}

/// Whether the network is metered, by NetworkManager.
pub(super) async fn network(address: Option<String>, teller: Teller) {
    follow(address, METERED, teller).await;
}

/// A connection to a bus; the system's where no address is given. None means that there is no such bus.
pub(super) async fn connect(address: Option<&str>) -> Option<Connection> {
    let opened = match address {
        Some(address) => zbus::connection::Builder::address(address).ok()?.build().await,
        None => Connection::system().await,
    };
    opened.map_err(|error| tracing::debug!(%error, "there is no such bus")).ok()
}

/// Signals of one interface, or of the bus itself about the service's coming and going.
pub(super) async fn signals(
    bus: &Connection,
    service: &'static str,
    interface: &'static str,
) -> zbus::Result<impl futures_util::Stream<Item = zbus::Result<zbus::Message>> + Unpin + use<>> {
    let own = MatchRule::builder().msg_type(Type::Signal).interface(interface)?.build();
    let changes = MatchRule::builder()
        .msg_type(Type::Signal)
        .interface("org.freedesktop.DBus.Properties")?
        .arg(0, interface)?
        .build();
    let owners = MatchRule::builder()
        .msg_type(Type::Signal)
        .interface("org.freedesktop.DBus")?
        .member("NameOwnerChanged")?
        .arg(0, service)?
        .build();
    let own = MessageStream::for_match_rule(own, bus, Some(64)).await?;
    let changes = MessageStream::for_match_rule(changes, bus, Some(64)).await?;
    let owners = MessageStream::for_match_rule(owners, bus, Some(16)).await?;
    Ok(futures_util::stream::select(own, futures_util::stream::select(changes, owners)))
}

/// Whether a service runs or would be started when asked.
pub(super) async fn exists(bus: &Connection, service: &str) -> bool {
    let Ok(daemon) = zbus::fdo::DBusProxy::new(bus).await else { return false };
    let Ok(name) = zbus::names::BusName::try_from(service) else { return false };
    if daemon.name_has_owner(name).await.unwrap_or(false) {
        return true;
    }
    daemon.list_activatable_names().await.is_ok_and(|names| names.iter().any(|n| n.as_str() == service))
}

/// A proxy without a cache: every reading is the service's own.
pub(super) async fn proxy(
    bus: &Connection,
    service: &str,
    path: &str,
    interface: &str,
) -> zbus::Result<Proxy<'static>> {
    zbus::proxy::Builder::new(bus)
        .destination(service.to_owned())?
        .path(path.to_owned())?
        .interface(interface.to_owned())?
        .cache_properties(CacheProperties::No)
        .build()
        .await
}

/// Reads a property, within [`ANSWER`].
pub(super) async fn property(
    bus: &Connection,
    (service, path, interface): (&str, &str, &str),
    name: &str,
) -> Option<OwnedValue> {
    let reading = async {
        let proxy = proxy(bus, service, path, interface).await.ok()?;
        proxy.get_property::<OwnedValue>(name).await.ok()
    };
    tokio::time::timeout(ANSWER, reading).await.ok().flatten()
}

async fn read(bus: &Connection, what: &Property) -> Signal<bool> {
    if !exists(bus, what.service).await {
        return Signal::Absent;
    }
    let value = property(bus, (what.service, what.path, what.interface), what.name).await;
    value.and_then(|value| (what.means)(&value)).map_or(Signal::Unreadable, Signal::Value)
}

async fn follow(address: Option<String>, what: Property, mut teller: Teller) {
    loop {
        if let Some(bus) = connect(address.as_deref()).await
            && let Ok(mut signals) = signals(&bus, what.service, what.interface).await
        {
            loop {
                let signal = read(&bus, &what).await;
                if signal != Signal::Absent {
                    teller.tell((what.tell)(signal)).await;
                } else if teller.knows() {
                    teller.tell((what.tell)(Signal::Absent)).await;
                }
                match signals.next().await {
                    Some(Ok(_)) => tokio::time::sleep(SETTLE).await,
                    Some(Err(_)) | None => break,
                }
            }
        }
        if teller.knows() {
            teller.tell((what.tell)(Signal::Absent)).await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}
