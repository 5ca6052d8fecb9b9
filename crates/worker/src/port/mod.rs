//! What the core needs from the world. Adapters implement these traits; fakes implement the same ones and pass the
//! same contract suite. No port returns a library's own handle.

mod clock;
mod debug;
mod egress;
mod engine;
mod host;
mod link;
mod pool;
mod senses;
mod store;
mod told;

pub use clock::{Clock, Zone};
pub use debug::*;
pub use egress::*;
pub use engine::*;
pub use host::{GpuContainer, Host, Tuning};
pub use link::*;
pub use pool::*;
pub use senses::{News, Senses, Wanted};
pub use store::*;
pub use told::{OWN_WORD, Told, ToldOutput};
