//! Limits on how often something may be tried.

use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(60);
/// Names remembered at once; beyond it the oldest windows are dropped first.
const MAX_NAMES: usize = 10_000;

/// Counts tries per name in windows of one minute.
#[derive(Debug, Default)]
pub(crate) struct RateLimit {
    windows: HashMap<String, (Instant, u32)>,
}

impl RateLimit {
    /// The time to wait when `name` has used up its `allowed` tries of the current minute.
    pub(crate) fn exceeded(&self, name: &str, allowed: u32, now: Instant) -> Option<Duration> {
        let (began, count) = self.windows.get(name)?;
        let left = WINDOW.checked_sub(now.duration_since(*began))?;
        (*count >= allowed && !left.is_zero()).then_some(left)
    }

    /// Counts one try.
    pub(crate) fn count(&mut self, name: &str, now: Instant) {
        if self.windows.len() >= MAX_NAMES && !self.windows.contains_key(name) {
            self.windows.retain(|_, (began, _)| now.duration_since(*began) < WINDOW);
            if self.windows.len() >= MAX_NAMES {
                let oldest = self.windows.iter().min_by_key(|(_, (began, _))| *began).map(|(n, _)| n.clone());
                oldest.map(|name| self.windows.remove(&name));
            }
        }
        let window = self.windows.entry(name.to_owned()).or_insert((now, 0));
        if now.duration_since(window.0) >= WINDOW {
            *window = (now, 0);
        }
        window.1 = window.1.saturating_add(1);
    }

    /// Forgets a name that has proven itself.
    pub(crate) fn forgive(&mut self, name: &str) {
        self.windows.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_minute_later_one_may_try_again() {
        let mut limit = RateLimit::default();
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(limit.exceeded("ann", 3, now), None);
            limit.count("ann", now);
        }
        assert_eq!(limit.exceeded("ann", 3, now), Some(WINDOW));
        assert_eq!(limit.exceeded("bob", 3, now), None);
        assert_eq!(limit.exceeded("ann", 3, now + WINDOW), None);
        limit.forgive("ann");
        assert_eq!(limit.exceeded("ann", 3, now), None);
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let mut limit = RateLimit::default();
        let now = Instant::now();
        for n in 0..MAX_NAMES + 50 {
            limit.count(&n.to_string(), now);
        }
        assert_eq!(limit.windows.len(), MAX_NAMES);
    }
}
