//! What the tray shows, as a pure function of the snapshot.

use crate::click::Click;
use crate::words::Words;
use hivemind_control::{Action, DecisionReason, PoolState, Snapshot, StatusState};
use hivemind_domain::text::plain_line;
use hivemind_words::Language;

/// The longest line of the tray, in bytes.
const LONGEST: usize = 300;

/// Everything a tray host needs to draw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrayModel {
    /// Which of the seven pictures.
    pub state: StatusState,
    /// The first line: what it does.
    pub status: String,
    /// The second line: why.
    pub reason: String,
    /// The menu from top to bottom.
    pub menu: Vec<Entry>,
}

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Text that cannot be clicked.
    Line {
        /// Stable name for tests and hosts.
        id: &'static str,
        /// What it says.
        text: String,
    },
    /// A mark that can be set and taken away.
    Check {
        /// Stable name for tests and hosts.
        id: &'static str,
        /// What it says.
        text: String,
        /// Whether the mark is set.
        checked: bool,
        /// What a click does.
        click: Click,
    },
    /// Something to do.
    Action {
        /// Stable name for tests and hosts.
        id: &'static str,
        /// What it says.
        text: String,
        /// Whether it can be done now.
        enabled: bool,
        /// What a click does.
        click: Click,
    },
    /// A menu of its own.
    Menu {
        /// Stable name for tests and hosts.
        id: &'static str,
        /// What it says.
        text: String,
        /// What is in it.
        items: Vec<Entry>,
    },
    /// A line between groups.
    Separator,
}

/// The tray at wall time `now_ms`, in milliseconds since the Unix epoch; the time only counts down to the next try.
#[must_use]
pub fn tray_model(snapshot: &Snapshot, language: Language, now_ms: i64) -> TrayModel {
    let words = Words(language);
    // What a pool is called and what a worker says is never believed to be printable.
    let status = plain_line(&status(snapshot, words, now_ms), LONGEST);
    let reason = plain_line(&reason(snapshot, words), LONGEST);
    let today = snapshot.today.credited_cpt;
    let contributing = snapshot.status.contributing;
    let mut menu = vec![
        Entry::Line { id: "status", text: status.clone() },
        Entry::Line { id: "reason", text: reason.clone() },
        Entry::Separator,
        Entry::Check {
            id: "contribute",
            text: words.contribute().to_owned(),
            checked: contributing,
            click: if contributing { Click::Stop } else { Click::Start },
        },
        Entry::Action {
            id: "finish",
            text: words.finish().to_owned(),
            enabled: contributing && !snapshot.status.draining,
            click: Click::Finish,
        },
        snooze(snapshot, words),
        ignore_rules(snapshot, words),
        Entry::Separator,
        Entry::Action {
            id: "open",
            text: words.open_dashboard().to_owned(),
            enabled: true,
            click: Click::OpenDashboard,
        },
        Entry::Line { id: "earnings", text: words.earnings_today(today) },
        Entry::Action {
            id: "report",
            text: words.report_problem().to_owned(),
            enabled: true,
            click: Click::ReportProblem,
        },
        Entry::Separator,
        Entry::Action { id: "quit", text: words.quit().to_owned(), enabled: true, click: Click::Quit },
    ];
    if snapshot.status.problem.as_ref().and_then(|problem| problem.action) == Some(Action::Resume) {
        let resume = Entry::Action {
            id: "resume",
            text: words.resume_now().to_owned(),
            enabled: true,
            click: Click::Start,
        };
        menu.insert(2, resume);
    }
    TrayModel { state: snapshot.status.state, status, reason, menu }
}

/// Pauses, and the way out of one first.
fn snooze(snapshot: &Snapshot, words: Words) -> Entry {
    let contributing = snapshot.status.contributing;
    let action = |id, text: &str, length| Entry::Action {
        id,
        text: text.to_owned(),
        enabled: contributing,
        click: Click::Snooze(length),
    };
    let mut items = Vec::new();
    if snapshot.status.state == StatusState::Snoozed {
        items.push(action("snooze_off", words.resume_now(), "off"));
        items.push(Entry::Separator);
    }
    items.push(action("snooze_15m", words.for_15_minutes(), "15m"));
    items.push(action("snooze_1h", words.for_1_hour(), "1h"));
    items.push(action("snooze_3h", words.for_3_hours(), "3h"));
    items.push(action("snooze_0800", words.until_morning(), "08:00"));
    items.push(action("snooze_resume", words.until_resumed(), "resume"));
    if snapshot.limits.gpus > 0 || snapshot.decision.gpus_snoozed {
        items.push(Entry::Separator);
        items.push(snooze_gpus(snapshot, words));
    }
    Entry::Menu { id: "snooze", text: words.snooze().to_owned(), items }
}

/// The same pauses for GPUs alone.
fn snooze_gpus(snapshot: &Snapshot, words: Words) -> Entry {
    let contributing = snapshot.status.contributing;
    let action = |id, text: &str, length| Entry::Action {
        id,
        text: text.to_owned(),
        enabled: contributing,
        click: Click::SnoozeGpus(length),
    };
    let mut items = Vec::new();
    if snapshot.decision.gpus_snoozed {
        items.push(action("snooze_gpus_off", words.resume_now(), "off"));
        items.push(Entry::Separator);
    }
    items.push(action("snooze_gpus_15m", words.for_15_minutes(), "15m"));
    items.push(action("snooze_gpus_1h", words.for_1_hour(), "1h"));
    items.push(action("snooze_gpus_3h", words.for_3_hours(), "3h"));
    items.push(action("snooze_gpus_0800", words.until_morning(), "08:00"));
    items.push(action("snooze_gpus_resume", words.until_resumed(), "resume"));
    Entry::Menu { id: "snooze_gpus", text: words.gpus_only().to_owned(), items }
}

fn ignore_rules(snapshot: &Snapshot, words: Words) -> Entry {
    let forced = snapshot.decision.all.contains(&DecisionReason::Forced);
    let (text, click) = if forced {
        (words.follow_rules(), Click::IgnoreRules(0))
    } else {
        (words.ignore_rules(), Click::IgnoreRules(60))
    };
    Entry::Action { id: "ignore", text: text.to_owned(), enabled: snapshot.status.contributing, click }
}

fn status(snapshot: &Snapshot, words: Words, now_ms: i64) -> String {
    let status = &snapshot.status;
    match status.state {
        StatusState::Earning if status.draining => words.finishing(status.running_tasks),
        StatusState::Earning => words.earning(status.running_tasks, snapshot.today.credited_cpt),
        StatusState::Ready => words.ready().to_owned(),
        StatusState::Yielding => words.yielding(snapshot.decision.reason),
        StatusState::Snoozed => words.snoozed(snapshot.decision.until.as_deref()),
        StatusState::Off => words.off().to_owned(),
        StatusState::Connecting if snapshot.pool.failures == 0 => words.connecting().to_owned(),
        StatusState::Connecting => words
            .reconnecting(snapshot.pool.failures.saturating_add(1), seconds_to_next_try(snapshot, now_ms)),
        StatusState::NeedsYou => words.needs_you(status.problem.as_ref().map(|problem| problem.code)),
    }
}

fn reason(snapshot: &Snapshot, words: Words) -> String {
    let status = &snapshot.status;
    match status.state {
        StatusState::Earning | StatusState::Ready if status.draining => words.reason_finishing().to_owned(),
        StatusState::Earning | StatusState::Ready if snapshot.engine.functions_only => {
            words.0.functions_only(snapshot.engine.problem.as_ref().map(|problem| problem.code))
        }
        StatusState::Earning | StatusState::Ready => words.reason_connected(host_of(&snapshot.pool.url)),
        StatusState::Yielding => words.reason_yielding(snapshot.decision.until.as_deref()),
        StatusState::Snoozed => words.reason_snoozed().to_owned(),
        StatusState::Off => words.reason_off().to_owned(),
        StatusState::Connecting => match snapshot.pool.cause.as_ref().or(status.problem.as_ref()) {
            Some(cause) => words.0.problem(cause.code).to_owned(),
            None => host_of(&snapshot.pool.url).to_owned(),
        },
        StatusState::NeedsYou => {
            words.reason_action(status.problem.as_ref().and_then(|problem| problem.action)).to_owned()
        }
    }
}

/// Whole seconds until the next try, rounded up; `None` while none is set.
pub(crate) fn seconds_to_next_try(snapshot: &Snapshot, now_ms: i64) -> Option<u64> {
    let at = snapshot.pool.retry_at_ms.filter(|_| snapshot.pool.state == PoolState::Backoff)?;
    u64::try_from(at.saturating_sub(now_ms)).ok().map(|ms| ms.div_ceil(1000))
}

/// The part of an address that a person knows it by.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

#[cfg(test)]
mod tests;
