//! Role `prove`: tries to get out of the box, or to use up what it was granted, and tells what was denied.
//!
//! Each attempt runs as a process of its own, so that one that is killed, hangs or changes its own standing spoils no
//! other. What cannot be decided counts as not denied. Nothing here harms a computer on which it gets through: files
//! are opened for writing and not written, modules and mounts are empty.

mod attack;
mod exhaust;
mod network;
mod privilege;
mod reach;

use crate::console;
use attack::{Attack, Outcome};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, Stdio};

/// An attempt that takes longer is told as undecided.
const PATIENCE_MS: u32 = 15_000;
/// The file size signal, and the one that ends a process for want of memory.
const SIGXFSZ: i32 = 25;
const SIGKILL: i32 = 9;

/// Every attempt, in the order it is made. Their words stand in `ui/src/text/attacks.ts` as well.
fn attacks() -> impl Iterator<Item = &'static Attack> {
    reach::ATTACKS.iter().chain(network::ATTACKS).chain(privilege::ATTACKS).chain(exhaust::ATTACKS)
}

/// `prove`: all; `prove NAME`: one, telling by its exit code and one line; `prove -wait`: what bombs are made of.
/// Behind `--loopback PORT` stands a port on which a program listens on the computer's own loopback.
pub fn prove(words: Vec<OsString>) -> ExitCode {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    match words.as_slice() {
        ["-wait"] => {
            pause(60_000);
            ExitCode::SUCCESS
        }
        [] => all(None),
        ["--loopback", port] => all(Some(port)),
        [name, rest @ ..] => match attacks().find(|attack| attack.name == *name) {
            Some(attack) => one(attack, rest),
            None => {
                console::error("there is no such attempt");
                ExitCode::from(console::WRONG_USAGE)
            }
        },
    }
}

/// Exit code 0 when everything was denied.
fn all(port: Option<&str>) -> ExitCode {
    let mut through = false;
    for attack in attacks() {
        let outcome = tried(attack, port);
        through |= !outcome.denied;
        console::answer(&attack.line(&outcome));
    }
    // Last of all, because it ends this process when it is denied: the worker knows that by the exit code.
    let outcome = exhaust::fill_the_disk();
    through |= !outcome.denied;
    console::answer(&exhaust::DISK.line(&outcome));
    ExitCode::from(u8::from(through))
}

/// In the process of its own: exit code 0 when denied, and the evidence on standard output.
fn one(attack: &Attack, rest: &[&str]) -> ExitCode {
    let outcome = (attack.attempt)(rest.first().copied());
    console::answer(&outcome.evidence);
    ExitCode::from(u8::from(!outcome.denied))
}

fn tried(attack: &Attack, port: Option<&str>) -> Outcome {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["prove", attack.name])
        .args(port)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::through(format!("it could not be tried: {error}")),
    };
    let Some(status) = ended(&mut child) else {
        let _ = child.kill();
        let _ = child.wait();
        return Outcome::through("it did not end, so that nothing is known");
    };
    let mut evidence = String::new();
    if let Some(output) = child.stdout.take() {
        let _ = std::io::Read::read_to_string(&mut std::io::Read::take(output, 1000), &mut evidence);
    }
    let evidence = evidence.trim().to_owned();
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome { denied: true, evidence },
        (Some(1), _) => Outcome { denied: false, evidence },
        (_, Some(SIGXFSZ)) if attack.killed_is_denied => Outcome::denied("ended by the file size limit"),
        (_, Some(SIGKILL)) if attack.killed_is_denied => Outcome::denied("ended by the memory limit"),
        _ => Outcome::through(format!("it ended oddly ({status}), so that nothing is known")),
    }
}

fn ended(child: &mut Child) -> Option<std::process::ExitStatus> {
    let mut waited = 0;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if waited < PATIENCE_MS => {}
            Ok(None) | Err(_) => return None,
        }
        // Most end within a millisecond or two.
        let step = if waited < 20 { 1 } else { 20 };
        pause(step);
        waited += step;
    }
}

fn pause(milliseconds: u32) {
    std::thread::sleep(std::time::Duration::from_millis(milliseconds.into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_has_its_words_on_the_screen() {
        let screen = include_str!("../../../ui/src/text/attacks.ts");
        for attack in attacks().chain([&exhaust::DISK]) {
            assert!(screen.contains(&format!("  {0}: m.attack_{0},", attack.name)), "{}", attack.name);
        }
    }

    #[test]
    fn names_are_words_and_stand_once() {
        let mut names: Vec<&str> = attacks().map(|attack| attack.name).chain([exhaust::DISK.name]).collect();
        assert!(names.len() >= 30, "{}", names.len());
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')), "{names:?}");
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
