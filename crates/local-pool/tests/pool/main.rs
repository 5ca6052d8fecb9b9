//! A whole pool over its real listeners, with workers and requesters as they are in the world.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod arrays;
mod charging;
mod hostile;
mod leases;
mod page;
mod private_link;
mod reports;
mod requester;
mod restart;
mod results;
mod support;
mod waiting;
