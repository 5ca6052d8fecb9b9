//! The computer's use over days, in memory.

use crate::lock;
use async_trait::async_trait;
use hivemind_domain::time::WallMs;
use hivemind_domain::trend::{Point, Tier};
use hivemind_worker_core::port::{StoreError, TrendStore};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Outlives workers.
#[derive(Debug, Default)]
pub struct MemoryTrend(Mutex<BTreeMap<(Tier, WallMs), Point>>);

#[async_trait]
impl TrendStore for MemoryTrend {
    async fn keep(&self, points: Vec<(Tier, Point)>) -> Result<(), StoreError> {
        lock(&self.0).extend(points.into_iter().map(|(tier, point)| ((tier, point.at), point)));
        Ok(())
    }

    async fn points(&self, tier: Tier, from: WallMs) -> Result<Vec<Point>, StoreError> {
        let points = lock(&self.0);
        Ok(points
            .iter()
            .filter(|((of, at), _)| *of == tier && *at >= from)
            .map(|(_, point)| *point)
            .collect())
    }
}
