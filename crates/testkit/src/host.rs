//! A computer.

use crate::{FakeClock, lock};
use hivemind_control::MetricsSample;
use hivemind_domain::resources::{Capabilities, GIB};
use hivemind_worker_core::port::{Clock, Host};
use std::sync::{Arc, Mutex};

const DISK: u64 = 100 * GIB;

/// Eight cores, 16 GiB of memory, 100 GiB of disk, no GPU.
pub struct FakeHost {
    clock: Arc<FakeClock>,
    disk_free: Mutex<u64>,
    cpu_percent: Mutex<f32>,
}

impl FakeHost {
    /// A computer with half of its disk free.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        Self { clock, disk_free: Mutex::new(DISK / 2), cpu_percent: Mutex::new(10.0) }
    }

    /// Sets the free room on the disk, in bytes.
    pub fn set_disk_free(&self, bytes: u64) {
        *lock(&self.disk_free) = bytes;
    }
}

impl FakeHost {
    /// Sets the use of the whole computer's processor, in percent.
    pub fn set_cpu(&self, percent: f32) {
        *lock(&self.cpu_percent) = percent;
    }
}

impl Host for FakeHost {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            cpu_cores: 8,
            cpu_name: "Fake CPU".into(),
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
            ..MetricsSample::default()
        }
    }

    fn gpu_note(&self) -> String {
        "no NVIDIA driver".into()
    }
}
