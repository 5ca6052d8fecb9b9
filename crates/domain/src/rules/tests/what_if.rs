//! The history of signals, and what rules make of it.

use super::*;
use crate::rules::{Book, Frame, Recorder, Span, replay};

/// Days of somebody with a laptop, second by second: input in bursts, a battery, films, heat that follows work, and
/// other programs. Gives the frames that were kept and the book of what really ran.
fn lived(days: u64, seed: u64, rules: &Rules) -> (Vec<Frame>, Vec<Span>) {
    let mut dice = seed;
    let mut roll = move |below: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % below
    };
    let (mut recorder, mut book) = (Recorder::default(), Book::default());
    let (mut frames, mut spans) = (Vec::new(), Vec::new());
    let mut memory = Memory::default();
    let mut signals = Signals {
        wish: Wish::On,
        on_battery: Signal::Value(false),
        full_screen: Signal::Value(false),
        locked: Signal::Value(false),
        idle: Signal::Value(Duration::ZERO),
        ..Signals::default()
    };
    let (mut idle, mut celsius, mut load) = (0_u64, 55.0_f32, 5.0_f32);
    let mut here = false;
    let overrides = Overrides::default();
    for second in 0..days * 86_400 {
        let hour = second / 3600 % 24;
        if roll(1200) == 0 {
            here = (7..23).contains(&hour) && roll(2) == 0;
        }
        idle = if here && roll(20) == 0 { 0 } else { idle + 1 };
        signals.idle = Signal::Value(Duration::from_secs(idle));
        for (signal, often) in [(&mut signals.on_battery, 9000), (&mut signals.full_screen, 15_000)] {
            if roll(often) == 0 {
                *signal = Signal::Value(*signal != Signal::Value(true));
            }
        }
        celsius = (celsius + roll(21) as f32 / 10.0 - 1.0).clamp(45.0, 86.0);
        load = (load + roll(41) as f32 / 10.0 - 2.0).clamp(0.0, 60.0);
        if second % 10 == 0 {
            signals.cpu_celsius = Signal::Value(celsius);
            signals.other_programs = Signal::Value(load);
        }
        let now = at(second);
        let (decision, remembered) = decide(&signals, rules, &overrides, memory, now);
        memory = remembered;
        frames.extend(recorder.note(&signals, rules, &overrides, &decision, now));
        spans.extend(book.note(decision.primary_reason, decision.takes_work(), false, now));
    }
    frames.extend(recorder.open());
    spans.extend(book.open());
    (frames, spans)
}

fn lent(spans: &[Span]) -> u64 {
    spans.iter().filter(|span| span.lends()).map(Span::ms).sum()
}

#[test]
fn the_same_rules_make_of_a_week_what_really_ran() {
    let schedule = Schedule::parse("mon-fri 06:00-23:00; sat,sun 00:00-24:00").unwrap();
    let quiet = Share { cpu_percent: 0, ..Rules::default().in_use };
    let all = [
        (1, Rules { busy_away: 25, ..Rules::default() }),
        (1, Rules { in_use: quiet, ..Rules::default() }),
        (7, Rules { busy_in_use: 0, busy_away: 0, schedule, ..Rules::default() }),
        (1, Rules { idle_after: MINUTE, cpu_celsius: 70, ..Rules::default() }),
    ];
    for (seed, (days, rules)) in (1..).zip(all) {
        let (frames, spans) = lived(days, seed * 7919, &rules);
        // Through the file and back.
        let text: Vec<String> = frames.iter().map(|f| serde_json::to_string(f).unwrap()).collect();
        let frames: Vec<Frame> = text.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let bytes: usize = text.iter().map(|line| line.len() + 1).sum();
        let told = replay(&frames, &rules, |_, _, _| {});
        let (ran, whole) = (lent(&spans), spans.iter().map(Span::ms).sum::<u64>());
        let off = told.lent_ms.abs_diff(ran) as f64 / ran as f64;
        println!(
            "{days} days, seed {seed}: really lent {:.2} h, replayed {:.2} h, off by {:.3} %, {} frames, {bytes} bytes",
            ran as f64 / 3.6e6,
            told.lent_ms as f64 / 3.6e6,
            off * 100.0,
            frames.len()
        );
        assert!(off < 0.02, "seed {seed}: {} ms replayed, {ran} ms really", told.lent_ms);
        assert!(told.known_ms.abs_diff(whole) < 2_000, "{} of {whole}", told.known_ms);
        assert!(bytes as u64 <= days * 400_000, "{days} days take {bytes} bytes");
        for (reason, sum) in Book::sums(&spans) {
            let replayed = told.reasons.get(&reason).copied().unwrap_or_default();
            assert!(
                replayed.abs_diff(sum.ms) <= whole / 50,
                "seed {seed}: {reason:?} {replayed} ms, really {} ms",
                sum.ms
            );
        }
    }
}

#[test]
fn other_rules_make_something_else_of_it() {
    let rules = Rules::default();
    let (frames, spans) = lived(1, 4711, &rules);
    let lazy = replay(&frames, &Rules { on_battery: true, ..rules.clone() }, |_, _, _| {});
    assert!(lazy.lent_ms > lent(&spans) && !lazy.reasons.contains_key(&Reason::OnBattery), "{lazy:?}");
    let shy = replay(&frames, &Rules { in_use: Share::default(), ..rules.clone() }, |_, _, _| {});
    assert!(shy.lent_ms < lent(&spans), "{shy:?}");
    let small = replay(
        &frames,
        &Rules { away: Share { cpu_percent: 40, ..rules.away }, ..rules.clone() },
        |_, _, _| {},
    );
    let same = replay(&frames, &rules, |_, _, _| {});
    assert!(small.lent_ms == same.lent_ms && small.share_ms < same.share_ms);
    let never = replay(
        &frames,
        &Rules { schedule: Schedule::parse("mon 00:00-00:30").unwrap(), ..rules },
        |_, _, _| {},
    );
    assert!(never.lent_ms <= 1_800_000, "{never:?}");
    assert_eq!(replay(&[], &Rules::default(), |_, _, _| {}), Default::default());
}

#[test]
fn what_cannot_be_read_is_still_so_and_what_is_no_number_takes_no_part() {
    let signals = Signals {
        wish: Wish::On,
        idle: Signal::Unreadable,
        cpu_celsius: Signal::Value(f32::NAN),
        on_battery: Signal::Unreadable,
        other_programs: Signal::Value(1e9),
        ..Signals::default()
    };
    let mut recorder = Recorder::default();
    let (rules, overrides) = (Rules::default(), Overrides::default());
    let (decision, _) = decide(&signals, &rules, &overrides, Memory::default(), at(0));
    recorder.note(&signals, &rules, &overrides, &decision, at(0));
    recorder.note(&signals, &rules, &overrides, &decision, at(30));
    let text = serde_json::to_string(&recorder.open().unwrap()).unwrap();
    let frame: Frame = serde_json::from_str(&text).unwrap();
    let again = frame.signals(at(10).wall);
    assert_eq!((again.idle, again.on_battery), (Signal::Unreadable, Signal::Unreadable), "{text}");
    let (second, _) = decide(&again, &rules, &overrides, Memory::default(), at(10));
    assert_eq!((second.primary_reason, &second.unreadable), (decision.primary_reason, &decision.unreadable));
    let wrong: Result<Frame, _> = serde_json::from_str(r#"{"f":0,"t":1,"w":"on","b":"yes"}"#);
    assert!(wrong.is_err());
}
