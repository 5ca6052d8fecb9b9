//! All listeners over real sockets, in front of a worker that remembers what it was asked.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod explained;
mod fake;
mod http;
mod lan;
mod looking;
mod pages;
mod refusals;
mod socket;
mod tls;
