//! How much of processor and disk tasks get beside the owner's own programs, following the owner's load.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Every change is held at least this long: a container is told a new share at most this often.
pub const HOLD: Duration = Duration::from_secs(5);
/// The load must fall this far below a step's threshold, in percent, before the step is taken back.
const HYSTERESIS: f32 = 10.0;

/// What tasks are given when the computer has to choose. Ordered from the largest share to the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// The owner is away or does little.
    #[default]
    Normal,
    /// The owner's programs use a quarter of the processor.
    Lower,
    /// They use half of it.
    Low,
    /// They use three quarters: tasks take what is left.
    Least,
}

const STEPS: [(Priority, f32); 3] = [(Priority::Lower, 25.0), (Priority::Low, 50.0), (Priority::Least, 75.0)];

impl Priority {
    /// Weight against other control groups; 1024 is what everybody has.
    #[must_use]
    pub fn cpu_shares(self) -> u32 {
        match self {
            Self::Normal => 1024,
            Self::Lower => 512,
            Self::Low => 128,
            Self::Least => 2,
        }
    }

    /// Weight for the disk in the engine's terms, 10 to 1000; 500 is the ordinary one.
    #[must_use]
    pub fn io_weight(self) -> u16 {
        match self {
            Self::Normal => 500,
            Self::Lower => 250,
            Self::Low => 100,
            Self::Least => 10,
        }
    }

    /// The priority for a load of the owner's own programs, in percent of the whole computer. `self` is the present
    /// one: going down needs the step's threshold, going up again a load well below it.
    #[must_use]
    pub fn next(self, owner_load: f32) -> Self {
        // A reading that is none says nothing about the owner: nothing is changed.
        if !owner_load.is_finite() {
            return self;
        }
        let reached = |slack: f32| {
            let passed = STEPS.iter().rev().find(|(_, at)| owner_load >= at - slack);
            passed.map_or(Self::Normal, |(priority, _)| *priority)
        };
        let (down, up) = (reached(0.0), reached(HYSTERESIS));
        if down > self { down } else { up.min(self) }
    }
}

/// Load of the owner's own programs: the whole computer's less our tasks', in percent.
#[must_use]
pub fn owner_load(cpu_percent: f32, tasks_cpu_percent: f32) -> f32 {
    (cpu_percent - tasks_cpu_percent.max(0.0)).clamp(0.0, 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_share_follows_the_load_and_comes_back_late() {
        let mut priority = Priority::Normal;
        let mut seen = Vec::new();
        for load in [0.0, 24.9, 25.0, 16.0, 14.9, 60.0, 45.0, 39.0, 80.0, 66.0, 64.0, 3.0] {
            priority = priority.next(load);
            seen.push(priority.cpu_shares());
        }
        assert_eq!(seen, [1024, 1024, 512, 512, 1024, 128, 128, 512, 2, 2, 128, 1024]);
    }

    #[test]
    fn our_own_containers_are_not_the_owner() {
        assert_eq!(owner_load(90.0, 85.0), 5.0);
        assert_eq!(owner_load(10.0, 40.0), 0.0);
        assert!(owner_load(f32::NAN, 1.0).is_nan());
        assert_eq!(Priority::Low.next(f32::NAN), Priority::Low);
    }

    fn any_priority() -> impl Strategy<Value = Priority> {
        prop_oneof![Just(Priority::Normal), Just(Priority::Lower), Just(Priority::Low), Just(Priority::Least)]
    }

    proptest! {
        #[test]
        fn more_load_never_means_more_share(at in any_priority(), a in 0.0_f32..100.0, b in 0.0_f32..100.0) {
            let (less, more) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(at.next(less).cpu_shares() >= at.next(more).cpu_shares());
            prop_assert!(at.next(less).io_weight() >= at.next(more).io_weight());
        }

        #[test]
        fn the_same_load_twice_changes_nothing_more(at in any_priority(), load in -5.0_f32..120.0) {
            let once = at.next(load);
            prop_assert_eq!(once.next(load), once);
            prop_assert!((2..=1024).contains(&once.cpu_shares()) && (10..=1000).contains(&once.io_weight()));
        }

        #[test]
        fn a_trembling_load_does_not_flap(load in 0.0_f32..100.0) {
            let settled = Priority::Normal.next(load);
            let after = settled.next(load - HYSTERESIS / 2.1).next(load);
            prop_assert_eq!(after, settled);
        }
    }
}
