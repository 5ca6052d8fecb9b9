//! Ids, units, resources, rules and pure state machines of the worker.
//!
//! Architecture invariant: nothing in this crate does I/O, awaits, reads a clock, draws a random number or
//! keeps a global. Whatever varies comes in as an argument, so every rule here can be tested exhaustively.

pub mod admission;
pub mod advisory;
pub mod alert;
pub mod benchmark;
pub mod breaker;
pub mod connection;
pub mod contribution;
pub mod energy;
pub mod gpu;
pub mod hosts;
pub mod ids;
pub mod images;
pub mod isolation;
pub mod lease;
pub mod limits;
pub mod network;
pub mod notify;
pub mod priority;
pub mod report;
pub mod resources;
pub mod retry;
pub mod reward;
pub mod rules;
pub mod settings;
pub mod task;
pub mod text;
pub mod time;
pub mod trend;
pub mod trust;
pub mod usage;
