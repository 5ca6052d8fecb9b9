//! A computer.

use crate::{FakeClock, lock};
use hivemind_control::MetricsSample;
use hivemind_domain::benchmark::Speeds;
use hivemind_domain::resources::{Capabilities, GIB};
use hivemind_worker_core::port::{Clock, Host};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const DISK: u64 = 100 * GIB;

/// Eight cores, 16 GiB of memory, 100 GiB of disk, no GPU.
pub struct FakeHost {
    clock: Arc<FakeClock>,
    disk_free: Mutex<u64>,
    cpu_percent: Mutex<f32>,
    cpu_name: Mutex<String>,
    benchmarks: AtomicU32,
    cpu_power: Mutex<Option<f32>>,
    programs: Mutex<Vec<String>>,
}

impl FakeHost {
    /// A computer with half of its disk free.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        Self {
            clock,
            disk_free: Mutex::new(DISK / 2),
            cpu_percent: Mutex::new(10.0),
            cpu_name: Mutex::new("Fake CPU".into()),
            benchmarks: AtomicU32::new(0),
            cpu_power: Mutex::new(None),
            programs: Mutex::new(Vec::new()),
        }
    }

    /// Sets the free room on the disk, in bytes.
    pub fn set_disk_free(&self, bytes: u64) {
        *lock(&self.disk_free) = bytes;
    }
}

impl FakeHost {
    /// Puts another processor in.
    pub fn set_cpu_name(&self, name: &str) {
        *lock(&self.cpu_name) = name.to_owned();
    }

    /// How often its speed was measured to the end.
    #[must_use]
    pub fn benchmarks(&self) -> u32 {
        self.benchmarks.load(Ordering::Relaxed)
    }

    /// Sets what the processor draws, in watts.
    pub fn set_cpu_power(&self, watts: f32) {
        *lock(&self.cpu_power) = Some(watts);
    }

    /// Sets the programs that run.
    pub fn set_programs(&self, names: &[&str]) {
        *lock(&self.programs) = names.iter().map(|name| (*name).to_owned()).collect();
    }

    /// Sets the use of the whole computer's processor, in percent.
    pub fn set_cpu(&self, percent: f32) {
        *lock(&self.cpu_percent) = percent;
    }
}

impl Host for FakeHost {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            cpu_cores: 8,
            cpu_name: lock(&self.cpu_name).clone(),
            memory_bytes: 16 * GIB,
            disk_free_bytes: *lock(&self.disk_free),
            os: "linux".into(),
            ..Capabilities::default()
        }
    }

    fn hostname(&self) -> String {
        "fake-host".into()
    }

    fn sample(&self) -> MetricsSample {
        MetricsSample {
            at_ms: self.clock.now().wall.0,
            cpu_percent: *lock(&self.cpu_percent),
            memory_used_bytes: 4 * GIB,
            memory_total_bytes: 16 * GIB,
            disk_used_bytes: DISK - *lock(&self.disk_free),
            disk_total_bytes: DISK,
            cpu_power_w: *lock(&self.cpu_power),
            ..MetricsSample::default()
        }
    }

    fn benchmark(&self, go_on: &(dyn Fn() -> bool + Sync)) -> Option<Speeds> {
        go_on().then(|| {
            self.benchmarks.fetch_add(1, Ordering::Relaxed);
            Speeds { cpu_one_mflops: 3000, cpu_all_mflops: 20_000, ..Speeds::default() }
        })
    }

    fn programs(&self) -> Vec<String> {
        lock(&self.programs).clone()
    }

    fn gpu_note(&self) -> String {
        "no NVIDIA driver".into()
    }
}
