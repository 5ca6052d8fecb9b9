//! Temperature of the processor, as the kernel's drivers tell it.

use super::Teller;
use hivemind_domain::rules::{self, Sensed, Signal, Stuck};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is read.
const LOOK: Duration = Duration::from_secs(10);
/// How often a sensor is looked for where there is none.
const SEARCH: Duration = Duration::from_secs(600);
/// Drivers of processors' sensors.
const CHIPS: [&str; 6] = ["coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "via_cputemp"];
const ZONES: [&str; 4] = ["x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc_thermal"];
/// Files that are read at most.
const MOST: usize = 256;
/// A sensor that shows the very same while the processor worked hard for so many readings, and rested for as many, is
/// stuck.
const STUCK: u32 = 12;

/// Tells the hottest reading.
pub(super) async fn watch(sys: &Path, proc: &Path, mut teller: Teller) {
    let mut stuck = Stuck::after(STUCK);
    let mut load = Load::default();
    loop {
        let files = files(sys);
        if files.is_empty() {
            if teller.knows() {
                teller.tell(Sensed::CpuCelsius(Signal::Absent)).await;
            }
            tokio::time::sleep(SEARCH).await;
            continue;
        }
        let signal = match hottest(&files) {
            None => Signal::Unreadable,
            Some(celsius) if stuck.is(celsius, load.read(proc)) => {
                tracing::warn!(celsius, "the processor's temperature is stuck");
                // No number: it is ignored, and named.
                Signal::Value(f32::NAN)
            }
            Some(celsius) => Signal::Value(celsius),
        };
        teller.tell(Sensed::CpuCelsius(signal)).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// The files that tell temperatures of processors.
fn files(sys: &Path) -> Vec<PathBuf> {
    let named = |folder: &Path, file: &str, names: &[&str]| {
        std::fs::read_to_string(folder.join(file)).is_ok_and(|name| names.contains(&name.trim()))
    };
    let inside = |folder: PathBuf| -> Vec<PathBuf> {
        let listed = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MOST);
        let mut paths: Vec<PathBuf> = listed.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let mut found = Vec::new();
    for chip in inside(sys.join("class/hwmon")).into_iter().filter(|chip| named(chip, "name", &CHIPS)) {
        found.extend(inside(chip).into_iter().filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("temp") && name.ends_with("_input")
        }));
    }
    if found.is_empty() {
        let zones = inside(sys.join("class/thermal")).into_iter().filter(|zone| named(zone, "type", &ZONES));
        found.extend(zones.map(|zone| zone.join("temp")));
    }
    found.truncate(MOST);
    found
}

/// In degrees Celsius.
fn hottest(files: &[PathBuf]) -> Option<f32> {
    let read = |path: &PathBuf| std::fs::read_to_string(path).ok()?.trim().parse::<i64>().ok();
    let all: Vec<f32> = files.iter().filter_map(read).map(|milli| milli as f32 / 1000.0).collect();
    rules::hottest(&all)
}

/// Load of the processor between two readings, in percent.
#[derive(Debug, Default)]
struct Load(Option<(u64, u64)>);

impl Load {
    fn read(&mut self, proc: &Path) -> Option<f32> {
        let text = std::fs::read_to_string(proc.join("stat")).ok()?;
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_ascii_whitespace().filter_map(|n| n.parse().ok()).collect();
        let whole = ticks.iter().take(8).sum::<u64>();
        let idle = ticks.get(3)?.saturating_add(*ticks.get(4)?);
        let (last_whole, last_idle) = self.0.replace((whole, idle))?;
        let (passed, rested) = (whole.checked_sub(last_whole)?, idle.checked_sub(last_idle)?);
        (passed > 0).then(|| 100.0 - 100.0 * rested as f32 / passed as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(sys: &Path, at: &str, name: &str, temps: &[&str]) {
        let folder = sys.join("class").join(at);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("name"), name).unwrap();
        for (number, temp) in temps.iter().enumerate() {
            std::fs::write(folder.join(format!("temp{number}_input")), temp).unwrap();
        }
    }

    #[test]
    fn the_hottest_processor_counts_and_disks_do_not() {
        let sys = tempfile::tempdir().unwrap();
        assert_eq!(files(sys.path()), Vec::<PathBuf>::new());
        chip(sys.path(), "hwmon/hwmon0", "nvme\n", &["99000\n"]);
        chip(sys.path(), "hwmon/hwmon1", "coretemp\n", &["45000\n", "61500\n", "-1\n", "1000000000\n"]);
        assert_eq!(hottest(&files(sys.path())), Some(61.5));
    }

    #[test]
    fn a_sensor_that_only_lies_is_told_as_it_is_so_that_it_can_be_named() {
        let sys = tempfile::tempdir().unwrap();
        chip(sys.path(), "hwmon/hwmon1", "k10temp\n", &["0\n"]);
        assert_eq!(hottest(&files(sys.path())), Some(0.0));
        std::fs::write(sys.path().join("class/hwmon/hwmon1/temp0_input"), "hot").unwrap();
        assert_eq!(hottest(&files(sys.path())), None, "it exists and cannot be read");
    }

    #[test]
    fn zones_are_read_where_no_chip_tells() {
        let sys = tempfile::tempdir().unwrap();
        let zone = sys.path().join("class/thermal/thermal_zone1");
        std::fs::create_dir_all(&zone).unwrap();
        std::fs::write(zone.join("type"), "x86_pkg_temp\n").unwrap();
        std::fs::write(zone.join("temp"), "55000\n").unwrap();
        assert_eq!(hottest(&files(sys.path())), Some(55.0));
    }

    #[test]
    fn the_load_is_read_from_the_kernels_counts() {
        let proc = tempfile::tempdir().unwrap();
        let mut load = Load::default();
        let mut at = |line: &str| {
            std::fs::write(proc.path().join("stat"), line).unwrap();
            load.read(proc.path())
        };
        assert_eq!(at("cpu  100 0 100 800 0 0 0 0 0 0\n"), None);
        assert_eq!(at("cpu  190 0 100 810 0 0 0 0 0 0\n"), Some(90.0));
        assert_eq!(at("nonsense"), None);
    }
}
