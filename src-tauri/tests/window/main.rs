//! The real window on a real display server, driven by WebDriver, in front of a worker that remembers what it was
//! asked. The screens have tests of their own; this is about what stands between them and the worker.
//!
//! It has its own harness, so that without display server or driver it counts as ignored, not as passed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "a test harness reports there")]

#[cfg(target_os = "linux")]
mod driver;
// The same worker as behind the listener's own tests.
#[cfg(target_os = "linux")]
#[path = "../../../crates/local-api/tests/local_api/fake.rs"]
mod fake;
#[cfg(target_os = "linux")]
mod scenario;

const NAME: &str = "the_page_reaches_the_worker_and_nothing_else";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        // It is never marked as ignored; when it cannot run it says so at its turn.
        if !arguments.iter().any(|a| a == "--ignored") {
            println!("{NAME}: test");
        }
        return;
    }
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let chosen = filters.is_empty() || filters.iter().any(|f| NAME.contains(f.as_str()));
    let (mut passed, mut ignored) = (0, 0);
    println!("\nrunning {} test", u8::from(chosen));
    if chosen {
        match missing() {
            Some(what) => {
                println!("test {NAME} ... ignored, skipped: {what} is not installed");
                ignored = 1;
            }
            None => {
                run();
                println!("test {NAME} ... ok");
                passed = 1;
            }
        }
    }
    let out = u8::from(!chosen);
    println!(
        "\ntest result: ok. {passed} passed; 0 failed; {ignored} ignored; 0 measured; {out} filtered out"
    );
}

#[cfg(target_os = "linux")]
fn missing() -> Option<&'static str> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let here = |program: &&str| std::env::split_paths(&folders).any(|folder| folder.join(program).is_file());
    ["Xvfb", "WebKitWebDriver"].into_iter().find(|program| !here(program))
}

#[cfg(target_os = "linux")]
fn run() {
    scenario::run();
}

#[cfg(not(target_os = "linux"))]
fn missing() -> Option<&'static str> {
    Some("a WebDriver for this operating system's web view")
}

#[cfg(not(target_os = "linux"))]
fn run() {}
