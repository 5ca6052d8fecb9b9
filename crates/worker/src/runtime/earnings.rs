//! Sums of pay by local day.

use hivemind_control::{EarningsDay, EarningsSum};
use hivemind_domain::task::{Task, Verdict};
use hivemind_domain::time::WallMs;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

fn date(zone: &TimeZone, at: WallMs) -> jiff::civil::Date {
    let stamp = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    zone.to_datetime(stamp).date()
}

/// Start of the local day of `at`.
pub(super) fn midnight(zone: &TimeZone, at: WallMs) -> WallMs {
    let start = date(zone, at).to_zoned(zone.clone()).map(|z| z.timestamp().as_millisecond());
    WallMs(start.unwrap_or(at.0))
}

fn add(sum: &mut EarningsSum, task: &Task) {
    if matches!(task.verdict, Some(Verdict::HandedBack { .. })) || task.started_at.is_none() {
        return;
    }
    sum.tasks += 1;
    sum.estimated_cpt += task.estimate();
    if let Some(credit) = task.credit {
        sum.credited_cpt += credit.cpt;
        if credit.settled {
            sum.settled_cpt += credit.cpt;
        }
    }
}

/// Days with work, newest first, and their sum. A task counts on the day it ended.
pub(super) fn days(zone: &TimeZone, tasks: &[Task]) -> (Vec<EarningsDay>, EarningsSum) {
    let mut by_day: BTreeMap<jiff::civil::Date, EarningsSum> = BTreeMap::new();
    let mut all = EarningsSum::default();
    for task in tasks {
        if let Some(at) = task.ended_at {
            add(by_day.entry(date(zone, at)).or_default(), task);
            add(&mut all, task);
        }
    }
    let days = by_day.into_iter().rev().filter(|(_, sum)| sum.tasks > 0);
    (days.map(|(day, sum)| EarningsDay { day: day.to_string(), sum }).collect(), all)
}

/// The present day's sum, kept up to date.
pub(super) struct Today {
    sum: EarningsSum,
    day: Option<jiff::civil::Date>,
}

impl Today {
    /// From the attempts that ended since midnight.
    pub(super) fn new(tasks: &[Task]) -> Self {
        let mut sum = EarningsSum::default();
        for task in tasks.iter().filter(|task| task.phase.is_final()) {
            add(&mut sum, task);
        }
        Self { sum, day: None }
    }

    /// Adds an attempt that has just become final.
    pub(super) fn add(&mut self, task: &Task) {
        add(&mut self.sum, task);
    }

    /// Begins anew when a new day has come.
    pub(super) fn roll(&mut self, zone: &TimeZone, now: WallMs) {
        let today = date(zone, now);
        if self.day.is_some_and(|day| day != today) {
            self.sum = EarningsSum::default();
        }
        self.day = Some(today);
    }

    /// The sum with what attempts that still go on have accrued: (estimated, charged).
    pub(super) fn sum(&self, accruing: (u64, u64)) -> EarningsSum {
        EarningsSum {
            estimated_cpt: self.sum.estimated_cpt + accruing.0,
            credited_cpt: self.sum.credited_cpt + accruing.1,
            ..self.sum
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_is_local_and_right_on_a_day_of_25_hours() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // 2026-10-25 has 25 hours in this zone; 23:30 local is 22:30 UTC.
        let late = WallMs("2026-10-25T22:30:00Z".parse::<Timestamp>().unwrap().as_millisecond());
        let start = "2026-10-24T22:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
        assert_eq!(midnight(&zone, late), WallMs(start));
    }
}
