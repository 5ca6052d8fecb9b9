//! The computer's use over days, at a resolution that falls with age.

use crate::time::WallMs;

/// How many quantities a point has.
pub const QUANTITIES: usize = 10;

/// What was measured, in this order: processor and our tasks' part of it (percent), memory and our tasks' part of it
/// (bytes), received and sent (bytes per second), disk (bytes), the busiest GPU (percent), the hottest (degrees
/// Celsius), all of them (watts). Not a number where nothing tells.
pub type Reading = [f32; QUANTITIES];

/// How finely a stretch of time is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Minutes, for two hours.
    Minute,
    /// Five minutes, for two days.
    FiveMinutes,
    /// Half hours, for 31 days.
    HalfHour,
}

impl Tier {
    /// The finest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::FiveMinutes, Self::HalfHour];

    /// Length of one of its points, in milliseconds.
    #[must_use]
    pub fn step_ms(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::FiveMinutes => 300_000,
            Self::HalfHour => 1_800_000,
        }
    }

    /// How many points are kept.
    #[must_use]
    pub fn kept(self) -> u32 {
        match self {
            Self::Minute => 120,
            Self::FiveMinutes => 576,
            Self::HalfHour => 1488,
        }
    }

    /// The finest one that reaches back so far, in milliseconds.
    #[must_use]
    pub fn reaching(back_ms: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.step_ms().saturating_mul(i64::from(tier.kept())) >= back_ms)
    }

    fn beginning(self, at: WallMs) -> WallMs {
        WallMs(at.0.div_euclid(self.step_ms()).saturating_mul(self.step_ms()))
    }
}

/// The mean of what was read in one step of a tier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where the step begins; a multiple of the tier's step.
    pub at: WallMs,
    /// Means.
    pub means: Reading,
}

/// A step that goes on.
#[derive(Debug, Clone, Copy)]
struct Open {
    at: WallMs,
    sums: [f64; QUANTITIES],
    counts: [u32; QUANTITIES],
}

impl Open {
    fn new(at: WallMs) -> Self {
        Self { at, sums: [0.0; QUANTITIES], counts: [0; QUANTITIES] }
    }

    fn add(&mut self, reading: &Reading) {
        for ((sum, count), value) in self.sums.iter_mut().zip(&mut self.counts).zip(reading) {
            if value.is_finite() {
                *sum += f64::from(*value);
                *count = count.saturating_add(1);
            }
        }
    }

    fn point(&self) -> Point {
        let mut means = [f32::NAN; QUANTITIES];
        for ((mean, sum), count) in means.iter_mut().zip(self.sums).zip(self.counts) {
            if count > 0 {
                *mean = (sum / f64::from(count)) as f32;
            }
        }
        Point { at: self.at, means }
    }
}

/// Gathers readings into points of every tier.
#[derive(Debug, Clone, Default)]
pub struct Gatherer {
    open: [Option<Open>; 3],
}

impl Gatherer {
    /// Takes a reading; gives the points that are complete with it. With a clock that is set, a step ends early.
    pub fn add(&mut self, at: WallMs, reading: &Reading) -> Vec<(Tier, Point)> {
        let mut complete = Vec::new();
        for (tier, open) in Tier::ALL.into_iter().zip(&mut self.open) {
            let begins = tier.beginning(at);
            if let Some(before) = open.filter(|open| open.at != begins) {
                complete.push((tier, before.point()));
                *open = None;
            }
            open.get_or_insert_with(|| Open::new(begins)).add(reading);
        }
        complete
    }

    /// The point of a tier that goes on, as far as it is known.
    #[must_use]
    pub fn present(&self, tier: Tier) -> Option<Point> {
        let open = Tier::ALL.into_iter().zip(&self.open).find(|(of, _)| *of == tier);
        open.and_then(|(_, open)| open.as_ref()).map(Open::point)
    }

    /// Every point that goes on: what is worth keeping when the worker ends.
    #[must_use]
    pub fn rest(&self) -> Vec<(Tier, Point)> {
        Tier::ALL.into_iter().filter_map(|tier| Some((tier, self.present(tier)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(cpu: f32) -> Reading {
        let mut reading = [f32::NAN; QUANTITIES];
        reading[0] = cpu;
        reading
    }

    #[test]
    fn a_step_is_the_mean_of_its_readings_and_silence_is_no_zero() {
        let mut gatherer = Gatherer::default();
        assert!(gatherer.add(WallMs(60_000), &reading(10.0)).is_empty());
        assert!(gatherer.add(WallMs(90_000), &reading(30.0)).is_empty());
        let complete = gatherer.add(WallMs(120_000), &reading(90.0));
        assert_eq!(complete.len(), 1);
        let (tier, point) = complete[0];
        assert_eq!((tier, point.at, point.means[0]), (Tier::Minute, WallMs(60_000), 20.0));
        assert!(point.means[1].is_nan(), "nothing told it");
        assert_eq!(
            gatherer.present(Tier::HalfHour).map(|p| (p.at, p.means[0])),
            Some((WallMs(0), 130.0 / 3.0))
        );
        assert_eq!(gatherer.rest().len(), 3);
    }

    #[test]
    fn a_day_leaves_as_many_points_as_it_has_steps() {
        let mut gatherer = Gatherer::default();
        let mut counts = [0; 3];
        for second in (0..86_400 + 1).step_by(30) {
            for (tier, _) in gatherer.add(WallMs(second * 1000), &reading(1.0)) {
                counts[Tier::ALL.iter().position(|known| *known == tier).unwrap()] += 1;
            }
        }
        assert_eq!(counts, [1440, 288, 48]);
    }

    #[test]
    fn a_clock_set_back_ends_the_step_and_nothing_panics_at_the_ends_of_time() {
        let mut gatherer = Gatherer::default();
        gatherer.add(WallMs(10_000_000), &reading(1.0));
        let complete = gatherer.add(WallMs(0), &reading(5.0));
        assert_eq!(complete.len(), 3);
        for at in [i64::MIN, i64::MAX, -1] {
            gatherer.add(WallMs(at), &reading(f32::INFINITY));
        }
        assert!(gatherer.present(Tier::Minute).is_some_and(|point| point.means[0].is_nan()));
    }

    #[test]
    fn the_finest_tier_that_reaches_back_is_chosen() {
        let hour = 3_600_000;
        assert_eq!(Tier::reaching(hour), Some(Tier::Minute));
        assert_eq!(Tier::reaching(24 * hour), Some(Tier::FiveMinutes));
        assert_eq!(Tier::reaching(7 * 24 * hour), Some(Tier::HalfHour));
        assert_eq!(Tier::reaching(31 * 24 * hour), Some(Tier::HalfHour));
        assert_eq!(Tier::reaching(32 * 24 * hour), None);
    }
}
