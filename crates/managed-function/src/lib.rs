//! `managed-function-v0`: a tiny, closed, metered language. A program gets one JSON value and gives text; it has no
//! files, network, clock or imports, so it needs no container.
//!
//! Program and input come from strangers. Every step is counted before it is taken, values are bounded in size and
//! nesting, and a failure is a word and a sentence in the receipt, never a panic.

mod builtins;
pub mod cost;
mod failure;
mod lexer;
mod limits;
mod parser;
mod program;
mod receipt;
mod reins;
mod run;
mod value;

pub use failure::{Failure, FailureCode};
pub use limits::Limits;
pub use receipt::{Outcome, RUNTIME, Receipt, Status};
pub use reins::Reins;

/// Stack of the thread that a program runs on, in bytes. Nesting is bounded so that it suffices in every build.
pub const STACK_BYTES: usize = 32 << 20;

/// Runs `source` with the JSON text `input` on a thread of its own with a bounded stack, and waits for its end.
#[must_use]
pub fn execute(source: &str, input: &str, limits: Limits, reins: &Reins) -> Outcome {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("managed-function".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || execute_here(source, input, limits, reins));
        match thread {
            Ok(thread) => thread.join().unwrap_or_else(|_| Outcome::broken("the interpreter broke")),
            Err(error) => Outcome::broken(&format!("no thread for the program: {error}")),
        }
    })
}

/// The same on this thread, for a caller who made it with a stack of [`STACK_BYTES`] and wants to know what it cost.
#[must_use]
pub fn execute_here(source: &str, input: &str, limits: Limits, reins: &Reins) -> Outcome {
    run::execute(source, input, limits, reins)
}
