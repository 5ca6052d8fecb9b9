//! What work has moved over the network, by day and month of the local calendar.

use super::schedule::{next_clock, stamp};
use crate::time::WallMs;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Longest time to the next month, should the calendar end.
const MONTH_MS: i64 = 31 * 86_400_000;

/// Bytes moved, both ways together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// In this day.
    pub day: u64,
    /// In this month.
    pub month: u64,
}

/// Counts them; kept over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrafficMeter {
    /// The day that was counted last; absent before anything was.
    date: Option<Date>,
    moved: Traffic,
}

impl TrafficMeter {
    /// Counts bytes moved now.
    pub fn add(&mut self, bytes: u64, zone: &TimeZone, now: WallMs) {
        self.date = Some(zone.to_datetime(stamp(now)).date());
        self.moved = Traffic {
            day: self.moved.day.saturating_add(bytes),
            month: self.moved.month.saturating_add(bytes),
        };
    }

    /// Begins a new day or month where one has begun, and tells what was moved in it. A clock that was set back
    /// fills no quota anew, and one that was years ahead holds nothing up for years: what was counted counts for
    /// today.
    pub fn roll(&mut self, zone: &TimeZone, now: WallMs) -> Traffic {
        let today = zone.to_datetime(stamp(now)).date();
        if let Some(then) = self.date.filter(|then| *then < today) {
            self.moved.day = 0;
            if then.first_of_month() != today.first_of_month() {
                self.moved.month = 0;
            }
        }
        self.date = self.date.map(|_| today);
        self.moved
    }

    /// As it is kept.
    #[must_use]
    pub fn word(&self) -> String {
        let Self { date, moved } = self;
        date.map(|date| format!("{date} {} {}", moved.day, moved.month)).unwrap_or_default()
    }

    /// What [`Self::word`] has written.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let mut parts = word.split(' ');
        let date = parts.next()?.parse().ok()?;
        let day = parts.next()?.parse().ok()?;
        let month = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { date: Some(date), moved: Traffic { day, month } })
    }
}

/// When the next day begins here.
pub(super) fn next_day(zone: &TimeZone, now: WallMs) -> WallMs {
    next_clock(zone, now, 0, 0)
}

/// When the next month begins here.
pub(super) fn next_month(zone: &TimeZone, now: WallMs) -> WallMs {
    let today = zone.to_datetime(stamp(now)).date();
    let next = today.last_of_month().tomorrow().ok();
    let begins = next.and_then(|first| zone.to_ambiguous_timestamp(first.at(0, 0, 0, 0)).compatible().ok());
    let begins = begins.map(|at| at.as_millisecond()).filter(|at| *at > now.0);
    WallMs(begins.unwrap_or_else(|| now.0.saturating_add(MONTH_MS)))
}
