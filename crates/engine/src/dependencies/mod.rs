//! What a task depends on: installed once in a container of its own, kept, and laid into the task's volume.
//!
//! ```text
//! requirements.txt ─► Requirements ─► key ─► cache ──hit──────────────────────────────┐
//!                                        └─miss─► installer (network: the index only) ─► archive ─► cache ─► task
//! ```

pub(crate) mod archive;
pub(crate) mod cache;
pub(crate) mod requirements;

/// Folder in a task's working folder; no package may hold it.
pub(crate) const DEPENDENCIES_NAME: &str = ".hivemind-deps";
/// The same as a path.
pub(crate) const DEPENDENCIES_DIR: &str = "/work/.hivemind-deps";
