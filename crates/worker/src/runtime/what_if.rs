//! What other rules would have made of the last days.

use super::electricity::{Bill, Sum};
use super::handle::store_problem;
use super::{Shared, lock, room};
use hivemind_control::{ApiError, ErrorCode, ReasonSum, WhatIfOutcome, WhatIfRequest, WhatIfView};
use hivemind_domain::rules::{Frame, Replay, Rules, Span, replay};
use hivemind_domain::settings::{Settings, Source, key};
use hivemind_domain::task::{Task, Verdict};
use hivemind_domain::time::WallMs;

const DAY_MS: i64 = 86_400_000;
const MOST_DAYS: u32 = 30;
const MOST_CHANGES: usize = 32;

/// Answers; nothing changes.
///
/// # Errors
/// When a change is none that is allowed, names no rule, or what is kept cannot be read.
pub(super) async fn what_if(shared: &Shared, request: WhatIfRequest) -> Result<WhatIfView, ApiError> {
    if !(1..=MOST_DAYS).contains(&request.days) || request.changes.len() > MOST_CHANGES {
        let text = format!(
            "days is {}, allowed is 1 to {MOST_DAYS}, with at most {MOST_CHANGES} changes",
            request.days
        );
        return Err(ApiError::new(ErrorCode::InvalidRequest, text));
    }
    let ports = &shared.ports;
    let settings = ports.settings.current();
    let present = settings.rules(ports.zone.present());
    let changed = changed(&settings, &request)?.rules(ports.zone.present());
    for change in &request.changes {
        if !is_rule(&change.key) {
            let text = format!("{} is no setting of the rules that time can be tried with", change.key);
            return Err(ApiError::new(ErrorCode::InvalidRequest, text));
        }
    }
    let to = ports.clock.now().wall;
    let from = WallMs(to.0.saturating_sub(i64::from(request.days) * DAY_MS));
    let mut frames = ports.book.frames(from, to).await.map_err(store_problem)?;
    let open = lock(&shared.present_frame).clone();
    if let Some(open) = open.and_then(|frame| frame.going_on(to).within(from, to)) {
        // It may be kept already, as far as it went then.
        frames.retain(|frame| frame.from < open.from);
        frames.push(open);
    }
    let mut spans = ports.book.spans(from, to).await.map_err(store_problem)?;
    let span = *lock(&shared.present_span);
    if let Some(span) = span.and_then(|span| Span { to, ..span }.within(from, to)) {
        spans.retain(|kept| kept.from < span.from);
        spans.push(span);
    }
    let ended = ports.journal.ended_since(from).await.map_err(store_problem)?;
    let cpt = ended.iter().map(pay).fold(0_u64, u64::saturating_add);
    let (bill, mut sum) = (Bill::new(&settings, ports.zone.present()), Sum::default());
    for task in ended.iter().filter(|task| task.started_at.is_some()) {
        sum.add(&bill, task);
    }
    let active_ms = ended.iter().map(|task| task.usage.active_ms).fold(0, u64::saturating_add);
    let took = Took { cpt, electricity: sum.of_all(active_ms) };
    let (then, other) = tokio::task::spawn_blocking(move || both(&frames, &present, &changed))
        .await
        .map_err(|error| ApiError::new(ErrorCode::Internal, format!("the replay broke off: {error}")))?;
    Ok(WhatIfView {
        from_ms: from.0,
        to_ms: to.0,
        known_ms: then.known_ms,
        lent_ms: lent(&spans),
        cpt,
        currency: settings.text("electricity_currency").to_owned(),
        now: outcome(&then, &then, &took),
        changed: outcome(&other, &then, &took),
    })
}

fn both(frames: &[Frame], present: &Rules, changed: &Rules) -> (Replay, Replay) {
    (replay(frames, present), replay(frames, changed))
}

fn changed(settings: &Settings, request: &WhatIfRequest) -> Result<Settings, ApiError> {
    let mut copy = settings.clone();
    for change in &request.changes {
        let standard = key(&change.key).map(|key| key.default).unwrap_or_default();
        let value = change.value.as_deref().unwrap_or(standard);
        // As strong as can be: it is only a thought.
        copy.apply(&change.key, value, Source::Flag).map_err(|error| room::change_problem(error.into()))?;
    }
    Ok(copy)
}

/// Whether the history tells all that this setting decides over.
fn is_rule(name: &str) -> bool {
    const RULES: [&str; 18] = [
        "idle_minutes",
        "in_use_cpu_percent",
        "in_use_memory_percent",
        "in_use_gpu",
        "away_cpu_percent",
        "away_memory_percent",
        "run_on_battery",
        "run_on_metered",
        "max_cpu_celsius",
        "max_gpu_celsius",
        "busy_percent",
        "schedule",
        "only_cheap_hours",
        "electricity_cheap_hours",
        "network_hours",
        "network_quota_day",
        "network_quota_month",
        "keep_disk_free",
    ];
    RULES.contains(&name.replace('-', "_").as_str())
}

/// What an attempt was paid, or will be by our own measurements.
fn pay(task: &Task) -> u64 {
    match (&task.verdict, &task.credit) {
        (Some(Verdict::HandedBack { .. }), _) => 0,
        (_, Some(credit)) => credit.cpt,
        (_, None) => task.estimate(),
    }
}

fn lent(spans: &[Span]) -> u64 {
    spans.iter().filter(|span| span.lends()).map(Span::ms).fold(0, u64::saturating_add)
}

/// What really came of the time: pay, and energy in thousandths of a joule with its cost.
struct Took {
    cpt: u64,
    electricity: Option<(f64, Option<f64>)>,
}

fn outcome(replay: &Replay, then: &Replay, took: &Took) -> WhatIfOutcome {
    let factor = (then.share_ms > 0).then(|| replay.share_ms as f64 / then.share_ms as f64);
    let scaled = |value: f64| factor.map(|factor| (value * factor).round() as u64);
    let (energy, cost) = took.electricity.unzip();
    let mut sums: Vec<ReasonSum> = replay
        .reasons
        .iter()
        .map(|(reason, ms)| ReasonSum { reason: (*reason).into(), ms: *ms, working_ms: 0 })
        .collect();
    sums.sort_by_key(|sum| std::cmp::Reverse(sum.ms));
    WhatIfOutcome {
        lent_ms: replay.lent_ms,
        cpt: scaled(took.cpt as f64),
        energy_mwh: energy.and_then(|mj| scaled(mj / 3600.0)),
        cost_micros: cost.flatten().and_then(scaled),
        sums,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_control::SettingChange;

    #[test]
    fn pay_follows_time_and_share() {
        let then = Replay { lent_ms: 1000, share_ms: 80_000, ..Replay::default() };
        let half = Replay { lent_ms: 1000, share_ms: 40_000, ..Replay::default() };
        let took = Took { cpt: 90, electricity: Some((7200.0, Some(10.0))) };
        let (as_it_was, less) = (outcome(&then, &then, &took), outcome(&half, &then, &took));
        assert_eq!(
            (as_it_was.cpt, as_it_was.energy_mwh, as_it_was.cost_micros),
            (Some(90), Some(2), Some(10))
        );
        assert_eq!((less.cpt, less.energy_mwh, less.cost_micros), (Some(45), Some(1), Some(5)));
        let nothing = outcome(&half, &Replay::default(), &took);
        assert_eq!((nothing.cpt, nothing.energy_mwh), (None, None), "nothing it could be reckoned from");
    }

    #[test]
    fn a_wrong_change_is_refused_as_when_it_is_set() {
        let change = |key: &str, value: &str| WhatIfRequest {
            changes: vec![SettingChange { key: key.into(), value: Some(value.into()) }],
            days: 7,
        };
        let settings = Settings::default();
        let wrong = changed(&settings, &change("idle_minutes", "no")).unwrap_err();
        assert_eq!(wrong.code, ErrorCode::InvalidSetting);
        let right = changed(&settings, &change("idle_minutes", "9")).unwrap();
        assert_eq!((right.integer("idle_minutes"), settings.integer("idle_minutes")), (9, 3));
        assert!(is_rule("idle-minutes") && !is_rule("master_url"));
    }
}
