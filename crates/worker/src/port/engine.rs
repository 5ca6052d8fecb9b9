//! The container engine.

use crate::port::{NetworkGrant, OutputLine, Told};
use async_trait::async_trait;
use hivemind_domain::advisory::Hole;
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_domain::images::ImageRules;
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::priority::Priority;
use hivemind_domain::task::{ArrayPlace, ManagedFunction, ResultFile};
use hivemind_domain::usage::UsageSample;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// Kind of a failed engine call, as far as the core acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineErrorKind {
    /// No engine is installed.
    Missing,
    /// It is installed but does not answer.
    Stopped,
    /// It needs virtualization, which is switched off.
    NoVirtualization,
    /// It is not installed, and neither is WSL 2, which it would run in.
    NoWsl,
    /// This user may not use it.
    Forbidden,
    /// Older than 20.10.
    TooOld,
    /// The image cannot be had.
    Image,
    /// The owner's rules do not let the image run.
    ImageRefused,
    /// The image is larger than the owner allows.
    ImageTooLarge,
    /// The engine cannot give GPUs to containers.
    Gpu,
    /// The package is damaged, hostile or has nothing to start.
    Package,
    /// The outputs cannot be taken.
    Output,
    /// Our own disk does not take the outputs now.
    Disk,
    /// The container does not exist.
    Gone,
    /// Dependencies are not installed here, or the package index is out of reach.
    Dependencies,
    /// The task may reach hosts, but there is no way out for it here.
    Network,
    /// Something inside the engine went wrong; what was asked for had nothing to do with it.
    Broken,
    /// Anything else.
    Failed,
}

/// A failed engine call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What to do about it.
    pub kind: EngineErrorKind,
    /// One printable sentence that names what and why.
    pub message: String,
    /// The image that it is about, when it is about the owner's rules for images.
    pub image: Option<String>,
}

impl EngineError {
    /// An error; the sentence is made printable.
    #[must_use]
    pub fn new(kind: EngineErrorKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: hivemind_domain::text::plain_line(message.as_ref(), 500), image: None }
    }

    /// The same error about this image.
    #[must_use]
    pub fn about(mut self, image: &str) -> Self {
        self.image = Some(hivemind_domain::text::plain_line(image, 600));
        self
    }

    /// Whether the engine itself is out of reach, so that the task is not to blame and waits.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self.kind,
            EngineErrorKind::Missing
                | EngineErrorKind::NoVirtualization
                | EngineErrorKind::NoWsl
                | EngineErrorKind::Stopped
                | EngineErrorKind::Forbidden
                | EngineErrorKind::TooOld
        )
    }
}

/// What an engine is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineInfo {
    /// Such as `docker`.
    pub name: String,
    /// Such as `20.10.24`.
    pub version: String,
    /// `plain`, `userns`, `rootless`, `gvisor` or `vm`.
    pub isolation: String,
    /// Whether it can give GPUs to containers.
    pub gpus: bool,
    /// Known holes of its versions.
    pub holes: Vec<Hole>,
    /// Memory that containers can have together, which is less than the computer's where the engine lives in a virtual
    /// machine; 0 where it does not say.
    pub memory_bytes: u64,
    /// Processors that they can have; 0 where it does not say.
    pub cpus: u32,
    /// What keeps images and containers, such as `overlay2`, printable; empty where it does not say.
    pub storage: String,
}

/// What to make ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPlan {
    /// Labels everything that is created.
    pub install: InstallId,
    /// Which attempt.
    pub key: TaskKey,
    /// Image reference, not yet pinned.
    pub image: String,
    /// Command line; empty means the package's entry file.
    pub command: Vec<String>,
    /// The fetched zip.
    pub package: Option<PathBuf>,
    /// Hard limits.
    pub limits: TaskLimits,
    /// Its place, when it is one of many; told to the program.
    pub array: Option<ArrayPlace>,
    /// What it may reach; `None` for nothing at all.
    pub network: Option<NetworkGrant>,
    /// How dependencies are installed; `None` when they are not.
    pub dependencies: Option<DependencyPlan>,
    /// Identifiers of the GPUs that it gets; as many as its limits say.
    pub gpus: Vec<String>,
    /// What the owner decided about images.
    pub images: ImageRules,
    /// A managed function, which needs no container; then nothing of image, package, command, network and GPUs counts.
    pub function: Option<ManagedFunction>,
}

/// How dependencies are installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyPlan {
    /// Address of the package index.
    pub index: String,
    /// Hosts of the index: all that is reached.
    pub hosts: Vec<HostRule>,
    /// Most bytes of traffic for one installation.
    pub max_bytes: u64,
    /// Folder of what is kept.
    pub folder: PathBuf,
    /// Most bytes that are kept.
    pub limit_bytes: u64,
}

/// Dependencies that lie in the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DependenciesReady {
    /// Whether they were kept from an earlier installation.
    pub from_cache: bool,
    /// How long the installation took, now or then.
    pub install: Duration,
    /// When the container was made, by the engine's clock in nanoseconds: before every line of its output.
    pub made_ns: i64,
}

/// A container that is ready to start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prepared {
    /// The engine's id.
    pub container: String,
    /// Manifest digest, or image id where there is no manifest; empty for a managed function.
    pub image_digest: String,
    /// How long the image was pulled; zero when it was there.
    pub pull: Duration,
    /// What the package holds, for people: size and path of each entry, printable, at most 64 KiB; empty without one.
    pub listing: String,
    /// Reference of the image that was taken: the assignment's, or the package's own.
    pub image: String,
    /// What the package depends on; `None` when it depends on nothing.
    pub dependencies: Option<DependenciesReady>,
}

/// An image on its way here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullProgress {
    /// Its reference.
    pub image: String,
    /// Bytes that are here.
    pub done_bytes: u64,
    /// Bytes altogether, as far as the registry has told.
    pub total_bytes: u64,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Exit code.
    pub code: i64,
    /// Whether it, or a child of it, ran out of memory.
    pub out_of_memory: bool,
}

/// What a running container tells.
#[derive(Debug, Clone, PartialEq)]
pub enum ContainerEvent {
    /// It runs (again, after an adoption).
    Started,
    /// A line of output.
    Line(OutputLine),
    /// A reading of its use, about once per second.
    Usage(UsageSample),
}

/// One attempt of the self-test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attack {
    /// A stable word.
    pub name: String,
    /// What a task must not be able to do, in a few English words.
    pub what: String,
    /// Whether it was denied.
    pub denied: bool,
    /// What was seen, printable.
    pub evidence: String,
}

/// A container of this installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnContainer {
    /// The engine's id.
    pub container: String,
    /// The attempt its labels name; absent when they are damaged.
    pub key: Option<TaskKey>,
    /// Identifiers of the GPUs that its labels name.
    pub gpus: Vec<String>,
    /// Whether it is frozen.
    pub frozen: bool,
}

/// A container engine. Calls may be dropped: dropping [`Engine::run`] leaves the container running.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Whether it can be used, and what it is.
    async fn verify(&self) -> Result<EngineInfo, EngineError>;

    /// Returns when an engine that answered does so no more, or may not have for a moment. Costs nothing while it
    /// answers: the engine's side tells.
    async fn gone(&self);

    /// Whether all that a running task keeps on disk is bounded, rather than each of its files.
    fn bounds_disk(&self) -> bool {
        true
    }

    /// Checks the package, finds or pulls and pins the image, creates the hardened container with the package's
    /// files in its volume. Replaces a container left by an earlier try at the same attempt.
    async fn prepare(&self, plan: &ContainerPlan) -> Result<Prepared, EngineError>;

    /// Starts the container unless it runs already, tells its output behind what was told before and its use,
    /// and returns when it has ended and everything was told.
    async fn run(
        &self,
        container: &str,
        told: Told,
        events: mpsc::Sender<ContainerEvent>,
    ) -> Result<Exit, EngineError>;

    /// Asks the program to end, and ends it after `grace`. Fine when it has ended or is gone.
    async fn stop(&self, container: &str, grace: Duration) -> Result<(), EngineError>;

    /// Writes the outputs as one zip (entries sorted, fixed times) into `into`: by a temporary file, on disk for
    /// good. Symbolic links are never followed. More than `max_bytes` is refused.
    async fn collect(&self, container: &str, into: &Path, max_bytes: u64) -> Result<ResultFile, EngineError>;

    /// What the engine knows of a container, for people: JSON without the values of its variables.
    async fn describe(&self, container: &str) -> Result<String, EngineError>;

    /// Removes the container and its volume. Fine when it is gone.
    async fn remove(&self, container: &str) -> Result<(), EngineError>;

    /// Tries, in a container made as a task's, what no task may do on this computer.
    ///
    /// # Errors
    /// When it cannot be tried to the end: then nothing is proved, neither good nor bad.
    async fn prove(&self, install: &InstallId) -> Result<Vec<Attack>, EngineError> {
        let sentence = format!("the containers of {install} cannot be put to the test");
        Err(EngineError::new(EngineErrorKind::Failed, sentence))
    }

    /// Every container that carries this installation's label, running or not.
    async fn own(&self, install: &InstallId) -> Result<Vec<OwnContainer>, EngineError>;

    /// Gives a running container another share of processor and disk. Fine when it has ended or is gone.
    async fn prioritise(&self, container: &str, priority: Priority) -> Result<(), EngineError>;

    /// Gives a running container so many thousandths of a core. Fine when it has ended or is gone.
    async fn limit(&self, container: &str, cpu_millis: u32) -> Result<(), EngineError>;

    /// Freezes a running container: it computes no more and keeps its memory. Fine when it is frozen, has ended or is
    /// gone. [`Engine::stop`] and [`Engine::remove`] end frozen ones too.
    async fn freeze(&self, container: &str) -> Result<(), EngineError>;

    /// Lets a frozen container go on. Fine when it runs, has ended or is gone.
    async fn thaw(&self, container: &str) -> Result<(), EngineError>;

    /// Freezes whatever computes or uses the network to make tasks ready, now and until it is let go on.
    fn hold_installations(&self, held: bool);

    /// Images that are on their way here now.
    fn pulls(&self) -> Vec<PullProgress>;

    /// Bytes that images, dependencies and connections of tasks have moved over the network since the start.
    fn moved_bytes(&self) -> u64 {
        0
    }
}
