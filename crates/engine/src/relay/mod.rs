//! The way out of a task's network namespace: a relay container beside it, whose standard streams lead here.
//!
//! ```text
//! first:   relay (network none) ─ starts ─ listens ─► task (network of the relay) starts
//! again:   a relay that ended, or that a former worker left, is replaced by one in the task's network
//! ```
//! A task without network has no relay, and costs no request more.

mod container;
mod keeper;
mod mux;

pub(crate) use container::{companion_labels, join};
pub(crate) use keeper::{Keeper, Notes};

use crate::companion::Companion;
use crate::companion_image::CompanionImage;
use crate::connection::{Connection, failed};
use crate::failure::{status_of, translate};
use crate::policy;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder,
};
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_worker_core::port::{Egress, EgressSession, EngineError, NetworkGrant};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A relay says that it listens within this time.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// What belongs to a task that has network.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) install: InstallId,
    pub(crate) key: TaskKey,
    pub(crate) grant: NetworkGrant,
    /// Its relay, as far as known.
    pub(crate) relay: Option<String>,
}

/// All relays of this worker.
pub(crate) struct Relays {
    image: CompanionImage,
    egress: Arc<dyn Egress>,
    routes: Mutex<HashMap<String, Route>>,
    /// Attempts that are being made ready: their companions are no leftovers.
    busy: Mutex<HashSet<TaskKey>>,
}

/// An attempt is being made ready as long as this lives.
pub(crate) struct Busy<'a>(&'a Relays, TaskKey);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.0.busy).remove(&self.1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relays {
    pub(crate) fn new(companion: Arc<Companion>, egress: Arc<dyn Egress>) -> Self {
        let image = CompanionImage::new(companion);
        Self { image, egress, routes: Mutex::default(), busy: Mutex::default() }
    }

    pub(crate) fn busy(&self, key: &TaskKey) -> Busy<'_> {
        lock(&self.busy).insert(key.clone());
        Busy(self, key.clone())
    }

    /// Remembers that a container has network.
    pub(crate) fn learn(&self, container: &str, route: Route) {
        lock(&self.routes).insert(container.to_owned(), route);
    }

    pub(crate) fn route(&self, container: &str) -> Option<Route> {
        lock(&self.routes).get(container).cloned()
    }

    /// Forgets a container; gives its relay, which is to be removed.
    pub(crate) fn forget(&self, container: &str) -> Option<String> {
        lock(&self.routes).remove(container).and_then(|route| route.relay)
    }

    /// Looks through all containers of this installation; gives those of companions that belong to nothing.
    pub(crate) fn sort(&self, install: &InstallId, all: &[Listed]) -> Vec<String> {
        let relay_of = |key: &TaskKey| {
            let found = all
                .iter()
                .find(|c| c.role.as_deref() == Some(policy::ROLE_RELAY) && c.key.as_ref() == Some(key));
            found.map(|relay| relay.id.clone())
        };
        let mut routes = lock(&self.routes);
        for task in all.iter().filter(|c| c.role.is_none()) {
            let (Some(key), Some(grant)) = (&task.key, container::grant_of(&task.labels)) else { continue };
            let fresh = || Route { install: install.clone(), key: key.clone(), grant, relay: None };
            let route = routes.entry(task.id.clone()).or_insert_with(fresh);
            if route.relay.is_none() {
                route.relay = relay_of(key);
            }
        }
        let busy = lock(&self.busy);
        let needed = |key: &TaskKey| {
            busy.contains(key) || all.iter().any(|c| c.role.is_none() && c.key.as_ref() == Some(key))
        };
        let companions = all.iter().filter(|c| c.role.is_some());
        companions.filter(|c| !c.key.as_ref().is_some_and(needed)).map(|c| c.id.clone()).collect()
    }

    /// Opens a session for what a container may reach.
    pub(crate) fn session(&self, route: &Route) -> Arc<dyn EgressSession> {
        self.egress.open(&route.key, &route.grant)
    }

    /// A session of its own.
    pub(crate) fn open(&self, key: &TaskKey, grant: &NetworkGrant) -> Arc<dyn EgressSession> {
        self.egress.open(key, grant)
    }

    /// Makes a relay in `network`: `none`, or the network of a running container. Its name ends with `purpose`.
    pub(crate) async fn create(
        &self,
        engine: &Connection,
        install: &InstallId,
        key: &TaskKey,
        network: &str,
        purpose: &str,
    ) -> Result<String, EngineError> {
        let docker = engine.docker()?;
        let name = format!("{}-{purpose}", crate::container::name_of(install, key));
        let options = || CreateContainerOptionsBuilder::new().name(&name).build();
        for try_number in 0..2 {
            let image = self.image.id(engine).await?;
            let body = container::configuration(install, key, &image, network);
            match docker.create_container(Some(options()), body).await {
                Ok(created) => return Ok(created.id),
                Err(error) if status_of(&error) == Some(409) && try_number == 0 => {
                    remove_named(engine, &name, install, key).await?;
                }
                Err(error) if status_of(&error) == Some(404) && try_number == 0 => self.image.forget().await,
                Err(error) => return Err(translate("make the relay", &error)),
            }
        }
        Err(failed(format!("could not make the relay: {name} exists again and again")))
    }

    /// Starts a relay and waits until it listens.
    pub(crate) async fn start(
        &self,
        engine: &Connection,
        relay: &str,
        session: Arc<dyn EgressSession>,
    ) -> Result<Running, EngineError> {
        let options =
            AttachContainerOptionsBuilder::new().stdin(true).stdout(true).stderr(true).stream(true).build();
        let attached = engine.docker()?.attach_container(relay, Some(options)).await;
        let attached = attached.map_err(|e| translate("attach to the relay", &e))?;
        let started = engine.docker()?.start_container(relay, None).await;
        started.map_err(|e| translate("start the relay", &e))?;
        let (ready, listens) = oneshot::channel();
        let mut running = Running(tokio::spawn(mux::carry(attached.output, attached.input, session, ready)));
        match tokio::time::timeout(READY_WITHIN, listens).await {
            Ok(Ok(())) => Ok(running),
            Ok(Err(_)) => Err(running.ended().await),
            Err(_) => Err(failed("the relay does not begin to listen")),
        }
    }
}

/// Whether a relay has ended, or is gone.
pub(crate) async fn has_ended(engine: &Connection, relay: &str) -> Result<bool, EngineError> {
    match engine.docker()?.inspect_container(relay, None).await {
        Ok(about) => Ok(about.state.and_then(|state| state.running) != Some(true)),
        Err(error) if status_of(&error) == Some(404) => Ok(true),
        Err(error) => Err(translate("look at the relay", &error)),
    }
}

/// A container of this installation as the engine lists it.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) key: Option<TaskKey>,
    pub(crate) role: Option<String>,
    pub(crate) labels: HashMap<String, String>,
    pub(crate) frozen: bool,
}

/// A relay that carries; it is let go of when this is dropped, and ends then.
pub(crate) struct Running(JoinHandle<Result<(), EngineError>>);

impl Running {
    /// Whether it carries no more.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }

    /// Waits until it has ended; tells why.
    pub(crate) async fn ended(&mut self) -> EngineError {
        match (&mut self.0).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(_) => failed("the relay ended"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Removes a companion's container. Fine when it is gone.
pub(crate) async fn remove(engine: &Connection, id: &str) -> Result<(), EngineError> {
    let options = RemoveContainerOptionsBuilder::new().v(true).force(true).build();
    match engine.docker()?.remove_container(id, Some(options)).await {
        Ok(()) => Ok(()),
        // Gone, or somebody else's removal is under way.
        Err(error) if matches!(status_of(&error), Some(404 | 409)) => Ok(()),
        Err(error) => Err(translate("remove a companion", &error)),
    }
}

/// Removes what an earlier try at the same attempt left, if it is ours.
pub(crate) async fn remove_named(
    engine: &Connection,
    name: &str,
    install: &InstallId,
    key: &TaskKey,
) -> Result<(), EngineError> {
    let held = match engine.docker()?.inspect_container(name, None).await {
        Ok(held) => held,
        Err(error) if status_of(&error) == Some(404) => return Ok(()),
        Err(error) => return Err(translate("look at a left companion", &error)),
    };
    let labels = held.config.and_then(|config| config.labels).unwrap_or_default();
    let ours = crate::container::labels_of(install, key);
    if !ours.iter().all(|(name, value)| labels.get(name) == Some(value)) {
        return Err(failed(format!("a container called {name} exists and is not ours")));
    }
    remove(engine, held.id.as_deref().unwrap_or(name)).await
}
