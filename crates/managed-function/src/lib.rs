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
mod run;
mod value;

pub use failure::{Failure, FailureCode};
pub use limits::Limits;
pub use receipt::{Outcome, RUNTIME, Receipt, Status};

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Stack of the thread that a program runs on. Nesting is bounded so that it suffices in every build.
const STACK_BYTES: usize = 32 << 20;

/// Runs `source` with the JSON text `input` on a thread of its own with a bounded stack, and waits for its end.
/// Setting `stop` ends it within one operation.
#[must_use]
pub fn execute(source: &str, input: &str, limits: Limits, stop: &Arc<AtomicBool>) -> Outcome {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("managed-function".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || run::execute(source, input, limits, stop));
        match thread {
            Ok(thread) => thread.join().unwrap_or_else(|_| internal("the interpreter broke")),
            Err(error) => internal(&format!("no thread for the program: {error}")),
        }
    })
}

fn internal(why: &str) -> Outcome {
    let failure = Failure::new(FailureCode::Internal, why);
    Outcome {
        output: String::new(),
        receipt: Receipt { status: Status::Failed, ..Receipt::default() }.failed(&failure),
    }
}
