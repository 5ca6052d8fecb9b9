//! The pool that fits into one process: nodes, tasks, and the CPT ledger, with gRPC for workers and REST plus a
//! plain page for requesters. Start one with [`LocalPool::start`].
//!
//! Architecture invariant: only the ledger moves CPT, and only inside a database transaction; only the database
//! decides what an attempt is, memory merely remembers who is alive.

mod clock;
mod config;
mod database;
mod error;
mod files;
mod gather;
mod grpc;
mod guarded;
mod identity;
mod ledger;
mod live;
mod local_pool;
mod logs;
pub mod nodepool;
mod nodes;
mod password;
mod pool;
mod pulse;
mod rate;
mod rest;
mod sessions;
mod takeover;
mod tasks;
mod users;
mod vpn;
mod wire;

pub use config::{PoolConfig, TlsIdentity, VpnConfig};
pub use error::PoolError;
pub use ledger::{Audit, TOTAL_SUPPLY};
pub use local_pool::{LocalPool, TaskRequest};
pub use logs::StoredLine;
pub use nodes::{NodeView, PROVEN_AFTER};
pub use tasks::{ArrayView, ResultView, TaskState, TaskView, UsageView};
pub use users::{Balance, MIN_PASSWORD_BYTES, User};
