//! Time.

use hivemind_domain::time::Now;

/// The only source of time.
pub trait Clock: Send + Sync + 'static {
    /// The monotonic clock goes on during suspend and never jumps; the wall clock may.
    fn now(&self) -> Now;
}
