//! This computer.

use hivemind_control::MetricsSample;
use hivemind_domain::benchmark::Speeds;
use hivemind_domain::resources::Capabilities;

/// What one container does on one GPU.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuContainer {
    /// The engine's id, 64 hexadecimal digits.
    pub container: String,
    /// The GPU.
    pub uuid: String,
    /// Memory of the GPU in use, in bytes.
    pub memory_bytes: u64,
    /// Busy share of the GPU in percent, where it can be told apart from others'.
    pub percent: Option<f32>,
}

/// Settings of the system; nothing where it has no such thing or does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tuning {
    /// How many files this program may have open at once.
    pub open_files: Option<u64>,
    /// How readily programs' memory is moved to the disk, from 0 to 200.
    pub swappiness: Option<u64>,
    /// What a socket may ask for to receive into, in bytes.
    pub socket_buffer_bytes: Option<u64>,
}

/// Reads what this computer is and how busy it is. Calls may take some milliseconds and run on a blocking thread.
pub trait Host: Send + Sync + 'static {
    /// What it is; `engine`, `isolation` are left empty, the core fills them in.
    fn capabilities(&self) -> Capabilities;

    /// Its name, printable, at most 63 bytes.
    fn hostname(&self) -> String;

    /// A fresh reading. Rates are since the previous call. `tasks_*` are left zero, the core fills them in.
    fn sample(&self) -> MetricsSample;

    /// What containers do on GPUs now; nothing where driver or system do not tell.
    fn gpu_containers(&self) -> Option<Vec<GpuContainer>> {
        None
    }

    /// Measures how fast this computer is, within a minute. Asks before every step, a tenth of a second at most, whether
    /// to go on; nothing is left behind. Nothing when it was not to go on, or cannot be measured.
    fn benchmark(&self, go_on: &(dyn Fn() -> bool + Sync)) -> Option<Speeds> {
        let _ = go_on;
        None
    }

    /// Settings of the system that tasks and the private link depend on.
    fn tuning(&self) -> Tuning {
        Tuning::default()
    }

    /// Names of the programs that run, each once, as the owner would name them.
    fn programs(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is known about GPUs when none is listed, such as `no NVIDIA driver`.
    fn gpu_note(&self) -> String;
}
