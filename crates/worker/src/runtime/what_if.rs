//! What other rules would have made of the last days.

use super::electricity::{Bill, Sum};
use super::handle::store_problem;
use super::{Shared, lock, room};
use hivemind_control::{ApiError, ErrorCode, ReasonSum, WhatIfOutcome, WhatIfRequest, WhatIfView};
use hivemind_domain::energy::Tariff;
use hivemind_domain::rules::{Frame, Replay, Rules, Span, replay};
use hivemind_domain::settings::{Settings, Source, key};
use hivemind_domain::task::{Task, Verdict};
use hivemind_domain::time::WallMs;
use jiff::tz::TimeZone;

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
    let zone = ports.zone.present();
    let present = Tried::new(&settings, zone.clone());
    let changed = Tried::new(&changed(&settings, &request)?, zone);
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
    let (then, other) = tokio::task::spawn_blocking(move || (present.over(&frames), changed.over(&frames)))
        .await
        .map_err(|error| ApiError::new(ErrorCode::Internal, format!("the replay broke off: {error}")))?;
    Ok(WhatIfView {
        from_ms: from.0,
        to_ms: to.0,
        known_ms: then.replay.known_ms,
        lent_ms: lent(&spans),
        cpt,
        currency: settings.text("electricity_currency").to_owned(),
        now: outcome(&then, &then, &took),
        changed: outcome(&other, &then, &took),
    })
}

/// Settings that are tried on the time that has passed.
struct Tried {
    rules: Rules,
    tariff: Tariff,
}

/// What they make of it.
#[derive(Default)]
struct Outcome {
    replay: Replay,
    /// Prices of a kilowatt-hour in ten-thousandths, each weighed with time and share; absent when one is not known.
    prices: Option<f64>,
}

impl Tried {
    fn new(settings: &Settings, zone: TimeZone) -> Self {
        Self { rules: settings.rules(zone), tariff: settings.tariff() }
    }

    fn over(&self, frames: &[Frame]) -> Outcome {
        let mut prices = Some(0.0);
        let replay = replay(frames, &self.rules, |from, ms, percent| {
            let price = self.tariff.mean(&self.rules.zone, from, ms);
            prices = prices.zip(price).map(|(sum, price)| sum + price * ms as f64 * f64::from(percent));
        });
        Outcome { replay, prices }
    }
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

/// What really came of the time: pay, and energy in thousandths of a joule.
struct Took {
    cpt: u64,
    electricity: Option<f64>,
}

fn outcome(Outcome { replay, prices }: &Outcome, then: &Outcome, took: &Took) -> WhatIfOutcome {
    let then = then.replay.share_ms;
    // For each unit of time and share there was so much of it, and is again.
    let again = |value: f64| (then > 0).then(|| value / then as f64);
    let scaled = |value: f64| again(value).map(|each| (each * replay.share_ms as f64).round() as u64);
    let energy = took.electricity;
    // Thousandths of a joule times ten-thousandths of the currency.
    let cost = energy.and_then(again).zip(*prices).map(|(each, prices)| each * prices / 36e6);
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
        cost_micros: cost.map(|micros| micros.round() as u64),
        sums,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_control::SettingChange;

    #[test]
    fn pay_follows_time_and_share() {
        let lent = |share_ms, price: f64| Outcome {
            replay: Replay { lent_ms: 1000, share_ms, ..Replay::default() },
            prices: Some(price * share_ms as f64),
        };
        // A watt-hour is 3.6 million thousandths of a joule; at 0.40 a kilowatt-hour it costs 400 millionths.
        let (then, half) = (lent(80_000, 4000.0), lent(40_000, 1000.0));
        let took = Took { cpt: 90, electricity: Some(3_600_000.0) };
        let (as_it_was, less) = (outcome(&then, &then, &took), outcome(&half, &then, &took));
        assert_eq!(
            (as_it_was.cpt, as_it_was.energy_mwh, as_it_was.cost_micros),
            (Some(90), Some(1000), Some(400))
        );
        assert_eq!(
            (less.cpt, less.energy_mwh, less.cost_micros),
            (Some(45), Some(500), Some(50)),
            "half of it, at a quarter of the price"
        );
        let nothing = outcome(&half, &Outcome::default(), &took);
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
