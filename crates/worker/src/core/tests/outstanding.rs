//! Attempts that the pool does not settle.

use super::*;

const DAY: i64 = 86_400_000;

/// An attempt that was reported after a minute's work and is on the pool's ledger only.
fn reported(ended: WallMs) -> Task {
    let mut task = Task::accept(assigned("old").assignment, WallMs(ended.0 - 60_000));
    task.phase = Phase::Reported;
    task.verdict = Some(Verdict::Succeeded);
    task.started_at = Some(task.accepted_at);
    task.ended_at = Some(ended);
    task.usage.active_ms = 60_000;
    task
}

#[test]
fn what_the_pool_does_not_settle_counts_on_the_day_it_ended() {
    let ended = at(0).wall;
    let task = reported(ended);
    let estimate = task.estimate();
    assert!(estimate > 0, "or nothing is tested");
    let mut core = online(vec![task]);
    core.step(Input::Charged(vec![(key("old", 1), 3)], None), at(10));
    assert_eq!(core.accruing(ended), (estimate, 3), "the very moment counts");
    assert_eq!(core.accruing(WallMs(ended.0 + 1)), (0, 0));
}

#[test]
fn pay_that_is_open_while_the_pool_forgets_this_computer_is_noted_once_and_no_other() {
    let mut paid = reported(at(0).wall);
    paid.assignment.key = key("paid", 1);
    paid.credit = Some(Credit { cpt: 3, settled: true });
    let mut open = reported(at(0).wall);
    open.earner = "ann@pool".into();
    paid.earner = open.earner.clone();
    let mut others = reported(at(0).wall);
    others.assignment.key = key("others", 1);
    others.earner = "bob@pool".into();
    let mut core = online(vec![open, paid, others]);
    give(&mut core, "running", at(5));
    let forgotten =
        || Input::PoolFailed { error: PoolError::new(PoolErrorKind::NodeUnknown, "who?"), unit: 0.5 };
    let noted = |effects: &[Effect]| {
        let of = |e: &Effect| {
            let Effect::Persist(task, todo) = e else { return None };
            task.orphaned.then(|| (task.key().task.to_string(), todo.len()))
        };
        effects.iter().filter_map(of).collect::<Vec<_>>()
    };
    let lost = Input::PoolFailed { error: unreachable(), unit: 0.5 };
    assert!(noted(&core.step(lost, at(10))).is_empty(), "a lost link forgets nobody");
    assert_eq!(noted(&core.step(forgotten(), at(20))), [("old".to_owned(), 0)]);
    assert!(noted(&core.step(forgotten(), at(30))).is_empty(), "once");
}

#[test]
fn what_was_never_settled_in_thirty_days_is_pending_no_longer_and_can_still_be_settled() {
    let mut core = online(vec![reported(at(0).wall)]);
    let later = |ms: i64| Now { wall: WallMs(at(0).wall.0 + ms), ..at(1000) };
    assert_eq!(core.snapshot(later(30 * DAY)).tasks.len(), 1);
    assert_eq!(core.snapshot(later(30 * DAY + 1)).tasks, []);
    assert!(core.live_task(&key("old", 1)).is_some(), "the pool is still asked");
    let credit = Credit { cpt: 5, settled: true };
    let settled = TaskInput::Acknowledged(credit);
    let effects = core.step(Input::Task(key("old", 1), settled), later(40 * DAY));
    let kept = |e: &Effect| matches!(e, Effect::Persist(task, _) if task.credit == Some(credit));
    assert!(effects.iter().any(kept), "{effects:?}");
}
