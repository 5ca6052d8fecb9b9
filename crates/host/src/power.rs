//! What the processor draws, as the kernel's power capping framework counts it (RAPL, on Intel and AMD).
//!
//! Each package has a counter of microjoules that begins anew at its own largest value. Linux lets only administrators
//! read it since 2020, because it tells more about other programs' work than it should; the owner may allow it.

use hivemind_domain::time::Mono;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Packages that are read.
const MOST: usize = 16;
/// Closer together, two readings say too little.
const CLOSEST_S: f64 = 0.1;

/// What a reading says.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct CpuPower {
    /// Watts of all packages together on average since the reading before.
    pub(crate) watts: Option<f32>,
    /// There is a counter that this program may not read.
    pub(crate) denied: bool,
}

/// The counters of all packages.
pub(crate) struct Rapl {
    packages: Vec<Package>,
    last: Option<(Mono, Vec<u64>)>,
}

struct Package {
    counter: PathBuf,
    /// The largest value, after which it begins at zero.
    range: u64,
}

impl Rapl {
    /// Looks for counters under `sys`, the kernel's folder of devices.
    pub(crate) fn find(sys: &Path) -> Self {
        let mut packages = Vec::new();
        let listed = std::fs::read_dir(sys.join("class/powercap")).into_iter().flatten().flatten();
        let mut zones: Vec<PathBuf> =
            listed.map(|entry| entry.path()).filter(|zone| is_package(zone)).collect();
        zones.sort();
        for zone in zones.into_iter().take(MOST) {
            let counter = zone.join("energy_uj");
            if let Some(range) = number(&zone.join("max_energy_range_uj")).ok().filter(|range| *range > 0) {
                packages.push(Package { counter, range });
            }
        }
        Self { packages, last: None }
    }

    /// Reads all of them.
    pub(crate) fn read(&mut self, now: Mono) -> CpuPower {
        let mut counted = Vec::with_capacity(self.packages.len());
        for package in &self.packages {
            match number(&package.counter) {
                Ok(value) => counted.push(value.min(package.range)),
                Err(error) => {
                    self.last = None;
                    return CpuPower { watts: None, denied: error == ErrorKind::PermissionDenied };
                }
            }
        }
        if counted.is_empty() {
            return CpuPower::default();
        }
        let before = self.last.replace((now, counted.clone()));
        let watts = before.and_then(|(then, before)| {
            let seconds = now.since(then).as_secs_f64();
            if seconds < CLOSEST_S {
                return None;
            }
            let parts = self.packages.iter().zip(before.iter().zip(&counted));
            let joules: f64 =
                parts.map(|(package, (then, now))| since(*then, *now, package.range) as f64 / 1e6).sum();
            Some((joules / seconds) as f32)
        });
        CpuPower { watts, denied: false }
    }
}

/// `intel-rapl:0` is a package; `intel-rapl:0:0` is a part of one, and other names count the same again.
fn is_package(zone: &Path) -> bool {
    let name = zone.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let number = name.strip_prefix("intel-rapl:");
    let counts = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    // One that counts the whole platform contains the packages.
    counts && std::fs::read_to_string(zone.join("name")).is_ok_and(|name| name.trim().starts_with("package"))
}

fn since(then: u64, now: u64, range: u64) -> u64 {
    if now >= then { now - then } else { range.saturating_sub(then).saturating_add(now) }
}

fn number(path: &Path) -> Result<u64, ErrorKind> {
    let text = std::fs::read_to_string(path).map_err(|error| error.kind())?;
    text.trim().parse().map_err(|_| ErrorKind::InvalidData)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn zone(sys: &Path, folder: &str, name: &str, energy: u64) {
        let zone = sys.join("class/powercap").join(folder);
        std::fs::create_dir_all(&zone).unwrap();
        std::fs::write(zone.join("name"), format!("{name}\n")).unwrap();
        std::fs::write(zone.join("max_energy_range_uj"), "262143328850\n").unwrap();
        std::fs::write(zone.join("energy_uj"), format!("{energy}\n")).unwrap();
    }

    fn at(ms: u64) -> Mono {
        Mono(Duration::from_millis(ms))
    }

    #[test]
    fn packages_are_added_up_and_nothing_is_counted_twice() {
        let sys = tempfile::tempdir().unwrap();
        let count = |first: u64, second: u64| {
            zone(sys.path(), "intel-rapl:0", "package-0", first);
            zone(sys.path(), "intel-rapl:1", "package-1", second);
            zone(sys.path(), "intel-rapl:0:0", "core", first / 2);
            zone(sys.path(), "intel-rapl:2", "psys", first + second);
            zone(sys.path(), "intel-rapl-mmio:0", "package-0", first);
        };
        count(1_000_000, 262_143_328_850 - 500_000);
        let mut rapl = Rapl::find(sys.path());
        assert_eq!(rapl.read(at(0)), CpuPower::default(), "one reading says nothing");
        // 40 J of the first; the second begins anew and counted 10 J.
        count(41_000_000, 9_500_000);
        assert_eq!(rapl.read(at(2000)).watts, Some(25.0));
        assert_eq!(rapl.read(at(2010)).watts, None, "too close");
        assert_eq!(rapl.read(at(4010)).watts, Some(0.0));
    }

    #[test]
    fn no_counter_is_an_ordinary_computer_and_nonsense_is_no_reading() {
        let sys = tempfile::tempdir().unwrap();
        assert_eq!(Rapl::find(sys.path()).read(at(0)), CpuPower::default());
        zone(sys.path(), "intel-rapl:0", "package-0", 5);
        let mut rapl = Rapl::find(sys.path());
        rapl.read(at(0));
        let counter = sys.path().join("class/powercap/intel-rapl:0/energy_uj");
        std::fs::write(&counter, "-7\n").unwrap();
        assert_eq!(rapl.read(at(1000)), CpuPower::default());
        std::fs::write(&counter, "2000005\n").unwrap();
        assert_eq!(rapl.read(at(2000)).watts, None, "there is no reading before it");
        assert_eq!(rapl.read(at(4000)).watts, Some(0.0));
    }

    #[cfg(unix)]
    #[test]
    fn a_counter_that_may_not_be_read_is_named_as_such() {
        use std::os::unix::fs::PermissionsExt;
        let sys = tempfile::tempdir().unwrap();
        zone(sys.path(), "intel-rapl:0", "package-0", 5);
        let counter = sys.path().join("class/powercap/intel-rapl:0/energy_uj");
        std::fs::set_permissions(&counter, std::fs::Permissions::from_mode(0o000)).unwrap();
        let allowed = std::fs::read_to_string(&counter).is_ok();
        let read = Rapl::find(sys.path()).read(at(0));
        // An administrator may read everything.
        assert_eq!(read.denied, !allowed);
        assert_eq!(read.watts, None);
    }
}
