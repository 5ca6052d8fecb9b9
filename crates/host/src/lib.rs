//! Looks at this computer: cheaply, and only at what is asked for.

mod clock;
mod gpu;
mod system;

pub use clock::SystemClock;
pub use gpu::GpuSource;
pub use system::SystemHost;
