//! The only privileged program of this house: it makes one network interface for a private link, with the pool's own
//! routes, and takes it away again.
//!
//! Architecture invariants: four verbs (`Hello`, `Up`, `Status`, `Down`), data only; no process is started, no file
//! is written but the socket; never a default route, never a network that this computer already uses, never the
//! name resolution. What a tunnel may be is judged by the reader that judges configuration files. On Linux the keys
//! stay with the worker: it is given the interface's descriptor and carries the packets itself.

mod desk;
#[cfg(test)]
mod fake;
mod rules;
mod session;
mod system;
mod wire;

#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(windows)]
pub mod windows;

pub use desk::{Desk, Seat};
pub use rules::judge;
pub use session::{converse, turn_away};
pub use system::{Judged, System};
pub use wire::{Handle, Wire};
