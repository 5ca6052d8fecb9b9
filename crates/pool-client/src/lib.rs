//! Adapters to pools. Each speaks one dialect and implements the worker's `Pool` port.
//!
//! Architecture invariant: what a pool sends passes `check` before anything acts on it, and every wait ends.

mod check;
mod choice;
mod config;
mod desk;
mod dial;
mod discovery;
mod failure;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod guard;
mod link;
mod nodepool;
mod tls;
mod v1;

pub use choice::{AnyPool, Wish};
pub use config::V1Config;
pub use desk::PoolDesk;
pub use nodepool::{CALLED_AT, NetworkWishes, NodePool, NodePoolConfig, Work, WrongWish};
pub use v1::V1Pool;
