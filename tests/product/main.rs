//! The product as people use it: its one program, the pool's REST interface, the container engine from outside.
//!
//! Every test has pools, workers, data folders, ports and people of its own, and looks afterwards whether anything is
//! left over. The programs are the built ones; `cargo build -p hivemind-app` makes them. The engine is the one that
//! `HIVEMIND_TEST_DOCKER_HOST` or `DOCKER_HOST` names. Without an engine a test prints `SKIPPED`, its name and why.

// Pausing and killing processes as these tests do it is different on Windows, where `pool serve` has its own tests.
#![cfg(unix)]

mod browser;
#[cfg(target_os = "linux")]
mod canaries;
mod contract;
mod demo;
#[cfg(target_os = "linux")]
mod doctor;
mod engine;
mod first_run;
#[cfg(target_os = "linux")]
mod gpu_engine;
mod handed_in;
#[cfg(target_os = "linux")]
mod image;
mod inside;
mod lan;
mod leaving;
mod live_network;
#[cfg(target_os = "linux")]
mod load;
mod nvml;
mod outage;
mod owner;
mod package;
#[cfg(target_os = "linux")]
mod panic;
mod patience;
mod pool;
#[cfg(target_os = "linux")]
mod private_link;
mod program;
mod refused;
mod requester;

mod restart;
mod room;
#[cfg(target_os = "linux")]
mod rules;
mod scene;
mod services;
mod settings;
mod two_workers;
#[cfg(target_os = "linux")]
mod updates;
mod worker;
