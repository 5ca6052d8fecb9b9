//! This computer.

use hivemind_control::MetricsSample;
use hivemind_domain::resources::Capabilities;

/// Reads what this computer is and how busy it is. Calls may take some milliseconds and run on a blocking thread.
pub trait Host: Send + Sync + 'static {
    /// What it is; `engine`, `isolation` are left empty, the core fills them in.
    fn capabilities(&self) -> Capabilities;

    /// Its name, printable, at most 63 bytes.
    fn hostname(&self) -> String;

    /// A fresh reading. Rates are since the previous call. `tasks_*` are left zero, the core fills them in.
    fn sample(&self) -> MetricsSample;

    /// What is known about GPUs when none is listed, such as `no NVIDIA driver`.
    fn gpu_note(&self) -> String;
}
