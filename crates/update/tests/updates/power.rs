//! The power goes at every step: what is in place is a whole version, and the computer finds its way.

use crate::release::{NEW, offer};
use hivemind_update::{Disk, Outcome, Swap, SwapError, SystemDisk};
use std::cell::Cell;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const OLD: &[u8] = b"#!/bin/sh\necho 0.1.0\n";

/// A disk that dies at a step: before it, in its middle (half of a file written), or after it; nothing works then.
struct Dying {
    steps: Cell<u32>,
    at: u32,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Before,
    Torn,
    After,
}

impl Dying {
    fn step(
        &self,
        torn: impl FnOnce() -> io::Result<()>,
        done: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let step = self.steps.get() + 1;
        self.steps.set(step);
        let gone = || Err(io::Error::other("the power is gone"));
        if step > self.at {
            return gone();
        }
        if step < self.at {
            return done();
        }
        match self.how {
            How::Before => gone(),
            How::Torn => torn().and_then(|()| gone()),
            How::After => done().and_then(|()| gone()),
        }
    }
}

impl Disk for Dying {
    fn write(&self, at: &Path, content: &mut dyn Read) -> io::Result<()> {
        let content = Cell::new(Some(content));
        self.step(
            || {
                let mut half = content.take().unwrap().take(5);
                SystemDisk.write(at, &mut half)
            },
            || SystemDisk.write(at, content.take().unwrap()),
        )
    }

    // A rename happens or does not.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|| Ok(()), || SystemDisk.rename(from, to))
    }

    fn remove(&self, at: &Path) -> io::Result<()> {
        self.step(|| Ok(()), || SystemDisk.remove(at))
    }

    fn allow_starting(&self, at: &Path, as_this: &Path) -> io::Result<()> {
        self.step(|| Ok(()), || SystemDisk.allow_starting(at, as_this))
    }
}

fn update<D: Disk>(program: &Path, disk: &D, healthy: bool) -> Result<(), SwapError> {
    let swap = Swap::new(program.to_owned(), disk);
    swap.stage(&offer(NEW), &mut &NEW[..])?;
    swap.begin()?;
    assert!(matches!(swap.started()?, Outcome::OnTrial(_)));
    if healthy { swap.confirm() } else { swap.started().map(drop) }
}

fn count_of_steps(healthy: bool) -> u32 {
    let (_folder, program) = installed();
    let disk = Dying { steps: Cell::new(0), at: u32::MAX, how: How::Before };
    update(&program, &disk, healthy).unwrap();
    disk.steps.get()
}

fn installed() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("worker");
    std::fs::write(&program, OLD).unwrap();
    (folder, program)
}

#[test]
fn a_cut_at_every_step_leaves_a_version_that_works() {
    let mut cuts = 0;
    for healthy in [true, false] {
        let steps = count_of_steps(healthy);
        assert!(steps > 10, "{steps}");
        for at in 1..=steps {
            for how in [How::Before, How::Torn, How::After] {
                cuts += 1;
                let case = format!("healthy {healthy}, step {at} of {steps}, {how:?}");
                let (folder, program) = installed();
                let disk = Dying { steps: Cell::new(0), at, how };
                assert!(update(&program, &disk, healthy).is_err() || at == steps, "{case}");
                let there = std::fs::read(&program).unwrap();
                assert!(there == OLD || there == NEW, "{case}: neither version");

                // The computer starts again, as often as it takes; a version that is not confirmed must not stay.
                let swap = Swap::new(program.clone(), &SystemDisk);
                let mut outcomes = Vec::new();
                for _ in 0..4 {
                    let outcome = swap.started().unwrap_or_else(|error| panic!("{case}: {error}"));
                    let there = std::fs::read(&program).unwrap();
                    match &outcome {
                        Outcome::OnTrial(_) => assert_eq!(there, NEW, "{case}"),
                        Outcome::TakenBack(_) | Outcome::Staged(_) => assert_eq!(there, OLD, "{case}"),
                        Outcome::Quiet => assert!(there == OLD || there == NEW, "{case}"),
                    }
                    outcomes.push(outcome);
                }
                // One that is only staged goes on, everything else has come to rest and cleared up.
                if matches!(outcomes.last(), Some(Outcome::Staged(_))) {
                    swap.begin().unwrap_or_else(|error| panic!("{case}: {error}"));
                    assert!(matches!(swap.started().unwrap(), Outcome::OnTrial(_)), "{case}");
                    swap.confirm().unwrap();
                    assert_eq!(std::fs::read(&program).unwrap(), NEW, "{case}");
                } else {
                    assert_eq!(outcomes.last(), Some(&Outcome::Quiet), "{case}: {outcomes:?}");
                }
                let mut left: Vec<_> = std::fs::read_dir(folder.path())
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .filter(|name| name != "worker.update")
                    .collect();
                left.sort();
                assert_eq!(left, ["worker"], "{case}: {outcomes:?}");
            }
        }
    }
    println!("{cuts} cuts, a working version each time");
}

#[test]
fn a_version_that_was_taken_back_is_not_offered_again() {
    let (_folder, program) = installed();
    update(&program, &SystemDisk, false).unwrap();
    let swap = Swap::new(program.clone(), &SystemDisk);
    assert_eq!(std::fs::read(&program).unwrap(), OLD);
    assert_eq!(swap.seen().failed, [semver::Version::new(0, 2, 0)]);
    assert_eq!(swap.started().unwrap(), Outcome::Quiet);
}

#[test]
fn a_note_that_somebody_scribbled_on_harms_nothing() {
    for note in ["", "{", "null", r#"{"phase":{"exchanging":{}}}"#, "\0\0\0"] {
        let (folder, program) = installed();
        std::fs::write(folder.path().join("worker.update"), note).unwrap();
        assert_eq!(Swap::new(program.clone(), &SystemDisk).started().unwrap(), Outcome::Quiet, "{note:?}");
        assert_eq!(std::fs::read(&program).unwrap(), OLD, "{note:?}");
    }
}
