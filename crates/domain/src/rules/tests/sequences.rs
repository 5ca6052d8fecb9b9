//! Random sequences of signals, rules and overrides. `HIVEMIND_RULES_CASES=100000` runs the full number.

use super::*;
use proptest::collection::vec;

/// One in `of` where a case is long.
fn cases(of: u32) -> ProptestConfig {
    let wanted = std::env::var("HIVEMIND_RULES_CASES").ok().and_then(|n| n.parse().ok());
    ProptestConfig {
        cases: wanted.unwrap_or(3000) / of,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn signal<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Signal<T>> {
    prop_oneof![3 => Just(Signal::Absent), 1 => Just(Signal::Unreadable), 6 => value.prop_map(Signal::Value)]
        .boxed()
}

fn celsius() -> impl Strategy<Value = f32> {
    prop_oneof![8 => 20.0_f32..110.0, 1 => Just(f32::NAN), 1 => Just(0.0_f32), 1 => Just(1e9_f32)]
}

fn obstacle() -> impl Strategy<Value = PauseReason> {
    prop_oneof![
        Just(PauseReason::ShuttingDown),
        Just(PauseReason::JournalFailed),
        Just(PauseReason::EngineUnavailable),
        Just(PauseReason::SandboxBroken),
        Just(PauseReason::DiskLow),
        Just(PauseReason::PoolUnreachable),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![8 => Just(Wish::On), 1 => Just(Wish::Off), 1 => Just(Wish::Starting), 1 => Just(Wish::Draining)]
}

prop_compose! {
    fn signals()(
        wish in wish(),
        obstacles in prop_oneof![4 => Just(Vec::new()), 1 => vec(obstacle(), 1..3)],
        quiet in (signal(any::<bool>()), signal(any::<bool>()), signal(0_u64..30_000_000_000)),
        heat in (signal(celsius()), signal(celsius())),
        owner in (
            signal(any::<bool>()),
            signal(any::<bool>()),
            signal(any::<bool>()),
            signal((0_u64..600).prop_map(Duration::from_secs)),
            signal(any::<bool>()),
            signal(any::<bool>()),
        ),
        rest in (signal(-10.0_f32..120.0), signal(any::<bool>()), signal(any::<bool>())),
    ) -> Signals {
        Signals {
            wish,
            obstacles: obstacles.into_iter().collect(),
            suspending: quiet.0,
            updating: quiet.1,
            disk_free: quiet.2,
            cpu_celsius: heat.0,
            gpu_celsius: heat.1,
            on_battery: owner.0,
            exclusive_app: owner.1,
            full_screen: owner.2,
            idle: owner.3,
            locked: owner.4,
            remote_session: owner.5,
            other_programs: rest.0,
            metered: rest.1,
            quota_used: rest.2,
        }
    }
}

prop_compose! {
    fn rules()(
        schedule in prop_oneof![
            Just(""), Just("daily 00:00-24:00"), Just("mon-fri 18:00-08:00"), Just("sun 02:00-02:30"),
        ],
        zone in prop_oneof![Just("UTC0"), Just("CET-1CEST,M3.5.0,M10.5.0/3"), Just("EST5EDT,M3.2.0,M11.1.0")],
        in_use in prop_oneof![Just(0_u8), Just(25)],
        battery in any::<bool>(),
        busy in (0_u8..100, 0_u8..100),
    ) -> Rules {
        Rules {
            in_use: Share { cpu_percent: in_use, ..Rules::default().in_use },
            on_battery: battery,
            busy_in_use: busy.0,
            busy_away: busy.1,
            schedule: Schedule::parse(schedule).unwrap(),
            zone: TimeZone::posix(zone).unwrap(),
            ..Rules::default()
        }
    }
}

fn overrides() -> impl Strategy<Value = Overrides> {
    let end = || proptest::option::of((-10_000_i64..10_000).prop_map(|s| WallMs(at(0).wall.0 + s * 1000)));
    (end(), any::<bool>(), end()).prop_map(|(snooze, lasting, forced)| Overrides {
        snooze: match (snooze, lasting) {
            (Some(until), false) => Some(Snooze::Until(until)),
            (Some(_), true) => Some(Snooze::UntilResumed),
            (None, _) => None,
        },
        forced,
    })
}

/// Whether a reading, as the rules believe it, is critical.
fn critical(signals: &Signals, rules: &Rules) -> bool {
    let hot = |signal: Signal<f32>, limit: u8| matches!(signal, Signal::Value(c) if (f32::from(limit) + 10.0..=150.0).contains(&c));
    hot(signals.cpu_celsius, rules.cpu_celsius) || hot(signals.gpu_celsius, rules.gpu_celsius)
}

fn full(signals: &Signals, rules: &Rules) -> bool {
    signals.obstacles.contains(&PauseReason::DiskLow)
        || matches!(signals.disk_free, Signal::Value(free) if free < rules.keep_free)
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn there_is_always_one_reason_and_never_work_when_it_would_do_harm(
        rules in rules(),
        looks in vec((1_u64..200, signals(), overrides()), 1..8),
    ) {
        let (mut memory, mut second) = (Memory::default(), 0);
        for (passed, signals, overrides) in looks {
            second += passed;
            let (decision, next) = decide(&signals, &rules, &overrides, memory.clone(), at(second));
            // The same again is the same: nothing but the arguments decides.
            let again = decide(&signals, &rules, &overrides, memory, at(second));
            prop_assert_eq!(&(decision.clone(), next.clone()), &again);
            memory = next;
            prop_assert_eq!(decision.all_reasons.iter().filter(|r| **r == decision.primary_reason).count(), 1);
            prop_assert!(decision.all_reasons.is_sorted());
            prop_assert_eq!(decision.what_you_can_do, decision.primary_reason.remedy());
            prop_assert_eq!(
                decision.takes_work(),
                matches!(decision.primary_reason, Reason::Free | Reason::Forced | Reason::InUse)
                    && !(decision.primary_reason == Reason::InUse && rules.in_use.cpu_percent == 0)
            );
            prop_assert_eq!(decision.takes_work(), decision.share.cpu_percent > 0);
            let harm = signals.obstacles.contains(&PauseReason::ShuttingDown)
                || critical(&signals, &rules)
                || full(&signals, &rules);
            prop_assert!(!(harm && decision.takes_work()), "{:?}", decision);
            prop_assert!(decision.give_way == GiveWay::Nothing || !decision.takes_work());
            prop_assert_eq!(decision.give_way == GiveWay::Nothing, decision.give_way_reason.is_none());
            prop_assert!(decision.look_after.is_none_or(|after| after > Duration::ZERO));
            if let Some(at) = decision.next_change_at {
                prop_assert!(at.0 > at_wall(second), "{:?}", decision);
            }
        }
    }

}

proptest! {
    #![proptest_config(cases(10))]

    /// Every sensor trembles at once, once a second for five minutes: work begins at most once in a minute.
    #[test]
    fn under_noise_it_begins_at_most_once_a_minute(
        noise in vec((0.0_f32..100.0, 60.0_f32..92.0, 0_u64..400, any::<[bool; 5]>(), 0_u8..12), 300..301),
        quiet in 1_u64..5,
    ) {
        let rules = Rules { in_use: Share::default(), ..Rules::default() };
        let (mut memory, mut works, mut begun): (_, bool, Option<usize>) = (Memory::default(), true, None);
        for (second, (load, celsius, idle, flags, rarely)) in noise.into_iter().enumerate() {
            // Long stretches of calm in between: otherwise it would never begin at all.
            let calm = (second as u64 / 70) % 5 < quiet && rarely < 11;
            let flag = |n: usize| Signal::Value(flags[n] && !calm);
            let signals = if calm { willing() } else {
                Signals {
                    cpu_celsius: Signal::Value(celsius),
                    on_battery: flag(0),
                    exclusive_app: flag(1),
                    full_screen: flag(2),
                    idle: if flags[3] { Signal::Unreadable } else { Signal::Value(Duration::from_secs(idle)) },
                    metered: flag(4),
                    other_programs: Signal::Value(load),
                    ..willing()
                }
            };
            let (decision, next) = decide(&signals, &rules, &Overrides::default(), memory, at(second as u64));
            memory = next;
            if decision.takes_work() && !works {
                if let Some(before) = begun {
                    prop_assert!(second - before >= 60, "began at {before} and at {second}");
                }
                begun = Some(second);
            }
            works = decision.takes_work();
        }
    }
}

fn at_wall(second: u64) -> i64 {
    at(second).wall.0
}
