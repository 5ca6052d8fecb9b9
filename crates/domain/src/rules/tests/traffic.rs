//! Disk floor, network hours and quotas.

use super::*;
use crate::resources::GIB;

const DAY_MS: i64 = 86_400_000;

fn zone() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// 2023-12-30 12:00 in UTC, 13:00 there.
fn noon() -> WallMs {
    WallMs(1_703_937_600_000)
}

fn decided(rules: &Rules, signals: &Signals, wall: WallMs) -> Decision {
    let now = Now { wall, ..at(0) };
    decide(signals, rules, &Overrides::default(), Memory::default(), now).0
}

#[test]
fn what_was_moved_counts_for_its_day_and_month_and_is_kept() {
    let (zone, mut meter) = (zone(), TrafficMeter::default());
    assert_eq!((meter.roll(&zone, noon()), meter.word()), (Traffic::default(), String::new()));
    meter.add(100, &zone, noon());
    meter.add(5, &zone, noon());
    assert_eq!(meter.roll(&zone, noon()), Traffic { day: 105, month: 105 });
    assert_eq!(meter.word(), "2023-12-30 105 105");
    assert_eq!(TrafficMeter::from_word(&meter.word()), Some(meter));
    // 23:00 in UTC is midnight there.
    let eve = WallMs(noon().0 + 11 * 3_600_000);
    assert_eq!(meter.roll(&zone, WallMs(eve.0 - 1)), Traffic { day: 105, month: 105 });
    assert_eq!(meter.roll(&zone, eve), Traffic { day: 0, month: 105 });
    meter.add(7, &zone, eve);
    assert_eq!(meter.roll(&zone, WallMs(eve.0 + DAY_MS - 1)), Traffic { day: 7, month: 112 });
    assert_eq!(meter.roll(&zone, WallMs(eve.0 + DAY_MS)), Traffic::default(), "a new year");
    for wrong in
        ["", "x", "2023-12-30", "2023-12-30 1", "2023-13-30 1 1", "2023-12-30 1 1 1", "2023-12-30 -1 1"]
    {
        assert_eq!(TrafficMeter::from_word(wrong), None, "{wrong}");
    }
}

#[test]
fn a_clock_that_is_set_fills_no_quota_and_holds_nothing_up_for_years() {
    let (zone, mut meter) = (zone(), TrafficMeter::default());
    let ahead = WallMs(noon().0 + 3000 * DAY_MS);
    meter.add(100, &zone, ahead);
    let kept = Traffic { day: 100, month: 100 };
    assert_eq!(meter.roll(&zone, noon()), kept, "set back");
    assert_eq!(
        meter.roll(&zone, WallMs(noon().0 + DAY_MS)),
        Traffic { day: 0, month: 100 },
        "and goes on from there"
    );
}

#[test]
fn a_used_up_quota_holds_new_work_off_until_the_day_or_the_month_is_over() {
    let rules = Rules { quota_day: Some(100), quota_month: Some(1000), zone: zone(), ..Rules::default() };
    let with = |day, month| {
        decided(&rules, &Signals { traffic: Signal::Value(Traffic { day, month }), ..willing() }, noon())
    };
    assert_eq!(with(99, 999).primary_reason, Reason::Free);
    let midnight = WallMs(noon().0 + 11 * 3_600_000);
    let day = with(100, 100);
    assert_eq!((day.verdict, day.primary_reason), (Verdict::Hold, Reason::NetworkQuota));
    assert_eq!((day.next_change_at, day.give_way), (Some(midnight), GiveWay::Network));
    assert_eq!(day.look_after, Some(Duration::from_secs(11 * 3600)));
    let year = WallMs(midnight.0 + DAY_MS);
    assert_eq!(with(1, 1000).next_change_at, Some(year));
    assert_eq!(with(100, 1000).next_change_at, Some(year), "the later of the two");
    let at_once = Rules { quota_day: None, quota_month: None, ..rules.clone() };
    let much = Signals { traffic: Signal::Value(Traffic { day: u64::MAX, month: u64::MAX }), ..willing() };
    assert_eq!(decided(&at_once, &much, noon()).primary_reason, Reason::Free, "no quota, no reason");
}

#[test]
fn outside_network_hours_nothing_new_begins_and_inside_their_end_is_told() {
    let rules = Rules {
        network_hours: Schedule::parse("daily 22:00-06:00").unwrap(),
        zone: zone(),
        ..Rules::default()
    };
    let shut = decided(&rules, &willing(), noon());
    assert_eq!((shut.verdict, shut.primary_reason), (Verdict::Hold, Reason::NetworkHours));
    let opens = WallMs(noon().0 + 9 * 3_600_000);
    assert_eq!((shut.next_change_at, shut.give_way), (Some(opens), GiveWay::Network));
    let open = decided(&rules, &willing(), opens);
    let closes = WallMs(opens.0 + 8 * 3_600_000);
    assert_eq!((open.primary_reason, open.next_change_at), (Reason::Free, Some(closes)));
    let both = Rules { schedule: Schedule::parse("daily 22:00-23:00").unwrap(), ..rules };
    let sooner = WallMs(opens.0 + 3_600_000);
    assert_eq!(decided(&both, &willing(), opens).next_change_at, Some(sooner), "the sooner of the two");
}

#[test]
fn under_the_disk_floor_nothing_new_begins_until_a_gibibyte_more_is_free() {
    let rules = Rules { keep_free: 3 * GIB, ..Rules::default() };
    let free = |bytes: u64| Signals { disk_free: Signal::Value(bytes), ..willing() };
    let looks = [(0, 3 * GIB), (60, 3 * GIB - 1), (120, 4 * GIB - 1), (180, 4 * GIB), (240, 3 * GIB)];
    let seen = over(&rules, looks.map(|(second, bytes)| (second, free(bytes))));
    let told: Vec<_> = seen.iter().map(|(_, _, reason)| *reason).collect();
    use Reason::{DiskLow, Free};
    assert_eq!(told, [Free, DiskLow, DiskLow, Free, Free]);
    let forced = Overrides { forced: Some(WallMs(at(0).wall.0 + 3_600_000)), ..Overrides::default() };
    let (decision, _) = decide(&free(1), &rules, &forced, Memory::default(), at(0));
    assert_eq!(decision.primary_reason, DiskLow, "force does not write to a full disk");
}
