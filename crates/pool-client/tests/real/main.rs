//! The client against a real pool, over real connections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "all of this is tests"
)]

mod bench;
mod links;
mod network;
mod pool;
mod proxied;
mod push;
