//! The sensors against real buses and a real X server.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests count as tests, and say what is skipped"
)]

mod desk;
mod power;
mod screen;
mod session;
