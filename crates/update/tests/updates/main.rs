//! What updates promise, on real files.

mod hostile;
mod power;
mod release;
#[cfg(unix)]
mod trial;
