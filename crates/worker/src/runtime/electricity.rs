//! Electricity that attempts take above idle: measured with every reading of the computer, told with its price.

use super::{Shared, lock};
use crate::core::Input;
use hivemind_control::{ElectricitySum, ElectricityView, IdlePower, MetricsSample};
use hivemind_domain::energy::{Draw, Energy, Load, PROCESSOR, Tariff};
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::settings::Settings;
use hivemind_domain::task::Task;
use hivemind_domain::time::{Mono, WallMs};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::time::Duration;

/// Idle power is kept no oftener.
const KEEP: Duration = Duration::from_secs(600);
/// Thousandths of a joule in a thousandth of a watt-hour.
const MJ_IN_MWH: u64 = 3600;

/// Between two readings.
#[derive(Default)]
pub(super) struct Readout {
    last: Option<Mono>,
    kept: Option<(Mono, BTreeMap<String, f32>)>,
}

impl Readout {
    /// Takes a reading: who took how much since the one before.
    pub(super) async fn note(&mut self, shared: &Shared, sample: &MetricsSample) {
        let now = shared.ports.clock.now().mono;
        let elapsed = self.last.replace(now).map_or(Duration::ZERO, |last| now.since(last));
        let (taken, idle) = {
            let loads = loads(shared);
            let mut meter = lock(&shared.electricity);
            (meter.note(&draws(sample), &loads, elapsed), meter.idle())
        };
        if !taken.is_empty() {
            shared.tell(Input::Energy(taken)).await;
        }
        let due = self.kept.as_ref().is_none_or(|(at, kept)| now.since(*at) >= KEEP && *kept != idle);
        if due && !idle.is_empty() {
            if let Err(error) = shared.ports.journal.set_idle_power(&idle).await {
                tracing::warn!(%error, "what the computer draws while idle is not kept");
            }
            self.kept = Some((now, idle));
        }
    }
}

/// What each part draws, as far as it tells.
fn draws(sample: &MetricsSample) -> Vec<Draw> {
    let processor = sample.cpu_power_w.map(|watts| Draw {
        device: PROCESSOR.to_owned(),
        watts,
        busy_percent: Some(sample.cpu_percent),
    });
    let gpus = sample.gpus.iter().filter_map(|gpu| {
        let watts = gpu.power_w?;
        Some(Draw { device: gpu.uuid.clone(), watts, busy_percent: gpu.percent })
    });
    processor.into_iter().chain(gpus).collect()
}

/// What the attempts do whose programs run.
fn loads(shared: &Shared) -> Vec<Load> {
    let snapshot = shared.snapshots.borrow();
    let whole = (snapshot.host.cpu_cores.max(1) * 1000) as f32;
    // A frozen one computes nothing, and its time is not counted.
    let running = snapshot
        .tasks
        .iter()
        .filter(|task| task.phase == "running" && task.ended_at_ms.is_none() && !task.frozen);
    running
        .filter_map(|task| {
            let key = TaskKey { task: TaskId::new(task.task_id.clone()).ok()?, attempt: task.attempt };
            let cpu_percent = task.cpu_percent * task.cpu_millis as f32 / whole;
            Some(Load { key, cpu_percent, gpus: task.gpus.clone() })
        })
        .collect()
}

/// What is known of the electricity of attempts, and what it costs.
pub(super) struct Bill {
    zone: TimeZone,
    tariff: Tariff,
}

impl Bill {
    pub(super) fn new(settings: &Settings, zone: TimeZone) -> Self {
        Self { zone, tariff: settings.tariff() }
    }

    /// Energy and cost of one attempt, in thousandths of a joule and millionths of the currency. The price is that of
    /// the middle of the time in which it ran.
    pub(super) fn of(&self, task: &Task) -> Option<(Energy, Option<u64>)> {
        let energy = task.usage.known_energy()?;
        let (from, to) = (task.started_at?, task.ended_at?);
        let middle = WallMs(from.0.saturating_add(to.0.saturating_sub(from.0) / 2));
        let cost = self.tariff.at(&self.zone, middle).map(|price| price.cost_micros(energy.mj()));
        Some((energy, cost))
    }

    /// The same as it is shown: thousandths of a watt-hour, and the cost.
    pub(super) fn shown(&self, task: &Task) -> (Option<u64>, Option<u64>) {
        let bill = self.of(task);
        (bill.map(|(energy, _)| energy.mj() / MJ_IN_MWH), bill.and_then(|(_, cost)| cost))
    }
}

/// Energy and cost of several attempts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    tasks: u32,
    known: u32,
    energy: Energy,
    /// For which those ran that are known.
    active_ms: u64,
    cost_micros: Option<u64>,
}

impl Sum {
    pub(super) fn add(&mut self, bill: &Bill, task: &Task) {
        self.tasks += 1;
        let Some((energy, cost)) = bill.of(task) else { return };
        // A sum that leaves one out would be too small.
        self.cost_micros = match self.known {
            0 => cost,
            _ => self.cost_micros.zip(cost).map(|(sum, cost)| sum.saturating_add(cost)),
        };
        self.known += 1;
        self.active_ms = self.active_ms.saturating_add(task.usage.active_ms);
        self.energy.add(energy);
    }

    /// Energy of all attempts in thousandths of a joule, where those that are known stand for the others by the time for
    /// which they ran.
    pub(super) fn of_all(&self, active_ms: u64) -> Option<f64> {
        let known = self.active_ms;
        (known > 0).then(|| self.energy.mj() as f64 * (active_ms as f64 / known as f64))
    }

    /// Whether anything of it is known.
    pub(super) fn is_known(&self) -> bool {
        self.known > 0
    }

    pub(super) fn view(&self) -> ElectricitySum {
        ElectricitySum {
            known_tasks: self.known,
            tasks: self.tasks,
            cpu_mwh: self.energy.cpu_mj / MJ_IN_MWH,
            gpu_mwh: self.energy.gpu_mj / MJ_IN_MWH,
            cost_micros: self.cost_micros,
        }
    }
}

/// What is told about the electricity of a period.
pub(super) fn view(shared: &Shared, sum: &Sum) -> ElectricityView {
    let (sample, readings) = {
        let readings = lock(&shared.readings);
        (readings.latest(), readings.taken())
    };
    let meter = lock(&shared.electricity);
    let processor = if meter.idle_of(PROCESSOR).is_some() && sample.cpu_power_w.is_some() {
        ""
    } else if sample.cpu_power_denied {
        "no_permission"
    } else if sample.cpu_power_w.is_some() || readings < 2 {
        // The first reading of a counter says nothing yet.
        "learning"
    } else {
        "no_sensor"
    };
    let why_gpu = |gpu: &hivemind_control::GpuUse| match (gpu.power_w, meter.idle_of(&gpu.uuid)) {
        (None, _) => "no_sensor",
        (Some(_), None) => "learning",
        (Some(_), Some(_)) => "",
    };
    let named = |device: &str| match device {
        PROCESSOR => Some(PROCESSOR.to_owned()),
        uuid => sample.gpus.iter().find(|gpu| gpu.uuid == uuid).map(|gpu| gpu.name.clone()),
    };
    let idle = meter.idle().into_iter().filter_map(|(device, watts)| {
        Some(IdlePower { device: named(&device)?, milliwatts: (watts * 1000.0).round() as u64 })
    });
    ElectricityView {
        sum: sum.view(),
        currency: shared.ports.settings.current().text("electricity_currency").to_owned(),
        processor: processor.to_owned(),
        gpus: sample.gpus.iter().map(why_gpu).max().unwrap_or_default().to_owned(),
        idle: idle.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::settings::Source;

    fn attempt(energy_mj: u64, known_ms: u64, ended: &str) -> Task {
        let mut task = Task::accept(hivemind_testkit::assigned("t").assignment, WallMs(0));
        let ended = WallMs::parse(ended).unwrap();
        task.started_at = Some(WallMs(ended.0 - 60_000));
        task.ended_at = Some(ended);
        task.usage.active_ms = 60_000;
        task.usage.energy = Energy { cpu_mj: energy_mj, gpu_mj: 0, known_ms };
        task
    }

    fn bill(pairs: &[(&str, &str)]) -> Bill {
        let mut settings = Settings::default();
        for (key, value) in pairs {
            settings.apply(key, value, Source::File).unwrap();
        }
        Bill::new(&settings, TimeZone::UTC)
    }

    const KWH: u64 = 3_600_000_000;

    #[test]
    fn a_kilowatt_hour_costs_what_it_costs_at_that_hour() {
        let bill = bill(&[
            ("electricity_price", "0.40"),
            ("electricity_cheap_price", "0.10"),
            ("electricity_cheap_hours", "daily 22:00-06:00"),
        ]);
        let day = attempt(KWH, 60_000, "2026-11-23T12:00:00Z");
        let night = attempt(KWH / 2, 58_000, "2026-11-23T22:00:40Z");
        assert_eq!(bill.shown(&day), (Some(1_000_000), Some(400_000)));
        assert_eq!(bill.shown(&night), (Some(500_000), Some(50_000)), "the middle of it was cheap");
        let mut sum = Sum::default();
        for task in [&day, &night, &attempt(KWH, 30_000, "2026-11-23T12:00:00Z")] {
            sum.add(&bill, task);
        }
        let view = sum.view();
        assert_eq!(
            (view.known_tasks, view.tasks, view.cpu_mwh),
            (2, 3, 1_500_000),
            "half known is not known"
        );
        assert_eq!(view.cost_micros, Some(450_000));
    }

    #[test]
    fn without_a_price_nothing_is_said_to_cost_nothing() {
        let only_nights =
            [("electricity_cheap_price", "0.1"), ("electricity_cheap_hours", "daily 22:00-06:00")];
        for bill in [bill(&[]), bill(&only_nights)] {
            let mut sum = Sum::default();
            sum.add(&bill, &attempt(KWH, 60_000, "2026-11-23T12:00:00Z"));
            sum.add(&bill, &attempt(KWH, 60_000, "2026-11-23T23:00:00Z"));
            assert_eq!((sum.view().cost_micros, sum.view().cpu_mwh), (None, 2_000_000));
        }
    }

    #[test]
    fn what_is_known_stands_for_what_is_not_by_its_time() {
        let bill = bill(&[("electricity_price", "1")]);
        let mut sum = Sum::default();
        assert!(sum.of_all(1000).is_none());
        sum.add(&bill, &attempt(KWH, 60_000, "2026-11-23T12:00:00Z"));
        assert_eq!(sum.of_all(180_000), Some(3.0 * KWH as f64));
    }
}
