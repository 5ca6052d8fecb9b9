//! The words that the worker and `hivemind-netd` speak: four verbs on one interface, data only.
//!
//! Architecture invariants: a request has no field that could become a path, a name, a command or an option of one;
//! addresses, numbers and keys are all there is. A frame is bounded before it is read, and an unknown field is an
//! error. Keys are wiped when they go and never shown.

mod frame;
mod secret;
mod words;

pub use frame::{Frame, FrameError, Frames, MOST_BYTES, encode};
pub use secret::Secret;
pub use words::{Answer, Keys, Kind, Network, Refused, Request, State, Up};

/// Version of the words. Another one is refused.
pub const VERSION: u16 = 1;
/// The one interface. Nobody chooses its name.
pub const INTERFACE: &str = "hivemind0";
/// Seconds that a tunnel outlives its client.
pub const AWAY_S: u64 = 60;

/// Where the service of a user listens on Linux.
#[must_use]
pub fn socket_of(uid: u32) -> std::path::PathBuf {
    std::path::PathBuf::from(format!("/run/hivemind-netd/{uid}/socket"))
}

/// Where the service listens on Windows.
pub const PIPE: &str = r"\\.\pipe\hivemind-netd";
/// What a client may do with the pipe, as Windows numbers it: read, and write into it. `GENERIC_WRITE` would also be
/// the right to open one more end of it and to answer there in the service's place (`FILE_CREATE_PIPE_INSTANCE`).
pub const PIPE_ACCESS: u32 = 0x0012_019b;
/// What the service is called on Windows.
pub const SERVICE: &str = "hivemind-netd";
