//! What the engine says of a container when it is asked.

use crate::connection::{Connection, failed};
use crate::failure::{status_of, translate};
use crate::policy;
use bollard::models::{ContainerState, ContainerStateStatusEnum};
use hivemind_worker_core::port::{EngineError, EngineErrorKind, Exit};

/// Whether a container was made and never started.
pub(crate) async fn is_created(engine: &Connection, container: &str) -> Result<bool, EngineError> {
    Ok(inspect(engine, container).await? == State::Created)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Created,
    Running,
    Ended(Exit),
}

/// Asks the engine for a container's state.
pub(super) async fn inspect(engine: &Connection, container: &str) -> Result<State, EngineError> {
    match engine.docker()?.inspect_container(container, None).await {
        Ok(answer) => state_of(&answer.state.unwrap_or_default()),
        Err(error) if status_of(&error) == Some(404) => {
            Err(EngineError::new(EngineErrorKind::Gone, "the container does not exist any more"))
        }
        Err(error) => Err(translate("look at the container", &error)),
    }
}

/// Whether process 1 of a container is known to be ours, which marks the end of what is printed.
pub(super) async fn is_ours(engine: &Connection, container: &str) -> bool {
    let Ok(docker) = engine.docker() else { return false };
    let Ok(answer) = docker.inspect_container(container, None).await else { return false };
    let entry_point = answer.config.and_then(|config| config.entrypoint).unwrap_or_default();
    entry_point.first().is_some_and(|program| program == policy::COMPANION)
}

fn state_of(state: &ContainerState) -> Result<State, EngineError> {
    let out_of_memory = state.oom_killed.unwrap_or(false);
    match state.status {
        Some(ContainerStateStatusEnum::CREATED) => Ok(State::Created),
        Some(
            ContainerStateStatusEnum::RUNNING
            | ContainerStateStatusEnum::PAUSED
            | ContainerStateStatusEnum::RESTARTING,
        ) => Ok(State::Running),
        Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::STOPPING) => {
            Ok(State::Ended(Exit { code: state.exit_code.unwrap_or(-1), out_of_memory }))
        }
        Some(ContainerStateStatusEnum::DEAD | ContainerStateStatusEnum::REMOVING) => {
            Err(EngineError::new(EngineErrorKind::Gone, "the container is being removed"))
        }
        Some(ContainerStateStatusEnum::EMPTY) | None => {
            Err(failed("the engine does not tell the container's state"))
        }
    }
}
