//! Tasks in hardened containers: the adapter from the worker's `Engine` port to Docker's API.
//!
//! ```text
//! package (zip) ──check──► Package ──tar stream──► volume at /work ┐
//! image reference ──find or pull, pin──► image id ────────────────┤ create, fill, start
//! limits + policy ──► hardened configuration ─────────────────────┘
//!          logs, stats, events ──► lines, use, exit        /work/output ──tar stream──► result zip
//! ```
//! Architecture invariants: nothing here runs outside a container, mounts a path of the host, or keeps a whole
//! file in memory; nothing a task or its package says loosens the box that [`policy`] describes.

mod address;
mod calls;
mod channel;
mod companion;
mod companion_image;
mod connection;
mod container;
mod dependencies;
mod describe;
mod engine;
mod entry_path;
mod events;
mod failure;
mod freeze;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod grant;
mod image;
mod info;
mod outputs;
mod package;
pub mod policy;
mod prove;
mod python;
mod relay;
mod run;
mod virtualization;
mod wsl;

pub use calls::ApiCallCounter;
pub use companion::{Companion, CompanionError, FILE_NAME as COMPANION_FILE_NAME};
pub use engine::{DockerEngine, Farewell};
pub use outputs::take_outputs;
pub use package::{Package, PackageError};
