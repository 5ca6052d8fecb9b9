//! The computer's use over days: every reading is gathered, a point is written when its minute is over.

use super::handle::store_problem;
use super::{Shared, lock};
use hivemind_control::{ApiError, ErrorCode, MetricsSample, TrendPoint, TrendQuery, TrendView};
use hivemind_domain::time::WallMs;
use hivemind_domain::trend::{Point, Reading, Tier};

const MINUTE_MS: i64 = 60_000;

/// Takes a reading.
pub(super) async fn note(shared: &Shared, sample: &MetricsSample) {
    let complete = lock(&shared.trend).add(WallMs(sample.at_ms), &reading(sample));
    keep(shared, complete).await;
}

/// Writes down what is not complete: the worker ends.
pub(super) async fn keep_rest(shared: &Shared) {
    let rest = lock(&shared.trend).rest();
    keep(shared, rest).await;
}

async fn keep(shared: &Shared, points: Vec<(Tier, Point)>) {
    if points.is_empty() {
        return;
    }
    if let Err(error) = shared.ports.trend.keep(points).await {
        tracing::warn!(%error, "a minute of the computer's use is not kept");
    }
}

fn reading(sample: &MetricsSample) -> Reading {
    let of_gpus = |value: fn(&hivemind_control::GpuUse) -> Option<f32>, join: fn(f32, f32) -> f32| {
        sample.gpus.iter().filter_map(value).reduce(join).unwrap_or(f32::NAN)
    };
    [
        sample.cpu_percent,
        sample.tasks_cpu_percent,
        sample.memory_used_bytes as f32,
        sample.tasks_memory_bytes as f32,
        sample.received_bytes_per_s as f32,
        sample.sent_bytes_per_s as f32,
        sample.disk_used_bytes as f32,
        of_gpus(|gpu| gpu.percent, f32::max),
        of_gpus(|gpu| gpu.temperature_c, f32::max),
        of_gpus(|gpu| gpu.power_w, |one, other| one + other),
    ]
}

fn shown(point: &Point) -> TrendPoint {
    let [
        cpu_percent,
        tasks_cpu_percent,
        memory_used_bytes,
        tasks_memory_bytes,
        received_bytes_per_s,
        sent_bytes_per_s,
        disk_used_bytes,
        gpu_percent,
        gpu_temperature_c,
        gpu_power_w,
    ] = point.means.map(|mean| mean.is_finite().then_some(mean));
    TrendPoint {
        at_ms: point.at.0,
        cpu_percent,
        tasks_cpu_percent,
        memory_used_bytes,
        tasks_memory_bytes,
        received_bytes_per_s,
        sent_bytes_per_s,
        disk_used_bytes,
        gpu_percent,
        gpu_temperature_c,
        gpu_power_w,
    }
}

/// Answers a question about the last hours or days.
///
/// # Errors
/// When it goes further back than is kept, or the points cannot be read.
pub(super) async fn trend(shared: &Shared, query: TrendQuery) -> Result<TrendView, ApiError> {
    let back = i64::from(query.minutes).saturating_mul(MINUTE_MS);
    let Some(tier) = Tier::reaching(back).filter(|_| query.minutes > 0) else {
        let text = format!("minutes is {}, allowed is 1 to 44640", query.minutes);
        return Err(ApiError::new(ErrorCode::InvalidRequest, text));
    };
    let to = shared.ports.clock.now().wall;
    let from = WallMs(to.0.saturating_sub(back));
    let mut points = shared.ports.trend.points(tier, from).await.map_err(store_problem)?;
    if let Some(present) = lock(&shared.trend).present(tier) {
        points.retain(|point| point.at < present.at);
        points.push(present);
    }
    // A clock that was set back leaves points of a time that has not come.
    let points = points.iter().filter(|point| point.at <= to).map(shown).collect();
    Ok(TrendView { from_ms: from.0, to_ms: to.0, step_ms: tier.step_ms(), points })
}
