//! Electricity that tasks take above what the computer draws anyway, and what it costs.
//!
//! A part of the computer (the processor, each GPU) has a power while nothing of ours runs on it and hardly anything
//! else does: its idle power, the median of the last such readings. What it draws above that while a task runs is
//! shared out. Of the processor a task gets as much as it had of the time in which the processor was busy, so that the
//! owner's own programs are not billed to it; a GPU belongs to the tasks that hold it.

use crate::ids::TaskKey;
use crate::rules::Schedule;
use crate::time::WallMs;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// The processor's name among the devices; GPUs are named by their driver's identifiers.
pub const PROCESSOR: &str = "cpu";
/// Readings of an idle device that are looked back at.
const READINGS: usize = 31;
/// As many of them say what its idle power is.
const LEAST_READINGS: usize = 3;
/// Busy by no more than this, in percent, a device is idle.
const IDLE_PERCENT: f32 = 10.0;
/// Readings after work that do not count as idle yet: clocks and fans take a while to come to rest.
const SETTLING: u32 = 2;
/// Readings further apart say nothing about the time between: the computer slept.
const LONGEST: Duration = Duration::from_secs(60);
/// More than any part of a computer draws, in watts.
const MOST_WATTS: f32 = 5_000.0;
/// Devices that are kept.
const MOST_DEVICES: usize = 65;

/// What one part of the computer drew on average since the reading before.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// [`PROCESSOR`] or a GPU's identifier.
    pub device: String,
    /// Watts.
    pub watts: f32,
    /// How busy it was by all programs together, in percent, where that is known.
    pub busy_percent: Option<f32>,
}

/// What one task did meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Which.
    pub key: TaskKey,
    /// Of all processors together, in percent.
    pub cpu_percent: f32,
    /// The GPUs that it holds.
    pub gpus: Vec<String>,
}

/// Energy above idle, in thousandths of a joule: 3.6 × 10⁹ are a kilowatt-hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Energy {
    /// Of the processor.
    pub cpu_mj: u64,
    /// Of GPUs.
    pub gpu_mj: u64,
    /// Time for which all of it is known, in milliseconds.
    pub known_ms: u64,
}

impl Energy {
    /// Of everything together.
    #[must_use]
    pub fn mj(&self) -> u64 {
        self.cpu_mj.saturating_add(self.gpu_mj)
    }

    /// Adds more of it.
    pub fn add(&mut self, more: Self) {
        self.cpu_mj = self.cpu_mj.saturating_add(more.cpu_mj);
        self.gpu_mj = self.gpu_mj.saturating_add(more.gpu_mj);
        self.known_ms = self.known_ms.saturating_add(more.known_ms);
    }
}

/// Knows what devices draw when idle, and shares out what they draw above.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Meter {
    /// As it was known before this start, in watts.
    kept: BTreeMap<String, f32>,
    seen: BTreeMap<String, Rest>,
    /// Tasks of the reading before: one that has begun since did not take all that time.
    present: BTreeSet<TaskKey>,
}

/// What was seen of a device at rest.
#[derive(Debug, Clone, Default, PartialEq)]
struct Rest {
    readings: VecDeque<f32>,
    /// Readings at rest in a row.
    in_a_row: u32,
}

impl Meter {
    /// Goes on with the idle power that was known before.
    #[must_use]
    pub fn knowing(kept: BTreeMap<String, f32>) -> Self {
        let mut kept = kept;
        kept.retain(|_, watts| is_power(*watts));
        while kept.len() > MOST_DEVICES {
            kept.pop_last();
        }
        Self { kept, ..Self::default() }
    }

    /// The idle power of every device for which it is known, in watts.
    #[must_use]
    pub fn idle(&self) -> BTreeMap<String, f32> {
        let mut idle = self.kept.clone();
        for (device, rest) in &self.seen {
            if let Some(watts) = median(&rest.readings) {
                idle.insert(device.clone(), watts);
            }
        }
        idle
    }

    /// The idle power of one device, in watts.
    #[must_use]
    pub fn idle_of(&self, device: &str) -> Option<f32> {
        self.seen
            .get(device)
            .and_then(|rest| median(&rest.readings))
            .or_else(|| self.kept.get(device).copied())
    }

    /// Takes a reading over `elapsed`, and gives what each task took above idle; only tasks for which all is known, and
    /// which were there at the reading before.
    pub fn note(&mut self, draws: &[Draw], tasks: &[Load], elapsed: Duration) -> Vec<(TaskKey, Energy)> {
        let now = tasks.iter().map(|task| task.key.clone()).collect();
        let before = std::mem::replace(&mut self.present, now);
        if elapsed.is_zero() || elapsed > LONGEST {
            return Vec::new();
        }
        for draw in draws.iter().filter(|draw| is_power(draw.watts)) {
            let ours = match draw.device.as_str() {
                PROCESSOR => !tasks.is_empty(),
                gpu => tasks.iter().any(|task| task.gpus.iter().any(|held| held == gpu)),
            };
            let rests = draw.busy_percent.is_some_and(|percent| percent <= IDLE_PERCENT);
            let known = self.seen.contains_key(&draw.device) || self.seen.len() < MOST_DEVICES;
            if !known {
                continue;
            }
            let seen = self.seen.entry(draw.device.clone()).or_default();
            seen.in_a_row = if !ours && rests { seen.in_a_row.saturating_add(1) } else { 0 };
            if seen.in_a_row > SETTLING {
                seen.readings.push_back(draw.watts);
                while seen.readings.len() > READINGS {
                    seen.readings.pop_front();
                }
            }
        }
        tasks
            .iter()
            .filter(|task| before.contains(&task.key))
            .filter_map(|task| Some((task.key.clone(), self.taken(draws, tasks, task, elapsed)?)))
            .collect()
    }

    /// What one task took; absent when that of one device that it uses is not known.
    fn taken(&self, draws: &[Draw], tasks: &[Load], task: &Load, elapsed: Duration) -> Option<Energy> {
        let ms = elapsed.as_secs_f64() * 1000.0;
        let above = |device: &str| {
            let draw = draws.iter().find(|draw| draw.device == device && is_power(draw.watts))?;
            let watts = f64::from((draw.watts - self.idle_of(device)?).max(0.0));
            Some((watts, draw.busy_percent))
        };
        let (watts, busy) = above(PROCESSOR)?;
        let all_tasks: f32 = tasks.iter().map(|task| percent(task.cpu_percent)).sum();
        // Readings of tasks and computer are not of the very same moment: a task never has more than all of it.
        let busy = f64::from(percent(busy?).max(all_tasks));
        let part = if busy > 0.0 { f64::from(percent(task.cpu_percent)) / busy } else { 0.0 };
        let mut gpu_mj = 0.0;
        for gpu in &task.gpus {
            let holders = tasks.iter().filter(|other| other.gpus.contains(gpu)).count().max(1);
            gpu_mj += above(gpu)?.0 * ms / holders as f64;
        }
        // A watt is a thousandth of a joule in a millisecond.
        Some(Energy {
            cpu_mj: (watts * part * ms).round() as u64,
            gpu_mj: gpu_mj.round() as u64,
            known_ms: ms.round() as u64,
        })
    }
}

fn is_power(watts: f32) -> bool {
    watts.is_finite() && (0.0..=MOST_WATTS).contains(&watts)
}

fn percent(value: f32) -> f32 {
    if value.is_finite() { value.clamp(0.0, 100.0) } else { 0.0 }
}

fn median(readings: &VecDeque<f32>) -> Option<f32> {
    if readings.len() < LEAST_READINGS {
        return None;
    }
    let mut sorted: Vec<f32> = readings.iter().copied().collect();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// A price of a kilowatt-hour, in ten-thousandths of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(u32);

impl Price {
    /// Reads `0.32`: at most 1000, with at most four decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let right = (1..=4).contains(&whole.len()) && digits(whole) && part.len() <= 4 && digits(part);
        if !right || (part.is_empty() && text.contains('.')) {
            return None;
        }
        let price: u32 = format!("{whole}{part:0<4}").parse().ok()?;
        (price <= 10_000_000).then_some(Self(price))
    }

    /// What so much energy costs, in millionths of the currency.
    #[must_use]
    pub fn cost_micros(self, mj: u64) -> u64 {
        u64::try_from(u128::from(mj) * u128::from(self.0) / 36_000_000).unwrap_or(u64::MAX)
    }
}

/// What electricity costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tariff {
    /// At any time that is not named below.
    pub price: Option<Price>,
    /// The hours in which it costs something else, and what.
    pub cheap: Option<(Schedule, Price)>,
}

impl Tariff {
    /// The mean price of so much time, in ten-thousandths of the currency; absent when that of a part is not known.
    #[must_use]
    pub fn mean(&self, zone: &TimeZone, from: WallMs, ms: u64) -> Option<f64> {
        let end = from.0.saturating_add(i64::try_from(ms).ok()?);
        let (mut at, mut sum) = (from, 0.0);
        while at.0 < end {
            let change = self.cheap.as_ref().and_then(|(hours, _)| hours.next_change(zone, at));
            let next = change.map_or(end, |change| change.0.clamp(at.0.saturating_add(1), end));
            sum += f64::from(self.at(zone, at)?.0) * (next - at.0) as f64;
            at = WallMs(next);
        }
        Some(if ms == 0 { 0.0 } else { sum / ms as f64 })
    }

    /// The price at this moment.
    #[must_use]
    pub fn at(&self, zone: &TimeZone, at: WallMs) -> Option<Price> {
        match &self.cheap {
            Some((hours, price)) if hours.is_open(zone, at) => Some(*price),
            Some(_) | None => self.price,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(task: &str) -> TaskKey {
        TaskKey { task: crate::ids::TaskId::new(task).unwrap(), attempt: 1 }
    }

    fn load(task: &str, cpu_percent: f32, gpus: &[&str]) -> Load {
        Load { key: key(task), cpu_percent, gpus: gpus.iter().map(|gpu| (*gpu).to_owned()).collect() }
    }

    fn draw(device: &str, watts: f32, busy: f32) -> Draw {
        Draw { device: device.to_owned(), watts, busy_percent: Some(busy) }
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn rested() -> Meter {
        let mut meter = Meter::default();
        // The first two are still warm.
        for watts in [90.0, 60.0, 11.0, 9.0, 10.0, 30.0, 10.0] {
            let draws = [draw(PROCESSOR, watts, 3.0), draw("GPU-1", 20.0, 0.0)];
            assert!(meter.note(&draws, &[], SECOND).is_empty());
        }
        // A night asleep says nothing about the computer awake.
        meter.note(&[draw(PROCESSOR, 0.5, 3.0)], &[], SECOND * 30_000);
        meter
    }

    /// Tasks that were there at the reading before.
    fn with(tasks: &[Load]) -> Meter {
        let mut meter = rested();
        assert!(meter.note(&[], tasks, SECOND).is_empty());
        meter
    }

    #[test]
    fn a_task_is_billed_what_is_drawn_above_idle_for_its_part_of_the_load() {
        let tasks = [load("a", 60.0, &[])];
        let mut meter = with(&tasks);
        assert_eq!(meter.idle_of(PROCESSOR), Some(10.0), "readings that are off change nothing");
        // 30 W above idle; the task has 60 of the 80 percent that are busy, the owner's programs the rest.
        let taken = meter.note(&[draw(PROCESSOR, 40.0, 80.0)], &tasks, SECOND * 2);
        let energy = Energy { cpu_mj: 45_000, gpu_mj: 0, known_ms: 2000 };
        assert_eq!(taken, [(key("a"), energy)]);
        // Two share what they did, and never more than there was.
        let tasks = [load("a", 90.0, &[]), load("b", 30.0, &[])];
        let mut meter = with(&tasks);
        let taken = meter.note(&[draw(PROCESSOR, 40.0, 80.0)], &tasks, SECOND);
        let sum: u64 = taken.iter().map(|(_, energy)| energy.mj()).sum();
        assert_eq!((taken[0].1.cpu_mj, sum), (22_500, 30_000));
        for _ in 0..9 {
            meter.note(&[draw(PROCESSOR, 40.0, 3.0)], &tasks, SECOND);
        }
        assert_eq!(meter.idle_of(PROCESSOR), Some(10.0), "what tasks draw is not idle");
    }

    #[test]
    fn a_task_that_has_begun_since_is_not_billed_the_time_before_it() {
        let (old, new) = (load("old", 40.0, &["GPU-1"]), load("new", 40.0, &[]));
        let mut meter = with(std::slice::from_ref(&old));
        let draws = [draw(PROCESSOR, 40.0, 80.0), draw("GPU-1", 50.0, 90.0)];
        let both = [old, new];
        let first = meter.note(&draws, &both, SECOND * 30);
        assert_eq!(first.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), [key("old")]);
        let second = meter.note(&draws, &both, SECOND);
        assert_eq!((second.len(), second[1].1.cpu_mj), (2, 15_000));
    }

    #[test]
    fn a_gpu_is_billed_to_who_holds_it() {
        let draws = [draw(PROCESSOR, 10.0, 1.0), draw("GPU-1", 120.0, 99.0)];
        let one = [load("a", 1.0, &["GPU-1"]), load("b", 0.0, &[])];
        let taken = with(&one).note(&draws, &one, SECOND);
        assert_eq!(taken[0].1, Energy { cpu_mj: 0, gpu_mj: 100_000, known_ms: 1000 });
        assert_eq!(taken[1].1.gpu_mj, 0);
        let both = [load("a", 1.0, &["GPU-1"]), load("b", 0.0, &["GPU-1"])];
        let taken = with(&both).note(&draws, &both, SECOND);
        assert_eq!((taken[0].1.gpu_mj, taken[1].1.gpu_mj), (50_000, 50_000));
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let task = [load("a", 50.0, &["GPU-1"])];
        let draws = [draw(PROCESSOR, 40.0, 80.0), draw("GPU-1", 90.0, 50.0)];
        let mut strange = Meter::default();
        strange.note(&draws, &task, SECOND);
        assert_eq!(strange.note(&draws, &task, SECOND), [], "what it draws when idle was never seen");
        assert_eq!(with(&task).note(&draws[..1], &task, SECOND), [], "a GPU that does not tell");
        assert_eq!(with(&task).note(&draws[1..], &task, SECOND), [], "a processor that does not tell");
        assert_eq!(with(&task).note(&draws, &task, SECOND * 3600), [], "it slept meanwhile");
        for lie in [f32::NAN, -1.0, 1e9] {
            let mut meter = with(&task);
            assert_eq!(meter.note(&[draw(PROCESSOR, lie, 5.0)], &task, SECOND), [], "{lie}");
            for _ in 0..9 {
                meter.note(&[draw(PROCESSOR, lie, 5.0)], &[], SECOND);
            }
            assert_eq!(meter.idle_of(PROCESSOR), Some(10.0));
        }
        assert_eq!(with(&task).note(&draws, &task, SECOND).len(), 1);
    }

    #[test]
    fn idle_power_is_known_after_a_restart() {
        let mut kept = rested().idle();
        kept.insert("liar".into(), f32::INFINITY);
        let mut meter = Meter::knowing(kept);
        assert_eq!((meter.idle_of(PROCESSOR), meter.idle_of("liar")), (Some(10.0), None));
        let task = [load("a", 50.0, &[])];
        meter.note(&[], &task, SECOND);
        let taken = meter.note(&[draw(PROCESSOR, 15.0, 50.0)], &task, SECOND);
        assert_eq!(taken[0].1.cpu_mj, 5000);
    }

    #[test]
    fn a_price_is_read_exactly_and_a_kilowatt_hour_costs_it() {
        let kwh = 3_600_000_000;
        for (text, micros) in [("0.32", 320_000), ("7", 7_000_000), ("0.0001", 100), ("1000", 1_000_000_000)]
        {
            assert_eq!(Price::parse(text).unwrap().cost_micros(kwh), micros, "{text}");
        }
        for wrong in ["", ".5", "0.", "-1", "+1", "1e3", "1000.0001", "0.00001", "99999", "０"] {
            assert_eq!(Price::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Price::parse("1000").unwrap().cost_micros(u64::MAX), 5_124_095_576_030_431_004);
    }

    #[test]
    fn the_mean_price_is_weighed_by_time() {
        let night = Schedule::parse("daily 22:00-06:00").unwrap().unwrap();
        let price = |text| Price::parse(text);
        let tariff = Tariff { price: price("0.40"), cheap: Some((night, price("0.10").unwrap())) };
        let from = WallMs::parse("2026-11-23T21:00:00Z").unwrap();
        let mean = |tariff: &Tariff, hours: u64| tariff.mean(&TimeZone::UTC, from, hours * 3_600_000);
        assert_eq!([1, 2, 3].map(|hours| mean(&tariff, hours)), [Some(4000.0), Some(2500.0), Some(2000.0)]);
        let only_nights = Tariff { price: None, ..tariff };
        assert_eq!(mean(&only_nights, 1), None);
    }

    #[test]
    fn the_price_of_an_hour_is_the_tariffs() {
        let night = Schedule::parse("daily 22:00-06:00").unwrap().unwrap();
        let price = |text| Price::parse(text);
        let tariff = Tariff { price: price("0.40"), cheap: Some((night, price("0.25").unwrap())) };
        let at = |text: &str| tariff.at(&TimeZone::UTC, WallMs::parse(text).unwrap());
        assert_eq!(at("2026-11-23T23:00:00Z"), price("0.25"));
        assert_eq!(at("2026-11-23T06:00:00Z"), price("0.40"));
        assert_eq!(Tariff::default().at(&TimeZone::UTC, WallMs(0)), None);
    }
}
