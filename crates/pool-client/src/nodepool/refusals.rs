//! What was left to the pool, and when nothing is pulled for that reason.
//!
//! The pool takes a task back 30 to 40 s after it heard of it last, and counts each time; the third costs trust. While
//! it is still ours, others come in its place; from before it is taken back, nothing is pulled, so that another
//! computer gets it.

use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long pulling goes on after a refusal: well below the pool's 30 s.
const SAFE: Duration = Duration::from_secs(20);
/// The first pause; each further refusal of the same task doubles it.
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(900);
/// The same where the pool pushes.
const ASIDE: Duration = Duration::from_secs(6);
const LONGEST_ASIDE: Duration = Duration::from_secs(60);
/// Tasks that are remembered.
const MOST: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Refusals(HashMap<String, (u32, Instant)>);

impl Refusals {
    /// A task was left to the pool.
    pub(crate) fn note(&mut self, task: &str, now: Instant) {
        if self.0.len() >= MOST && !self.0.contains_key(task) {
            let oldest = self.0.iter().min_by_key(|(_, (_, at))| *at).map(|(task, _)| task.clone());
            self.0.retain(|task, _| Some(task) != oldest.as_ref());
        }
        let (count, at) = self.0.entry(task.to_owned()).or_insert((0, now));
        (*count, *at) = (count.saturating_add(1), now);
    }

    /// Whether a refused task would come again at once if the pool thought this computer free.
    pub(crate) fn holds_back(&self, now: Instant) -> bool {
        self.0.values().any(|(count, at)| now.saturating_duration_since(*at) < aside(*count))
    }

    /// The same of one task.
    pub(crate) fn is_held_back(&self, task: &str, now: Instant) -> bool {
        self.0.get(task).is_some_and(|(count, at)| now.saturating_duration_since(*at) < aside(*count))
    }

    /// Whether pulling now cannot bring a refused task again.
    pub(crate) fn may_pull(&self, now: Instant) -> bool {
        !self.0.values().any(|(count, at)| {
            let since = now.saturating_duration_since(*at);
            since >= SAFE && since < SAFE + pause(*count)
        })
    }
}

/// How long the pool is told to push nothing after a refusal: its next look for work, 5 s later, finds another
/// computer. Longer where there is none, and never so long that other work waits much for one task.
fn aside(count: u32) -> Duration {
    (ASIDE * (1 << count.saturating_sub(1).min(8))).min(LONGEST_ASIDE)
}

fn pause(count: u32) -> Duration {
    FIRST.saturating_mul(1 << count.saturating_sub(1).min(8)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_task_stops_the_pulling_for_a_growing_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut refusals = Refusals::default();
        assert!(refusals.may_pull(start));
        refusals.note("a", start);
        for (seconds, may) in [(0, true), (19, true), (20, false), (79, false), (80, true)] {
            assert_eq!(refusals.may_pull(at(seconds)), may, "{seconds}");
        }
        refusals.note("a", at(100));
        assert!(!refusals.may_pull(at(239)) && refusals.may_pull(at(240)));
        for _ in 0..20 {
            refusals.note("a", at(300));
        }
        assert!(!refusals.may_pull(at(300 + 919)) && refusals.may_pull(at(300 + 920)), "at most 15 minutes");
    }

    #[test]
    fn a_task_that_was_refused_is_not_pushed_again_at_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut refusals = Refusals::default();
        refusals.note("a", start);
        for (seconds, held) in [(0, true), (5, true), (6, false)] {
            assert_eq!(refusals.holds_back(at(seconds)), held, "{seconds}");
            assert_eq!(refusals.is_held_back("a", at(seconds)), held, "{seconds}");
            assert!(!refusals.is_held_back("b", at(seconds)));
        }
        for _ in 0..40 {
            refusals.note("a", start);
        }
        assert!(refusals.holds_back(at(59)) && !refusals.holds_back(at(60)), "at most a minute");
    }

    #[test]
    fn a_hostile_number_of_tasks_is_not_remembered() {
        let mut refusals = Refusals::default();
        for number in 0..1000 {
            refusals.note(&number.to_string(), Instant::now());
        }
        assert_eq!(refusals.0.len(), MOST);
    }
}
