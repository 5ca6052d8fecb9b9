//! What the worker does and why, line by line.

use crate::words::words;
use crate::{output, tasks};
use hivemind_control::{Snapshot, StatusState};

pub(crate) fn status(snapshot: &Snapshot) {
    let (s, words) = (&snapshot.status, words());
    output::line(words.status(snapshot));
    if s.draining {
        output::line(words.draining());
    }
    if s.state == StatusState::Yielding
        && let Some(until) = &snapshot.decision.until
    {
        output::line(words.goes_on_at(until));
    }
    if snapshot.decision.gpus_snoozed {
        output::line(words.gpus_snoozed(snapshot.decision.gpus_until.as_deref()));
    }
    if snapshot.decision.gpu_app {
        output::line(words.gpus_for_a_program());
    }
    if let Some(preset) = &snapshot.decision.preset_now {
        output::line(words.by_the_schedule(preset));
    }
    if s.state == StatusState::Snoozed {
        output::line(words.how_to_resume());
    }
    if matches!(s.state, StatusState::Yielding | StatusState::Snoozed) && s.running_tasks > 0 {
        let frozen = snapshot.tasks.iter().filter(|task| task.frozen).count();
        let on = usize::try_from(s.running_tasks).unwrap_or(usize::MAX).saturating_sub(frozen);
        output::line(words.no_new_tasks(frozen, on));
    }
    if snapshot.engine.functions_only {
        output::line(words.0.functions_only(snapshot.engine.problem.as_ref().map(|problem| problem.code)));
    }
    if let Some(problem) = &s.problem {
        output::line(words.problem(problem));
    }
    output::line(words.today(snapshot));
    let traffic = &snapshot.traffic;
    if traffic.day_quota_bytes.or(traffic.month_quota_bytes).is_some() {
        let of =
            |moved, quota: Option<u64>| words.of(&output::bytes(moved), quota.map(output::bytes).as_deref());
        output::line(words.traffic(
            &of(traffic.day_bytes, traffic.day_quota_bytes),
            &of(traffic.month_bytes, traffic.month_quota_bytes),
        ));
    }
    if let Some(account) = &snapshot.account {
        output::line(words.account(&account.username, account.balance_cpt));
    }
    output::line(words.pool(snapshot));
    if let Some(fast) = &snapshot.host.benchmark {
        output::line(words.measured(fast));
    }
    tasks::list(&snapshot.tasks);
}
