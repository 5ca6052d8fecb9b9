//! The worker core: the ports it needs from the world, and the one event loop that is the only writer of state.
//!
//! Architecture invariant: no adapter is known here. Decisions are made by `hivemind-domain`, tokio only performs
//! what was decided, and nothing is performed before it stands in the journal.

pub mod at_hand;
pub mod core;
pub mod failpoint;
pub mod port;
mod runtime;

pub use runtime::{
    Desktop, FAULTS, LanPage, Ports, TrayIcon, Worker, WorkerControl, lan_port, rehearse, setting_views,
};
