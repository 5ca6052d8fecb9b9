//! A sensor that shows the very same whatever happens.

/// Load from which the part works hard, and under which it rests, in percent.
const HARD: f32 = 80.0;
const REST: f32 = 20.0;

/// Notices a reading that never changed through hard work and rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Stuck {
    /// So many readings of each make it stuck.
    of_each: u32,
    value: Option<f32>,
    busy: u32,
    calm: u32,
}

impl Stuck {
    /// Nothing read yet.
    #[must_use]
    pub fn after(of_each: u32) -> Self {
        Self { of_each, value: None, busy: 0, calm: 0 }
    }

    /// Takes a reading, with the load of what it measures in percent where that is known; says whether it is stuck.
    pub fn is(&mut self, value: f32, load: Option<f32>) -> bool {
        if self.value != Some(value) {
            *self = Self { value: Some(value), ..Self::after(self.of_each) };
        }
        match load {
            Some(load) if load > HARD => self.busy = self.busy.saturating_add(1),
            Some(load) if load < REST => self.calm = self.calm.saturating_add(1),
            Some(_) | None => {}
        }
        self.busy >= self.of_each && self.calm >= self.of_each
    }
}

/// The hottest of several temperatures in degrees Celsius. One sensor that lies must not hide the others: what cannot
/// be true is left out while anything else can be believed.
#[must_use]
pub fn hottest(all: &[f32]) -> Option<f32> {
    let believed = all.iter().copied().filter(|celsius| (1.0..=150.0).contains(celsius)).reduce(f32::max);
    believed.or_else(|| all.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_the_same_through_work_and_rest_is_stuck() {
        let mut stuck = Stuck::after(12);
        let mut feed = |celsius: f32, load: f32, times: u32| {
            (0..times).fold(false, |_, _| stuck.is(celsius, Some(load)))
        };
        assert!(!feed(80.0, 100.0, 100), "hot under load is what heat is");
        assert!(!feed(79.0, 5.0, 100));
        assert!(feed(79.0, 95.0, 12));
        assert!(!feed(78.0, 95.0, 1), "it moved");
    }

    #[test]
    fn the_hottest_that_can_be_true_counts() {
        for (all, expected) in [
            (vec![45.0, 61.5, -1.0, 1e9], Some(61.5)),
            (vec![f32::NAN, 50.0, 0.0], Some(50.0)),
            (vec![0.0], Some(0.0)),
            (vec![1e9], Some(1e9)),
            (vec![], None),
        ] {
            assert_eq!(hottest(&all), expected, "{all:?}");
        }
    }
}
