//! `hivemind-worker earnings`.

use crate::output;
use crate::words::words;
use hivemind_control::{EarningsDay, EarningsView, NetworkEntry, NetworkLedger};

/// What was earned on each day.
pub(crate) fn by_day(view: &EarningsView) {
    let row = |day: &EarningsDay| {
        let s = &day.sum;
        vec![
            day.day.clone(),
            s.tasks.to_string(),
            s.estimated_cpt.to_string(),
            s.credited_cpt.to_string(),
            s.settled_cpt.to_string(),
        ]
    };
    let mut rows: Vec<_> = view.days.iter().map(row).collect();
    let s = &view.sum;
    rows.push(vec![
        words().all_days().into(),
        s.tasks.to_string(),
        s.estimated_cpt.to_string(),
        s.credited_cpt.to_string(),
        s.settled_cpt.to_string(),
    ]);
    output::table(&words().earnings_columns(), &rows);
    output::line(words().electricity(&view.electricity));
}

/// What the live network's ledger holds, task by task.
pub(crate) fn network(ledger: &NetworkLedger) {
    if !ledger.told {
        output::line(words().no_network_ledger());
        return;
    }
    let row = |entry: &NetworkEntry| {
        let at = entry.at_ms.and_then(|at| jiff::Timestamp::from_millisecond(at / 1000 * 1000).ok());
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        vec![
            at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
            entry.task_id.clone(),
            or_dash(&entry.payer),
            if entry.computer.is_empty() {
                words().this_computer().to_owned()
            } else {
                entry.computer.clone()
            },
            entry.cpt.to_string(),
            words().network_pay(entry.state, &entry.status),
        ]
    };
    let rows: Vec<_> = ledger.entries.iter().map(row).collect();
    output::table(&words().network_columns(), &rows);
    output::line(words().network_total(&ledger.earner, ledger.total_cpt));
    for why in words().network_missing(ledger) {
        output::line(why);
    }
    if ledger.cut {
        output::line(words().network_cut(ledger.entries.len()));
    }
}
