//! What it did and why, in a terminal.

use crate::cli::WhatIfOptions;
use crate::output;
use crate::words::{clock, words};
use hivemind_control::{
    ApiError, ErrorCode, PresetView, SettingChange, TimelineView, WhatIfOutcome, WhatIfRequest, WhatIfView,
};

/// The preset and what differs from it.
pub(crate) fn preset(preset: &PresetView) {
    output::line(words().preset(&preset.name, &preset.differs));
}

/// Sums by reason, the longest first.
pub(crate) fn show(timeline: &TimelineView) {
    for sum in &timeline.sums {
        let worked = words().computed(sum.ms, sum.working_ms);
        output::line(format!("{:>12}  {}{worked}", clock(sum.ms), words().reason(sum.reason)));
    }
    let known: u64 = timeline.sums.iter().map(|sum| sum.ms).sum();
    let whole = u64::try_from(timeline.to_ms.saturating_sub(timeline.from_ms)).unwrap_or(0);
    if whole.saturating_sub(known) >= 1000 {
        let missing = clock(whole.saturating_sub(known));
        output::line(format!("{missing:>12}  {}", words().did_not_run()));
    }
}

/// The changes that are to be tried.
///
/// # Errors
/// [`ErrorCode::InvalidRequest`] for one without `=`.
pub(crate) fn what_if_request(options: &WhatIfOptions) -> Result<WhatIfRequest, ApiError> {
    let change = |text: &String| match text.split_once('=') {
        Some((key, value)) => {
            Ok(SettingChange { key: key.trim().to_owned(), value: Some(value.trim().to_owned()) })
        }
        None => Err(ApiError::new(ErrorCode::InvalidRequest, words().no_change(text))),
    };
    let changes = options.changes.iter().map(change).collect::<Result<_, _>>()?;
    Ok(WhatIfRequest { changes, days: options.days })
}

/// What really ran, and what would have under the rules now and under the changed ones.
pub(crate) fn what_if(view: &WhatIfView) {
    let words = words();
    let cpt =
        |outcome: &WhatIfOutcome| outcome.cpt.map_or(words.unknown().to_owned(), |cpt| format!("{cpt}"));
    let [as_it_was, as_they_are, changed] = words.what_if_rows().map(str::to_owned);
    output::table(
        &words.what_if_columns(),
        &[
            vec![as_it_was, clock(view.lent_ms), view.cpt.to_string()],
            vec![as_they_are, clock(view.now.lent_ms), cpt(&view.now)],
            vec![changed, clock(view.changed.lent_ms), cpt(&view.changed)],
        ],
    );
    if let Some((now, changed)) = view.now.energy_mwh.zip(view.changed.energy_mwh) {
        let took = |mwh, cost| words.with_electricity(mwh, cost, &view.currency);
        output::lines(
            words.what_if_electricity(
                &took(now, view.now.cost_micros),
                &took(changed, view.changed.cost_micros),
            ),
        );
    }
    let whole = u64::try_from(view.to_ms.saturating_sub(view.from_ms)).unwrap_or(0);
    output::lines(words.signals_known(&clock(view.known_ms), &clock(whole)));
}
