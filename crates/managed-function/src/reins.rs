//! Holding a running program, letting it go on, ending it: from outside, between two of its operations.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

const RUNS: u8 = 0;
const HELD: u8 = 1;
const ENDED: u8 = 2;

/// What a program is steered by. A held one computes nothing, and keeps what it has; one that was ended stays so.
#[derive(Debug, Default)]
pub struct Reins {
    state: AtomicU8,
    /// Taken to change the state, and to sleep until it changes.
    change: Mutex<()>,
    changed: Condvar,
}

impl Reins {
    /// Reins that are loose.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds the program before its next operation.
    pub fn hold(&self) {
        self.set(RUNS, HELD);
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.set(HELD, RUNS);
    }

    /// Ends it before its next operation, also while it is held.
    pub fn end(&self) {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.store(ENDED, Ordering::Release);
        self.changed.notify_all();
    }

    /// Whether it is held now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state.load(Ordering::Acquire) == HELD
    }

    /// Whether it was ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state.load(Ordering::Acquire) == ENDED
    }

    fn set(&self, from: u8, to: u8) {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        // Another state stays: what is held is held, what was ended is over.
        let _ = self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        self.changed.notify_all();
    }

    /// Whether the program may take its next operation; waits while it is held.
    pub(crate) fn may_go_on(&self) -> bool {
        match self.state.load(Ordering::Relaxed) {
            RUNS => true,
            HELD => self.wait(),
            _ => false,
        }
    }

    #[cold]
    fn wait(&self) -> bool {
        let mut change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        while self.is_held() {
            change = self.changed.wait(change).unwrap_or_else(PoisonError::into_inner);
        }
        !self.is_ended()
    }
}
