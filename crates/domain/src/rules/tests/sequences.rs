//! Random sequences of signals, rules and overrides. `HIVEMIND_RULES_CASES=100000` runs the full number. Every case
//! comes from a seed of its own, which a failure names; `HIVEMIND_RULES_SEED` runs that one alone.

use super::*;

/// A small generator (splitmix64): making a case must not cost more than deciding it.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn coin(&mut self) -> bool {
        self.one_in(2)
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.below(100_000) as f32 / 100_000.0)
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }

    /// Three in ten absent, one unreadable.
    fn signal<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Signal<T> {
        match self.below(10) {
            0..3 => Signal::Absent,
            3 => Signal::Unreadable,
            _ => Signal::Value(value(self)),
        }
    }

    fn celsius(&mut self) -> f32 {
        match self.below(11) {
            0 => f32::NAN,
            1 => 0.0,
            2 => 1e9,
            _ => self.between(20.0, 110.0),
        }
    }

    fn signals(&mut self) -> Signals {
        const WISHES: [Wish; 10] = [
            Wish::On,
            Wish::On,
            Wish::On,
            Wish::On,
            Wish::On,
            Wish::On,
            Wish::On,
            Wish::Off,
            Wish::Starting,
            Wish::Draining,
        ];
        const OBSTACLES: [PauseReason; 7] = [
            PauseReason::ShuttingDown,
            PauseReason::JournalFailed,
            PauseReason::EngineUnavailable,
            PauseReason::SandboxBroken,
            PauseReason::DiskLow,
            PauseReason::TasksFailing,
            PauseReason::PoolUnreachable,
        ];
        let obstacles = if self.one_in(5) { 1 + self.below(2) } else { 0 };
        Signals {
            wish: self.pick(&WISHES),
            obstacles: (0..obstacles).map(|_| self.pick(&OBSTACLES)).collect(),
            failing_for: self.one_in(20).then(|| Duration::from_secs(1 + self.below(1024))),
            suspending: self.signal(Self::coin),
            updating: self.signal(Self::coin),
            disk_free: self.signal(|dice| dice.below(30_000_000_000)),
            cpu_celsius: self.signal(Self::celsius),
            gpu_celsius: self.signal(Self::celsius),
            on_battery: self.signal(Self::coin),
            exclusive_app: self.signal(Self::coin),
            full_screen: self.signal(Self::coin),
            gpu_app: self.signal(Self::coin),
            network_app: self.signal(Self::coin),
            idle: self.signal(|dice| Duration::from_secs(dice.below(600))),
            locked: self.signal(Self::coin),
            remote_session: self.signal(Self::coin),
            other_programs: self.signal(|dice| dice.between(-10.0, 120.0)),
            metered: self.signal(Self::coin),
            traffic: self.signal(|dice| Traffic { day: dice.below(200), month: dice.below(4000) }),
        }
    }

    fn rules(&mut self, schedules: &[Option<Schedule>], zones: &[TimeZone]) -> Rules {
        Rules {
            in_use: Share { cpu_percent: self.pick(&[0, 25]), ..Rules::default().in_use },
            on_battery: self.coin(),
            busy_in_use: self.below(100) as u8,
            busy_away: self.below(100) as u8,
            schedule: self.pick(schedules),
            cheap_hours: self.pick(schedules),
            network_hours: self.pick(schedules),
            quota_day: self.one_in(3).then(|| self.below(200)),
            quota_month: self.one_in(3).then(|| self.below(4000)),
            keep_free: self.below(20_000_000_000),
            zone: self.pick(zones),
            ..Rules::default()
        }
    }

    fn overrides(&mut self) -> Overrides {
        let end = |dice: &mut Self| WallMs(at_wall(0) + (dice.below(20_000) as i64 - 10_000) * 1000);
        let snooze = match self.below(4) {
            0 => Some(Snooze::Until(end(self))),
            1 => Some(Snooze::UntilResumed),
            _ => None,
        };
        let forced = self.coin().then(|| end(self));
        let gpu_snooze = self.one_in(4).then_some(Snooze::UntilResumed);
        Overrides { snooze, gpu_snooze, forced }
    }
}

/// Runs the cases, each with its seed; says on what seed it failed.
fn cases(run: impl Fn(&mut Dice) + std::panic::RefUnwindSafe) {
    let named = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let seeds = match named("HIVEMIND_RULES_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..named("HIVEMIND_RULES_CASES").unwrap_or(3000),
    };
    for seed in seeds {
        let failed = std::panic::catch_unwind(|| run(&mut Dice(seed.wrapping_mul(0x5851_f42d_4c95_7f2d))));
        assert!(failed.is_ok(), "failed with HIVEMIND_RULES_SEED={seed}");
    }
}

fn schedules() -> Vec<Option<Schedule>> {
    ["", "daily 00:00-24:00", "mon-fri 18:00-08:00", "sun 02:00-02:30"]
        .iter()
        .map(|text| Schedule::parse(text).unwrap())
        .collect()
}

fn zones() -> Vec<TimeZone> {
    ["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0"]
        .iter()
        .map(|zone| TimeZone::posix(zone).unwrap())
        .collect()
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

#[test]
fn there_is_always_one_reason_and_never_work_when_it_would_do_harm() {
    let (schedules, zones) = (schedules(), zones());
    cases(|dice| {
        let rules = dice.rules(&schedules, &zones);
        let (mut memory, mut second) = (Memory::default(), 0);
        for _ in 0..1 + dice.below(7) {
            let (signals, overrides) = (dice.signals(), dice.overrides());
            second += 1 + dice.below(199);
            let (decision, next) = decide(&signals, &rules, &overrides, memory.clone(), at(second));
            // The same again is the same: nothing but the arguments decides.
            let again = decide(&signals, &rules, &overrides, memory, at(second));
            assert_eq!((&decision, &next), (&again.0, &again.1));
            memory = next;
            assert_eq!(decision.all_reasons.iter().filter(|r| **r == decision.primary_reason).count(), 1);
            assert!(decision.all_reasons.is_sorted());
            assert_eq!(decision.what_you_can_do, decision.primary_reason.remedy());
            assert_eq!(
                decision.takes_work(),
                matches!(decision.primary_reason, Reason::Free | Reason::Forced | Reason::InUse)
                    && !(decision.primary_reason == Reason::InUse && rules.in_use.cpu_percent == 0)
            );
            assert_eq!(decision.takes_work(), decision.share.cpu_percent > 0);
            let used_up = matches!(signals.traffic, Signal::Value(moved) if rules.quota_day.is_some_and(|most| moved.day >= most) || rules.quota_month.is_some_and(|most| moved.month >= most));
            assert_eq!(used_up, decision.all_reasons.contains(&Reason::NetworkQuota));
            let shut = rules.network_hours.as_ref().is_some_and(|h| !h.is_open(&rules.zone, at(second).wall));
            assert_eq!(shut, decision.all_reasons.contains(&Reason::NetworkHours));
            let forced = decision.primary_reason == Reason::Forced;
            assert!(!((used_up || shut) && decision.takes_work() && !forced), "{decision:?}");
            let harm = signals.obstacles.contains(&PauseReason::ShuttingDown)
                || critical(&signals, &rules)
                || full(&signals, &rules);
            assert!(!(harm && decision.takes_work()), "{decision:?}");
            assert!(decision.give_way == GiveWay::Nothing || !decision.takes_work());
            assert_eq!(decision.give_way == GiveWay::Nothing, decision.give_way_reason.is_none());
            assert!(decision.look_after.is_none_or(|after| after > Duration::ZERO));
            assert!(decision.next_change_at.is_none_or(|at| at.0 > at_wall(second)), "{decision:?}");
        }
    });
}

/// Every sensor trembles at once for five minutes, looked at about every two seconds: work begins at most once in a
/// minute.
#[test]
fn under_noise_it_begins_at_most_once_a_minute() {
    let rules = Rules { in_use: Share::default(), ..Rules::default() };
    cases(|dice| {
        let quiet = 1 + dice.below(4);
        let (mut memory, mut works, mut begun): (_, bool, Option<u64>) = (Memory::default(), true, None);
        let mut second = 0;
        while second < 300 {
            // Long stretches of calm in between: otherwise it would never begin at all.
            let calm = (second / 70) % 5 < quiet && !dice.one_in(40);
            let signals = if calm {
                willing()
            } else {
                Signals {
                    cpu_celsius: Signal::Value(dice.between(60.0, 92.0)),
                    on_battery: Signal::Value(dice.coin()),
                    exclusive_app: Signal::Value(dice.coin()),
                    full_screen: Signal::Value(dice.coin()),
                    network_app: Signal::Value(dice.coin()),
                    idle: if dice.coin() {
                        Signal::Unreadable
                    } else {
                        Signal::Value(Duration::from_secs(dice.below(400)))
                    },
                    metered: Signal::Value(dice.coin()),
                    other_programs: Signal::Value(dice.between(0.0, 100.0)),
                    ..willing()
                }
            };
            let (decision, next) = decide(&signals, &rules, &Overrides::default(), memory, at(second));
            memory = next;
            if decision.takes_work() && !works {
                assert!(
                    begun.is_none_or(|before| second - before >= 60),
                    "began at {begun:?} and at {second}"
                );
                begun = Some(second);
            }
            works = decision.takes_work();
            second += 1 + dice.below(3);
        }
    });
}

/// A month in a place that changes its clocks twice in it: every second belongs to one reason, and they add up.
#[test]
fn a_month_with_two_clock_changes_is_booked_to_the_second() {
    let zone = TimeZone::posix("XST0XDT,M3.1.0,M3.4.0/3").unwrap();
    let schedule = Schedule::parse("mon-fri 18:00-08:00; sat,sun 10:00-20:00").unwrap();
    let rules = Rules { schedule, zone, ..Rules::default() };
    // 2026-03-01 00:00 in UTC.
    let begin = 1_772_323_200_000_i64;
    let now = |second: u64| Now {
        mono: Mono(Duration::from_secs(second)),
        wall: WallMs(begin + second as i64 * 1000),
    };
    let (mut dice, mut book, mut memory) = (Dice(7), Book::default(), Memory::default());
    let (mut spans, mut second) = (Vec::new(), 0_u64);
    let mut signals = willing();
    while second < 31 * 86_400 {
        if dice.one_in(20) {
            signals = if dice.one_in(3) { dice.signals() } else { willing() };
        }
        let overrides = Overrides::default();
        let (decision, next) = decide(&signals, &rules, &overrides, memory, now(second));
        memory = next;
        spans.extend(book.note(decision.primary_reason, decision.takes_work(), false, now(second)));
        let look = decision.look_after.map_or(90, |after| after.as_secs().clamp(1, 90));
        second += 1 + dice.below(look);
    }
    spans.extend(book.open());
    assert!(spans.windows(2).all(|pair| pair[0].to == pair[1].from), "one after the other");
    let sums = Book::sums(&spans);
    let booked: u64 = sums.values().map(|sum| sum.ms).sum();
    let lived = spans.last().unwrap().to.0 - begin;
    assert!(booked.abs_diff(lived as u64) <= 1000, "{booked} booked, {lived} lived");
    assert!(lived > 30 * 86_400_000 && sums.len() >= 10, "{sums:?}");
    assert!(sums[&Reason::Schedule].ms > 86_400_000 && sums[&Reason::Free].ms > 86_400_000, "{sums:?}");
}

fn at_wall(second: u64) -> i64 {
    at(second).wall.0
}
