//! What a task depends on: installed once in a container of its own, kept, and laid into the task's volume.
//!
//! ```text
//! requirements.txt ─► Requirements ─► key ─► cache ──hit──────────────────────────────┐
//!                                        └─miss─► installer (network: the index only) ─► archive ─► cache ─► task
//! ```

pub(crate) mod archive;
pub(crate) mod cache;
pub(crate) mod requirements;
