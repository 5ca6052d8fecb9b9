//! Looks at the computer: every 2 s while somebody watches or a task runs, else as often as the pool is told.

use super::benchmark::Bench;
use super::electricity::Readout;
use super::{Shared, debug, lock, room, trend};
use crate::core::Input;
use crate::port::Host;
use hivemind_control::{Event, MetricsSample, MetricsView};
use hivemind_domain::alert::{Alarm, Gauge, HostWatch};
use hivemind_domain::resources::{GIB, MIB};
use hivemind_domain::rules::{self, Sensed, Signal, Stuck};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const OFTEN: Duration = Duration::from_secs(2);
const SELDOM: Duration = Duration::from_secs(30);
/// How often this computer's parts are looked at: GPUs come and go.
const COMPUTER: Duration = Duration::from_secs(300);
/// A GPU that shows the very same for so many readings of hard work and as many of rest has a stuck sensor. It tells
/// whole degrees, so that it takes longer to be sure.
const GPU_STUCK: u32 = 60;
/// A minute of readings.
const KEPT: usize = 31;
/// Free room on the disk under which no work is taken, and from which it is again.
const DISK_LOW: u64 = GIB;
const DISK_ENOUGH: u64 = 2 * GIB;
/// In such steps free room is told to the rules.
const DISK_STEP: u64 = 64 * MIB;

/// What was seen lately.
#[derive(Default)]
pub(super) struct Readings {
    pub(super) hostname: String,
    pub(super) gpu_note: String,
    samples: VecDeque<MetricsSample>,
    disk_low: bool,
    /// Free room as it was told last, in steps.
    disk_steps: Option<u64>,
    /// Bytes that pool and engine had moved for work.
    moved: [u64; 2],
    watch: HostWatch,
    gpu_stuck: BTreeMap<String, Stuck>,
    gpu_heat: Option<Signal<f32>>,
}

impl Readings {
    /// The last minute.
    pub(super) fn view(&self) -> MetricsView {
        MetricsView { samples: self.samples.iter().cloned().collect(), ..MetricsView::default() }
    }

    /// How many readings of the last minute there are.
    pub(super) fn taken(&self) -> usize {
        self.samples.len()
    }

    /// The newest reading.
    pub(super) fn latest(&self) -> MetricsSample {
        self.samples.back().cloned().unwrap_or_default()
    }
}

/// Runs until it is dropped.
pub(super) async fn run(shared: Arc<Shared>) {
    let host = Arc::clone(&shared.ports.host);
    let named = tokio::task::spawn_blocking(move || (host.hostname(), host.gpu_note())).await;
    if let Ok((hostname, gpu_note)) = named {
        let mut readings = lock(&shared.readings);
        readings.hostname = hostname;
        readings.gpu_note = gpu_note;
    }
    shared.tell(Input::Tick).await;
    let mut watchers = shared.snapshots.subscribe();
    let mut looked = shared.ports.clock.now().mono;
    let mut zone = shared.ports.zone.present();
    let mut daily = debug::Daily::default();
    let mut bench = Bench::default();
    let mut electricity = Readout::default();
    loop {
        let sample = look(&shared).await;
        electricity.note(&shared, &sample).await;
        bench.look(&shared, &sample).await;
        daily.sweep_when_due(&shared).await;
        let now = shared.ports.clock.now().mono;
        let elsewhere = shared.ports.zone.present() != zone;
        if elsewhere || now.since(looked) >= COMPUTER {
            (looked, zone) = (now, shared.ports.zone.present());
            room::look_again(&shared).await;
        }
        let busy = shared.events.receiver_count() > 0 || shared.snapshots.borrow().status.running_tasks > 0;
        if busy {
            tokio::time::sleep(OFTEN).await;
        } else {
            // A new subscriber makes itself known by the snapshot it asks for; state changes wake this too.
            tokio::select! {
                () = tokio::time::sleep(SELDOM) => {}
                _ = watchers.changed() => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

/// One reading, kept and told.
pub(super) async fn look(shared: &Arc<Shared>) -> MetricsSample {
    let host: Arc<dyn Host> = Arc::clone(&shared.ports.host);
    let Ok(mut sample) = tokio::task::spawn_blocking(move || host.sample()).await else {
        return MetricsSample::default();
    };
    {
        let snapshot = shared.snapshots.borrow();
        let cores = (snapshot.host.cpu_cores.max(1) * 1000) as f32;
        for task in &snapshot.tasks {
            sample.tasks_cpu_percent += task.cpu_percent * task.cpu_millis as f32 / cores;
            sample.tasks_memory_bytes += task.memory_used_bytes;
        }
    }
    let free = sample.disk_total_bytes.saturating_sub(sample.disk_used_bytes);
    let changed = {
        let mut readings = lock(&shared.readings);
        readings.samples.push_back(sample.clone());
        while readings.samples.len() > KEPT {
            readings.samples.pop_front();
        }
        let low =
            sample.disk_total_bytes > 0 && free < if readings.disk_low { DISK_ENOUGH } else { DISK_LOW };
        let changed = low != readings.disk_low;
        readings.disk_low = low;
        let steps = (sample.disk_total_bytes > 0).then_some(free / DISK_STEP);
        let other = steps != readings.disk_steps;
        readings.disk_steps = steps;
        (changed.then_some(low), other.then_some(steps))
    };
    if let Some(low) = changed.0 {
        shared.tell(Input::DiskLow(low)).await;
    }
    if let Some(steps) = changed.1 {
        let room = steps.map_or(Signal::Absent, |steps| Signal::Value(steps * DISK_STEP));
        shared.tell(Input::Sensed(Sensed::DiskFree(room), shared.ports.clock.now().mono)).await;
    }
    let moved = moved(shared);
    if moved > 0 {
        shared.tell(Input::Moved(moved)).await;
    }
    let heat = gpu_heat(&mut lock(&shared.readings), &sample);
    if let Some(heat) = heat {
        let sensed = Input::Sensed(Sensed::GpuCelsius(heat), shared.ports.clock.now().mono);
        shared.tell(sensed).await;
    }
    for alarm in alarms(shared, &sample) {
        shared.tell(Input::Alarm(alarm)).await;
    }
    let load = hivemind_domain::priority::owner_load(sample.cpu_percent, sample.tasks_cpu_percent);
    shared.tell(Input::OwnerLoad(load)).await;
    let lent = shared.snapshots.borrow().limits.granted_gpus > 0;
    if lent {
        let host: Arc<dyn Host> = Arc::clone(&shared.ports.host);
        if let Ok(Some(used)) = tokio::task::spawn_blocking(move || host.gpu_containers()).await {
            shared.tell(Input::GpuUse(used)).await;
        }
    }
    trend::note(shared, &sample).await;
    let _ = shared.events.send(Event::Metrics(sample.clone()));
    sample
}

/// Bytes that work has moved over the network since this was asked last.
pub(super) fn moved(shared: &Shared) -> u64 {
    let now = [shared.ports.pool.moved_bytes(), shared.ports.engine.moved_bytes()];
    let mut readings = lock(&shared.readings);
    let since = |(now, then): (u64, u64)| if now >= then { now - then } else { now };
    let more = now.into_iter().zip(readings.moved).map(since).fold(0, u64::saturating_add);
    readings.moved = now;
    more
}

/// Temperature of the hottest GPU, when it has changed. One that is stuck counts as no reading that can be true.
fn gpu_heat(readings: &mut Readings, sample: &MetricsSample) -> Option<Signal<f32>> {
    let told: Vec<f32> = sample
        .gpus
        .iter()
        .filter_map(|gpu| {
            let celsius = gpu.temperature_c?;
            let stuck = readings.gpu_stuck.entry(gpu.uuid.clone()).or_insert_with(|| Stuck::after(GPU_STUCK));
            Some(if stuck.is(celsius, gpu.percent) { f32::NAN } else { celsius })
        })
        .collect();
    // A driver that tells no temperature is a computer without that sensor.
    let heat = rules::hottest(&told).map_or(Signal::Absent, Signal::Value);
    let same = |known: &Signal<f32>| match (known, &heat) {
        (Signal::Value(a), Signal::Value(b)) => a.to_bits() == b.to_bits(),
        (Signal::Absent, Signal::Absent) => true,
        (Signal::Value(_) | Signal::Absent | Signal::Unreadable, _) => false,
    };
    if readings.gpu_heat.as_ref().is_some_and(same) || (readings.gpu_heat.is_none() && told.is_empty()) {
        return None;
    }
    readings.gpu_heat = Some(heat);
    Some(heat)
}

/// Compares a reading with the owner's thresholds; gives what changed.
fn alarms(shared: &Shared, sample: &MetricsSample) -> Vec<Alarm> {
    let now = shared.ports.clock.now().mono;
    let settings = shared.ports.settings.current();
    let share = |part: u64, whole: u64| (whole > 0).then(|| (100.0 * part as f64 / whole as f64) as f32);
    let hottest = sample.gpus.iter().filter_map(|gpu| gpu.temperature_c).reduce(f32::max);
    let mut readings = lock(&shared.readings);
    let mut read = |gauge: Gauge| {
        let value = match gauge {
            Gauge::Cpu => Some(sample.cpu_percent),
            Gauge::Memory => share(sample.memory_used_bytes, sample.memory_total_bytes),
            Gauge::Disk => share(sample.disk_used_bytes, sample.disk_total_bytes),
            Gauge::Temperature => hottest,
        };
        readings.watch.read(gauge, value, settings.integer(gauge.setting()), now)
    };
    Gauge::ALL.into_iter().filter_map(&mut read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_control::GpuUse;

    fn sample(gpus: &[(Option<f32>, f32)]) -> MetricsSample {
        let gpu = |(n, (celsius, load)): (usize, &(Option<f32>, f32))| GpuUse {
            uuid: format!("GPU-{n}"),
            temperature_c: *celsius,
            percent: Some(*load),
            ..GpuUse::default()
        };
        MetricsSample { gpus: gpus.iter().enumerate().map(gpu).collect(), ..MetricsSample::default() }
    }

    #[test]
    fn the_hottest_gpu_is_told_once_and_one_that_lies_hides_no_other() {
        let mut readings = Readings::default();
        let mut heat = |gpus: &[(Option<f32>, f32)]| gpu_heat(&mut readings, &sample(gpus));
        assert_eq!(heat(&[]), None, "no GPU, no news");
        assert_eq!(heat(&[(Some(60.0), 5.0), (Some(71.0), 5.0)]), Some(Signal::Value(71.0)));
        assert_eq!(heat(&[(Some(71.0), 5.0), (Some(60.0), 5.0)]), None);
        assert_eq!(heat(&[(Some(1e9), 5.0), (Some(62.0), 5.0)]), Some(Signal::Value(62.0)));
        assert_eq!(heat(&[(Some(0.0), 5.0)]), Some(Signal::Value(0.0)), "told as it is, to be named");
        assert_eq!(heat(&[(None, 5.0)]), Some(Signal::Absent));
        assert_eq!(heat(&[(None, 5.0)]), None);
    }

    #[test]
    fn a_gpu_whose_sensor_is_stuck_is_told_as_no_number() {
        let mut readings = Readings::default();
        let mut last = None;
        for load in std::iter::repeat_n(95.0, 60).chain(std::iter::repeat_n(2.0, 60)) {
            last = gpu_heat(&mut readings, &sample(&[(Some(64.0), load)])).or(last);
        }
        assert!(matches!(last, Some(Signal::Value(c)) if c.is_nan()), "{last:?}");
    }
}
