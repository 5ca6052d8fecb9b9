//! The egress proxy: the one way from a task into the internet, and never into anything else.
//!
//! ```text
//! task ─ 127.0.0.1:3128 ─ relay ─ engine API ─► Session::serve ─► head ─► allow-list ─► resolve ─► check every
//!                                                                address ─► connect to a checked one ─► bytes
//! ```
//! It speaks HTTP/1 as a proxy does: `CONNECT host:port`, and requests with an absolute `http://` address, one per
//! connection.
//!
//! Architecture invariants: a name is resolved once, here, and the connection goes to an address of that answer, so
//! that a second answer plays no part; one forbidden address among the answers refuses the name; what cannot be read
//! in exactly one way is refused; a refusal is a 403 that names its rule, is counted, and told in the task's log.

mod address;
mod body;
mod head;
mod outside;
mod proxy;
mod pump;
mod refusal;
mod session;

pub use address::{forbidden, near};
pub use outside::{Connector, Internet, Resolver};
pub use proxy::{EgressProxy, ProxyLimits};
pub use refusal::Refusal;
