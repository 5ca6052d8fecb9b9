//! How fast this computer is, measured once per hardware, in real units.

use crate::resources::{Capabilities, GIB};
use crate::time::WallMs;
use serde::{Deserialize, Serialize};

/// What was measured. Millions are 10⁶.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Speeds {
    /// Double-precision operations of one core, in millions per second.
    pub cpu_one_mflops: u64,
    /// Of all cores together.
    pub cpu_all_mflops: u64,
    /// Memory read and written by one core that copies, in millions of bytes per second.
    pub memory_mb_per_s: u64,
    /// Written to the disk of the data folder for good, in millions of bytes per second.
    pub disk_write_mb_per_s: u64,
    /// Read from it; absent where the system cannot be told to forget what it has in memory.
    pub disk_read_mb_per_s: Option<u64>,
}

/// A measurement that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Benchmark {
    /// When.
    pub at: WallMs,
    /// Of which hardware, by [`hardware`].
    pub hardware: String,
    /// What was found.
    pub speeds: Speeds,
}

impl Benchmark {
    /// Whether it says anything about this hardware.
    #[must_use]
    pub fn is_of(&self, present: &Capabilities) -> bool {
        self.hardware == hardware(present)
    }
}

/// The parts that a measurement belongs to: another processor, another number of them, or memory that differs by a
/// gibibyte is another computer.
#[must_use]
pub fn hardware(present: &Capabilities) -> String {
    let memory = present.memory_bytes.saturating_add(GIB / 2) / GIB;
    format!("{} x{} {memory} GiB", present.cpu_name, present.cpu_cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_hardware_needs_another_measurement_and_free_memory_does_not() {
        let present = Capabilities {
            cpu_name: "A".into(),
            cpu_cores: 4,
            memory_bytes: 16 * GIB - 300_000_000,
            ..Capabilities::default()
        };
        let kept = Benchmark { at: WallMs(1), hardware: hardware(&present), speeds: Speeds::default() };
        assert!(kept.is_of(&present));
        assert!(kept.is_of(&Capabilities { memory_bytes: 16 * GIB, disk_free_bytes: 7, ..present.clone() }));
        assert!(!kept.is_of(&Capabilities { cpu_cores: 8, ..present.clone() }));
        assert!(!kept.is_of(&Capabilities { cpu_name: "B".into(), ..present.clone() }));
        assert!(!kept.is_of(&Capabilities { memory_bytes: 32 * GIB, ..present }));
    }
}
