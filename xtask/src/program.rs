//! Running other programs: shown, captured, or both.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};

use crate::console;

/// A command with no standard input, as all of ours run unattended.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null());
    command
}

/// Cargo, the one that started this tool.
pub fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The command as a person would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs with the terminal as output.
///
/// # Errors
/// When it cannot start or ends with another code than 0.
pub fn run(command: &mut Command) -> Result<()> {
    console::note(&format!("$ {}", shown(command)));
    // Standard output is for answers; what a step prints is progress.
    command.stdout(std::io::stderr());
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs and returns standard output.
///
/// # Errors
/// When it cannot start or ends with another code than 0; the message carries the end of its standard error.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    checked(command, output)
}

/// Runs and returns standard output, whatever it is.
///
/// # Errors
/// As [`capture`].
pub fn bytes(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    ended_well(command, output)
}

/// Runs with `input` on standard input and returns standard output.
///
/// # Errors
/// As [`capture`].
pub fn feed(command: &mut Command, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", shown(command)))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let written = write(&mut stdin);
    drop(stdin);
    let output = child.wait_with_output()?;
    let answer = checked(command, output)?;
    // After the exit code: a program that died explains a broken pipe better than the pipe does.
    written?;
    Ok(answer)
}

fn checked(command: &Command, output: Output) -> Result<String> {
    let said = ended_well(command, output)?;
    String::from_utf8(said).with_context(|| format!("`{}` did not print text", shown(command)))
}

fn ended_well(command: &Command, output: Output) -> Result<Vec<u8>> {
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let tail: Vec<&str> = said.lines().rev().take(12).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!("`{}` ended with {}:\n{}", shown(command), output.status, tail.join("\n"));
    }
    Ok(output.stdout)
}

/// Whether the command starts and ends with code 0. Prints nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs, shows the output as it comes, and returns it with whether the code was 0.
///
/// # Errors
/// When it cannot start.
pub fn watch(command: &mut Command) -> Result<(bool, String)> {
    console::note(&format!("$ {}", shown(command)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", shown(command)))?;
    let out = child.stdout.take().map(|pipe| collect(Box::new(pipe)));
    let err = child.stderr.take().map(|pipe| collect(Box::new(pipe)));
    let status = child.wait()?;
    let mut text = String::new();
    for reader in [out, err].into_iter().flatten() {
        text.push_str(&reader.join().unwrap_or_default());
    }
    Ok((status.success(), text))
}

fn collect(pipe: Box<dyn Read + Send>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut all = String::new();
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            console::pass_on(&line);
            all.push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
        all
    })
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_what_the_program_said() {
        let error = capture(program("sh").args(["-c", "echo because >&2; exit 4"])).unwrap_err().to_string();
        assert!(error.contains("because") && error.contains('4'), "{error}");
    }

    #[test]
    fn watching_keeps_both_streams_and_the_verdict() {
        let (passed, text) = watch(program("sh").args(["-c", "echo one; echo two >&2; exit 1"])).unwrap();
        assert!(!passed && text.contains("one") && text.contains("two"));
    }

    #[test]
    fn feeding_reaches_standard_input() {
        let answer = feed(&mut program("cat"), |pipe| Ok(pipe.write_all(b"hello")?)).unwrap();
        assert_eq!(answer, "hello");
    }
}
