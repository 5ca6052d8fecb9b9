//! Medians, percentiles, and how sure they are.

use std::ops::Range;

/// A small generator of random numbers (xorshift64*), seeded, so that a run can be repeated.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed; any will do.
    pub fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    /// A number below `end`, which is above zero.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or(0)
    }

    /// Yes or no.
    pub fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

/// The value at `share` (0 to 1) of the sorted values, interpolated. Not a number when there are none.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(last), Some(&end)) = (sorted.len().checked_sub(1), sorted.last()) else { return f64::NAN };
    let at = share.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    let low = sorted.get(below).copied().unwrap_or(end);
    let high = sorted.get(below + 1).copied().unwrap_or(end);
    low + (high - low) * (at - below as f64)
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The ratio of a percentile of `left` to the same of `right`, with its 95 % bootstrap interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    pub value: f64,
    pub interval: Range<f64>,
}

/// Draws pairs again and again, so that what disturbed both halves of a pair stays together.
pub fn ratio(pairs: &[(f64, f64)], share: f64, random: &mut Random) -> Ratio {
    const DRAWS: usize = 2000;
    let of = |pairs: &[(f64, f64)]| {
        let (left, right): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        percentile(&left, share) / percentile(&right, share)
    };
    let draws: Vec<f64> = (0..DRAWS)
        .map(|_| of(&pairs.iter().map(|_| pairs[random.below(pairs.len())]).collect::<Vec<_>>()))
        .collect();
    Ratio { value: of(pairs), interval: percentile(&draws, 0.025)..percentile(&draws, 0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0]), 1.5);
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0, 5.0], 1.0), 5.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn equal_halves_have_the_ratio_one() {
        let mut random = Random::new(7);
        let pairs: Vec<(f64, f64)> =
            (0..60).map(|_| (100.0 + random.below(20) as f64, 100.0 + random.below(20) as f64)).collect();
        let ratio = ratio(&pairs, 0.5, &mut random);
        assert!(ratio.interval.contains(&1.0), "{ratio:?}");
    }

    #[test]
    fn a_planted_difference_is_seen() {
        let mut random = Random::new(7);
        let pairs: Vec<(f64, f64)> =
            (0..60).map(|_| (130.0 + random.below(20) as f64, 100.0 + random.below(20) as f64)).collect();
        let ratio = ratio(&pairs, 0.5, &mut random);
        assert!(ratio.interval.start > 1.15 && ratio.interval.end < 1.4, "{ratio:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_order() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..64).map(|_| random.coin()).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        assert!(draw(3).iter().any(|coin| *coin) && draw(3).iter().any(|coin| !coin));
    }
}
