//! A beat for which the processor wakes once.
//!
//! tokio keeps timers that are due in 64 ms to 4 s in slots of 64 ms: it wakes when a slot begins, and again when a
//! timer of it is due, unless that is at the slot's beginning (`runtime/time/wheel`, tokio 1.54). So each beat is set
//! on the beginning of a slot; the average is as asked, and none is late or more than 65 ms early.

use std::time::Duration;
use tokio::time::Instant;

/// Length of a slot.
const SLOT: Duration = Duration::from_millis(64);
/// The timer rounds up to whole milliseconds since it began, which was less than one before `began`.
const EARLY: Duration = Duration::from_millis(1);

/// Comes again and again, the first time at once.
pub(super) struct Beat {
    began: Instant,
    every: Duration,
    due: Instant,
    first: bool,
}

impl Beat {
    /// `began` is when the event loop did.
    pub(super) fn new(began: Instant, every: Duration) -> Self {
        Self { began, every, due: Instant::now(), first: true }
    }

    /// Waits for the next one. What was missed is not made up for.
    pub(super) async fn next(&mut self) {
        if std::mem::take(&mut self.first) {
            return;
        }
        let now = Instant::now();
        self.due = (self.due + self.every).max(now);
        tokio::time::sleep_until(on_slot(self.began, self.due).max(now)).await;
    }
}

impl Beat {
    /// It comes now, out of turn: the next one follows in its usual distance.
    pub(super) fn restart(&mut self) {
        self.due = Instant::now();
    }
}

/// The last beginning of a slot that is not after `due`.
fn on_slot(began: Instant, due: Instant) -> Instant {
    let past = due.saturating_duration_since(began).as_millis() / SLOT.as_millis();
    let slots = u32::try_from(past).unwrap_or(u32::MAX);
    (began + SLOT * slots).checked_sub(EARLY).unwrap_or(due)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn beats_stand_on_slots_and_come_as_often_as_asked() {
        let began = Instant::now();
        tokio::time::advance(Duration::from_micros(12_345_678)).await;
        let mut beat = Beat::new(began, Duration::from_secs(1));
        let start = Instant::now();
        beat.next().await;
        assert_eq!(Instant::now(), start, "the first at once");
        let mut last = start;
        for n in 1..=100 {
            beat.next().await;
            let now = Instant::now();
            // The timer's own milliseconds.
            let tick = now.duration_since(began).as_micros().div_ceil(1000);
            assert!(matches!(tick % 64, 0 | 63), "{tick}");
            assert!(now - last <= Duration::from_millis(1065), "{:?}", now - last);
            let ideal = start + Duration::from_secs(n);
            assert!(now <= ideal && ideal - now < Duration::from_millis(66), "beat {n}");
            last = now;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_long_pause_one_beat_comes_at_once() {
        let mut beat = Beat::new(Instant::now(), Duration::from_secs(1));
        beat.next().await;
        tokio::time::advance(Duration::from_secs(60)).await;
        let late = Instant::now();
        beat.next().await;
        assert!(Instant::now() - late <= Duration::from_millis(2));
        beat.next().await;
        assert!(Instant::now() - late > Duration::from_millis(900));
    }
}
