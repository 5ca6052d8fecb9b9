//! The tray on a real session bus: tray host present, absent, late, hung, and the bus itself dying.
//!
//! Each scenario runs in a process of its own, because the address of the bus is a variable of the process.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test harness reports there")]

#[cfg(target_os = "linux")]
mod board;
#[cfg(target_os = "linux")]
mod desktop;
#[cfg(target_os = "linux")]
mod fake;
#[cfg(target_os = "linux")]
mod scenarios;
#[cfg(target_os = "linux")]
mod states;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    harness::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
}

#[cfg(target_os = "linux")]
mod harness {
    use super::{desktop, scenarios};
    use std::process::{Command, ExitCode};

    const INSIDE: &str = "--inside";

    pub(super) fn main() -> ExitCode {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        if let [flag, name] = arguments.as_slice()
            && flag == INSIDE
        {
            return inside(name);
        }
        if arguments.iter().any(|a| a == "--list") {
            // Nothing is marked as ignored; what cannot run says so when it is its turn.
            if arguments.iter().any(|a| a == "--ignored") {
                return ExitCode::SUCCESS;
            }
            scenarios::ALL.iter().for_each(|(name, _)| println!("{name}: test"));
            return ExitCode::SUCCESS;
        }
        let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
        let wanted = |name: &str| filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str()));
        let chosen: Vec<&str> =
            scenarios::ALL.iter().map(|(name, _)| *name).filter(|name| wanted(name)).collect();
        println!("\nrunning {} tests", chosen.len());
        let (mut passed, mut failed, mut ignored) = (0, 0, 0);
        for name in &chosen {
            if !desktop::has_bus_daemon() {
                println!("test {name} ... ignored, skipped: dbus-daemon is not installed");
                ignored += 1;
            } else if outside(name) {
                println!("test {name} ... ok");
                passed += 1;
            } else {
                println!("test {name} ... FAILED");
                failed += 1;
            }
        }
        let verdict = if failed == 0 { "ok" } else { "FAILED" };
        let out = scenarios::ALL.len() - chosen.len();
        println!(
            "\ntest result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; {out} filtered out"
        );
        ExitCode::from(u8::from(failed > 0))
    }

    fn outside(name: &str) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args([INSIDE, name])
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env("XDG_RUNTIME_DIR", folder.path());
        child.env("LANG", "C.UTF-8").env_remove("LC_ALL").env_remove("LC_MESSAGES");
        if name != "without_a_bus_it_says_so_and_ends" {
            child.env(
                "DBUS_SESSION_BUS_ADDRESS",
                format!("unix:path={}", folder.path().join("session").display()),
            );
        }
        child.status().unwrap().success()
    }

    fn inside(name: &str) -> ExitCode {
        let Some((_, scenario)) = scenarios::ALL.iter().find(|(known, _)| *known == name) else {
            return ExitCode::FAILURE;
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let limit = std::time::Duration::from_secs(60);
        match runtime.block_on(async { tokio::time::timeout(limit, scenario()).await }) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => {
                eprintln!("{name} took longer than {limit:?}");
                ExitCode::FAILURE
            }
        }
    }
}
