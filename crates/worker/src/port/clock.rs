//! Time.

use hivemind_domain::time::Now;
use jiff::tz::TimeZone;

/// The only source of time.
pub trait Clock: Send + Sync + 'static {
    /// The monotonic clock goes on during suspend and never jumps; the wall clock may.
    fn now(&self) -> Now;
}

/// Where hours and days are counted.
#[derive(Debug, Clone)]
pub enum Zone {
    /// Wherever the system says that the computer is; it may be carried elsewhere while the worker runs.
    OfTheSystem,
    /// Always here.
    Fixed(TimeZone),
}

impl Zone {
    /// The present time zone. A change of the system's is noticed within five minutes.
    #[must_use]
    pub fn present(&self) -> TimeZone {
        match self {
            Self::OfTheSystem => TimeZone::system(),
            Self::Fixed(zone) => zone.clone(),
        }
    }
}
