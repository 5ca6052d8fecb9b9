//! Everything this tool prints. Progress goes to standard error; answers another program may read go to standard output.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this module is the tool's output")]

use std::io::Write;

/// A heading before a long step.
pub fn step(title: &str) {
    eprintln!("\n==> {title}");
}

/// One line of progress.
pub fn note(text: &str) {
    eprintln!("    {text}");
}

/// A line that asks for attention without failing anything.
pub fn warning(text: &str) {
    eprintln!("warning: {text}");
}

/// A line that says why something failed.
pub fn error(text: &str) {
    eprintln!("error: {text}");
}

/// One line of a result, for people or programs.
pub fn answer(text: &str) {
    println!("{text}");
}

/// One raw line of a running program's output.
pub fn pass_on(line: &[u8]) {
    let mut out = std::io::stdout().lock();
    // A closed reader is no reason to stop the program that is running.
    let _ = out.write_all(line).and_then(|()| out.flush());
}
