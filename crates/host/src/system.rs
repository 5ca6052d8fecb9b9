//! CPU, memory, disk, network and load through sysinfo, refreshed one by one.

use crate::clock::SystemClock;
use crate::gpu::GpuSource;
use hivemind_control::MetricsSample;
use hivemind_domain::resources::Capabilities;
use hivemind_domain::text::plain_line;
use hivemind_domain::time::Mono;
use hivemind_worker_core::port::{Clock, Host};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use sysinfo::{CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, Networks, RefreshKind, System};

/// How often the disk's fill is looked at, in readings: it changes slowly and costs a system call per mount.
const DISK_EVERY: u32 = 5;

/// This computer.
pub struct SystemHost {
    folder: PathBuf,
    gpus: GpuSource,
    state: Mutex<State>,
}

struct State {
    /// Absent where the system does not let itself be asked; its readings are zero then.
    system: Option<System>,
    networks: Option<Networks>,
    disk: (u64, u64),
    readings: u32,
    last: Option<Mono>,
}

impl SystemHost {
    /// `folder` is where tasks and results are kept: its disk is the one that counts.
    #[must_use]
    pub fn new(folder: &Path, gpus: GpuSource) -> Self {
        let kinds = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let state = State {
            system: System::new_with_specifics(kinds).ok(),
            networks: Networks::new_with_refreshed_list().ok(),
            disk: disk_of(folder),
            readings: 0,
            last: None,
        };
        Self { folder: folder.to_owned(), gpus, state: Mutex::new(state) }
    }
}

/// Used and total bytes of the disk that holds `folder`; zeros when it is not listed.
fn disk_of(folder: &Path) -> (u64, u64) {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let kinds = DiskRefreshKind::nothing().with_storage();
    let Ok(disks) = Disks::new_with_refreshed_list_specifics(kinds) else { return (0, 0) };
    let holding = disks.iter().filter(|disk| folder.starts_with(disk.mount_point()));
    let nearest = holding.max_by_key(|disk| disk.mount_point().as_os_str().len());
    nearest.map_or((0, 0), |disk| {
        (disk.total_space().saturating_sub(disk.available_space()), disk.total_space())
    })
}

impl Host for SystemHost {
    fn capabilities(&self) -> Capabilities {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.disk = disk_of(&self.folder);
        let cpus = state.system.as_ref().map(System::cpus).unwrap_or_default();
        let brand = cpus.first().map(|cpu| cpu.brand()).unwrap_or_default();
        Capabilities {
            cpu_cores: u32::try_from(cpus.len()).unwrap_or(u32::MAX).max(1),
            cpu_name: plain_line(brand.trim(), 128),
            memory_bytes: state.system.as_ref().map_or(0, System::total_memory),
            disk_free_bytes: state.disk.1.saturating_sub(state.disk.0),
            gpus: self.gpus.list(),
            os: std::env::consts::OS.to_owned(),
            ..Capabilities::default()
        }
    }

    fn hostname(&self) -> String {
        plain_line(&System::host_name().unwrap_or_default(), 63)
    }

    fn sample(&self) -> MetricsSample {
        let now = SystemClock.now();
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        if let Some(system) = &mut state.system {
            system.refresh_cpu_usage();
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        }
        if let Some(networks) = &mut state.networks {
            networks.refresh(true);
        }
        if state.readings.is_multiple_of(DISK_EVERY) {
            state.disk = disk_of(&self.folder);
        }
        state.readings = state.readings.wrapping_add(1);
        let seconds = state.last.map_or(0.0, |last| now.mono.since(last).as_secs_f64());
        state.last = Some(now.mono);
        let interfaces = state.networks.iter().flat_map(|networks| networks.iter());
        let (received, sent) = interfaces
            .filter(|(name, _)| !is_loopback(&name.to_string_lossy()))
            .fold((0, 0), |(r, s), (_, data)| (r + data.received(), s + data.transmitted()));
        let per_second = |bytes: u64| if seconds > 0.0 { (bytes as f64 / seconds) as u64 } else { 0 };
        let system = state.system.as_ref();
        let cpus = system.map(System::cpus).unwrap_or_default();
        let total = system.map_or(0, System::total_memory);
        MetricsSample {
            at_ms: now.wall.0,
            cpu_percent: percent(system.map_or(0.0, System::global_cpu_usage)),
            cores_percent: cpus.iter().map(|cpu| percent(cpu.usage())).collect(),
            memory_used_bytes: total.saturating_sub(system.map_or(0, System::available_memory)),
            memory_total_bytes: total,
            disk_used_bytes: state.disk.0,
            disk_total_bytes: state.disk.1,
            received_bytes_per_s: per_second(received),
            sent_bytes_per_s: per_second(sent),
            load: load(),
            gpus: self.gpus.sample(),
            ..MetricsSample::default()
        }
    }

    fn gpu_note(&self) -> String {
        self.gpus.note()
    }
}

fn percent(value: f32) -> f32 {
    if value.is_finite() { value.clamp(0.0, 100.0) } else { 0.0 }
}

fn is_loopback(name: &str) -> bool {
    name == "lo" || name.starts_with("Loopback")
}

fn load() -> Option<[f32; 3]> {
    if cfg!(windows) {
        return None;
    }
    let load = System::load_average().ok()?;
    Some([load.one as f32, load.five as f32, load.fifteen as f32])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> SystemHost {
        SystemHost::new(Path::new("/"), GpuSource::from_library("no-such-library.so".as_ref()))
    }

    #[test]
    fn tells_what_this_computer_is() {
        let capabilities = host().capabilities();
        assert!(capabilities.cpu_cores >= 1 && capabilities.memory_bytes > 1 << 26);
        assert!(capabilities.disk_free_bytes > 0);
        assert!(capabilities.gpus.is_empty());
        assert!(!capabilities.os.is_empty());
    }

    #[test]
    fn an_absent_driver_is_a_fact() {
        assert_eq!(host().gpu_note(), "no NVIDIA driver");
    }

    #[test]
    fn a_busy_core_is_seen() {
        let host = host();
        host.sample();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let sample = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut n = 0u64;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    n = std::hint::black_box(n.wrapping_mul(31).wrapping_add(7));
                }
            });
            std::thread::sleep(std::time::Duration::from_millis(600));
            let sample = host.sample();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            sample
        });
        assert!(sample.cores_percent.iter().any(|p| *p > 30.0), "{:?}", sample.cores_percent);
        assert!(sample.memory_used_bytes > 0 && sample.memory_used_bytes <= sample.memory_total_bytes);
        assert!(sample.disk_used_bytes <= sample.disk_total_bytes);
    }
}
