//! What it did and why, in a terminal.

use crate::cli::WhatIfOptions;
use crate::output;
use hivemind_control::{
    ApiError, DecisionReason, ErrorCode, PresetView, SettingChange, TimelineView, WhatIfOutcome,
    WhatIfRequest, WhatIfView,
};

/// The preset and what differs from it.
pub(crate) fn preset(preset: &PresetView) {
    if preset.differs.is_empty() {
        output::line(&preset.name);
    } else {
        output::line(format!("{}, but for {}", preset.name, preset.differs.join(", ")));
    }
}

/// Sums by reason, the longest first.
pub(crate) fn show(timeline: &TimelineView) {
    for sum in &timeline.sums {
        let worked = match (sum.ms, sum.working_ms) {
            (_, 0) => String::new(),
            (all, working) if all == working => ", tasks computed all the time".to_owned(),
            (_, working) => format!(", tasks computed for {}", length(working)),
        };
        output::line(format!("{:>12}  {}{worked}", length(sum.ms), sentence(sum.reason)));
    }
    let known: u64 = timeline.sums.iter().map(|sum| sum.ms).sum();
    let whole = u64::try_from(timeline.to_ms.saturating_sub(timeline.from_ms)).unwrap_or(0);
    if whole.saturating_sub(known) >= 1000 {
        output::line(format!("{:>12}  the worker did not run", length(whole.saturating_sub(known))));
    }
}

fn sentence(reason: DecisionReason) -> String {
    if reason == DecisionReason::Free {
        return "nothing stood in the way".to_owned();
    }
    if reason == DecisionReason::InUse {
        return "you used the computer: tasks had a smaller share".to_owned();
    }
    let word = serde_json::to_value(reason).ok().and_then(|word| word.as_str().map(str::to_owned));
    word.unwrap_or_default().replace('_', " ")
}

fn length(ms: u64) -> String {
    let seconds = ms / 1000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
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
        None => {
            let text = format!("\"{text}\" is no change; allowed is KEY=VALUE");
            Err(ApiError::new(ErrorCode::InvalidRequest, text))
        }
    };
    let changes = options.changes.iter().map(change).collect::<Result<_, _>>()?;
    Ok(WhatIfRequest { changes, days: options.days })
}

/// What really ran, and what would have under the rules now and under the changed ones.
pub(crate) fn what_if(view: &WhatIfView) {
    let cpt = |outcome: &WhatIfOutcome| outcome.cpt.map_or("unknown".to_owned(), |cpt| format!("{cpt}"));
    output::table(
        &["RULES", "HOURS OF WORK", "CPT"],
        &[
            vec!["as it was".into(), length(view.lent_ms), view.cpt.to_string()],
            vec!["as they are".into(), length(view.now.lent_ms), cpt(&view.now)],
            vec!["changed".into(), length(view.changed.lent_ms), cpt(&view.changed)],
        ],
    );
    let whole = u64::try_from(view.to_ms.saturating_sub(view.from_ms)).unwrap_or(0);
    output::line(format!("Signals are known for {} of {}.", length(view.known_ms), length(whole)));
    output::line("CPT assumes that each hour and share is paid as it was then.");
}
