//! Hostile inputs, built by readable code, each with the outcome it must have.
//!
//! `cargo xtask hostile` runs all of them. What needs no container engine runs with the other tests too
//! (`tests/fast.rs`).

pub mod archives;
pub mod case;
pub mod console;
pub mod container;
pub mod cost;
pub mod escape;
pub mod exhaustion;
pub mod fuzz;
pub mod groups;
pub mod judge;
pub mod live;
#[cfg(unix)]
pub mod locals;
pub mod messages;
pub mod netd;
pub mod network;
pub mod page;
pub mod pushes;
pub mod races;
pub mod results;
pub mod tar;
pub mod text;
pub mod wireguard;
pub mod zip;

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// Why a group cannot run here.
#[must_use]
pub fn skipped(needs: groups::Needs) -> Option<&'static str> {
    match needs {
        groups::Needs::Nothing => None,
        groups::Needs::Engine => std::env::var_os("HIVEMIND_TEST_DOCKER_HOST")
            .is_none()
            .then_some("HIVEMIND_TEST_DOCKER_HOST names no engine"),
        #[cfg(unix)]
        groups::Needs::SecondUser => locals::missing(),
        #[cfg(not(unix))]
        groups::Needs::SecondUser => Some("users and files of other systems are tried on Linux"),
    }
}
