//! What other rules would have made of the time that has passed.

use super::{Frame, Memory, Reason, Rules, Verdict, decide};
use crate::time::{Mono, Now, WallMs};
use std::collections::BTreeMap;
use std::time::Duration;

/// A longer time without any frame is one in which the worker did not run: it remembers nothing of before.
const GAP_MS: i64 = 10_000;
/// Two looks are at least so far apart.
const CLOSEST_MS: i64 = 500;

/// What rules make of a stretch of history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// Time that is known, in milliseconds.
    pub known_ms: u64,
    /// Of that, time in which work was taken.
    pub lent_ms: u64,
    /// The same, weighed with the share of the processors, in milliseconds of the whole computer times a hundred.
    pub share_ms: u64,
    /// Time by the reason that was told.
    pub reasons: BTreeMap<Reason, u64>,
}

/// Runs the rules over frames, oldest first. `lent` is told of every stretch in which work is taken: from when, for how
/// many milliseconds, and with how many percent of the processors.
#[must_use]
pub fn replay(frames: &[Frame], rules: &Rules, mut lent: impl FnMut(WallMs, u64, u8)) -> Replay {
    let mut sum = Replay::default();
    let mut memory = Memory::default();
    let mut last: Option<WallMs> = None;
    let first = frames.first().map_or(0, |frame| frame.from.0);
    for frame in frames {
        // Frames of a clock that was set back would count time twice.
        let mut at = last.map_or(frame.from, |last| frame.from.max(last));
        if last.is_some_and(|last| frame.from.0.saturating_sub(last.0) > GAP_MS) {
            memory = Memory::default();
        }
        while at < frame.to {
            let since = u64::try_from(at.0.saturating_sub(first)).unwrap_or(0);
            let now = Now { mono: Mono(Duration::from_millis(since)), wall: at };
            let (decision, remembered) = decide(&frame.signals(at), rules, &frame.overrides(at), memory, now);
            memory = remembered;
            let look = decision.look_after.map_or(i64::MAX, |after| {
                i64::try_from(after.as_millis()).unwrap_or(i64::MAX).max(CLOSEST_MS)
            });
            let next = WallMs(at.0.saturating_add(look)).min(frame.to);
            let ms = u64::try_from(next.0.saturating_sub(at.0)).unwrap_or(0);
            sum.known_ms = sum.known_ms.saturating_add(ms);
            *sum.reasons.entry(decision.primary_reason).or_default() += ms;
            if matches!(decision.verdict, Verdict::Run | Verdict::Less) {
                sum.lent_ms = sum.lent_ms.saturating_add(ms);
                lent(at, ms, decision.share.cpu_percent);
                sum.share_ms =
                    sum.share_ms.saturating_add(ms.saturating_mul(u64::from(decision.share.cpu_percent)));
            }
            at = next;
        }
        // What was there was there up to the end: calm is counted from then, not from the last look.
        let end = WallMs(frame.to.0.saturating_sub(1));
        if end >= frame.from && last.is_none_or(|last| end > last) {
            let since = u64::try_from(end.0.saturating_sub(first)).unwrap_or(0);
            let now = Now { mono: Mono(Duration::from_millis(since)), wall: end };
            memory = decide(&frame.signals(end), rules, &frame.overrides(end), memory, now).1;
        }
        last = Some(last.map_or(frame.to, |last| last.max(frame.to)));
    }
    sum
}
