//! Temperatures and load as the Linux kernel's drivers tell them.

use super::super::Teller;
use super::{Judge, LOOK, SEARCH, Ticks};
use hivemind_domain::rules::{self, Sensed, Signal};
use std::path::{Path, PathBuf};

/// Drivers of processors' sensors.
const CHIPS: [&str; 6] = ["coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "via_cputemp"];
const ZONES: [&str; 4] = ["x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc_thermal"];
/// Files that are read at most.
const MOST: usize = 256;

/// Tells the hottest reading.
pub(in super::super) async fn watch(sys: &Path, proc: &Path, mut teller: Teller) {
    let mut judge = Judge::new();
    loop {
        let files = files(sys);
        if files.is_empty() {
            if teller.knows() {
                teller.tell(Sensed::CpuCelsius(Signal::Absent)).await;
            }
            tokio::time::sleep(SEARCH).await;
            continue;
        }
        let signal = judge.signal(hottest(&files), ticks(proc));
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

/// What the kernel counts since the computer started.
fn ticks(proc: &Path) -> Option<Ticks> {
    let text = std::fs::read_to_string(proc.join("stat")).ok()?;
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().filter_map(|n| n.parse().ok()).collect();
    let idle = ticks.get(3)?.saturating_add(*ticks.get(4)?);
    Some(Ticks { whole: ticks.iter().take(8).sum(), idle })
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
        let at = |line: &str| {
            std::fs::write(proc.path().join("stat"), line).unwrap();
            ticks(proc.path())
        };
        assert_eq!(at("cpu  190 0 100 800 10 0 0 0 7 0\n"), Some(Ticks { whole: 1100, idle: 810 }));
        assert_eq!(at("nonsense"), None);
    }
}
