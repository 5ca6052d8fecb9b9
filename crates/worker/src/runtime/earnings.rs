//! Sums of pay by local day.

use super::electricity::{Bill, Sum};
use crate::core::unanswered;
use hivemind_control::{
    EarnedPage, EarnedTask, EarningsDay, EarningsSum, EarningsView, ForecastView, UnpaidView,
};
use hivemind_domain::task::{FailureClass, Phase, Task, Verdict};
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

/// Pay and electricity.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) pay: EarningsSum,
    pub(super) electricity: Sum,
}

impl Totals {
    fn add(&mut self, bill: &Bill, task: &Task) {
        add(&mut self.pay, task);
        // What was handed back took electricity as well, and is paid by nobody.
        if task.started_at.is_some() {
            self.electricity.add(bill, task);
        }
    }
}

/// Days with work, newest first, and their sum. A task counts on the day it ended.
pub(super) fn days(zone: &TimeZone, bill: &Bill, tasks: &[Task]) -> (Vec<EarningsDay>, Totals) {
    let mut by_day: BTreeMap<jiff::civil::Date, Totals> = BTreeMap::new();
    let mut all = Totals::default();
    for task in tasks {
        if let Some(at) = task.ended_at {
            by_day.entry(date(zone, at)).or_default().add(bill, task);
            all.add(bill, task);
        }
    }
    let days = by_day.into_iter().rev().filter(|(_, sum)| sum.pay.tasks > 0 || sum.electricity.is_known());
    let shown = days.map(|(day, sum)| EarningsDay {
        day: day.to_string(),
        sum: sum.pay,
        electricity: sum.electricity.view(),
    });
    (shown.collect(), all)
}

/// Attempts that one answer names.
const MOST_TASKS: usize = 500;

/// Everything that is told about a period, but for balance, forecast and what is known of the sensors of power.
pub(super) fn view(zone: &TimeZone, bill: &Bill, tasks: &[Task], now: WallMs) -> (EarningsView, Sum) {
    let (days, sum) = days(zone, bill, tasks);
    let named = paid(tasks).take(MOST_TASKS).filter_map(|task| earned(zone, bill, task, now));
    let view = EarningsView {
        days,
        sum: sum.pay,
        tasks: named.collect(),
        unpaid: unpaid(tasks, now),
        ..EarningsView::default()
    };
    (view, sum.electricity)
}

/// The attempts of a period that were or may be paid: so many, after so many that are left out.
pub(super) fn page(
    zone: &TimeZone,
    bill: &Bill,
    tasks: &[Task],
    now: WallMs,
    (offset, limit): (u32, u32),
) -> EarnedPage {
    let total = paid(tasks).count();
    let (offset, limit) = (usize::try_from(offset), usize::try_from(limit));
    let wanted = paid(tasks).skip(offset.unwrap_or(usize::MAX)).take(limit.unwrap_or(MOST_TASKS));
    let tasks = wanted.filter_map(|task| earned(zone, bill, task, now)).collect();
    EarnedPage { tasks, total: u32::try_from(total).unwrap_or(u32::MAX) }
}

/// Attempts that were or may be paid, newest first.
fn paid(tasks: &[Task]) -> impl Iterator<Item = &Task> {
    tasks.iter().rev().filter(|task| task.ended_at.is_some() && task.started_at.is_some() && counts(task))
}

fn counts(task: &Task) -> bool {
    !matches!(task.verdict, Some(Verdict::HandedBack { .. }))
}

fn earned(zone: &TimeZone, bill: &Bill, task: &Task, now: WallMs) -> Option<EarnedTask> {
    let ended = task.ended_at?;
    let (energy_mwh, cost_micros) = bill.shown(task);
    Some(EarnedTask {
        task_id: task.key().task.as_str().to_owned(),
        attempt: task.key().attempt,
        name: task.assignment.name.clone(),
        day: date(zone, ended).to_string(),
        ended_at_ms: ended.0,
        estimated_cpt: task.estimate(),
        credited_cpt: task.credit.map(|credit| credit.cpt),
        settled: task.credit.is_some_and(|credit| credit.settled),
        unanswered: task.credit.is_none() && unanswered(task, now),
        energy_mwh,
        cost_micros,
    })
}

/// What kept pay away, the largest group first; `no_task` when nothing ended at all.
fn unpaid(tasks: &[Task], now: WallMs) -> Vec<UnpaidView> {
    let mut groups: BTreeMap<&str, UnpaidView> = BTreeMap::new();
    for task in tasks {
        let credited = task.credit.map(|credit| credit.cpt);
        let Some((why, missing)) = why_unpaid(task, credited, now) else { continue };
        let group = groups.entry(why).or_default();
        why.clone_into(&mut group.why);
        group.tasks += 1;
        group.estimated_cpt += missing;
    }
    if tasks.is_empty() {
        return vec![UnpaidView { why: "no_task".into(), ..UnpaidView::default() }];
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.tasks));
    groups
}

fn why_unpaid(task: &Task, credited: Option<u64>, now: WallMs) -> Option<(&'static str, u64)> {
    let estimate = task.estimate();
    match (&task.verdict, credited) {
        (Some(Verdict::HandedBack { .. }), _) => Some(("handed_back", 0)),
        _ if task.phase == Phase::LeaseLost => Some(("lease_lost", estimate)),
        (_, Some(cpt)) if cpt > 0 && cpt >= estimate => None,
        (_, Some(cpt)) if cpt > 0 => Some(("less_than_estimated", estimate - cpt)),
        (Some(Verdict::Failed { class: FailureClass::TimedOut, .. }), Some(_)) => {
            Some(("timed_out", estimate))
        }
        (Some(Verdict::Failed { .. }), Some(_)) => Some(("failed", estimate)),
        (Some(Verdict::Cancelled { .. }), Some(_)) => Some(("cancelled", estimate)),
        (Some(Verdict::Succeeded) | None, Some(_)) => Some(("credited_nothing", estimate)),
        (_, None) if unanswered(task, now) => Some(("unanswered", estimate)),
        (_, None) => Some(("waiting", estimate)),
    }
}

/// Days before today on which a forecast goes at most.
const FORECAST_DAYS: usize = 7;
/// Days with which one makes sense.
const LEAST_DAYS: usize = 3;

/// The means of the worse and of the better half of the last whole days, counted from the first day with work.
pub(super) fn forecast(zone: &TimeZone, tasks: &[Task], now: WallMs) -> Option<ForecastView> {
    let today = date(zone, now);
    let mut sums: BTreeMap<jiff::civil::Date, u64> = BTreeMap::new();
    for task in tasks {
        let day = date(zone, task.ended_at?);
        *sums.entry(day).or_default() += task.credit.map_or(0, |credit| credit.cpt);
    }
    let mut last = Vec::new();
    let mut day = today.yesterday().ok()?;
    let first = *sums.keys().next()?;
    while last.len() < FORECAST_DAYS && day >= first {
        last.push(sums.get(&day).copied().unwrap_or_default());
        day = day.yesterday().ok()?;
    }
    if last.len() < LEAST_DAYS {
        return None;
    }
    last.sort_unstable();
    let half = last.len().div_ceil(2);
    let mean = |days: &[u64]| days.iter().sum::<u64>() / days.len() as u64;
    let days = u32::try_from(last.len()).unwrap_or_default();
    Some(ForecastView { low_cpt: mean(&last[..half]), high_cpt: mean(&last[last.len() - half..]), days })
}

/// Longer than any day, in any two places.
const TWO_DAYS_MS: i64 = 2 * 86_400_000;

fn plus(sum: &mut EarningsSum, pay: EarningsSum) {
    sum.estimated_cpt += pay.estimated_cpt;
    sum.credited_cpt += pay.credited_cpt;
    sum.settled_cpt += pay.settled_cpt;
    sum.tasks += pay.tasks;
}

/// The present day's sum, kept up to date.
pub(super) struct Today {
    sum: EarningsSum,
    /// Where and on which day it is.
    here: Option<(TimeZone, jiff::civil::Date)>,
    /// What the attempts of the last days were paid, by when they ended: a computer may be carried into another day.
    ended: Vec<(WallMs, EarningsSum)>,
}

impl Today {
    /// How far back it has to be told what has ended.
    pub(super) fn since(now: WallMs) -> WallMs {
        WallMs(now.0.saturating_sub(TWO_DAYS_MS))
    }

    /// From the attempts that ended [since](Self::since).
    pub(super) fn new(tasks: &[Task]) -> Self {
        let mut today = Self { sum: EarningsSum::default(), here: None, ended: Vec::new() };
        for task in tasks.iter().filter(|task| task.phase.is_final()) {
            today.add(task);
        }
        today
    }

    /// Adds an attempt that has just become final; it counts on the day it ended.
    pub(super) fn add(&mut self, task: &Task) {
        let Some(at) = task.ended_at else { return };
        let mut pay = EarningsSum::default();
        add(&mut pay, task);
        self.ended.push((at, pay));
        if self.here.as_ref().is_some_and(|(zone, day)| date(zone, at) == *day) {
            plus(&mut self.sum, pay);
        }
    }

    /// Begins anew when a new day has come, here or by going elsewhere.
    pub(super) fn roll(&mut self, zone: &TimeZone, now: WallMs) {
        let today = date(zone, now);
        if self.here.as_ref().is_some_and(|(old, day)| old == zone && *day == today) {
            return;
        }
        self.ended.retain(|(at, _)| at.0 > now.0.saturating_sub(TWO_DAYS_MS));
        self.sum = EarningsSum::default();
        for (_, pay) in self.ended.iter().filter(|(at, _)| date(zone, *at) == today) {
            plus(&mut self.sum, *pay);
        }
        self.here = Some((zone.clone(), today));
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

    use hivemind_control::UnpaidView;
    use hivemind_domain::task::{CancelledBy, Credit, HandBack};

    const DAY: i64 = 86_400_000;

    /// An attempt that ran for a minute and ended at `ended`.
    fn attempt(ended: i64, verdict: Verdict, credit: Option<u64>) -> Task {
        let mut task = Task::accept(hivemind_testkit::assigned("t").assignment, WallMs(0));
        task.started_at = Some(WallMs(ended - 60_000));
        task.ended_at = Some(WallMs(ended));
        task.usage.active_ms = 60_000;
        task.verdict = Some(verdict);
        task.credit = credit.map(|cpt| Credit { cpt, settled: true });
        task.phase = Phase::Settled;
        task
    }

    fn bill() -> Bill {
        Bill::new(&hivemind_domain::settings::Settings::default(), TimeZone::UTC)
    }

    fn failed(class: FailureClass) -> Verdict {
        Verdict::Failed { class, exit_code: None, message: String::new() }
    }

    #[test]
    fn what_kept_pay_away_is_told_with_numbers() {
        let back = Verdict::HandedBack { reason: HandBack::OwnerStopped, message: String::new() };
        let cancelled = Verdict::Cancelled { by: CancelledBy::Requester };
        let mut lost = attempt(5, Verdict::Succeeded, None);
        lost.phase = Phase::LeaseLost;
        let mut silent = attempt(5, Verdict::Succeeded, None);
        silent.phase = Phase::Reported;
        let tasks = [
            silent,
            attempt(1, back.clone(), None),
            attempt(2, back, None),
            attempt(3, failed(FailureClass::TimedOut), Some(0)),
            attempt(4, failed(FailureClass::ExitCode), Some(0)),
            attempt(4, cancelled, Some(0)),
            attempt(5, Verdict::Succeeded, None),
            lost,
            attempt(6, Verdict::Succeeded, Some(1_000_000)),
        ];
        let told = unpaid(&tasks, WallMs(30 * DAY + 6));
        assert_eq!((told[0].why.as_str(), told[0].tasks), ("handed_back", 2), "the largest first");
        let mut rest: Vec<_> = told[1..].iter().map(|group| group.why.as_str()).collect();
        rest.sort_unstable();
        assert_eq!(rest, ["cancelled", "failed", "lease_lost", "timed_out", "unanswered", "waiting"]);
        assert!(unpaid(&tasks[..1], WallMs(30 * DAY + 5)).iter().all(|group| group.why == "waiting"));
        let named =
            |now| earned(&TimeZone::UTC, &bill(), &tasks[0], WallMs(now)).expect("it ended").unanswered;
        assert!(named(30 * DAY + 6) && !named(30 * DAY + 5));
        assert_eq!(unpaid(&[], WallMs(0)), [UnpaidView { why: "no_task".into(), ..UnpaidView::default() }]);
    }

    #[test]
    fn a_forecast_is_a_range_over_whole_days_and_needs_three() {
        let zone = TimeZone::UTC;
        let now = WallMs(100 * DAY + 1000);
        let on = |day: i64, cpt| attempt(day * DAY + 5000, Verdict::Succeeded, Some(cpt));
        assert_eq!(forecast(&zone, &[on(98, 5), on(99, 5)], now), None);
        // Today counts for nothing; a day without work counts as nothing earned.
        let tasks = [on(96, 10), on(97, 20), on(99, 30), on(100, 9999)];
        let told = forecast(&zone, &tasks, now).unwrap();
        assert_eq!((told.low_cpt, told.high_cpt, told.days), (5, 25, 4), "of 0, 10, 20, 30");
    }

    #[test]
    fn tasks_are_named_newest_first_with_both_words_about_their_pay() {
        let tasks = [attempt(DAY, Verdict::Succeeded, Some(3)), attempt(2 * DAY, Verdict::Succeeded, None)];
        let (told, _) = view(&TimeZone::UTC, &bill(), &tasks, WallMs(3 * DAY));
        assert_eq!((told.tasks[0].credited_cpt, told.tasks[0].day.as_str()), (None, "1970-01-03"));
        assert_eq!((told.tasks[1].credited_cpt, told.tasks[1].settled), (Some(3), true));
    }

    #[test]
    fn today_is_the_day_of_the_place_where_the_computer_is() {
        let zone = |text: &str| TimeZone::posix(text).unwrap();
        let (taipei, new_york) = (zone("CST-8"), zone("EST5"));
        // 02:00 on the 23rd in Taipei is 13:00 on the 22nd in New York.
        let at = |text: &str| WallMs::parse(text).unwrap();
        let tasks = [
            attempt(at("2026-11-22T15:00:00Z").0, Verdict::Succeeded, Some(3)),
            attempt(at("2026-11-22T17:00:00Z").0, Verdict::Succeeded, Some(4)),
        ];
        let now = at("2026-11-22T18:00:00Z");
        let mut today = Today::new(&tasks);
        let mut told = |zone: &TimeZone, now| {
            today.roll(zone, now);
            today.sum((0, 0)).credited_cpt
        };
        assert_eq!([told(&taipei, now), told(&new_york, now), told(&taipei, now)], [4, 7, 4]);
        assert_eq!(told(&taipei, at("2026-11-23T17:00:00Z")), 0, "a new day");
    }

    #[test]
    fn every_paid_attempt_is_on_one_page_and_no_other() {
        let back = Verdict::HandedBack { reason: HandBack::OwnerStopped, message: String::new() };
        let mut tasks: Vec<Task> =
            (1..=7).map(|day| attempt(day * DAY, Verdict::Succeeded, Some(1))).collect();
        tasks.insert(3, attempt(3 * DAY + 1, back, None));
        let days = |offset| {
            let told = page(&TimeZone::UTC, &bill(), &tasks, WallMs(9 * DAY), (offset, 3));
            assert_eq!(told.total, 7, "what was handed back is not paid");
            told.tasks.into_iter().map(|task| task.ended_at_ms / DAY).collect::<Vec<_>>()
        };
        assert_eq!([days(0), days(3), days(6), days(9)], [vec![7, 6, 5], vec![4, 3, 2], vec![1], vec![]]);
        assert!(days(u32::MAX).is_empty());
    }

    #[test]
    fn midnight_is_local_and_right_on_a_day_of_25_hours() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // 2026-10-25 has 25 hours in this zone; 23:30 local is 22:30 UTC.
        let late = WallMs("2026-10-25T22:30:00Z".parse::<Timestamp>().unwrap().as_millisecond());
        let start = "2026-10-24T22:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
        assert_eq!(midnight(&zone, late), WallMs(start));
    }
}
