//! What updates promise, on real files.
#![expect(clippy::unwrap_used, reason = "helpers of tests count as tests")]

mod hostile;
mod origin;
mod power;
mod release;
#[cfg(unix)]
mod trial;
