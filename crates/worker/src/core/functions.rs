//! Managed functions: what may be asked of one, and that they need no engine.

use super::{Core, Effect, EngineState, engine_problem};
use crate::port::Assigned;
use hivemind_control::{ApiError, ErrorCode, Reach};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::task::{Assignment, ManagedFunction, NetworkNeed, Phase};

impl Core {
    /// Whether the engine was asked and cannot be used.
    pub(super) fn engine_is_away(&self) -> bool {
        matches!(self.engine, EngineState::Away(_))
    }

    /// Whether work is taken without an engine: functions alone, from a pool that calls this computer. One that is
    /// asked for work does not say what it gives.
    pub(super) fn functions_only(&self) -> bool {
        let pushed = self.standing.as_ref().is_some_and(|standing| standing.reach == Reach::Push);
        self.limits.functions && pushed && self.engine_is_away()
    }

    /// Whether this kind of task runs here now. A function is held to what one takes, whatever its pool says.
    pub(super) fn permits_kind(&self, assigned: &mut Assigned) -> Result<(), ApiError> {
        let assignment = &mut assigned.assignment;
        let Some(function) = &assignment.function else {
            return match &self.engine {
                EngineState::Away(error) => Err(engine_problem(error)),
                EngineState::Unknown | EngineState::Ready(_) => Ok(()),
            };
        };
        let refused =
            |why: String| Err(ApiError::new(ErrorCode::PoolProtocol, format!("{}: {why}", assignment.key)));
        if !self.limits.functions {
            return refused("the settings of this computer do not allow managed functions".to_owned());
        }
        if let Err(why) = function.check() {
            return refused(why);
        }
        if let Some(what) = more_than_a_function(assignment) {
            return refused(format!("a managed function has no {what}"));
        }
        let granted = &mut assignment.limits.resources;
        granted.cpu_millis = granted.cpu_millis.max(ManagedFunction::NEEDS.cpu_millis);
        granted.memory_bytes = granted.memory_bytes.max(ManagedFunction::NEEDS.memory_bytes);
        Ok(())
    }

    /// Functions live in this process: after a restart there is none of them, and no engine has to be asked.
    pub(super) fn go_on_without_engine(&mut self, key: &TaskKey, effects: &mut Vec<Effect>) {
        let Some(live) = self.live.get_mut(key) else { return };
        if live.task.assignment.function.is_none() || live.task.phase >= Phase::Uploading {
            return;
        }
        live.parked = false;
        live.task.rewind(false);
        let todo = live.task.resume(false);
        effects.push(Effect::Persist(Box::new(live.task.clone()), todo));
    }
}

/// What is asked for beside the function and means a container.
fn more_than_a_function(assignment: &Assignment) -> Option<&'static str> {
    let asked = [
        ("image", assignment.image.is_some()),
        ("package", assignment.package.is_some()),
        ("command", !assignment.command.is_empty()),
        ("network", assignment.network != NetworkNeed::None),
        ("GPU", assignment.limits.resources.gpus > 0),
    ];
    asked.into_iter().find_map(|(what, asked)| asked.then_some(what))
}
