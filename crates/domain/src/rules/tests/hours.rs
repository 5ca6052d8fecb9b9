//! The hours: midnight, clock changes in three zones, a leap day.

use super::*;
use jiff::civil::DateTime;

const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
/// Its clock changes by half an hour.
const LORD_HOWE: &str = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";

fn zone(rule: &str) -> TimeZone {
    TimeZone::posix(rule).unwrap()
}

fn utc(text: &str) -> WallMs {
    let at: DateTime = text.parse().unwrap();
    WallMs(at.to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond())
}

fn hours(text: &str) -> Schedule {
    Schedule::parse(text).unwrap().unwrap()
}

/// Zone, hours, moment, whether open, next change; moments in UTC.
const TABLE: &[(&str, &str, &str, bool, &str)] = &[
    // Past midnight: Friday's span goes on into Saturday; Sunday's into Monday, around the end of the week.
    ("UTC0", "mon-fri 18:00-08:00", "2026-11-20T17:59:59", false, "2026-11-20T18:00:00"),
    ("UTC0", "mon-fri 18:00-08:00", "2026-11-20T18:00:00", true, "2026-11-21T08:00:00"),
    ("UTC0", "mon-fri 18:00-08:00", "2026-11-21T00:00:00", true, "2026-11-21T08:00:00"),
    ("UTC0", "mon-fri 18:00-08:00", "2026-11-21T08:00:00", false, "2026-11-23T18:00:00"),
    ("UTC0", "sun 22:00-06:00", "2026-11-23T05:59:59", true, "2026-11-23T06:00:00"),
    ("UTC0", "sun 22:00-06:00", "2026-11-23T06:00:00", false, "2026-11-29T22:00:00"),
    ("UTC0", "daily 00:00-00:30", "2026-11-21T00:29:59", true, "2026-11-21T00:30:00"),
    // A leap day is a day of the week like any other.
    ("UTC0", "thu 12:00-13:00", "2024-02-29T12:30:00", true, "2024-02-29T13:00:00"),
    ("UTC0", "fri 00:00-01:00", "2024-02-29T23:59:59", false, "2024-03-01T00:00:00"),
    // Berlin leaps from 02:00 to 03:00 on 2026-03-29 (01:00 UTC) and goes back from 03:00 on 2026-10-25.
    (BERLIN, "daily 03:00-04:00", "2026-03-29T00:59:59", false, "2026-03-29T01:00:00"),
    (BERLIN, "daily 03:00-04:00", "2026-03-29T01:00:00", true, "2026-03-29T02:00:00"),
    (BERLIN, "daily 02:00-03:00", "2026-03-29T00:30:00", false, "2026-03-30T00:00:00"),
    (BERLIN, "daily 02:00-03:00", "2026-10-25T00:30:00", true, "2026-10-25T02:00:00"),
    (BERLIN, "sat 22:00-08:00", "2026-03-28T23:00:00", true, "2026-03-29T06:00:00"),
    (BERLIN, "sat 22:00-08:00", "2026-10-24T21:00:00", true, "2026-10-25T07:00:00"),
    // New York: 2026-03-08 07:00 UTC and 2026-11-01 06:00 UTC.
    (NEW_YORK, "sun 02:00-03:00", "2026-03-08T06:59:00", false, "2026-03-15T06:00:00"),
    (NEW_YORK, "sat 20:00-06:00", "2026-03-08T03:00:00", true, "2026-03-08T10:00:00"),
    (NEW_YORK, "sat 20:00-06:00", "2026-11-01T03:00:00", true, "2026-11-01T11:00:00"),
    // Lord Howe: 2026-04-04 15:00 UTC back by half an hour, 2026-10-03 15:30 UTC on by half an hour.
    (LORD_HOWE, "sun 01:30-02:00", "2026-04-04T14:30:00", true, "2026-04-04T15:30:00"),
    (LORD_HOWE, "sun 02:00-02:30", "2026-10-03T15:00:00", false, "2026-10-10T15:00:00"),
    (LORD_HOWE, "sun 02:30-03:00", "2026-10-03T15:29:59", false, "2026-10-03T15:30:00"),
];

#[test]
fn the_hours_are_right_at_midnight_over_clock_changes_and_on_a_leap_day() {
    for (rule, text, now, open, change) in TABLE {
        let (zone, schedule, now) = (zone(rule), hours(text), utc(now));
        assert_eq!(schedule.is_open(&zone, now), *open, "{rule} {text} {now:?}");
        assert_eq!(schedule.next_change(&zone, now), Some(utc(change)), "{rule} {text} {now:?}");
    }
}

#[test]
fn the_hours_named_as_an_example_are_taken() {
    let allowed = crate::settings::key("schedule").unwrap().allowed();
    let example = allowed.strip_prefix("hours on half hours such as ");
    let (example, _) = example.and_then(|rest| rest.split_once(", each once")).unwrap();
    assert!(matches!(Schedule::parse(example), Ok(Some(_))), "{example}");
}

#[test]
fn the_next_change_is_the_first_that_walking_minute_by_minute_finds() {
    for rule in ["UTC0", BERLIN, NEW_YORK, LORD_HOWE] {
        let zone = zone(rule);
        for text in ["mon-fri 18:00-08:00", "daily 02:00-02:30", "sat,sun 00:00-24:00", "sun 01:30-03:00"] {
            let schedule = hours(text);
            for start in [
                "2026-03-05T00:07:00",
                "2026-03-28T22:00:00",
                "2026-04-03T00:00:00",
                "2026-10-02T00:00:00",
                "2026-10-23T11:00:00",
                "2026-10-31T05:11:00",
            ] {
                let start = utc(start);
                let open = schedule.is_open(&zone, start);
                let found = schedule.next_change(&zone, start).unwrap();
                let mut walked = WallMs(start.0 - start.0 % 60_000);
                while schedule.is_open(&zone, walked) == open {
                    walked.0 += 60_000;
                }
                assert_eq!(found, walked, "{rule} {text} {start:?}");
            }
        }
    }
}

#[test]
fn always_open_never_changes_and_nothing_is_no_schedule() {
    assert_eq!(hours("daily 00:00-24:00").next_change(&zone(BERLIN), utc("2026-03-29T00:00:00")), None);
    assert_eq!(Schedule::parse(" ; "), Ok(None));
    assert_eq!(hours(" SAT,Sun  9:00-24:00 ;mon 0:00-0:30").to_string(), "sat,sun 9:00-24:00; mon 0:00-0:30");
}

#[test]
fn hours_that_make_no_sense_are_refused_and_named() {
    for (text, part) in [
        ("18:00-08:00", "shape"),
        ("mon", "shape"),
        ("mon 18:00", "shape"),
        ("mon 18:00-20:00 x", "no preset"),
        ("mon 18:00-20:00 max quiet", "shape"),
        ("mon 10:00-12:00 max; mon 11:00-13:00 max", "overlaps"),
        ("fri-mon 18:00-20:00", "days"),
        ("someday 18:00-20:00", "day"),
        ("mon 18:15-20:00", "half hour"),
        ("mon 25:00-26:00", "half hour"),
        ("mon 24:30-08:00", "half hour"),
        ("mon 24:00-08:00", "half hour"),
        ("mon +1:00-08:00", "half hour"),
        ("mon 18:00-18:00", "empty"),
        ("mon 10:00-12:00; mon 11:00-13:00", "overlaps"),
        ("mon,mon 10:00-12:00", "overlaps"),
        ("mon 22:00-08:00; tue 07:00-09:00", "overlaps"),
    ] {
        let error = Schedule::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn eight_in_the_morning_is_eight_on_the_clock() {
    for (rule, now, then) in [
        ("UTC0", "2026-11-20T23:00:00", "2026-11-21T08:00:00"),
        ("UTC0", "2026-11-20T08:00:00", "2026-11-21T08:00:00"),
        ("UTC0", "2024-02-28T09:00:00", "2024-02-29T08:00:00"),
        // Nine hours on the night of the leap, eleven on the night of the repeated hour.
        (BERLIN, "2026-03-28T21:00:00", "2026-03-29T06:00:00"),
        (BERLIN, "2026-10-24T20:00:00", "2026-10-25T07:00:00"),
        (NEW_YORK, "2026-03-08T03:00:00", "2026-03-08T12:00:00"),
        (LORD_HOWE, "2026-04-04T10:00:00", "2026-04-04T21:30:00"),
    ] {
        assert_eq!(next_clock(&zone(rule), utc(now), 8, 0), utc(then), "{rule} {now}");
    }
    // 02:30 does not come on that night: an hour later it is, as the clock leaps.
    assert_eq!(next_clock(&zone(BERLIN), utc("2026-03-29T00:00:00"), 2, 30), utc("2026-03-29T01:30:00"));
    let now = utc("2026-11-20T22:00:00");
    assert_eq!(clock_text(&zone(BERLIN), now, utc("2026-11-21T07:00:00")), "08:00");
    assert_eq!(clock_text(&zone(BERLIN), now, utc("2026-11-23T07:00:00")), "2026-11-23 08:00");
}
