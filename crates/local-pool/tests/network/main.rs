//! The live network's face, met by plain generated clients, plain sockets, and a worker that does what a test says.
//! Each test is named after what the network was seen to do; `docs/live-network.md` lists them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod bare;
mod functions;
mod matching;
mod money;
mod packages;
mod patience;
mod pull;
mod push;
mod registration;
mod sessions;
mod stage;
mod stops;
mod tokens;
