use super::*;
use crate::time::Mono;
use jiff::tz::TimeZone;

mod hours;
mod sequences;
mod traffic;
mod what_if;

const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Now {
    Now { mono: Mono(Duration::from_secs(seconds)), wall: WallMs(1_700_000_000_000 + seconds as i64 * 1000) }
}

fn willing() -> Signals {
    Signals { wish: Wish::On, ..Signals::default() }
}

fn once(signals: &Signals) -> Decision {
    decide(signals, &Rules::default(), &Overrides::default(), Memory::default(), at(0)).0
}

/// Signals over time, one look after another; gives the verdicts.
fn over(rules: &Rules, looks: impl IntoIterator<Item = (u64, Signals)>) -> Vec<(u64, Verdict, Reason)> {
    let mut memory = Memory::default();
    let mut seen = Vec::new();
    for (second, signals) in looks {
        let (decision, next) = decide(&signals, rules, &Overrides::default(), memory, at(second));
        memory = next;
        seen.push((second, decision.verdict, decision.primary_reason));
    }
    seen
}

#[test]
fn without_any_sensor_a_willing_computer_is_away_and_works() {
    let decision = once(&willing());
    assert_eq!((decision.verdict, decision.primary_reason), (Verdict::Run, Reason::Free));
    assert_eq!(decision.all_reasons, [Reason::Free]);
    assert_eq!(decision.share, Rules::default().away);
    assert_eq!(once(&Signals::default()).primary_reason, Reason::Off);
}

#[test]
fn the_list_of_reasons_is_whole_and_in_order_of_precedence() {
    assert!(Reason::ALL.is_sorted() && Reason::ALL.windows(2).all(|two| two[0] != two[1]));
    assert_eq!(Reason::ALL.first(), Some(&Reason::Off));
    assert_eq!(Reason::ALL.last().map(|last| *last as usize), Some(Reason::ALL.len() - 1));
}

/// Every reason of the table at once; one after another is taken away, the gravest first, and the next is told.
#[test]
fn the_gravest_of_all_reasons_is_told() {
    let rules = Rules {
        calm: Duration::ZERO,
        ac_for: Duration::ZERO,
        exclusive_for: Duration::ZERO,
        busy_for: Duration::ZERO,
        in_use: Share::default(),
        schedule: Schedule::parse("mon 00:00-00:30").unwrap(),
        cheap_hours: Schedule::parse("mon 00:00-00:30").unwrap(),
        network_hours: Schedule::parse("mon 00:00-00:30").unwrap(),
        quota_day: Some(99),
        ..Rules::default()
    };
    let mut overrides = Overrides { snooze: Some(Snooze::UntilResumed), ..Overrides::default() };
    let mut signals = Signals {
        wish: Wish::Off,
        obstacles: [
            PauseReason::ShuttingDown,
            PauseReason::JournalFailed,
            PauseReason::EngineUnavailable,
            PauseReason::IsolationTooLow,
            PauseReason::SandboxBroken,
            PauseReason::DiskLow,
            PauseReason::TasksFailing,
            PauseReason::SignInRequired,
            PauseReason::PoolRefused,
            PauseReason::PoolUnreachable,
        ]
        .into(),
        failing_for: None,
        suspending: Signal::Value(true),
        updating: Signal::Value(true),
        disk_free: Signal::Absent,
        cpu_celsius: Signal::Value(95.0),
        gpu_celsius: Signal::Absent,
        on_battery: Signal::Value(true),
        exclusive_app: Signal::Value(true),
        full_screen: Signal::Value(true),
        gpu_app: Signal::Value(true),
        network_app: Signal::Value(true),
        idle: Signal::Value(Duration::ZERO),
        locked: Signal::Absent,
        remote_session: Signal::Absent,
        other_programs: Signal::Value(99.0),
        metered: Signal::Value(true),
        traffic: Signal::Value(Traffic { day: 99, month: 99 }),
    };
    let mut told = Vec::new();
    for _ in 0..40 {
        let (decision, _) = decide(&signals, &rules, &overrides, Memory::default(), at(0));
        told.push(decision.primary_reason);
        let same = |obstacle: &PauseReason| Reason::from(*obstacle) == decision.primary_reason;
        if let Some(obstacle) = signals.obstacles.iter().copied().find(same) {
            signals.obstacles.remove(&obstacle);
            continue;
        }
        match decision.primary_reason {
            Reason::Off => signals.wish = Wish::Draining,
            Reason::Finishing => signals.wish = Wish::Starting,
            Reason::Connecting => signals.wish = Wish::On,
            Reason::Suspending => signals.suspending = Signal::Value(false),
            Reason::Updating => signals.updating = Signal::Absent,
            Reason::CriticallyHot => signals.cpu_celsius = Signal::Value(85.0),
            Reason::Snoozed => overrides.snooze = None,
            Reason::OnBattery => signals.on_battery = Signal::Value(false),
            Reason::TooHot => signals.cpu_celsius = Signal::Value(40.0),
            Reason::ExclusiveApp => signals.exclusive_app = Signal::Absent,
            Reason::FullScreen => signals.full_screen = Signal::Value(false),
            Reason::InUse => signals.idle = Signal::Value(MINUTE * 10),
            Reason::OthersBusy => signals.other_programs = Signal::Value(1.0),
            Reason::Schedule
            | Reason::ShuttingDown
            | Reason::JournalFailed
            | Reason::EngineUnavailable
            | Reason::IsolationTooLow
            | Reason::SandboxBroken
            | Reason::DiskLow
            | Reason::TasksFailing
            | Reason::SignInRequired
            | Reason::PoolRefused
            | Reason::PoolUnreachable
            | Reason::Forced
            | Reason::DearHours
            | Reason::Metered
            | Reason::NetworkApp
            | Reason::NetworkHours
            | Reason::NetworkQuota
            | Reason::Free => break,
        }
    }
    let expected: Vec<Reason> =
        Reason::ALL.into_iter().filter(|r| *r != Reason::Forced && *r <= Reason::Schedule).collect();
    assert_eq!(told, expected);
    let rest = Rules { schedule: None, ..rules.clone() };
    let told = |signals: &Signals, rules: &Rules| {
        decide(signals, rules, &overrides, Memory::default(), at(0)).0.primary_reason
    };
    assert_eq!(told(&signals, &rest), Reason::DearHours);
    let rest = Rules { cheap_hours: None, ..rest };
    assert_eq!(told(&signals, &rest), Reason::Metered);
    signals.metered = Signal::Absent;
    assert_eq!(told(&signals, &rest), Reason::NetworkApp);
    signals.network_app = Signal::Absent;
    assert_eq!(told(&signals, &rest), Reason::NetworkHours);
    let rest = Rules { network_hours: None, ..rest };
    assert_eq!(told(&signals, &rest), Reason::NetworkQuota);
    signals.traffic = Signal::Value(Traffic { day: 98, month: u64::MAX });
    assert_eq!(told(&signals, &rest), Reason::Free);
}

#[test]
fn what_only_lessens_the_share_is_not_told_for_what_holds_work_up() {
    let rules = Rules { schedule: Schedule::parse("mon 00:00-00:30").unwrap(), ..Rules::default() };
    let signals = Signals { idle: Signal::Value(Duration::ZERO), ..willing() };
    let (decision, _) = decide(&signals, &rules, &Overrides::default(), Memory::default(), at(0));
    assert_eq!((decision.verdict, decision.primary_reason), (Verdict::Hold, Reason::Schedule));
    assert_eq!(decision.all_reasons, [Reason::InUse, Reason::Schedule]);
    let alone = once(&signals);
    assert_eq!((alone.verdict, alone.primary_reason), (Verdict::Less, Reason::InUse));
    assert_eq!(alone.share, Rules::default().in_use);
}

#[test]
fn a_sensor_that_cannot_be_read_counts_as_in_use_and_is_named() {
    let decision = once(&Signals { on_battery: Signal::Unreadable, ..willing() });
    assert_eq!((decision.primary_reason, decision.unreadable), (Reason::InUse, vec![Sensor::Battery]));
}

#[test]
fn a_sensor_that_lies_takes_no_part_and_is_named() {
    for lie in [0.0, f32::NAN, 1e9, -5.0, f32::INFINITY] {
        let decision = once(&Signals { cpu_celsius: Signal::Value(lie), ..willing() });
        assert_eq!((decision.verdict, decision.ignored), (Verdict::Run, vec![Sensor::CpuHeat]), "{lie}");
    }
    for lie in [-1.0, f32::NAN, 101.0] {
        let decision = once(&Signals { other_programs: Signal::Value(lie), ..willing() });
        assert_eq!(
            (decision.verdict, decision.ignored),
            (Verdict::Run, vec![Sensor::OtherPrograms]),
            "{lie}"
        );
    }
}

#[test]
fn the_owner_is_away_three_minutes_after_the_last_input_and_no_later() {
    let looks = (0..400).map(|second| {
        let idle = Signal::Value(Duration::from_secs(second));
        (second, Signals { idle, ..willing() })
    });
    let seen = over(&Rules::default(), looks);
    let away = seen.iter().find(|(_, verdict, _)| *verdict == Verdict::Run).map(|(second, ..)| *second);
    assert_eq!(away, Some(180));
    let locked = once(&Signals { idle: Signal::Value(MINUTE), locked: Signal::Value(true), ..willing() });
    assert_eq!(locked.verdict, Verdict::Run);
    let remote = once(&Signals { remote_session: Signal::Value(true), ..willing() });
    assert_eq!(remote.primary_reason, Reason::InUse);
}

#[test]
fn battery_heat_and_load_hold_work_up_until_all_was_calm() {
    let battery = |second: u64| Signals { on_battery: Signal::Value(second < 10), ..willing() };
    let seen = over(&Rules::default(), (0..120).map(|second| (second, battery(second))));
    let on = seen.iter().find(|(_, verdict, _)| *verdict == Verdict::Run).unwrap().0;
    assert_eq!(on, 9 + 60);

    // 73 °C is above what cools down from 80, so it stays too hot; 71 is not.
    let heat = |celsius: f32| Signals { cpu_celsius: Signal::Value(celsius), ..willing() };
    let looks = [(0, 81.0), (100, 73.0), (150, 71.0), (159, 71.0), (160, 71.0), (400, 79.0)];
    let seen = over(&Rules::default(), looks.map(|(second, celsius)| (second, heat(celsius))));
    let verdicts: Vec<_> = seen.iter().map(|(_, verdict, _)| *verdict).collect();
    use Verdict::{Hold, Run};
    assert_eq!(verdicts, [Hold, Hold, Hold, Hold, Run, Run]);

    let load = |percent: f32| Signals { other_programs: Signal::Value(percent), ..willing() };
    let looks = [(0, 60.0), (9, 60.0), (10, 60.0), (11, 5.0), (69, 5.0), (70, 5.0), (80, 60.0), (85, 1.0)];
    let seen = over(&Rules::default(), looks.map(|(second, percent)| (second, load(percent))));
    let verdicts: Vec<_> = seen.iter().map(|(_, verdict, _)| *verdict).collect();
    assert_eq!(verdicts, [Run, Run, Hold, Hold, Hold, Run, Run, Run]);
}

#[test]
fn force_sets_aside_what_stands_below_it_and_nothing_above() {
    let until = WallMs(at(0).wall.0 + 3_600_000);
    let forced = Overrides { forced: Some(until), ..Overrides::default() };
    let judge = |signals: &Signals, overrides: &Overrides| {
        decide(signals, &Rules::default(), overrides, Memory::default(), at(0)).0
    };
    let battery = Signals { on_battery: Signal::Value(true), ..willing() };
    let decision = judge(&battery, &forced);
    assert_eq!((decision.verdict, decision.primary_reason), (Verdict::Run, Reason::Forced));
    assert_eq!(decision.all_reasons, [Reason::Forced, Reason::OnBattery]);
    assert_eq!(decision.next_change_at, Some(until));
    for obstacle in [PauseReason::ShuttingDown, PauseReason::DiskLow] {
        let signals = Signals { obstacles: [obstacle].into(), ..willing() };
        assert_eq!(judge(&signals, &forced).primary_reason, obstacle.into());
    }
    let hot = Signals { gpu_celsius: Signal::Value(88.0), ..willing() };
    assert_eq!(judge(&hot, &forced).verdict, Verdict::Halt);
    let both = Overrides { snooze: Some(Snooze::UntilResumed), ..forced };
    assert_eq!(judge(&willing(), &both).primary_reason, Reason::Snoozed);
}

#[test]
fn a_pause_ends_at_its_time_and_one_from_before_the_clock_was_set_back_is_over() {
    let now = at(0).wall;
    let begun = SnoozeFor::parse("1h").unwrap().begin(&TimeZone::UTC, now).unwrap();
    assert!(begun.holds(now) && begun.holds(WallMs(now.0 + 3_599_999)));
    assert!(!begun.holds(WallMs(now.0 + 3_600_000)));
    assert!(!begun.holds(WallMs(now.0 - 8 * 86_400_000)));
    for snooze in [begun, Snooze::UntilResumed] {
        assert_eq!(Snooze::from_word(&snooze.word()), Some(snooze));
    }
    assert_eq!(Snooze::from_word("soon"), None);
    assert_eq!(SnoozeFor::parse("15M"), Ok(SnoozeFor::Minutes(15)));
    assert_eq!(SnoozeFor::parse("168h"), Ok(SnoozeFor::Minutes(10_080)));
    assert_eq!(SnoozeFor::parse("8:00"), Ok(SnoozeFor::Clock(8, 0)));
    assert_eq!(SnoozeFor::parse("resume"), Ok(SnoozeFor::UntilResumed));
    for wrong in
        ["", "0m", "169h", "99999999999h", "1d", "h", "-1h", "+1h", "24:00", "08:60", "8:0", "1 h", "é"]
    {
        let error = SnoozeFor::parse(wrong).unwrap_err();
        assert!(error.to_string().contains("allowed are"), "{wrong}");
    }
}

#[test]
fn a_program_that_wants_gpus_takes_only_them_and_one_that_wants_the_network_freezes_what_uses_it() {
    let there = Signals { gpu_app: Signal::Value(true), ..willing() };
    let gone = Signals { gpu_app: Signal::Value(false), ..willing() };
    let rules = Rules::default();
    let none = Overrides::default();
    let (during, memory) = decide(&there, &rules, &none, Memory::default(), at(0));
    assert_eq!((during.primary_reason, during.share.gpu, during.gpu_app), (Reason::Free, false, true));
    assert_eq!(during.share.cpu_percent, rules.away.cpu_percent);
    let (calming, memory) = decide(&gone, &rules, &none, memory, at(20));
    assert_eq!((calming.share.gpu, calming.look_after), (false, Some(Duration::from_secs(40))));
    let (after, _) = decide(&gone, &rules, &none, memory, at(60));
    assert_eq!((after.share.gpu, after.gpu_app), (true, false));
    let network = once(&Signals { network_app: Signal::Value(true), ..willing() });
    assert_eq!((network.primary_reason, network.give_way), (Reason::NetworkApp, GiveWay::Network));
    assert!(!network.takes_work());
    let hidden = Signal::Unreadable;
    let unreadable = Signals { exclusive_app: hidden, gpu_app: hidden, network_app: hidden, ..willing() };
    let lending = Rules { in_use: Share { gpu: true, ..rules.in_use }, ..rules.clone() };
    let (decision, _) = decide(&unreadable, &lending, &none, Memory::default(), at(0));
    assert_eq!((decision.primary_reason, decision.share.gpu), (Reason::InUse, false));
    assert_eq!(decision.unreadable, [Sensor::ExclusiveApp]);
    let forced = Overrides { forced: Some(at(3600).wall), ..none };
    let (decision, _) = decide(&there, &rules, &forced, Memory::default(), at(0));
    assert_eq!((decision.share.gpu, decision.gpu_app), (true, false), "asked for last and expressly");
}

#[test]
fn a_preset_holds_in_its_hours_and_the_settings_outside() {
    use crate::settings::{Settings, Source};
    let mut settings = Settings::default();
    settings
        .apply("schedule", "daily 00:00-12:00 max; daily 12:00-18:00 quiet; daily 18:00-22:00", Source::File)
        .unwrap();
    settings.apply("in_use_cpu_percent", "33", Source::Flag).unwrap();
    let rules = settings.rules(TimeZone::UTC);
    let told = |clock: &str| {
        let now = Now { mono: at(0).mono, wall: WallMs::parse(&format!("2026-11-23T{clock}:00Z")).unwrap() };
        let signals = Signals { idle: Signal::Value(Duration::ZERO), ..willing() };
        decide(&signals, &rules, &Overrides::default(), Memory::default(), now).0
    };
    assert_eq!((told("09:30").verdict, told("09:30").share.cpu_percent), (Verdict::Less, 50));
    assert!(told("09:30").share.gpu, "max lends GPUs in use");
    assert_eq!((told("12:00").verdict, told("12:00").primary_reason), (Verdict::Hold, Reason::InUse));
    assert_eq!((told("18:00").verdict, told("18:00").share.cpu_percent), (Verdict::Less, 33));
    assert_eq!(told("22:00").primary_reason, Reason::Schedule);
    // It is looked at again when another preset begins; only when work ends is told.
    assert_eq!(told("11:59").look_after, Some(MINUTE));
    let ends = told("11:59").next_change_at.unwrap();
    assert_eq!(ends, WallMs::parse("2026-11-23T22:00:00Z").unwrap());
}

#[test]
fn a_pause_of_gpus_takes_only_them_and_ends_by_itself() {
    let overrides = Overrides { gpu_snooze: Some(Snooze::Until(at(60).wall)), ..Overrides::default() };
    let signals = Signals { wish: Wish::On, ..Signals::default() };
    let told = |seconds| decide(&signals, &Rules::default(), &overrides, Memory::default(), at(seconds)).0;
    let during = told(10);
    assert_eq!((during.primary_reason, during.share.gpu), (Reason::Free, false));
    assert_eq!(during.share.cpu_percent, Rules::default().away.cpu_percent);
    assert_eq!(during.look_after, Some(Duration::from_secs(50)));
    let after = told(61);
    assert_eq!((after.share.gpu, after.gpu_snooze), (true, None));
}
