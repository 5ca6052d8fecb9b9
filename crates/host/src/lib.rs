//! This computer: its clocks, what it is, and how busy it is.
//!
//! Architecture invariant: a reading starts no process and touches only what it reports.

mod benchmark;
mod clock;
mod gpu;
mod network;
mod power;
mod processes;
mod senses;
mod system;
mod tuning;

pub use clock::SystemClock;
pub use gpu::GpuSource;
pub use network::networks;
pub use senses::{Places, SystemSenses};
pub use system::SystemHost;
