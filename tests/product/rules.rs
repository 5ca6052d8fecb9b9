//! Giving way, with the real program and a real engine: containers stand still and go on.

use crate::engine::Engine;
use crate::package::endless;
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::{PASSWORD, Wish};
use crate::scene::Scene;
use crate::worker::Worker;
use std::path::Path;
use std::process::Stdio;
use tokio::process::{Child, Command};
use zbus::object_server::InterfaceRef;

async fn paused(engine: &Engine, container: &str, wanted: bool) {
    until(&format!("the container is paused: {wanted}"), LONG, async || {
        let state = engine.inspect(container).await.state.unwrap_or_default();
        (state.paused == Some(wanted) && state.running == Some(true)).then_some(())
    })
    .await;
}

async fn only_container(worker: &Worker<'_>) -> String {
    until("its container", LONG, async || worker.containers().await.pop()).await
}

#[tokio::test]
async fn a_pause_freezes_the_container_over_a_crash_and_lets_it_go_on() {
    let name = "a_pause_freezes_the_container_over_a_crash_and_lets_it_go_on";
    let Some(scene) = Scene::open(name).await else { return };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let id = asks.submit("endless", endless(), &Wish::default()).await;
    asks.wait_for_running(&id, 1).await;
    let container = only_container(&worker).await;
    worker.call(&["snooze", "resume"]).await.ok();
    paused(&scene.engine, &container, true).await;
    let held = until("it says so", LONG, async || {
        let snapshot = worker.snapshot().await;
        (snapshot["tasks"][0]["frozen"] == true).then_some(snapshot)
    })
    .await;
    assert_eq!(held["status"]["state"], "snoozed", "{held}");
    assert_eq!(held["decision"]["reason"], "snoozed", "{held}");

    worker.kill().await;
    paused(&scene.engine, &container, true).await;
    worker.start().await;
    let again = worker.wait_for_state("snoozed").await;
    assert_eq!(again["decision"]["takes_work"], false, "{again}");
    worker.call(&["snooze", "off"]).await.ok();
    paused(&scene.engine, &container, false).await;
    let on = worker.wait_for_state("earning").await;
    assert_eq!(on["tasks"][0]["attempt"], 1, "{on}");
    assert!(on["tasks"][0]["frozen_ms"].as_u64().is_some_and(|ms| ms > 0), "{on}");

    // A frozen one is stopped like any other.
    worker.call(&["snooze", "1h"]).await.ok();
    paused(&scene.engine, &container, true).await;
    worker.call(&["stop"]).await.ok();
    let record = worker.closed(&id, 1).await;
    assert_eq!(record["phase"], "handed_back", "{record}");
    worker.wait_until_clean().await;
    let told = worker.call(&["timeline"]).await.ok();
    let reasons: Vec<_> =
        told["sums"].as_array().expect("sums").iter().map(|sum| sum["reason"].clone()).collect();
    assert!(reasons.contains(&"snoozed".into()) && reasons.contains(&"free".into()), "{told}");
}

struct Power {
    on_battery: bool,
}

#[zbus::interface(name = "org.freedesktop.UPower")]
impl Power {
    #[zbus(property)]
    fn on_battery(&self) -> bool {
        self.on_battery
    }
}

/// A system bus of the test's own, with a battery on it.
async fn bus(folder: &Path) -> Option<(Child, String, zbus::Connection)> {
    let address = format!("unix:path={}", folder.display());
    let daemon = Command::new("dbus-daemon")
        .args(["--session", "--nofork", "--nopidfile", "--address", &address])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let connection = until("the bus", LONG, async || {
        zbus::connection::Builder::address(address.as_str()).ok()?.build().await.ok()
    })
    .await;
    let power = Power { on_battery: false };
    connection.object_server().at("/org/freedesktop/UPower", power).await.expect("served");
    connection.request_name("org.freedesktop.UPower").await.expect("a name");
    Some((daemon, address, connection))
}

#[tokio::test]
async fn a_battery_that_is_pulled_freezes_and_the_owner_may_ignore_it() {
    let name = "a_battery_that_is_pulled_freezes_and_the_owner_may_ignore_it";
    let Some(scene) = Scene::open(name).await else { return };
    let Some((_daemon, address, connection)) = bus(&scene.path("bus")).await else {
        println!("SKIPPED {name}: dbus-daemon is not installed");
        return;
    };
    let power: InterfaceRef<Power> =
        connection.object_server().interface("/org/freedesktop/UPower").await.expect("served");
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let variables = [("DBUS_SYSTEM_BUS_ADDRESS", address)];
    let worker = Worker::open_as(&scene, "worker", &pool.master(), &["run"], &variables).await;
    worker.sign_in(&works.name, PASSWORD).await.ok();
    worker.call(&["start"]).await.ok();
    worker.wait_for_state("ready").await;
    let id = asks.submit("endless", endless(), &Wish::default()).await;
    asks.wait_for_running(&id, 1).await;
    let container = only_container(&worker).await;
    let mut state = power.get_mut().await;
    state.on_battery = true;
    state.on_battery_changed(power.signal_emitter()).await.expect("told");
    drop(state);
    paused(&scene.engine, &container, true).await;
    let held = worker.wait_for_state("yielding").await;
    assert_eq!(
        (held["decision"]["reason"].as_str(), held["decision"]["remedy"].as_str()),
        (Some("on_battery"), Some("plug_in")),
        "{held}"
    );
    worker.call(&["ignore-rules"]).await.ok();
    paused(&scene.engine, &container, false).await;
    worker.call(&["ignore-rules", "0"]).await.ok();
    paused(&scene.engine, &container, true).await;
    worker.call(&["stop"]).await.ok();
    worker.wait_until_clean().await;
}
