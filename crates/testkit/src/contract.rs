//! What every implementation of a port has to keep to, fake or real.

mod engine;
mod journal;
mod log_archive;
mod secrets;

pub use engine::{EngineBench, Job, engine, functions};
pub use journal::journal;
pub use log_archive::log_archive;
pub use secrets::secrets;
