//! When the owner is told something outside the window. Attention is what a worker has least right to take, so there is
//! a budget.

use crate::time::{Mono, Now, WallMs};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// At most so many in 24 hours.
pub const A_DAY: usize = 3;
/// So many of them only for what needs the owner.
const KEPT_FOR_NEED: usize = 1;
const DAY_MS: i64 = 86_400_000;
/// A problem shorter than this mends itself.
const LASTS: Duration = Duration::from_secs(60);
/// The same problem is told again after so long at the earliest.
const AGAIN_MS: i64 = 6 * 3_600_000;
/// Sums in CPT that are worth a word: each is ten times the one before.
const FIRST_MILESTONE: u64 = 1;

/// What can be told, and switched off on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only the owner can go on from here.
    NeedsYou,
    /// First CPT, and sums.
    Milestone,
    /// Pay that the pool has moved for good.
    Payout,
    /// This desktop shows no tray icons.
    NoTray,
}

impl Kind {
    /// Every kind, the weightiest first.
    pub const ALL: [Self; 4] = [Self::NeedsYou, Self::NoTray, Self::Milestone, Self::Payout];

    /// The setting that switches it.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::NeedsYou | Self::NoTray => "notify_problems",
            Self::Milestone => "notify_milestones",
            Self::Payout => "notify_payouts",
        }
    }
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occasion {
    /// Only the owner can go on from here; the problem's word.
    NeedsYou(String),
    /// So many CPT were credited altogether; 1 is the first.
    Milestone(u64),
    /// So many CPT were settled since it was told last.
    Payout(u64),
    /// The worker runs, and nobody can see its icon; told once for ever.
    NoTray,
}

/// What is remembered across starts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    /// When something was told, the newest last.
    pub times: Vec<i64>,
    /// The largest milestone told or passed; absent before the first look.
    pub milestone: Option<u64>,
    /// The settled sum that was told.
    pub settled: u64,
    /// When a payout was told.
    pub payout_at: Option<i64>,
    /// The last problem told, and when.
    pub problem: Option<(String, i64)>,
    /// Whether it was told that this desktop shows no tray icons.
    #[serde(default)]
    pub no_tray: bool,
}

/// What there is to see now.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Time.
    pub now: Now,
    /// The problem that only the owner can mend.
    pub problem: Option<&'a str>,
    /// Credited altogether, in CPT; absent while unknown.
    pub credited: Option<u64>,
    /// Settled altogether, in CPT; absent while unknown.
    pub settled: Option<u64>,
    /// This desktop has no place for the tray icon.
    pub no_tray: bool,
    /// Something has the full screen: nothing is shown, and nothing is lost.
    pub quiet: bool,
}

/// Decides what is told.
#[derive(Debug, Clone, Default)]
pub struct Notifier {
    told: Told,
    since: Option<(String, Mono)>,
    no_tray_since: Option<Mono>,
}

impl Notifier {
    /// One that remembers.
    #[must_use]
    pub fn new(told: Told) -> Self {
        Self { told, since: None, no_tray_since: None }
    }

    /// What to keep for the next start.
    #[must_use]
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Looks; gives what is to be told now, one thing at most. What is switched off counts as told.
    pub fn look(&mut self, seen: &Seen, on: impl Fn(Kind) -> bool) -> Option<Occasion> {
        self.watch(seen);
        if self.told.milestone.is_none() {
            // What was earned before anybody kept count is no news.
            self.told.milestone = seen.credited.map(passed);
            self.told.settled = self.told.settled.max(seen.settled.unwrap_or(0));
        }
        let wall = seen.now.wall.0;
        for kind in Kind::ALL {
            let Some(occasion) = self.due(kind, seen) else { continue };
            if !on(kind) {
                self.note(&occasion, seen, None);
                continue;
            }
            if seen.quiet || !self.within_budget(kind, seen.now.wall) {
                continue;
            }
            self.note(&occasion, seen, Some(wall));
            return Some(occasion);
        }
        None
    }

    /// When to look again although nothing changed: what is wrong is told once it has lasted.
    #[must_use]
    pub fn next_look(&self, now: Mono) -> Option<Mono> {
        let problem = self.since.as_ref().map(|(_, since)| *since);
        let ends = [problem, self.no_tray_since].into_iter().flatten().map(|since| since.after(LASTS));
        ends.filter(|end| *end > now).min()
    }

    fn watch(&mut self, seen: &Seen) {
        match (seen.problem, &self.since) {
            (Some(problem), Some((known, _))) if problem == known => {}
            (Some(problem), _) => self.since = Some((problem.to_owned(), seen.now.mono)),
            (None, _) => self.since = None,
        }
        self.no_tray_since = seen.no_tray.then(|| self.no_tray_since.unwrap_or(seen.now.mono));
    }

    fn due(&self, kind: Kind, seen: &Seen) -> Option<Occasion> {
        let wall = seen.now.wall.0;
        let ago = |at: i64, least: i64| !(0..least).contains(&wall.saturating_sub(at));
        match kind {
            Kind::NeedsYou => {
                let (problem, since) = self.since.as_ref()?;
                let lasted = seen.now.mono.since(*since) >= LASTS;
                let known = self
                    .told
                    .problem
                    .as_ref()
                    .is_some_and(|(told, at)| told == problem && !ago(*at, AGAIN_MS));
                (lasted && !known).then(|| Occasion::NeedsYou(problem.clone()))
            }
            Kind::NoTray => {
                let lasted = seen.now.mono.since(self.no_tray_since?) >= LASTS;
                (lasted && !self.told.no_tray).then_some(Occasion::NoTray)
            }
            Kind::Milestone => {
                let reached = passed(seen.credited?);
                (reached > self.told.milestone?).then_some(Occasion::Milestone(reached))
            }
            Kind::Payout => {
                let more = seen.settled?.checked_sub(self.told.settled).filter(|more| *more > 0)?;
                let due = self.told.payout_at.is_none_or(|at| ago(at, DAY_MS));
                (due && self.told.milestone.is_some()).then_some(Occasion::Payout(more))
            }
        }
    }

    fn within_budget(&self, kind: Kind, now: WallMs) -> bool {
        let lately =
            self.told.times.iter().filter(|at| (0..DAY_MS).contains(&now.0.saturating_sub(**at))).count();
        let most = if kind == Kind::NeedsYou { A_DAY } else { A_DAY - KEPT_FOR_NEED };
        lately < most
    }

    fn note(&mut self, occasion: &Occasion, seen: &Seen, told_at: Option<i64>) {
        let wall = seen.now.wall.0;
        match occasion {
            Occasion::NeedsYou(problem) => self.told.problem = Some((problem.clone(), wall)),
            Occasion::NoTray => self.told.no_tray = true,
            Occasion::Milestone(sum) => self.told.milestone = Some(*sum),
            Occasion::Payout(_) => {
                self.told.settled = seen.settled.unwrap_or(self.told.settled);
                self.told.payout_at = told_at.or(self.told.payout_at);
            }
        }
        if let Some(at) = told_at {
            self.told.times.push(at);
            let surplus = self.told.times.len().saturating_sub(A_DAY);
            self.told.times.drain(..surplus);
        }
    }
}

/// The largest milestone within a sum; 0 below the first.
fn passed(sum: u64) -> u64 {
    let mut milestone = 0;
    let mut next = FIRST_MILESTONE;
    while next <= sum {
        milestone = next;
        match next.checked_mul(10) {
            Some(more) => next = more,
            None => break,
        }
    }
    milestone
}

#[cfg(test)]
mod tests;
