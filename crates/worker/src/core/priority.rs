//! Tasks' share of the computer, following the owner's load.

use super::{Core, Effect};
use hivemind_domain::priority::{HOLD, Priority};
use hivemind_domain::task::Phase;
use hivemind_domain::time::{Mono, Now};

/// The share that every running task should have.
#[derive(Debug, Default)]
pub(super) struct Present {
    priority: Priority,
    since: Option<Mono>,
}

impl Present {
    /// Its weight for the processor.
    pub(super) fn shares(&self) -> u32 {
        self.priority.cpu_shares()
    }
}

impl Core {
    /// Takes a reading of the owner's load; at most one change in [`HOLD`].
    pub(super) fn owner_load(&mut self, load: f32, now: Now) {
        let wanted =
            if self.limits.dynamic_priority { self.priority.priority.next(load) } else { Priority::Normal };
        let held = self.priority.since.is_some_and(|since| now.mono.since(since) < HOLD);
        if wanted != self.priority.priority && !held {
            self.priority = Present { priority: wanted, since: Some(now.mono) };
        }
    }

    /// Tells the engine about running containers that have another share than they should.
    pub(super) fn prioritise(&mut self, effects: &mut Vec<Effect>) {
        let wanted = self.priority.priority;
        for live in self.live.values_mut() {
            let runs = live.task.phase == Phase::Running
                && live.task.started_at.is_some()
                && live.task.verdict.is_none()
                && !live.parked;
            if let (true, Some(container)) = (runs && live.priority != Some(wanted), &live.task.container) {
                live.priority = Some(wanted);
                effects.push(Effect::Prioritise(container.clone(), wanted));
            }
        }
    }
}
