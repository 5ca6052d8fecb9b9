use super::*;

fn at(seconds: u64) -> Now {
    Now { mono: Mono(Duration::from_secs(seconds)), wall: WallMs(1_700_000_000_000 + seconds as i64 * 1000) }
}

fn seen(seconds: u64) -> Seen<'static> {
    Seen {
        now: at(seconds),
        problem: None,
        credited: Some(0),
        settled: Some(0),
        no_tray: false,
        quiet: false,
    }
}

fn all(_: Kind) -> bool {
    true
}

const HOUR: u64 = 3600;

#[test]
fn a_problem_is_told_once_it_lasts_and_not_again_soon() {
    let mut notifier = Notifier::default();
    let stopped = |seconds| Seen { problem: Some("ENGINE_STOPPED"), ..seen(seconds) };
    assert_eq!(notifier.look(&stopped(0), all), None);
    assert_eq!(notifier.next_look(at(0).mono), Some(at(60).mono));
    assert_eq!(notifier.look(&stopped(59), all), None);
    assert_eq!(notifier.look(&stopped(60), all), Some(Occasion::NeedsYou("ENGINE_STOPPED".into())));
    assert_eq!(notifier.look(&stopped(600), all), None, "told");
    assert_eq!(notifier.look(&seen(700), all), None);
    assert_eq!(notifier.next_look(at(700).mono), None);
    // It comes and goes.
    assert_eq!(notifier.look(&stopped(800), all), None);
    assert_eq!(notifier.look(&stopped(900), all), None, "the same within six hours");
    let other = |seconds| Seen { problem: Some("DISK_LOW"), ..seen(seconds) };
    assert_eq!(notifier.look(&other(1000), all), None);
    assert_eq!(notifier.look(&other(1060), all), Some(Occasion::NeedsYou("DISK_LOW".into())));
    assert_eq!(notifier.look(&stopped(7 * HOUR), all), None, "has to last anew");
    assert!(notifier.look(&stopped(7 * HOUR + 60), all).is_some());
}

#[test]
fn a_problem_that_mends_itself_is_never_told() {
    let mut notifier = Notifier::default();
    for round in 0..100 {
        let now = round * 100;
        assert_eq!(notifier.look(&Seen { problem: Some("POOL_REFUSED"), ..seen(now) }, all), None);
        assert_eq!(notifier.look(&seen(now + 59), all), None);
    }
}

#[test]
fn the_first_cpt_and_every_tenfold_are_told_once() {
    let mut notifier = Notifier::default();
    let earned = |day: u64, credited| Seen { credited: Some(credited), ..seen(day * 24 * HOUR) };
    assert_eq!(notifier.look(&earned(0, 0), all), None);
    assert_eq!(notifier.look(&earned(0, 3), all), Some(Occasion::Milestone(1)));
    assert_eq!(notifier.look(&earned(1, 9), all), None);
    assert_eq!(
        notifier.look(&earned(2, 1500), all),
        Some(Occasion::Milestone(1000)),
        "one word for all passed"
    );
    assert_eq!(notifier.look(&earned(4, 1500), all), None);
    assert_eq!(
        notifier.look(&earned(5, u64::MAX), all),
        Some(Occasion::Milestone(10_000_000_000_000_000_000))
    );
    // What was earned before is no news, also after a start with memory.
    assert_eq!(Notifier::default().look(&earned(0, 5000), all), None);
    let mut again = Notifier::new(notifier.told().clone());
    assert_eq!(again.look(&earned(6, u64::MAX), all), None);
}

#[test]
fn a_payout_is_told_once_a_day_with_all_that_came() {
    let mut notifier = Notifier::default();
    let settled = |hour: u64, settled| Seen { settled: Some(settled), ..seen(hour * HOUR) };
    assert_eq!(notifier.look(&settled(0, 40), all), None, "before anybody kept count");
    assert_eq!(notifier.look(&settled(1, 42), all), Some(Occasion::Payout(2)));
    assert_eq!(notifier.look(&settled(2, 50), all), None);
    assert_eq!(notifier.look(&settled(24, 60), all), None);
    assert_eq!(notifier.look(&settled(25, 60), all), Some(Occasion::Payout(18)));
    assert_eq!(notifier.look(&settled(60, 10), all), None, "another pool");
}

#[test]
fn three_a_day_at_most_and_one_of_them_is_kept_for_what_needs_the_owner() {
    let mut notifier = Notifier::default();
    notifier.look(&seen(0), all);
    let mut told = Vec::new();
    let mut problem = false;
    for minute in 1..60 * 24 * 5 {
        let mut now = seen(minute * 60);
        // As much happens as can.
        now.credited = Some(10_u64.pow((minute / 30).min(19) as u32));
        now.settled = Some(minute * 7);
        if minute % 400 == 0 {
            problem = !problem;
        }
        let name = format!("PROBLEM_{}", minute / 800);
        now.problem = problem.then_some(name.as_str());
        if let Some(occasion) = notifier.look(&now, all) {
            told.push((minute, occasion));
        }
    }
    for (minute, _) in &told {
        let lately = |(at, _): &&(u64, Occasion)| (minute.saturating_sub(1439)..=*minute).contains(at);
        let day: Vec<_> = told.iter().filter(lately).collect();
        assert!(day.len() <= A_DAY, "{day:?}");
        let news = day.iter().filter(|(_, occasion)| !matches!(occasion, Occasion::NeedsYou(_))).count();
        assert!(news <= A_DAY, "{day:?}");
    }
    assert!(told.iter().any(|(_, occasion)| matches!(occasion, Occasion::NeedsYou(_))), "{told:?}");
    assert!(told.len() >= 9, "{told:?}");
}

#[test]
fn full_screen_waits_and_what_is_switched_off_never_comes() {
    let mut notifier = Notifier::default();
    notifier.look(&seen(0), all);
    let earned = |seconds, quiet| Seen { credited: Some(1), quiet, ..seen(seconds) };
    assert_eq!(notifier.look(&earned(10, true), all), None);
    assert_eq!(notifier.look(&earned(20, false), all), Some(Occasion::Milestone(1)), "after the film");
    let ten = |seconds| Seen { credited: Some(10), ..seen(seconds) };
    assert_eq!(notifier.look(&ten(30), |kind| kind != Kind::Milestone), None);
    assert_eq!(notifier.look(&ten(40), all), None, "switched on later");
    assert_eq!(notifier.told().times.len(), 1, "silence costs nothing");
}

#[test]
fn a_clock_set_back_does_not_silence_it_for_ever() {
    let mut notifier =
        Notifier::new(Told { times: vec![i64::MAX; 3], milestone: Some(0), ..Told::default() });
    assert!(notifier.look(&Seen { credited: Some(1), ..seen(0) }, all).is_some());
}

#[test]
fn a_desktop_without_tray_icons_is_told_of_once_for_ever() {
    let mut notifier = Notifier::default();
    let hidden = |seconds| Seen { no_tray: true, ..seen(seconds) };
    // Tray hosts come a moment after the session.
    assert_eq!(notifier.look(&hidden(0), all), None);
    assert_eq!(notifier.look(&seen(30), all), None);
    assert_eq!(notifier.look(&hidden(40), all), None);
    assert_eq!(notifier.next_look(at(40).mono), Some(at(100).mono));
    assert_eq!(notifier.look(&hidden(99), all), None);
    assert_eq!(notifier.look(&Seen { quiet: true, ..hidden(100) }, all), None, "not over a full screen");
    assert_eq!(notifier.look(&hidden(130), all), Some(Occasion::NoTray));
    assert_eq!(notifier.next_look(at(130).mono), None);
    assert_eq!(notifier.look(&hidden(30 * 24 * HOUR), all), None);
    let mut next = Notifier::new(notifier.told().clone());
    assert_eq!(next.look(&hidden(0), all), None);
    assert_eq!(next.look(&hidden(3600), all), None, "nor after a start");
}
