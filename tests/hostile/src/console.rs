//! Everything this program prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this module is the program's output")]

/// One line of an answer.
pub fn answer(text: &str) {
    println!("{text}");
}

/// One line of progress, or a reason for a failure.
pub fn note(text: &str) {
    eprintln!("{text}");
}
