//! Adapters to pools. Each speaks one dialect and implements the worker's `Pool` port.

mod check;
mod config;
mod dial;
mod discovery;
mod failure;
mod link;
mod v1;

pub use config::V1Config;
pub use v1::V1Pool;
