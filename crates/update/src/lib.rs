//! Updates of an installation that no package manager looks after: what is offered is believed only with a signature,
//! never goes backwards, and is put in place so that every cut leaves a version that works.
//!
//! 1. [`Judge::judge`]: a manifest and its minisign signature become an [`Offer`], or a [`Refusal`] that names why.
//! 2. [`Swap::stage`]: the bytes of the offer, counted and hashed, lie beside the program.
//! 3. [`Swap::begin`]: the program is exchanged in one rename; the one before is kept.
//! 4. [`Swap::started`] at every start, [`Swap::confirm`] once the new version is healthy: a version that was started
//!    and never confirmed is taken back at the next start, and is not tried again.
//! 5. [`try_out`]: the same within one run: the new version starts, has [`HEALTHY_WITHIN`] to say that it is well, or
//!    the one before comes back.
//!
//! Nothing here opens a connection or reads a clock: the caller brings bytes and times.

mod disk;
mod judge;
mod manifest;
mod origin;
mod refusal;
mod swap;
mod trial;

pub use disk::{Disk, SystemDisk};
pub use judge::{Judge, Offer, Seen};
pub use manifest::{Artefact, MAX_MANIFEST_BYTES, MAX_SIGNATURE_BYTES, Manifest};
pub use origin::{MARKER, Origin};
pub use refusal::Refusal;
pub use swap::{Outcome, Swap, SwapError};
pub use trial::{HEALTHY_WITHIN, Patience, Verdict, Waited, try_out};
