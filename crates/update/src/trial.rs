//! Trying a new version out in front of the old one.

use crate::disk::Disk;
use crate::swap::{Swap, SwapError};
use std::process::{Child, Command};
use std::time::Duration;

/// A new version says within this time that it is well, or it goes.
pub const HEALTHY_WITHIN: Duration = Duration::from_secs(120);

/// How the trial ended.
#[derive(Debug)]
pub enum Verdict {
    /// It is well and goes on running.
    Healthy(Child),
    /// It ended, or never said that it was well: the version before is in place again and must be started. Why.
    TakenBack(String),
    /// The session ends before the trial does: the version before is in place again. The new one is not to blame.
    PutOff,
}

/// What a wait found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// There is time left.
    On,
    /// [`HEALTHY_WITHIN`] has gone by.
    TooLong,
    /// Everything is to end now, for a reason that has nothing to do with the trial.
    Ending,
}

/// How long to wait, and how: the caller has the clock.
pub trait Patience {
    /// Waits a little.
    fn wait(&mut self) -> Waited;
}

/// Starts the new version and watches it until `healthy` says so (asked after every wait), it ends, or time is up. A
/// version that fails is ended, waited for, and taken back.
///
/// # Errors
/// When the disk does not do what it is asked.
pub fn try_out<D: Disk>(
    swap: &Swap<'_, D>,
    command: &mut Command,
    patience: &mut dyn Patience,
    healthy: &mut dyn FnMut() -> bool,
) -> Result<Verdict, SwapError> {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return give_up(swap, format!("it cannot be started: {error}")),
    };
    loop {
        let waited = patience.wait();
        if waited == Waited::Ending {
            end(&mut child);
            swap.put_off()?;
            return Ok(Verdict::PutOff);
        }
        // Asked first: a version that says it is well and then ends is no healthy one.
        let well = healthy();
        match child.try_wait() {
            Ok(Some(status)) => return give_up(swap, format!("it ended with {status}")),
            Ok(None) => {}
            Err(error) => return give_up(swap, format!("it cannot be watched: {error}")),
        }
        if well {
            if let Err(error) = swap.confirm() {
                // Nobody would watch it: what lies in the program's place is started anew.
                end(&mut child);
                return Err(error);
            }
            return Ok(Verdict::Healthy(child));
        }
        if waited == Waited::TooLong {
            end(&mut child);
            return give_up(
                swap,
                format!("it did not say within {} s that it is well", HEALTHY_WITHIN.as_secs()),
            );
        }
    }
}

/// One that has just ended by itself cannot be killed; either way it is gone.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn give_up<D: Disk>(swap: &Swap<'_, D>, why: String) -> Result<Verdict, SwapError> {
    swap.take_back()?;
    Ok(Verdict::TakenBack(why))
}
