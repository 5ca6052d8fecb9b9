//! `hivemind-worker`: the background worker and its command line.

fn main() -> std::process::ExitCode {
    hivemind_app::main()
}
