//! What this program says: its log, on standard error, where a service's log is read.

use std::process::ExitCode;

/// As Rust's own programs end after a panic.
const PANICKED: i32 = 101;

/// Runs the program with its arguments.
pub fn run(program: impl FnOnce(&[String]) -> Result<(), String>) -> ExitCode {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tell(info);
        // Before it is ended in a way that leaves the keys in a core dump.
        std::process::exit(PANICKED);
    }));
    let quiet = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false);
    let _ = quiet.with_max_level(tracing_subscriber::filter::LevelFilter::INFO).try_init();
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match program(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program says on standard error why it ends")]
fn say(error: &str) {
    eprintln!("{error}");
}
