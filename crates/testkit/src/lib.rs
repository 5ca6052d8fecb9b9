//! Fakes of everything the worker's ports reach, and the contract suites that fakes and real adapters pass alike.
//!
//! The fakes keep no tasks of their own: what happens in them follows from the one [`FakeClock`]. So a worker may be
//! thrown away with its whole runtime, as a crash does, while pool, engine, journal and keyring go on.
//!
//! Architecture invariant: development only. No program contains this crate.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends at once and says why")]

mod book;
mod clock;
pub mod contract;
mod debug;
mod desktop;
mod engine;
mod faults;
mod host;
mod journal;
mod logs;
mod pool;
mod program;
mod proxy;
mod release;
mod row;
mod secrets;
mod senses;
mod settings;
mod trend;
pub mod wine;
mod world;

pub use book::MemoryBook;
pub use clock::FakeClock;
pub use debug::{KeptDebug, MemoryDebug};
pub use desktop::FakeDesktop;
pub use engine::{EngineCall, FakeEngine};
pub use faults::{Faults, MOST_CALLS};
pub use hivemind_worker_core::failpoint;
pub use host::FakeHost;
pub use journal::{JournalCall, MemoryJournal};
pub use logs::MemoryLogs;
pub use pool::{AttemptRow, FakePool, PASSWORD, PoolCall, USERNAME, assigned, key};
pub use program::Program;
pub use proxy::{FaultProxy, Weather};
pub use release::{Answer, Release, ReleaseServer};
pub use row::{Part, Row, percentile};
pub use secrets::{MemorySecrets, Vault};
pub use senses::FakeSenses;
pub use settings::FakeSettings;
pub use trend::MemoryTrend;
pub use world::World;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that a failed test elsewhere does not close.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
