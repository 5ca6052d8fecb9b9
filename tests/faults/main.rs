//! The table of faults, those rows that need whole programs: a worker is killed, its disk runs full, its engine dies;
//! afterwards nothing may be lost, left over or told twice.
//!
//! Among the ordinary tests each row makes a few runs. `cargo xtask faults` makes all of them: it says through
//! `HIVEMIND_FAULTS_RUNS` and `HIVEMIND_FAULTS_SEED` how many and with which seed.

// Processes are killed and disks mounted here as Linux does it.
#![cfg(target_os = "linux")]

#[expect(dead_code, reason = "the product tests use the rest")]
#[path = "../product/engine.rs"]
mod engine;
#[expect(dead_code, reason = "the product tests use the rest")]
#[path = "../product/program.rs"]
mod program;

mod answers;
mod disk;
mod engine_down;
mod failpoints;
mod kill;
mod lane;
mod middleman;
mod partitions;
mod private_engine;
mod soak;
