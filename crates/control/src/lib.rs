//! The one control API. Window, browser page, command line and tests all speak it and nothing else.
//!
//! Every command stands once, in [`control_commands!`]. From that list come the [`Control`] trait that the worker
//! implements, the [`dispatch`] that serves it, the [`Client`] that calls it, the shell's Tauri commands and the
//! TypeScript types. A command missing in one host does not compile.
//!
//! Architecture invariant: nothing here knows a transport, a process or a screen.

mod access;
mod commands;
mod error;
mod event;
pub mod typescript;
mod view;

pub use access::needed;
pub use commands::{Access, COMMANDS, Call, Client, CommandInfo, Control, dispatch, find};
pub use error::{Action, ApiError, ErrorCode};
pub use event::{Event, EventStream, Subscription, subscription};
pub use view::*;
