//! Battery and network, answered by services that are ours.

use crate::desk::{Bus, Ear, nowhere};
use hivemind_domain::rules::{Sensed, Signal};
use hivemind_host::Places;
use zbus::Connection;
use zbus::object_server::InterfaceRef;

struct Power {
    on_battery: Option<bool>,
}

#[zbus::interface(name = "org.freedesktop.UPower")]
impl Power {
    #[zbus(property)]
    fn on_battery(&self) -> zbus::fdo::Result<bool> {
        self.on_battery.ok_or_else(|| zbus::fdo::Error::Failed("no answer".into()))
    }
}

struct Network {
    metered: u32,
}

#[zbus::interface(name = "org.freedesktop.NetworkManager")]
impl Network {
    #[zbus(property)]
    fn metered(&self) -> u32 {
        self.metered
    }
}

async fn plug(power: &InterfaceRef<Power>, on_battery: Option<bool>) {
    power.get_mut().await.on_battery = on_battery;
    // A service that cannot tell its value still says that it changed.
    let context = power.signal_emitter();
    let changed = [].into();
    let name = zbus::names::InterfaceName::from_static_str_unchecked("org.freedesktop.UPower");
    zbus::fdo::Properties::properties_changed(context, name, changed, ["OnBattery"].as_slice().into())
        .await
        .unwrap();
}

async fn serve(bus: &Bus) -> (Connection, InterfaceRef<Power>, InterfaceRef<Network>) {
    let connection = bus.connect().await;
    let server = connection.object_server();
    server.at("/org/freedesktop/UPower", Power { on_battery: Some(false) }).await.unwrap();
    server.at("/org/freedesktop/NetworkManager", Network { metered: 4 }).await.unwrap();
    let power = server.interface("/org/freedesktop/UPower").await.unwrap();
    let network = server.interface("/org/freedesktop/NetworkManager").await.unwrap();
    connection.request_name("org.freedesktop.UPower").await.unwrap();
    connection.request_name("org.freedesktop.NetworkManager").await.unwrap();
    (connection, power, network)
}

#[tokio::test]
async fn a_battery_is_pulled_and_put_back() {
    let Some(bus) = Bus::start().await else { return };
    let (connection, power, _network) = serve(&bus).await;
    let mut ear = Ear::on(Places { system_bus: Some(bus.address.clone()), ..nowhere() });
    ear.hears(Sensed::OnBattery(Signal::Value(false))).await;
    plug(&power, Some(true)).await;
    ear.hears(Sensed::OnBattery(Signal::Value(true))).await;
    plug(&power, Some(false)).await;
    ear.hears(Sensed::OnBattery(Signal::Value(false))).await;
    plug(&power, None).await;
    ear.hears(Sensed::OnBattery(Signal::Unreadable)).await;
    connection.release_name("org.freedesktop.UPower").await.unwrap();
    ear.hears(Sensed::OnBattery(Signal::Absent)).await;
}

#[tokio::test]
async fn a_metered_network_is_told_and_a_service_that_comes_later_is_found() {
    let Some(bus) = Bus::start().await else { return };
    let mut ear = Ear::on(Places { system_bus: Some(bus.address.clone()), ..nowhere() });
    let (_connection, _power, network) = serve(&bus).await;
    ear.hears(Sensed::Metered(Signal::Value(false))).await;
    for (metered, expected) in [(1, true), (2, false), (3, true), (0, false)] {
        let mut state = network.get_mut().await;
        state.metered = metered;
        state.metered_changed(network.signal_emitter()).await.unwrap();
        drop(state);
        ear.hears(Sensed::Metered(Signal::Value(expected))).await;
    }
}

#[tokio::test]
async fn a_computer_without_sensors_tells_nothing() {
    let mut ear = Ear::on(nowhere());
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(ear.heard(), []);
    let Some(bus) = Bus::start().await else { return };
    let mut ear = Ear::on(Places { system_bus: Some(bus.address.clone()), ..nowhere() });
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(ear.heard(), [], "a bus without services");
}
