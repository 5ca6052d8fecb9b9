//! The rules' decision over what the core knows.

use super::*;
use hivemind_control::DecisionReason;
use hivemind_domain::rules::{Rules, Schedule, Snooze};

fn second(s: u64) -> Now {
    at(s * 1000)
}

#[test]
fn a_busy_computer_takes_no_new_work_until_a_minute_was_calm() {
    let mut core = online(vec![]);
    core.step(
        Input::Limits(Limits {
            rules: Box::new(Rules { busy_away: 50, ..Rules::default() }),
            ..core.limits.clone()
        }),
        at(0),
    );
    give(&mut core, "runs", at(0));
    core.step(Input::OwnerLoad(80.0), second(1));
    assert!(core.snapshot(second(1)).decision.takes_work, "one reading is not ten seconds");
    // It looks again by itself when the ten seconds are over.
    assert_eq!(core.next_wake(second(1).mono), Some(second(11).mono));
    core.step(Input::OwnerLoad(80.0), second(6));
    core.step(Input::OwnerLoad(80.0), second(11));
    let paused = core.snapshot(second(11));
    assert_eq!(paused.status.state, StatusState::Yielding);
    assert_eq!(paused.decision.reason, DecisionReason::OthersBusy);
    assert_eq!(core.paused_word(), "others_busy");
    let number = core.ask_number;
    let effects = give(&mut core, "more", second(12));
    let declined = |e: &Effect| matches!(e, Effect::Decline(_, HandBack::OwnerStopped, why) if why.contains("others_busy"));
    assert!(effects.iter().any(declined), "{effects:?}");
    assert_eq!((core.ask_number, core.held()), (number, vec![key("runs", 1)]), "what runs stays");
    core.step(Input::OwnerLoad(3.0), second(20));
    core.step(Input::Tick, second(71));
    assert!(!core.snapshot(second(71)).decision.takes_work);
    let effects = core.step(Input::Tick, second(73));
    assert!(ask_number(&effects).is_some(), "asks again: {:?}", core.snapshot(second(73)).decision);
    // A reading that is none says nothing about the owner.
    core.step(Input::OwnerLoad(f32::NAN), second(74));
    let odd = core.snapshot(second(90)).decision;
    assert_eq!((odd.takes_work, odd.ignored), (true, vec!["other_programs".to_owned()]));
}

#[test]
fn what_the_worker_itself_finds_stands_above_a_pause() {
    let mut core = online(vec![]);
    let effects = core.step(Input::Owner(OwnerAsks::Snooze(Some(Snooze::UntilResumed))), at(1));
    assert!(effects.contains(&Effect::KeepSnooze(Some(Snooze::UntilResumed))));
    assert!(ask_number(&effects).is_none());
    assert_eq!(core.snapshot(at(1)).status.state, StatusState::Snoozed);
    core.step(Input::EngineChecked(Err(engine_away())), at(2));
    let away = core.snapshot(at(2));
    assert_eq!(
        (away.status.state, away.decision.reason),
        (StatusState::NeedsYou, DecisionReason::EngineUnavailable)
    );
    assert_eq!(away.decision.all, [DecisionReason::EngineUnavailable, DecisionReason::Snoozed]);
    core.step(engine_ready(), at(3));
    assert_eq!(core.snapshot(at(3)).status.state, StatusState::Snoozed);
    let effects = core.step(Input::Owner(OwnerAsks::Start), at(4));
    assert!(effects.contains(&Effect::KeepSnooze(None)), "beginning to contribute ends the pause");
    core.step(Input::Owner(OwnerAsks::Stop), at(5));
    let off = core.snapshot(at(5));
    assert_eq!((off.status.state, off.decision.reason), (StatusState::Off, DecisionReason::Off));
}

#[test]
fn the_core_wakes_when_the_hours_change() {
    let mut core = online(vec![]);
    // 1970-01-01 was a Thursday; the test begins at 00:16:40.
    let schedule = Schedule::parse("thu 00:30-01:00").unwrap();
    let limits = Limits { rules: Box::new(Rules { schedule, ..Rules::default() }), ..core.limits.clone() };
    core.step(Input::Limits(limits), at(0));
    let closed = core.snapshot(at(0)).decision;
    assert_eq!((closed.reason, closed.until.as_deref()), (DecisionReason::Schedule, Some("00:30")));
    assert_eq!(core.rules.wake(), Some(at(800_000).mono));
    core.step(Input::Tick, at(800_000));
    assert!(core.snapshot(at(800_000)).decision.takes_work);
}
