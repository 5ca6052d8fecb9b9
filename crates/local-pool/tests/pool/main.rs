//! A whole pool over its real listeners, with workers and requesters as they are in the world.

mod charging;
mod hostile;
mod leases;
mod page;
mod reports;
mod requester;
mod restart;
mod results;
mod support;
