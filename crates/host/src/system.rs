//! What this computer is and how busy it is.

use crate::benchmark::{Extent, measure};
use crate::clock::SystemClock;
use crate::gpu::GpuSource;
use crate::network::{Network, Traffic};
use crate::power::Rapl;
use crate::processes::SystemProcesses;
use crate::senses::programs;
use crate::tuning;
use hivemind_control::MetricsSample;
use hivemind_domain::benchmark::Speeds;
use hivemind_domain::resources::Capabilities;
use hivemind_domain::text::plain_line;
use hivemind_domain::time::Mono;
use hivemind_worker_core::port::{Clock, GpuContainer, Host, Tuning};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, System};

/// This computer. Calls wait for the system, about 0.1 ms each without GPUs.
pub struct SystemHost {
    data_folder: PathBuf,
    state: Mutex<State>,
}

struct State {
    /// Absent on systems that sysinfo does not know; then processor and memory read as zero.
    system: Option<System>,
    network: Network,
    last: Option<(Mono, Traffic)>,
    gpus: GpuSource,
    power: Rapl,
}

impl SystemHost {
    /// This computer's name, printable, at most 63 bytes; empty where the system does not tell it.
    #[must_use]
    pub fn name() -> String {
        System::host_name().map(|name| plain_line(&name, 63)).unwrap_or_default()
    }

    /// Looks at this computer. `data_folder` lies on the disk to be measured.
    #[must_use]
    pub fn new(data_folder: &Path, gpus: GpuSource) -> Self {
        let mut system = System::new().ok();
        if let Some(system) = &mut system {
            system.refresh_cpu_list(CpuRefreshKind::nothing().with_usage());
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        }
        let power = Rapl::find(Path::new("/sys"));
        let state = State { system, network: Network::new(), last: None, gpus, power };
        Self { data_folder: data_folder.to_path_buf(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Used, available to us and whole size, in bytes.
    fn disk(&self) -> (u64, u64, u64) {
        match fs4::statvfs(&self.data_folder) {
            Ok(disk) => (
                disk.total_space().saturating_sub(disk.free_space()),
                disk.available_space(),
                disk.total_space(),
            ),
            Err(error) => {
                tracing::debug!(%error, "the disk cannot be measured");
                (0, 0, 0)
            }
        }
    }
}

impl Host for SystemHost {
    fn capabilities(&self) -> Capabilities {
        let (_, disk_free_bytes, _) = self.disk();
        let mut state = self.state();
        state.gpus.look_again();
        let system = state.system.as_ref();
        let cpus = system.map(System::cpus).unwrap_or_default();
        // sysinfo counts processors that are online; without it, what the scheduler lets us use.
        let cores = match cpus.len() {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            online => online,
        };
        Capabilities {
            cpu_cores: u32::try_from(cores).unwrap_or(u32::MAX),
            cpu_name: cpus.first().map(|cpu| plain_line(cpu.brand().trim(), 128)).unwrap_or_default(),
            memory_bytes: system.map_or(0, System::total_memory),
            disk_free_bytes,
            gpus: state.gpus.known().to_vec(),
            os: std::env::consts::OS.into(),
            engine: String::new(),
            isolation: String::new(),
        }
    }

    fn tuning(&self) -> Tuning {
        tuning::read()
    }

    fn hostname(&self) -> String {
        let name = Self::name();
        if name.is_empty() { "unnamed".into() } else { name }
    }

    fn sample(&self) -> MetricsSample {
        let (disk_used_bytes, _, disk_total_bytes) = self.disk();
        let mut state = self.state();
        let State { system, network, last, gpus, power } = &mut *state;
        let now = SystemClock.now();
        let power = power.read(now.mono);
        let mut sample = MetricsSample {
            at_ms: now.wall.0,
            disk_used_bytes,
            disk_total_bytes,
            load: load(),
            gpus: gpus.sample(),
            cpu_power_w: power.watts,
            cpu_power_denied: power.denied,
            ..MetricsSample::default()
        };
        if let Some(system) = system {
            system.refresh_cpu_usage();
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
            sample.cpu_percent = percent(system.global_cpu_usage());
            sample.cores_percent = system.cpus().iter().map(|cpu| percent(cpu.usage())).collect();
            sample.memory_total_bytes = system.total_memory();
            sample.memory_used_bytes = system.total_memory().saturating_sub(system.available_memory());
        }
        let traffic = network.read();
        if let Some((then, before)) = last.replace((now.mono, traffic)) {
            let seconds = now.mono.since(then).as_secs_f64();
            sample.received_bytes_per_s = rate(before.received, traffic.received, seconds);
            sample.sent_bytes_per_s = rate(before.sent, traffic.sent, seconds);
        }
        sample
    }

    fn gpu_containers(&self) -> Option<Vec<GpuContainer>> {
        self.state().gpus.containers(&SystemProcesses)
    }

    fn benchmark(&self, go_on: &(dyn Fn() -> bool + Sync)) -> Option<Speeds> {
        measure(&self.data_folder, Extent::default(), go_on)
    }

    fn programs(&self) -> Vec<String> {
        programs::running(Path::new("/proc"))
    }

    fn gpu_note(&self) -> String {
        self.state().gpus.note()
    }
}

fn percent(value: f32) -> f32 {
    if value.is_finite() { value.clamp(0.0, 100.0) } else { 0.0 }
}

/// Zero when an interface went away and the sum fell.
fn rate(before: u64, now: u64, seconds: f64) -> u64 {
    if seconds < 0.001 { 0 } else { (now.saturating_sub(before) as f64 / seconds) as u64 }
}

/// sysinfo imitates a load average on Windows with a thread of its own; there is none to report there.
#[cfg(unix)]
fn load() -> Option<[f32; 3]> {
    let load = System::load_average().ok()?;
    Some([load.one as f32, load.five as f32, load.fifteen as f32])
}

#[cfg(not(unix))]
fn load() -> Option<[f32; 3]> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> SystemHost {
        SystemHost::new(
            &std::env::temp_dir(),
            GpuSource::from_library("/nonexistent/libnvidia-ml.so".as_ref()),
        )
    }

    #[test]
    fn says_what_this_computer_is() {
        let found = host().capabilities();
        assert!((1..=4096).contains(&found.cpu_cores), "{found:?}");
        assert!(found.memory_bytes > 64 << 20 && found.disk_free_bytes > 0, "{found:?}");
        assert_eq!(found.os, std::env::consts::OS);
        assert!(found.engine.is_empty() && found.isolation.is_empty() && found.gpus.is_empty());
        let name = host().hostname();
        assert!((1..=63).contains(&name.len()), "{name}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn agrees_with_the_kernel() {
        let found = host().capabilities();
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        assert_eq!(found.cpu_cores as usize, cpuinfo.matches("processor\t:").count());
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
        let total = meminfo.lines().find(|l| l.starts_with("MemTotal:")).unwrap();
        let total: u64 = total.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
        let ours = host().sample().memory_total_bytes;
        assert!(ours == total * 1024 || ours == found.memory_bytes, "{ours} against {total} KiB");
    }

    #[test]
    fn an_absent_driver_is_a_fact() {
        let host = host();
        assert_eq!(host.gpu_note(), "no NVIDIA driver");
        assert!(host.sample().gpus.is_empty());
    }

    #[test]
    fn gpus_are_left_out_when_the_owner_wants_it() {
        let host = SystemHost::new(&std::env::temp_dir(), GpuSource::left_out());
        assert!(host.capabilities().gpus.is_empty());
        assert!(host.gpu_note().contains("cpu_only"));
    }

    #[test]
    fn busy_cores_are_seen() {
        let host = host();
        host.sample();
        // Longer than the shortest interval between two readings of the processors.
        let clock = SystemClock;
        let start = clock.now().mono;
        let mut sum = 0_u64;
        while clock.now().mono.since(start) < sysinfo::MINIMUM_CPU_UPDATE_INTERVAL * 3 {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        let sample = host.sample();
        assert!(sum != 1 && sample.cpu_percent > 1.0, "{sample:?}");
        assert_eq!(sample.cores_percent.len(), host.capabilities().cpu_cores as usize);
        assert!(sample.cores_percent.iter().all(|p| (0.0..=100.0).contains(p)));
        assert!(sample.memory_used_bytes > 0 && sample.memory_used_bytes < sample.memory_total_bytes);
        assert!(sample.disk_used_bytes <= sample.disk_total_bytes && sample.disk_total_bytes > 0);
        assert_eq!(sample.load.is_some(), cfg!(unix));
    }

    #[test]
    fn rates_never_go_mad() {
        assert_eq!(rate(100, 1100, 2.0), 500);
        assert_eq!(rate(1000, 100, 1.0), 0);
        assert_eq!(rate(0, u64::MAX, 0.0), 0);
        assert_eq!((percent(f32::NAN), percent(-1.0), percent(250.0)), (0.0, 0.0, 100.0));
    }

    #[test]
    fn a_folder_that_is_gone_is_survived() {
        let host = SystemHost::new(Path::new("/nonexistent/folder"), GpuSource::left_out());
        assert_eq!(host.capabilities().disk_free_bytes, 0);
        assert_eq!(host.sample().disk_total_bytes, 0);
    }
}
