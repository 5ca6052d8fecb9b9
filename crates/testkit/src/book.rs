//! A book of seconds in memory.

use crate::lock;
use async_trait::async_trait;
use hivemind_domain::rules::{Frame, Span};
use hivemind_domain::time::WallMs;
use hivemind_worker_core::port::{BookStore, StoreError};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Outlives workers.
#[derive(Debug, Default)]
pub struct MemoryBook(Mutex<BTreeMap<WallMs, Span>>, Mutex<BTreeMap<WallMs, Frame>>);

impl MemoryBook {
    /// Everything that was kept.
    #[must_use]
    pub fn all(&self) -> Vec<Span> {
        lock(&self.0).values().copied().collect()
    }
}

#[async_trait]
impl BookStore for MemoryBook {
    async fn keep(&self, span: Span) -> Result<(), StoreError> {
        lock(&self.0).insert(span.from, span);
        Ok(())
    }

    async fn spans(&self, from: WallMs, to: WallMs) -> Result<Vec<Span>, StoreError> {
        Ok(lock(&self.0).values().filter_map(|span| span.within(from, to)).collect())
    }

    async fn keep_frame(&self, frame: Frame) -> Result<(), StoreError> {
        lock(&self.1).insert(frame.from, frame);
        Ok(())
    }

    async fn frames(&self, from: WallMs, to: WallMs) -> Result<Vec<Frame>, StoreError> {
        Ok(lock(&self.1).values().cloned().filter_map(|frame| frame.within(from, to)).collect())
    }
}
