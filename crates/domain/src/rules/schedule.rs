//! The hours in which work may be done, and how much then: 7 days of 48 half hours, in local time.

use super::preset::{PRESETS, Preset};
use crate::time::WallMs;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

const HALF_HOURS: usize = 48;
const CELLS: usize = 7 * HALF_HOURS;
const CELL_MS: i64 = 1_800_000;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Clock changes looked through for the next change of the hours; a week has two at most.
const MOST_CHANGES: usize = 16;

/// What may be done in one half hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cell {
    /// Nothing.
    #[default]
    Closed,
    /// Work, as the settings say.
    Open,
    /// Work, as this preset says.
    Preset(&'static Preset),
}

/// The hours of a week.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule {
    /// A week of half hours, from Monday 00:00.
    cells: Vec<Cell>,
    text: String,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({})", self.text)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Hours that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not of the shape `mon-fri 18:00-08:00`.
    #[error("\"{0}\" is not of the shape mon-fri 18:00-08:00")]
    Shape(String),
    /// A day that is none, or days in reverse.
    #[error("\"{0}\" is no day or span of days from mon to sun")]
    Days(String),
    /// A time that is none, or not on a half hour.
    #[error("\"{0}\" is no time on a half hour from 00:00 to 24:00")]
    Time(String),
    /// Begins where it ends.
    #[error("\"{0}\" is empty; a whole day is 00:00-24:00")]
    Empty(String),
    /// Hours that were named before.
    #[error("\"{0}\" overlaps with hours named before")]
    Overlap(String),
    /// A word after the times that is no preset.
    #[error("\"{0}\" is no preset; allowed are quiet, balanced and max")]
    Preset(String),
}

impl Schedule {
    /// Reads spans such as `mon-fri 18:00-08:00; sat,sun 10:00-20:00 quiet`; `daily` stands for all days. A span that
    /// ends at or before its beginning goes on past midnight. A preset after the times holds in them, instead of the
    /// settings. Nothing means no schedule.
    ///
    /// # Errors
    /// [`ScheduleError`], naming the span.
    pub fn parse(text: &str) -> Result<Option<Self>, ScheduleError> {
        let mut cells = vec![Cell::Closed; CELLS];
        let mut spans = Vec::new();
        for span in text.split(';').map(str::trim).filter(|span| !span.is_empty()) {
            let span = span.to_ascii_lowercase();
            let said = || crate::text::plain_line(&span, 60);
            let mut parts = span.split_whitespace();
            let (Some(days), Some(times), preset, None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(ScheduleError::Shape(said()));
            };
            let of_cell = preset.map_or(Ok(Cell::Open), preset_cell)?;
            let Some((from, to)) = times.split_once('-') else { return Err(ScheduleError::Shape(said())) };
            let (from, to) = (cell(from)?, cell(to)?);
            if from == to {
                return Err(ScheduleError::Empty(said()));
            }
            if from == HALF_HOURS {
                return Err(ScheduleError::Time("24:00".to_owned()));
            }
            let length = if to > from { to - from } else { HALF_HOURS - from + to };
            for day in days_of(days)? {
                for at in 0..length {
                    let cell = &mut cells[(day * HALF_HOURS + from + at) % CELLS];
                    if std::mem::replace(cell, of_cell) != Cell::Closed {
                        return Err(ScheduleError::Overlap(said()));
                    }
                }
            }
            spans.push([Some(days), Some(times), preset].into_iter().flatten().collect::<Vec<_>>().join(" "));
        }
        Ok((!spans.is_empty()).then(|| Self { cells, text: spans.join("; ") }))
    }

    /// Whether work may be done at this moment.
    #[must_use]
    pub fn is_open(&self, zone: &TimeZone, at: WallMs) -> bool {
        self.cells[place(zone, stamp(at)).0] != Cell::Closed
    }

    /// The preset that holds at this moment.
    #[must_use]
    pub fn preset(&self, zone: &TimeZone, at: WallMs) -> Option<&'static Preset> {
        match self.cells[place(zone, stamp(at)).0] {
            Cell::Preset(preset) => Some(preset),
            Cell::Closed | Cell::Open => None,
        }
    }

    /// Every preset that it names.
    #[must_use]
    pub fn presets(&self) -> Vec<&'static Preset> {
        PRESETS.iter().filter(|preset| self.cells.contains(&Cell::Preset(preset))).collect()
    }

    /// When work may be done if it may not be now, or the other way round; absent when that never changes.
    #[must_use]
    pub fn next_change(&self, zone: &TimeZone, now: WallMs) -> Option<WallMs> {
        self.next_other(zone, now, |cell| cell != Cell::Closed)
    }

    /// When that or the preset changes next.
    #[must_use]
    pub fn next_cell(&self, zone: &TimeZone, now: WallMs) -> Option<WallMs> {
        self.next_other(zone, now, |cell| cell)
    }

    /// When what `of` makes of the present half hour changes next; absent when it never does.
    fn next_other<T: PartialEq>(
        &self,
        zone: &TimeZone,
        now: WallMs,
        of: impl Fn(Cell) -> T,
    ) -> Option<WallMs> {
        let of = |cell: usize| of(self.cells[cell % CELLS]);
        let state = of(place(zone, stamp(now)).0);
        let mut at = stamp(now);
        for _ in 0..MOST_CHANGES {
            let (cell, into_ms) = place(zone, at);
            if of(cell) != state {
                return Some(WallMs(at.as_millisecond()));
            }
            let cells = (1..=CELLS).find(|ahead| of(cell + ahead) != state)?;
            let wait = i64::try_from(cells).ok()? * CELL_MS - into_ms;
            let boundary = at.checked_add(SignedDuration::from_millis(wait)).ok()?;
            // A change of the clock moves every boundary from it on.
            match zone.following(at).next().map(|change| change.timestamp()) {
                Some(change) if change > at && change <= boundary => at = change,
                Some(_) | None => return Some(WallMs(boundary.as_millisecond())),
            }
        }
        None
    }
}

pub(super) fn stamp(at: WallMs) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The cell of a moment, and how many milliseconds of it have passed.
fn place(zone: &TimeZone, at: Timestamp) -> (usize, i64) {
    let local: DateTime = zone.to_datetime(at);
    let day = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
    let ms = (i64::from(local.hour()) * 60 + i64::from(local.minute())) * 60_000
        + i64::from(local.second()) * 1000
        + i64::from(local.millisecond());
    let cell = usize::try_from(ms / CELL_MS).unwrap_or(0);
    ((day * HALF_HOURS + cell) % CELLS, ms % CELL_MS)
}

fn preset_cell(name: &str) -> Result<Cell, ScheduleError> {
    let preset = PRESETS.iter().find(|preset| preset.name == name);
    preset.map(Cell::Preset).ok_or_else(|| ScheduleError::Preset(crate::text::plain_line(name, 40)))
}

fn cell(time: &str) -> Result<usize, ScheduleError> {
    let wrong = || ScheduleError::Time(crate::text::plain_line(time, 20));
    let (hour, minute) = time.split_once(':').ok_or_else(wrong)?;
    let half = match minute {
        "00" => 0,
        "30" => 1,
        _ => return Err(wrong()),
    };
    let digits = (1..=2).contains(&hour.len()) && hour.bytes().all(|b| b.is_ascii_digit());
    let hour: usize = hour.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    let cell = hour * 2 + half;
    if cell <= HALF_HOURS { Ok(cell) } else { Err(wrong()) }
}

fn days_of(days: &str) -> Result<Vec<usize>, ScheduleError> {
    if days == "daily" {
        return Ok((0..7).collect());
    }
    let wrong = || ScheduleError::Days(crate::text::plain_line(days, 40));
    let day = |name: &str| DAYS.iter().position(|day| *day == name).ok_or_else(wrong);
    let mut all = Vec::new();
    for part in days.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        if first > last {
            return Err(wrong());
        }
        all.extend(first..=last);
    }
    Ok(all)
}

/// The next moment at which the local clock shows this time. A time that a clock change leaps over comes as much
/// later as the clock leaps; of one that comes twice it is the first.
#[must_use]
pub fn next_clock(zone: &TimeZone, now: WallMs, hour: i8, minute: i8) -> WallMs {
    let at = stamp(now);
    let today = zone.to_datetime(at).date();
    let days = [Some(today), today.tomorrow().ok(), today.tomorrow().and_then(|day| day.tomorrow()).ok()];
    let shown = days.into_iter().flatten().filter_map(|day| {
        let local = day.at(hour.clamp(0, 23), minute.clamp(0, 59), 0, 0);
        zone.to_ambiguous_timestamp(local).compatible().ok()
    });
    let next = shown.map(|then| then.as_millisecond()).find(|then| *then > now.0);
    WallMs(next.unwrap_or_else(|| now.0.saturating_add(24 * 2 * CELL_MS)))
}

/// A moment as the local clock shows it: `15:40` within the next day, else with its date.
#[must_use]
pub fn clock_text(zone: &TimeZone, now: WallMs, at: WallMs) -> String {
    let local = zone.to_datetime(stamp(at));
    let clock = format!("{:02}:{:02}", local.hour(), local.minute());
    let near = at.0.saturating_sub(now.0) < 48 * CELL_MS;
    if near { clock } else { format!("{} {clock}", local.date()) }
}
