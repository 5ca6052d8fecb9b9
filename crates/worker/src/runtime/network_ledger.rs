//! The live network's ledger beside what this computer did.

use crate::port::{Ledger, LedgerEntry};
use hivemind_control::{NetworkEntry, NetworkLedger, NetworkPay};
use hivemind_domain::task::{Credit, Task, Verdict};

/// So far may this computer's clock and the pool's be apart.
const SLACK_MS: i64 = 3_600_000;

/// Puts both together. The tasks were read before the ledger, so that nothing is missed in it that came there meanwhile.
pub(super) fn view(ledger: Ledger, tasks: &[Task]) -> NetworkLedger {
    let own = tasks.iter().filter(|task| !ledger.earner.is_empty() && task.earner == ledger.earner);
    let own: Vec<&Task> = own.collect();
    let missing = own.iter().filter_map(|task| missing(&ledger, task));
    let mut entries: Vec<_> = ledger.entries.iter().map(|entry| listed(entry, &own)).chain(missing).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at_ms));
    NetworkLedger { told: true, entries, earner: ledger.earner, total_cpt: ledger.total_cpt, cut: ledger.cut }
}

fn listed(entry: &LedgerEntry, own: &[&Task]) -> NetworkEntry {
    let mut own = own.iter().rev().filter(|task| entry.here && task.key().task.as_str() == entry.task_id);
    NetworkEntry {
        task_id: entry.task_id.clone(),
        attempt: own.next().map(|task| task.key().attempt),
        payer: entry.payer.clone(),
        computer: if entry.here { String::new() } else { entry.computer.clone() },
        cpt: entry.cpt,
        state: NetworkPay::Paid,
        status: entry.status.clone(),
        at_ms: entry.at.map(|at| at.0),
    }
}

/// What was done here and is not in the ledger.
fn missing(ledger: &Ledger, task: &Task) -> Option<NetworkEntry> {
    let (ended, id) = (task.ended_at?, task.key().task.as_str());
    let done = matches!(task.verdict, Some(Verdict::Succeeded));
    if !done || ledger.entries.iter().any(|entry| entry.here && entry.task_id == id) {
        return None;
    }
    // An entry is written after its task's end: one that is older than the oldest of a list that was cut may lie beyond.
    let told_from = ledger.entries.iter().filter_map(|entry| entry.at).min();
    let beyond = ledger.cut && told_from.is_none_or(|from| ended.0 <= from.0.saturating_add(SLACK_MS));
    let state = match task.credit {
        None | Some(Credit { settled: false, .. }) => NetworkPay::Waiting,
        Some(_) if beyond => return None,
        Some(Credit { cpt: 0, .. }) if task.orphaned => NetworkPay::Orphaned,
        Some(Credit { cpt: 0, .. }) => NetworkPay::Unpaid,
        Some(_) => NetworkPay::Withdrawn,
    };
    let cpt = task.credit.filter(|_| state == NetworkPay::Withdrawn).map_or(0, |credit| credit.cpt);
    Some(NetworkEntry {
        task_id: id.to_owned(),
        attempt: Some(task.key().attempt),
        cpt,
        state,
        at_ms: Some(ended.0),
        ..NetworkEntry::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::time::WallMs;

    const ANN: &str = "ann@100.64.0.1:50051";

    fn done(id: &str, ended: i64, credit: Option<Credit>) -> Task {
        let mut task = Task::accept(hivemind_testkit::assigned(id).assignment, WallMs(ended - 10));
        task.ended_at = Some(WallMs(ended));
        task.verdict = Some(Verdict::Succeeded);
        task.credit = credit;
        ANN.clone_into(&mut task.earner);
        task
    }

    fn paid(cpt: u64) -> Option<Credit> {
        Some(Credit { cpt, settled: true })
    }

    fn entry(id: &str, at: i64, here: bool) -> LedgerEntry {
        LedgerEntry {
            task_id: id.into(),
            payer: "bob".into(),
            computer: "hw-1".into(),
            here,
            cpt: 90,
            status: "credited".into(),
            at: (at > 0).then_some(WallMs(at)),
        }
    }

    fn ledger(entries: Vec<LedgerEntry>, cut: bool) -> Ledger {
        Ledger { earner: ANN.into(), total_cpt: 90, entries, cut }
    }

    fn told(view: &NetworkLedger) -> Vec<(&str, NetworkPay, u64)> {
        view.entries.iter().map(|e| (e.task_id.as_str(), e.state, e.cpt)).collect()
    }

    #[test]
    fn what_was_done_here_stands_beside_the_entries_with_how_it_is_paid() {
        let mut orphan = done("orphan", 250, paid(0));
        orphan.orphaned = true;
        let mut saved = done("saved", 50, paid(90));
        saved.orphaned = true;
        let tasks = [
            saved,
            orphan,
            done("gone", 100, paid(45)),
            done("listed", 200, paid(90)),
            done("insolvent", 300, paid(0)),
            done("fresh", 400, None),
            done("late", 500, Some(Credit { cpt: 7, settled: false })),
        ];
        let view = view(
            ledger(
                vec![entry("elsewhere", 450, false), entry("listed", 210, true), entry("saved", 60, true)],
                false,
            ),
            &tasks,
        );
        let expected = [
            ("late", NetworkPay::Waiting, 0),
            ("elsewhere", NetworkPay::Paid, 90),
            ("fresh", NetworkPay::Waiting, 0),
            ("insolvent", NetworkPay::Unpaid, 0),
            ("orphan", NetworkPay::Orphaned, 0),
            ("listed", NetworkPay::Paid, 90),
            ("gone", NetworkPay::Withdrawn, 45),
            ("saved", NetworkPay::Paid, 90),
        ];
        assert_eq!(told(&view), expected);
        let of = |id: &str| view.entries.iter().find(|e| e.task_id == id).unwrap();
        assert_eq!((of("listed").attempt, of("listed").computer.as_str()), (Some(1), ""));
        assert_eq!((of("elsewhere").attempt, of("elsewhere").computer.as_str()), (None, "hw-1"));
    }

    #[test]
    fn nothing_is_missed_that_was_no_success_or_another_accounts() {
        let mut failed = done("failed", 100, None);
        failed.verdict = Some(Verdict::Cancelled { by: hivemind_domain::task::CancelledBy::Requester });
        let mut other = done("other", 100, paid(9));
        other.earner = "ann@elsewhere:1".into();
        let mut unknown = done("unknown", 100, paid(9));
        unknown.earner = String::new();
        assert!(view(ledger(Vec::new(), false), &[failed, other, unknown.clone()]).entries.is_empty());
        let nobody = Ledger::default();
        assert!(view(nobody, &[unknown]).entries.is_empty());
    }

    #[test]
    fn what_may_lie_beyond_a_list_that_was_cut_is_not_called_withdrawn() {
        const HOUR: i64 = SLACK_MS;
        let tasks = [
            done("old", HOUR, paid(9)),
            done("young", 4 * HOUR, paid(9)),
            done("broke", HOUR, paid(0)),
            done("poor", 4 * HOUR, paid(0)),
            done("near", 3 * HOUR, paid(9)),
            done("open", HOUR, None),
        ];
        let cut = |at, cut| {
            let view = view(ledger(vec![entry("x", at, false)], cut), &tasks);
            let mut said: Vec<_> =
                told(&view).iter().map(|(id, state, _)| format!("{id} {state:?}")).collect();
            said.sort();
            said
        };
        let known = ["open Waiting", "poor Unpaid", "x Paid", "young Withdrawn"];
        assert_eq!(cut(2 * HOUR, true), known, "clocks may be an hour apart");
        assert_eq!(cut(2 * HOUR, false).len(), 7, "all of it");
        // Without a time nobody knows from when on the list is whole.
        assert_eq!(cut(0, true), ["open Waiting", "x Paid"]);
    }

    #[test]
    fn another_computers_entry_does_not_stand_for_ours() {
        let tasks = [done("t", 100, paid(9))];
        let view = view(ledger(vec![entry("t", 90, false)], false), &tasks);
        assert_eq!(told(&view), [("t", NetworkPay::Withdrawn, 9), ("t", NetworkPay::Paid, 90)]);
    }
}
