//! What it did and why, in a terminal.

use crate::output;
use hivemind_control::{DecisionReason, PresetView, TimelineView};

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
