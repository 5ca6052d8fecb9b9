//! Whether this computer contributes: what its owner wants, and what stands in the way.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `Off → Starting → On → Draining → Off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// The owner does not contribute.
    #[default]
    Off,
    /// Asked to contribute, not yet ready to take work.
    Starting,
    /// Contributing.
    On,
    /// Finishes what runs, takes nothing new, then turns off.
    Draining,
}

/// What keeps a willing computer from taking work. Ordered by precedence: the first in the set is told first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// The worker is ending.
    ShuttingDown,
    /// What happened cannot be written down safely.
    JournalFailed,
    /// The container engine does not answer or may not be used.
    EngineUnavailable,
    /// The engine keeps tasks apart less than the owner demands.
    IsolationTooLow,
    /// The self-test showed that tasks could do what they must not.
    SandboxBroken,
    /// Too little room on the disk.
    DiskLow,
    /// Task after task failed by no fault of theirs.
    TasksFailing,
    /// No valid sign-in.
    SignInRequired,
    /// The pool refuses this computer.
    PoolRefused,
    /// The pool cannot be reached.
    PoolUnreachable,
}

/// Wish and obstacles together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contribution {
    wish: Wish,
    paused: BTreeSet<PauseReason>,
}

impl Contribution {
    /// What the owner wants.
    #[must_use]
    pub fn wish(&self) -> Wish {
        self.wish
    }

    /// All obstacles, the most important first.
    pub fn reasons(&self) -> impl Iterator<Item = PauseReason> + '_ {
        self.paused.iter().copied()
    }

    /// The one reason that is told.
    #[must_use]
    pub fn primary(&self) -> Option<PauseReason> {
        self.paused.first().copied()
    }

    /// Whether new work may be asked for.
    #[must_use]
    pub fn takes_work(&self) -> bool {
        self.wish == Wish::On && self.paused.is_empty()
    }

    /// Whether the pool should be connected: also while draining, to deliver.
    #[must_use]
    pub fn wants_connection(&self, unfinished: usize) -> bool {
        self.wish != Wish::Off || unfinished > 0
    }

    /// The owner turns contributing on.
    pub fn start(&mut self) {
        if matches!(self.wish, Wish::Off | Wish::Draining) {
            self.wish = Wish::Starting;
        }
    }

    /// The owner turns it off at once; running tasks are handed back by the caller.
    pub fn stop(&mut self) {
        self.wish = Wish::Off;
    }

    /// The owner lets running tasks finish; without any this is [`Self::stop`].
    pub fn finish(&mut self, unfinished: usize) {
        if self.wish != Wish::Off {
            self.wish = if unfinished == 0 { Wish::Off } else { Wish::Draining };
        }
    }

    /// Adds or removes an obstacle; says whether that changed anything.
    pub fn set(&mut self, reason: PauseReason, present: bool) -> bool {
        if present { self.paused.insert(reason) } else { self.paused.remove(&reason) }
    }

    /// Moves on by itself: ready once the connection stands, off once drained.
    pub fn settle(&mut self, online: bool, unfinished: usize) {
        self.wish = match self.wish {
            Wish::Starting if online => Wish::On,
            Wish::Draining if unfinished == 0 => Wish::Off,
            other @ (Wish::Off | Wish::Starting | Wish::On | Wish::Draining) => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_drains_and_stops() {
        let mut c = Contribution::default();
        c.start();
        assert_eq!(c.wish(), Wish::Starting);
        assert!(!c.takes_work());
        c.settle(true, 0);
        assert!(c.takes_work());
        c.finish(2);
        c.settle(true, 1);
        assert_eq!(c.wish(), Wish::Draining);
        c.settle(true, 0);
        assert_eq!(c.wish(), Wish::Off);
        assert!(c.wants_connection(1) && !c.wants_connection(0));
    }

    #[test]
    fn the_gravest_reason_is_told() {
        let mut c = Contribution::default();
        assert!(c.set(PauseReason::PoolUnreachable, true));
        assert!(c.set(PauseReason::EngineUnavailable, true));
        assert!(!c.set(PauseReason::EngineUnavailable, true));
        assert_eq!(c.primary(), Some(PauseReason::EngineUnavailable));
        c.set(PauseReason::EngineUnavailable, false);
        assert_eq!(c.primary(), Some(PauseReason::PoolUnreachable));
    }

    #[test]
    fn finish_without_tasks_is_stop_and_start_cancels_draining() {
        let mut c = Contribution::default();
        c.start();
        c.finish(0);
        assert_eq!(c.wish(), Wish::Off);
        c.start();
        c.settle(true, 0);
        c.finish(1);
        c.start();
        assert_eq!(c.wish(), Wish::Starting);
    }
}
