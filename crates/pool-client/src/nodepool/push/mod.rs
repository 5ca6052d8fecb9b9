//! Work that the pool pushes: it calls this computer, and the answer to its call is the task's end.
//!
//! The call and the execution are two things. A task is keyed by its id; whoever calls for one that is known waits for
//! its end, and one that the worker takes runs on although the call breaks off. Nothing is begun that the worker did
//! not ask for: a call waits a moment for its question, and is refused by a gRPC error otherwise, which costs no trust.

mod admit;
pub(crate) mod desk;
mod inlet;
pub(crate) mod listener;
pub(crate) mod next;
mod service;
pub(crate) mod token;
