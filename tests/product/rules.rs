//! Giving way, with the real program and a real engine: containers stand still and go on.

use crate::engine::Engine;
use crate::gpu_engine::GpuEngine;
use crate::load::{Load, becomes_quiet};
use crate::nvml;
use crate::package::{endless, zipped};
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::{PASSWORD, Wish};
use crate::scene::Scene;
use crate::worker::Worker;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use zbus::object_server::InterfaceRef;

pub async fn paused(engine: &Engine, container: &str, wanted: bool) {
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

/// Takes so many seconds to end once it is told to.
fn ending_in(seconds: u32) -> Vec<u8> {
    let program = format!(
        r"
import os, signal, time
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
print(os.environ['NVIDIA_VISIBLE_DEVICES'], flush=True)
while not told:
    time.sleep(0.1)
time.sleep({seconds})
print('tidied up', flush=True)
"
    );
    zipped(&[("main.py", &program)])
}

/// A frozen program would keep the GPU's memory. The GPUs are the driver's stand-in's, and the engine says that it can
/// give them; containers and signals are real.
#[tokio::test]
async fn tasks_with_gpus_get_ten_seconds_and_are_handed_back_while_others_are_frozen() {
    const GRACE: Duration = Duration::from_secs(10);
    let name = "tasks_with_gpus_get_ten_seconds_and_are_handed_back_while_others_are_frozen";
    let Some(scene) = Scene::open(name).await else { return };
    let (Some(library), Some((_daemon, address, connection))) =
        (nvml::stub(&scene), bus(&scene.path("bus")).await)
    else {
        println!("SKIPPED {name}: gcc or dbus-daemon is not installed");
        return;
    };
    let power: InterfaceRef<Power> =
        connection.object_server().interface("/org/freedesktop/UPower").await.expect("served");
    let engine = GpuEngine::before(&scene.engine.address, &scene.path("engine.sock"));
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let variables = [
        ("DBUS_SYSTEM_BUS_ADDRESS", address),
        ("STUB_GPUS", "2".to_owned()),
        ("DOCKER_HOST", engine.address.clone()),
    ];
    let mut worker = Worker::open_as(&scene, "worker", &pool.master(), &["run"], &variables).await;
    worker.call(&["settings", "set", "nvml_library", &library]).await.ok();
    // A computer that nobody knows yet is trusted with GPUs only where its owner says so.
    let policy = worker.call(&["settings", "policy"]).await.ok();
    let (text, path) = (policy["text"].as_str().expect("a table"), policy["path"].as_str().expect("a place"));
    std::fs::write(path, text.replacen("gpus = 0", "gpus = 1", 1)).expect("written");
    worker.end().await;
    worker.start().await;
    worker.sign_in(&works.name, PASSWORD).await.ok();
    worker.call(&["start"]).await.ok();
    worker.wait_for_state("ready").await;

    let plain = asks.submit("plain", endless(), &Wish::default()).await;
    asks.wait_for_running(&plain, 1).await;
    let container = only_container(&worker).await;
    let wish = || Wish { gpu: true, ..Wish::default() };
    let mut given = Vec::new();
    for (name, ends_in, gpu) in [("tidy", 3, "GPU-stub-1"), ("deaf", 600, "GPU-stub-0")] {
        let id = asks.submit(name, ending_in(ends_in), &wish()).await;
        until("it has its GPU", LONG, async || (asks.log(&id).await == [gpu]).then_some(())).await;
        given.push(id);
    }
    let [tidy, deaf] = <[_; 2]>::try_from(given).expect("two");
    assert_eq!(engine.wishes(), [serde_json::json!(["GPU-stub-1"]), serde_json::json!(["GPU-stub-0"])]);

    let pulled = Instant::now();
    let mut state = power.get_mut().await;
    state.on_battery = true;
    state.on_battery_changed(power.signal_emitter()).await.expect("told");
    drop(state);
    paused(&scene.engine, &container, true).await;
    for (id, least, most) in
        [(&tidy, Duration::from_secs(3), GRACE + GRACE), (&deaf, GRACE, GRACE + Duration::from_secs(20))]
    {
        let record = worker.closed(id, 1).await;
        let took = pulled.elapsed();
        assert_eq!(record["phase"], "handed_back", "{record}");
        assert!((least..most).contains(&took), "{took:?}, {record}");
        asks.wait_for(id, "is queued again", |task| task["state"] == "queued").await;
    }
    assert!(asks.log(&tidy).await.contains(&"tidied up".to_owned()), "{:?}", asks.log(&tidy).await);
    assert!(!asks.log(&deaf).await.contains(&"tidied up".to_owned()));
    paused(&scene.engine, &container, true).await;
    assert_eq!(worker.containers().await, [container.as_str()], "nothing else is left");

    worker.call(&["ignore-rules"]).await.ok();
    paused(&scene.engine, &container, false).await;
    worker.call(&["stop"]).await.ok();
    worker.wait_until_clean().await;
}

/// Keeps so many cores busy for good.
fn spinning(cores: usize) -> Vec<u8> {
    let program =
        format!("import os\nfor _ in range({cores} - 1):\n    if not os.fork(): break\nwhile True: pass\n");
    zipped(&[("main.py", &program)])
}

/// Nothing else may compute meanwhile: nextest runs this one alone.
#[tokio::test]
async fn a_container_that_takes_all_cores_is_nobody_else() {
    const LONG_ENOUGH: Duration = Duration::from_secs(40);
    let name = "a_container_that_takes_all_cores_is_nobody_else";
    let Some(scene) = Scene::open(name).await else { return };
    let cores = std::thread::available_parallelism().expect("processors").get();
    if !becomes_quiet().await {
        println!("SKIPPED {name}: somebody else computes on this computer all the while");
        return;
    }
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let variables = [("MAX_CPU_CORES", cores.to_string())];
    let worker = Worker::open_as(&scene, "worker", &pool.master(), &["run"], &variables).await;
    worker.call(&["settings", "set", "away_cpu_percent", "100"]).await.ok();
    worker.sign_in(&works.name, PASSWORD).await.ok();
    worker.call(&["start"]).await.ok();
    worker.wait_for_state("ready").await;
    let wish = Wish { cpu_cores: cores.to_string().leak(), ..Wish::default() };
    let id = asks.submit("spins", spinning(cores), &wish).await;
    asks.wait_for_running(&id, 1).await;
    let container = only_container(&worker).await;
    worker.call(&["settings", "set", "busy_percent", "50"]).await.ok();
    let load = Load::begin(&scene.engine, &container, cores).await;
    while load.elapsed() < LONG_ENOUGH {
        let snapshot = worker.snapshot().await;
        let (decision, status) = (&snapshot["decision"], &snapshot["status"]);
        if decision["all"].as_array().expect("reasons").contains(&"others_busy".into()) {
            let (ours, computer) = load.so_far().await;
            // Somebody else began to compute: the worker is right, and nothing is shown about our own container.
            assert!(computer.saturating_sub(ours) > 35, "{decision}, at {ours} % of {computer} %");
            println!("SKIPPED {name}: somebody else took {} % of the computer", computer - ours);
            worker.call(&["stop"]).await.ok();
            return worker.wait_until_clean().await;
        }
        assert_eq!(status["state"], "earning", "{status}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (ours, computer) = load.so_far().await;
    println!("the container took {ours} % of a computer that was {computer} % busy");
    assert!(ours >= 80 && computer >= 90, "too little to show anything: {ours} % of {computer} %");

    // The same from a program that is none of our containers.
    let mut others: Vec<_> = (0..cores)
        .map(|_| {
            let mut program = Command::new("sh");
            program.args(["-c", "while :; do :; done"]).kill_on_drop(true).spawn().expect("a program")
        })
        .collect();
    let begun = Instant::now();
    let told = until("it gives way to others", LONG, async || {
        let snapshot = worker.snapshot().await;
        (snapshot["decision"]["reason"] == "others_busy").then_some(snapshot)
    })
    .await;
    println!("it gave way after {:?}", begun.elapsed());
    assert_eq!(told["status"]["state"], "yielding", "{told}");
    paused(&scene.engine, &container, true).await;
    let said = worker.told(&["status"]).await;
    assert!(said.starts_with("Paused — other programs keep the computer busy\n"), "{said}");
    for other in &mut others {
        other.kill().await.expect("ended");
    }
    worker.call(&["stop"]).await.ok();
    worker.wait_until_clean().await;
}
