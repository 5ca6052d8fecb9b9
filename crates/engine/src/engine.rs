mod farewell;
mod install;
mod patience;

pub use farewell::Farewell;

use crate::address::Address;
use crate::calls::ApiCallCounter;
use crate::channel::{ChannelWriter, PIECES};
use crate::companion::{Companion, Opened};
use crate::connection::{Connection, failed};
use crate::container::{Program, configuration, key_of, labels_of, name_of};
use crate::events::EngineEvents;
use crate::failure::{status_of, translate, unusable};
use crate::grant::{self, Weights};
use crate::image::{Hold, Images, Ledger, Pinned};
use crate::info::describe;
use crate::package::{Contents, Package, PackageError, check_command};
use crate::policy;
use crate::relay::{self, Listed, Relays, Route, Running};
use crate::run;
use async_trait::async_trait;
use bollard::models::{ContainerCreateBody, ContainerSummaryStateEnum, SystemInfoCgroupVersionEnum};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions, StopContainerOptionsBuilder,
    UploadToContainerOptionsBuilder,
};
use hivemind_domain::ids::InstallId;
use hivemind_domain::priority::Priority;
use hivemind_domain::task::ResultFile;
use hivemind_worker_core::at_hand;
use hivemind_worker_core::failpoint;
use hivemind_worker_core::port::{
    Attack, ContainerEvent, ContainerPlan, DependenciesReady, Egress, EgressSession, Engine, EngineError,
    EngineErrorKind, EngineInfo, Exit, OwnContainer, Prepared, PullProgress, Told,
};
use install::Ready;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{Semaphore, mpsc};

/// How long the engine may take to say what it is.
const VERIFY_WITHIN: Duration = Duration::from_secs(10);
/// So many containers are filled at once: each holds up to six pieces of 64 KiB meanwhile.
const UPLOADS: usize = 4;
/// Uploads may take this long, and one second more for each of these many bytes.
const UPLOAD_WITHIN: Duration = Duration::from_secs(60);
const UPLOAD_BYTES_PER_SECOND: u64 = 4 << 20;
/// Room for the engine's own work after a stop's grace.
const STOP_SLACK: Duration = Duration::from_secs(60);
/// A removal that somebody else began is waited for this many times 100 ms.
const REMOVAL_CHECKS: u32 = 50;
/// Pauses before a taken name is tried again. A request that a killed worker left behind holds the name for a while
/// before there is a container to be seen and removed.
const CREATIONS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];
/// A relay that ends before its task has begun is started this often.
const RELAY_STARTS: u32 = 5;

type Note = Box<dyn Fn() -> std::io::Result<()> + Send + Sync>;

/// A Docker engine (or one that speaks its API).
pub struct DockerEngine {
    pub(crate) connection: Connection,
    /// Turns of those who send files into containers.
    uploads: Semaphore,
    images: Images,
    pub(crate) events: EngineEvents,
    /// Containers made by this process and not started yet: they need no inspection before the start.
    fresh: Mutex<HashSet<String>>,
    pub(crate) companion: Option<Arc<Companion>>,
    relays: Option<Arc<Relays>>,
    egress: Option<Arc<dyn Egress>>,
    dependencies: install::Dependencies,
    weights: Weights,
    note: Option<Note>,
}

impl std::fmt::Debug for DockerEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DockerEngine").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl DockerEngine {
    /// An engine at `address` in `DOCKER_HOST`'s form: `unix://`, `npipe://`, or `tcp://` to this computer. Without
    /// one, `DOCKER_HOST` and then the usual places are tried. Opens nothing: a bad address or an absent engine is
    /// told by the first call.
    #[must_use]
    pub fn connect(address: Option<&str>) -> Self {
        let address = address.map_or_else(Address::usual, |text| Address::parse(text.trim()));
        Self {
            connection: Connection::new(address),
            uploads: Semaphore::new(UPLOADS),
            images: Images::default(),
            events: EngineEvents::default(),
            fresh: Mutex::default(),
            companion: None,
            relays: None,
            egress: None,
            dependencies: install::Dependencies::default(),
            weights: Weights::default(),
            note: None,
        }
    }

    /// Keeps the record of images that tasks brought here in this file. Without one it is forgotten with the process,
    /// and images that it named stay.
    #[must_use]
    pub fn with_image_record(mut self, path: &Path) -> Self {
        self.images.ledger = Ledger::open(path);
        self
    }

    /// Puts the companion into every container, as process 1. Without one the engine's own init is used, and what a
    /// task keeps on disk is bounded per file only.
    #[must_use]
    pub fn with_companion(mut self, companion: Option<Companion>) -> Self {
        self.companion = companion.map(Arc::new);
        self
    }

    /// Calls this before anything is made at the engine, so that whoever cleans up later knows that something may be
    /// there. When it fails, nothing is made.
    #[must_use]
    pub fn noting(mut self, note: impl Fn() -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        self.note = Some(Box::new(note));
        self
    }

    fn note(&self) -> Result<(), EngineError> {
        let noted = self.note.as_ref().map_or(Ok(()), |note| note());
        noted.map_err(|e| failed(format!("what is made at the engine cannot be noted first: {e}")))
    }

    /// Gives network to tasks that are granted it, through relays made of the companion and through `egress`. Comes
    /// after [`Self::with_companion`]; without a companion such tasks are refused.
    #[must_use]
    pub fn with_egress(mut self, egress: Arc<dyn Egress>) -> Self {
        self.egress = Some(Arc::clone(&egress));
        self.relays = self.companion.clone().map(|companion| Arc::new(Relays::new(companion, egress)));
        self
    }

    /// The requests made so far, by name.
    #[must_use]
    pub fn calls(&self) -> &ApiCallCounter {
        &self.connection.calls
    }

    /// Removes volumes of this installation whose container has vanished; returns how many.
    ///
    /// # Errors
    /// When the engine cannot be asked. A volume that cannot be removed is traced and left.
    pub async fn sweep_volumes(&self, install: &InstallId) -> Result<usize, EngineError> {
        let docker = self.connection.docker()?;
        let filters =
            HashMap::from([("label", vec![label_filter(install)]), ("dangling", vec!["true".to_owned()])]);
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let listed =
            docker.list_volumes(Some(options)).await.map_err(|e| translate("list the volumes", &e))?;
        let mut removed = 0;
        for volume in listed.volumes.unwrap_or_default() {
            match docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await {
                Ok(()) => removed += 1,
                Err(error) => tracing::warn!(volume = volume.name, %error, "a left volume cannot be removed"),
            }
        }
        Ok(removed)
    }

    async fn pin(
        &self,
        plan: &ContainerPlan,
        package: Option<&Package>,
    ) -> Result<(Pinned, Hold<'_>), EngineError> {
        let image = package.and_then(Package::image).unwrap_or(&plan.image);
        self.images.pin(&self.connection, &self.events.images, image, &plan.images).await
    }

    /// Makes the container, in place of one that an earlier try at the same attempt left.
    async fn create(&self, plan: &ContainerPlan, body: ContainerCreateBody) -> Result<String, CreateError> {
        self.create_named(plan, &name_of(&plan.install, &plan.key), body).await
    }

    async fn create_named(
        &self,
        plan: &ContainerPlan,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<String, CreateError> {
        let docker = self.connection.docker().map_err(CreateError::Other)?;
        let options = || CreateContainerOptionsBuilder::new().name(name).build();
        let mut answer = docker.create_container(Some(options()), body.clone()).await;
        for pause in CREATIONS {
            if !matches!(&answer, Err(error) if status_of(error) == Some(409)) {
                break;
            }
            tokio::time::sleep(pause).await;
            self.remove_left(plan, name).await.map_err(CreateError::Other)?;
            answer = docker.create_container(Some(options()), body.clone()).await;
        }
        match answer {
            Ok(created) => {
                for warning in created.warnings {
                    tracing::debug!(container = created.id, warning, "the engine warns");
                }
                Ok(created.id)
            }
            Err(error) if status_of(&error) == Some(404) => Err(CreateError::ImageGone),
            Err(error) => Err(CreateError::Other(translate("create the container", &error))),
        }
    }

    /// Removes the container called `name`, if it is ours and of the same attempt.
    async fn remove_left(&self, plan: &ContainerPlan, name: &str) -> Result<(), EngineError> {
        let docker = self.connection.docker()?;
        let held = match docker.inspect_container(name, None).await {
            Ok(held) => held,
            Err(error) if status_of(&error) == Some(404) => return Ok(()),
            Err(error) => return Err(translate("look at a left container", &error)),
        };
        let labels = held.config.and_then(|config| config.labels).unwrap_or_default();
        let ours = labels_of(&plan.install, &plan.key);
        if !ours.iter().all(|(key, value)| labels.get(key) == Some(value)) {
            return Err(failed(format!("a container called {name} exists and is not ours")));
        }
        self.remove(held.id.as_deref().unwrap_or(name)).await
    }

    /// The companion for one task; a file that has vanished is as good as none.
    fn open_companion(&self) -> Option<Opened> {
        let companion = self.companion.as_ref().filter(|companion| companion.fits())?;
        let opened = companion.open();
        opened.inspect_err(|error| tracing::warn!(%error, "a task runs without the companion")).ok()
    }

    pub(crate) async fn upload(&self, container: &str, contents: Contents) -> Result<(), EngineError> {
        let _turn = self.uploads.acquire().await.map_err(|_| failed("nothing is sent any more"))?;
        let bytes = contents.bytes();
        let within = UPLOAD_WITHIN + Duration::from_secs(bytes / UPLOAD_BYTES_PER_SECOND);
        let docker = self.connection.patient(within)?;
        let (sender, mut receiver) = mpsc::channel(PIECES);
        let broken = sender.clone();
        let writing = at_hand::spawn_blocking(move || {
            let writer = ChannelWriter::new(sender);
            let written = contents.write_tar(writer);
            let written = written.and_then(|mut writer| writer.flush());
            if let Err(error) = &written {
                // The engine must not take a part for the whole.
                let _ = broken.blocking_send(Err(std::io::Error::other(error.to_string())));
            }
            written
        });
        let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
        let options = UploadToContainerOptionsBuilder::new().path(policy::WORK_DIR).build();
        let sent =
            docker.upload_to_container(container, Some(options), bollard::body_try_stream(stream)).await;
        let written = writing.await.map_err(|e| failed(format!("could not send the package: {e}")))?;
        match (sent, written) {
            (Ok(()), Ok(())) => Ok(()),
            // The engine hung up first: its answer tells why.
            (Err(error), Ok(())) => Err(translate("send the package into the container", &error)),
            (Err(error), Err(write)) if write.kind() == std::io::ErrorKind::BrokenPipe => {
                Err(translate("send the package into the container", &error))
            }
            (_, Err(write)) => match PackageError::inside(&write) {
                Some(refused) if !refused.is_ours() => {
                    Err(package_error(format!("the package changed: {refused}")))
                }
                // Our own files, and how they are read, are no fault of the task.
                _ => Err(EngineError::new(
                    EngineErrorKind::Disk,
                    format!("the task's files cannot be read: {write}"),
                )),
            },
        }
    }

    /// Makes the container, with its files in its volume.
    async fn fill(
        &self,
        plan: &ContainerPlan,
        package: Option<Package>,
        command: &[String],
        folder: &str,
        route: Option<&Route>,
    ) -> Result<Prepared, EngineError> {
        let listing = package.as_ref().map(Package::listing).unwrap_or_default();
        let (mut image, mut _hold) = self.pin(plan, package.as_ref()).await?;
        let ready = self.dependencies(plan, package.as_ref(), &image).await?;
        let companion = self.open_companion();
        let body = |image: &Pinned| {
            let (companion, dependencies) = (companion.is_some(), ready.is_some());
            let program = Program { command, folder, array: plan.array, companion, dependencies };
            let mut body = configuration(&plan.install, &plan.key, &plan.limits, image, &program);
            if let Some(Route { relay: Some(relay), grant, .. }) = route {
                relay::join(&mut body, relay, grant);
            }
            grant::give_gpus(&mut body, &plan.gpus);
            body
        };
        let container = match self.create(plan, body(&image)).await {
            Ok(container) => container,
            Err(CreateError::Other(error)) => return Err(error),
            Err(CreateError::ImageGone) => {
                self.images.forget();
                (image, _hold) = self.pin(plan, package.as_ref()).await?;
                self.create(plan, body(&image)).await.map_err(|error| match error {
                    CreateError::Other(error) => error,
                    CreateError::ImageGone => {
                        EngineError::new(EngineErrorKind::Image, format!("image {} vanished", plan.image))
                    }
                })?
            }
        };
        let named = package.as_ref().and_then(Package::image).unwrap_or(&plan.image).to_owned();
        failpoint::reach("engine.created");
        let (dependencies, told) = match ready {
            Some(Ready { found, from_cache }) => {
                let told = DependenciesReady { from_cache, install: found.install, made_ns: 0 };
                (Some(found), Some(told))
            }
            None => (None, None),
        };
        let contents = Contents { package, companion, dependencies, requirements: None };
        if let Err(error) = self.upload(&container, contents).await {
            if let Err(left) = self.remove(&container).await {
                tracing::warn!(container, error = %left, "a container that could not be filled stays");
            }
            return Err(error);
        }
        failpoint::reach("engine.filled");
        self.lock_fresh().insert(container.clone());
        self.images.tidy(&self.connection, plan.images.quota_bytes).await;
        let dependencies = match told {
            Some(told) => Some(DependenciesReady { made_ns: self.made_ns(&container).await?, ..told }),
            None => None,
        };
        let Pinned { digest: image_digest, pull, .. } = image;
        Ok(Prepared { container, image_digest, pull, listing, image: named, dependencies })
    }

    /// When a container was made, by the engine's clock.
    async fn made_ns(&self, container: &str) -> Result<i64, EngineError> {
        let about = self.connection.docker()?.inspect_container(container, None).await;
        let about = about.map_err(|e| translate("look at the container", &e))?;
        let made = about.created.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
        Ok(made.and_then(|at| i64::try_from(at.unix_timestamp_nanos()).ok()).unwrap_or_default())
    }

    async fn remove_container(&self, container: &str) -> Result<(), EngineError> {
        let docker = self.connection.docker()?;
        let options = RemoveContainerOptionsBuilder::new().v(true).force(true).build();
        for _ in 0..REMOVAL_CHECKS {
            match docker.remove_container(container, Some(options.clone())).await {
                Ok(()) => return Ok(()),
                Err(error) if status_of(&error) == Some(404) => return Ok(()),
                // Somebody else's removal is under way: it is done when the container is gone.
                Err(error) if status_of(&error) == Some(409) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(translate("remove the container", &error)),
            }
        }
        Err(failed("could not remove the container: its removal does not end"))
    }

    /// The relay of a task that is granted network.
    async fn make_relay(&self, plan: &ContainerPlan) -> Result<Option<Route>, EngineError> {
        let Some(grant) = plan.network.clone() else { return Ok(None) };
        let Some(relays) = &self.relays else {
            let sentence = "tasks get no network here: the companion program is missing";
            return Err(EngineError::new(EngineErrorKind::Network, sentence));
        };
        let relay =
            relays.create(&self.connection, &plan.install, &plan.key, "none", policy::ROLE_RELAY).await?;
        Ok(Some(Route { install: plan.install.clone(), key: plan.key.clone(), grant, relay: Some(relay) }))
    }

    /// Starts and follows a container whose relay, if it has one, is not kept here.
    pub(crate) async fn run_alone(
        &self,
        container: &str,
        fresh: bool,
        told: Told,
        events: mpsc::Sender<ContainerEvent>,
        network: run::Network,
    ) -> Result<Exit, EngineError> {
        let notices = self.events.subscribe(&self.connection);
        let begun = run::begin(&self.connection, container, fresh).await?;
        run::follow(&self.connection, notices, container, begun, told, events, network).await
    }

    /// Follows a container that has network, its relay beside it.
    async fn run_with_network(
        &self,
        relays: &Arc<Relays>,
        route: &Route,
        container: &str,
        fresh: bool,
        told: Told,
        events: mpsc::Sender<ContainerEvent>,
    ) -> Result<Exit, EngineError> {
        let session = relays.session(route);
        let notices = self.events.subscribe(&self.connection);
        let (begun, first) = self.begin_with_relay(relays, route, container, fresh, &session).await?;
        let notes = relay::Notes::default();
        let keeper = relay::Keeper::new(
            Arc::clone(relays),
            self.connection.clone(),
            container.to_owned(),
            Arc::clone(&session),
            first,
            notes.clone(),
        );
        let network = run::Network::new(session, notes);
        let exit = run::follow(&self.connection, notices, container, begun, told, events, network).await;
        drop(keeper);
        exit
    }

    /// Starts a relay and then its task, again when the relay ended in between: the task cannot join the network of
    /// a relay that has ended, and that is not the task's doing.
    async fn begin_with_relay(
        &self,
        relays: &Relays,
        route: &Route,
        container: &str,
        fresh: bool,
        session: &Arc<dyn EgressSession>,
    ) -> Result<(run::Begun, Option<Running>), EngineError> {
        let created = fresh || run::is_created(&self.connection, container).await?;
        let Some(relay) = route.relay.as_deref().filter(|_| created) else {
            return Ok((run::begin(&self.connection, container, fresh).await?, None));
        };
        let mut tries = 0;
        loop {
            tries += 1;
            // It has to listen before the task's first instruction.
            let error = match relays.start(&self.connection, relay, Arc::clone(session)).await {
                Ok(running) => match run::begin(&self.connection, container, fresh).await {
                    Ok(begun) => return Ok((begun, Some(running))),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            // A container that this process did not make and that cannot be started counts as gone.
            let again = matches!(
                error.kind,
                EngineErrorKind::Failed | EngineErrorKind::Broken | EngineErrorKind::Gone
            );
            let again = again && tries < RELAY_STARTS;
            if !again || !relay::has_ended(&self.connection, relay).await? {
                return Err(error);
            }
            tracing::warn!(container, %error, "a relay ended before its task began; once more");
        }
    }

    fn lock_fresh(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum CreateError {
    ImageGone,
    Other(EngineError),
}

fn label_filter(install: &InstallId) -> String {
    format!("{}={install}", policy::LABEL_INSTALL)
}

/// A package that was refused, or that our own disk does not give back.
fn not_opened(error: &PackageError) -> EngineError {
    let kind = if error.is_ours() { EngineErrorKind::Disk } else { EngineErrorKind::Package };
    EngineError::new(kind, error.to_string())
}

fn package_error(error: impl std::fmt::Display) -> EngineError {
    EngineError::new(EngineErrorKind::Package, error.to_string())
}

#[async_trait]
impl Engine for DockerEngine {
    async fn verify(&self) -> Result<EngineInfo, EngineError> {
        let docker = self.connection.patient(VERIFY_WITHIN)?;
        let unasked = |e| unusable("ask the engine's version", self.connection.place(), &e);
        let version = docker.version().await.map_err(unasked)?;
        let info = docker.info().await.map_err(|e| translate("ask what the engine is", &e))?;
        if let Some(companion) = &self.companion {
            companion.learn(info.architecture.as_deref());
        }
        self.weights.learn(info.cgroup_version == Some(SystemInfoCgroupVersionEnum::_2));
        describe(&version, &info)
    }

    async fn gone(&self) {
        crate::events::until_gone(&self.connection).await;
    }

    fn bounds_disk(&self) -> bool {
        self.companion.as_ref().is_some_and(|companion| companion.fits())
    }

    async fn prepare(&self, plan: &ContainerPlan) -> Result<Prepared, EngineError> {
        self.note()?;
        plan.limits.check().map_err(|e| failed(format!("the task's limits: {e}")))?;
        grant::check_gpus(&plan.gpus, &plan.limits)?;
        if !plan.gpus.is_empty() && !self.verify().await?.gpus {
            return Err(grant::no_gpus());
        }
        let package = match plan.package.clone() {
            Some(path) => Some(open_package(path, plan.limits.disk_bytes).await?),
            None => None,
        };
        let (command, folder) = program(plan, package.as_ref())?;
        // Opens the event stream, so that what is learned about the image is kept up to date.
        let _listening = self.events.subscribe(&self.connection);
        let _busy = self.relays.as_ref().map(|relays| relays.busy(&plan.key));
        let route = self.make_relay(plan).await?;
        let made = self.fill(plan, package, &command, &folder, route.as_ref()).await;
        match (&made, route) {
            (Ok(prepared), Some(route)) => {
                if let Some(relays) = &self.relays {
                    relays.learn(&prepared.container, route);
                }
            }
            (Err(_), Some(Route { relay: Some(relay), .. })) => {
                if let Err(left) = relay::remove(&self.connection, &relay).await {
                    tracing::warn!(relay, error = %left, "the relay of a task that could not be made stays");
                }
            }
            (Ok(_) | Err(_), None | Some(Route { relay: None, .. })) => {}
        }
        made
    }

    async fn run(
        &self,
        container: &str,
        told: Told,
        events: mpsc::Sender<ContainerEvent>,
    ) -> Result<Exit, EngineError> {
        let fresh = self.lock_fresh().remove(container);
        if let Some(relays) = &self.relays
            && let Some(route) = relays.route(container)
        {
            return self.run_with_network(relays, &route, container, fresh, told, events).await;
        }
        self.run_alone(container, fresh, told, events, run::Network::default()).await
    }

    async fn stop(&self, container: &str, grace: Duration) -> Result<(), EngineError> {
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let docker = self.connection.patient(Duration::from_secs(seconds) + STOP_SLACK)?;
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::new().signal("SIGTERM").t(seconds).build();
        match docker.stop_container(container, Some(options)).await {
            Ok(()) => Ok(()),
            Err(error) if matches!(status_of(&error), Some(304 | 404 | 409)) => Ok(()),
            Err(error) => Err(translate("stop the container", &error)),
        }
    }

    async fn collect(&self, container: &str, into: &Path, max_bytes: u64) -> Result<ResultFile, EngineError> {
        crate::outputs::collect(&self.connection, container, into, max_bytes).await
    }

    async fn describe(&self, container: &str) -> Result<String, EngineError> {
        crate::describe::describe(&self.connection, container).await
    }

    async fn remove(&self, container: &str) -> Result<(), EngineError> {
        self.lock_fresh().remove(container);
        let relay = self.relays.as_ref().and_then(|relays| relays.forget(container));
        let removed = self.remove_container(container).await;
        if let Some(relay) = relay {
            relay::remove(&self.connection, &relay).await?;
        }
        removed
    }

    async fn prove(&self, install: &InstallId) -> Result<Vec<Attack>, EngineError> {
        self.note()?;
        self.prove_with(install, |_| {}).await
    }

    async fn own(&self, install: &InstallId) -> Result<Vec<OwnContainer>, EngineError> {
        let filters = HashMap::from([("label", vec![label_filter(install)])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = self.connection.docker()?.list_containers(Some(options)).await;
        let listed = listed.map_err(|e| translate("list the containers", &e))?;
        let all: Vec<Listed> = listed
            .into_iter()
            .filter_map(|held| {
                let labels = held.labels.unwrap_or_default();
                let (key, role) = (key_of(&labels), labels.get(policy::LABEL_ROLE).cloned());
                let frozen = held.state == Some(ContainerSummaryStateEnum::PAUSED);
                Some(Listed { id: held.id?, key, role, labels, frozen })
            })
            .collect();
        let left = match &self.relays {
            Some(relays) => relays.sort(install, &all),
            None => all.iter().filter(|c| c.role.is_some()).map(|c| c.id.clone()).collect(),
        };
        for companion in left {
            relay::remove(&self.connection, &companion).await?;
        }
        let tasks = all.into_iter().filter(|c| c.role.is_none());
        let own = tasks.map(|c| OwnContainer {
            container: c.id,
            key: c.key,
            gpus: grant::gpus_of(&c.labels),
            frozen: c.frozen,
        });
        let own: Vec<_> = own.collect();
        let swept = self.sweep_volumes(install).await?;
        if swept > 0 {
            tracing::info!(swept, "removed volumes whose containers had vanished");
        }
        Ok(own)
    }

    async fn prioritise(&self, container: &str, priority: Priority) -> Result<(), EngineError> {
        grant::prioritise(&self.connection, &self.weights, container, priority).await
    }

    async fn limit(&self, container: &str, cpu_millis: u32) -> Result<(), EngineError> {
        grant::limit(&self.connection, container, cpu_millis).await
    }

    async fn freeze(&self, container: &str) -> Result<(), EngineError> {
        crate::freeze::freeze(&self.connection, container, true).await
    }

    async fn thaw(&self, container: &str) -> Result<(), EngineError> {
        crate::freeze::freeze(&self.connection, container, false).await
    }

    fn hold_installations(&self, held: bool) {
        self.dependencies.hold(held);
    }

    fn pulls(&self) -> Vec<PullProgress> {
        self.images.pulls.progress()
    }

    fn moved_bytes(&self) -> u64 {
        let tasks = self.egress.as_ref().map_or(0, |egress| egress.moved_bytes());
        self.images.pulls.moved().saturating_add(tasks)
    }
}

async fn open_package(path: std::path::PathBuf, disk_bytes: u64) -> Result<Package, EngineError> {
    let opened = at_hand::spawn_blocking(move || Package::open(&path, disk_bytes)).await;
    opened.map_err(|e| failed(format!("could not check the package: {e}")))?.map_err(|e| not_opened(&e))
}

/// Command line and folder: the assignment's word, else the manifest's, else the entry file's.
fn program(plan: &ContainerPlan, package: Option<&Package>) -> Result<(Vec<String>, String), EngineError> {
    if !plan.command.is_empty() {
        check_command(&plan.command).map_err(package_error)?;
        // A file of the package that is not there would look like the program's own failure.
        let missing = |word: &&String| {
            word.strip_prefix("./").is_some_and(|file| package.is_some_and(|package| !package.has(file)))
        };
        if let Some(file) = plan.command.iter().take(2).find(missing) {
            return Err(package_error(format!("nothing to start: {file} is not in the package")));
        }
        return Ok((plan.command.clone(), String::new()));
    }
    let Some((package, command)) = package.and_then(|package| Some((package, package.command()?))) else {
        return Err(package_error(
            "nothing to start: no command, and no run.sh, run.py, main.py or single *.py in the package",
        ));
    };
    Ok((command.to_vec(), package.folder().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_absent_engine_is_an_outage() {
        let engine = DockerEngine::connect(Some("unix:///nonexistent/docker.sock"));
        assert!(engine.verify().await.expect_err("absent").is_outage());
        let refused = DockerEngine::connect(Some("tcp://10.0.0.1:2375")).verify().await.expect_err("refused");
        assert!(refused.is_outage() && refused.message.contains("this computer"), "{refused}");
    }
}
