//! What tray and command line say in both languages: reasons, errors, stable words, and the worker's own sentences.
//!
//! Architecture invariants: knows no host and no system but the language's variables; every enum is matched whole, so that
//! a missing translation does not compile. The page has the same words in `ui/messages`; tests compare the two.

mod error;
mod language;
mod problem;
mod reason;
mod said;
mod word;

pub use language::Language;
pub use said::Said;
