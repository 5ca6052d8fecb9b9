//! How following a container begins.

use super::printed::Printed;
use super::state::{State, inspect};
use crate::connection::Connection;
use crate::failure::translate;
use hivemind_worker_core::port::{EngineError, EngineErrorKind, Exit};

/// How a container begins.
pub(crate) enum Begun {
    /// It runs, and everything it prints comes from here; nothing where the engine did not attach.
    Started(Option<Printed>),
    /// It ran already.
    Running,
    /// It has ended.
    Ended(Exit),
}

/// Starts `container`, unless that was done before. `fresh` says that this process made it and has not started it.
pub(crate) async fn begin(engine: &Connection, container: &str, fresh: bool) -> Result<Begun, EngineError> {
    match if fresh { State::Created } else { inspect(engine, container).await? } {
        State::Created => {
            let printed = Printed::before_start(engine, container).await;
            let started = engine.docker()?.start_container(container, None).await;
            started.map_err(|e| not_started(fresh, translate("start the container", &e)))?;
            Ok(Begun::Started(printed))
        }
        State::Running => Ok(Begun::Running),
        State::Ended(exit) => Ok(Begun::Ended(exit)),
    }
}

/// An engine that died while it started a container may know it as made only, and refuse to start what its runtime
/// already has: such a container is as good as gone.
fn not_started(fresh: bool, error: EngineError) -> EngineError {
    if error.kind == EngineErrorKind::Failed && !fresh {
        return EngineError::new(EngineErrorKind::Gone, error.message);
    }
    error
}
