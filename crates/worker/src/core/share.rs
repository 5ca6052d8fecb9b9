//! What tasks may have of the computer now, in use or away: applied to running containers, nothing is restarted.

use super::freeze::Ice;
use super::{Core, Effect, EngineState};
use hivemind_domain::resources::Resources;
use hivemind_domain::task::Phase;

/// However small the share, a running task gets this much of a core, or it would never end.
const LEAST_MILLIS: u32 = 50;

impl Core {
    /// Processor time for all tasks together, in thousandths of a core.
    pub(super) fn cpu_now(&self) -> u32 {
        self.rules.decision().share.cpu_millis(self.host.cpu_cores)
    }

    /// What tasks in containers may be granted now.
    pub(super) fn allowed_now(&self) -> Resources {
        self.within_the_engine(self.allowed_here())
    }

    /// What tasks may be granted now, wherever they compute.
    pub(super) fn allowed_here(&self) -> Resources {
        let decision = self.rules.decision();
        let allowed = self.limits.allowed;
        if !decision.takes_work() {
            return allowed;
        }
        let percent = u64::from(decision.share.memory_percent.min(100));
        let memory = match self.host.memory_bytes {
            // Nobody knows how much there is.
            0 => allowed.memory_bytes,
            whole => allowed.memory_bytes.min(whole / 100 * percent),
        };
        let gpus = if decision.share.gpu { allowed.gpus } else { 0 };
        Resources { memory_bytes: memory, gpus, ..allowed }
    }

    /// No more than containers can have together: an engine in a virtual machine has less than the computer.
    pub(super) fn within_the_engine(&self, allowed: Resources) -> Resources {
        let EngineState::Ready(info) = &self.engine else { return allowed };
        let memory = if info.memory_bytes == 0 { u64::MAX } else { info.memory_bytes };
        let cpus = if info.cpus == 0 { u32::MAX } else { info.cpus.saturating_mul(1000) };
        Resources {
            memory_bytes: allowed.memory_bytes.min(memory),
            cpu_millis: allowed.cpu_millis.min(cpus),
            ..allowed
        }
    }

    /// Lessens what running containers get where they were granted more than all may have, and gives it back.
    pub(super) fn share_out(&mut self, effects: &mut Vec<Effect>) {
        let share = self.rules.decision();
        if !share.takes_work() || self.host.cpu_cores == 0 {
            // What is frozen needs no share, and what else goes on keeps the one it has.
            return;
        }
        let most = self.cpu_now();
        let runs = |live: &&mut super::Live| {
            live.task.phase == Phase::Running
                && live.task.started_at.is_some()
                && live.task.verdict.is_none()
                && !live.parked
                && live.ice == Ice::Thawed
        };
        let granted: u32 = self
            .live
            .values_mut()
            .filter(runs)
            .map(|live| live.task.assignment.limits.resources.cpu_millis)
            .fold(0, u32::saturating_add);
        for live in self.live.values_mut().filter(runs) {
            let own = live.task.assignment.limits.resources.cpu_millis;
            let scaled = u64::from(own) * u64::from(most) / u64::from(granted.max(1));
            let wanted = if granted <= most {
                own
            } else {
                u32::try_from(scaled).unwrap_or(own).clamp(LEAST_MILLIS.min(own), own)
            };
            if let (true, Some(container)) = (live.cpu_given != Some(wanted), &live.task.container) {
                live.cpu_given = Some(wanted);
                effects.push(Effect::Limit(container.clone(), wanted));
            }
        }
    }
}
