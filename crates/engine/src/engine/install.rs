//! The install phase: a container of its own that reaches the package index and nothing else.

use super::patience::Patience;
use super::{CreateError, DockerEngine};
use crate::connection::failed;
use crate::container::{Program, configuration, name_of};
use crate::dependencies::archive;
use crate::dependencies::cache::{Cache, Found, unfinished};
use crate::dependencies::requirements::Requirements;
use crate::image::Pinned;
use crate::package::{Contents, Package};
use crate::relay::{self, Relays, Running};
use crate::{policy, run};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::text::plain_line;
use hivemind_worker_core::at_hand;
use hivemind_worker_core::port::{
    ContainerEvent, ContainerPlan, DependencyPlan, EgressSession, EngineError, EngineErrorKind, Exit,
    NetworkGrant, Told,
};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Where the installer puts what it made.
const TARGET: &str = "/work/deps";
/// An installation may take this long.
const WITHIN: Duration = Duration::from_secs(900);
/// Exit codes of an installer that an engine ended, with SIGKILL, SIGTERM or without a word. Its own are small.
const ENDED_FROM_OUTSIDE: [i64; 3] = [137, 143, 255];
/// Lines of the installer's output that are remembered, for the reason of a failure.
const LAST_LINES: usize = 40;

/// What is kept and what is being made.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    cache: Arc<Cache>,
    /// One installation per key: a second task waits for the first one's.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Whether installations stand still.
    held: watch::Sender<bool>,
}

impl Dependencies {
    pub(super) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    fn turn(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(key.to_owned()).or_default())
    }
}

/// Dependencies that are ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) found: Found,
    pub(super) from_cache: bool,
}

impl DockerEngine {
    /// What the package depends on, from the cache or installed now; nothing when it depends on nothing.
    pub(super) async fn dependencies(
        &self,
        plan: &ContainerPlan,
        package: Option<&Package>,
        image: &Pinned,
    ) -> Result<Option<Ready>, EngineError> {
        let Some(wanted) = package.and_then(Package::requirements) else { return Ok(None) };
        let Some(rules) = &plan.dependencies else {
            let sentence = "the task has a requirements.txt, and the owner of this computer installs none";
            return Err(EngineError::new(EngineErrorKind::Dependencies, sentence));
        };
        let key = wanted.key(&image.digest, &rules.index);
        let turn = self.dependencies.turn(&key);
        let _turn = turn.lock().await;
        let ready = match self.kept(rules, &key).await? {
            Some(found) => Ready { found, from_cache: true },
            None => Ready { found: self.install(plan, rules, wanted, image, &key).await?, from_cache: false },
        };
        let unpacked = package.map_or(0, Package::unpacked_bytes).saturating_add(ready.found.bytes);
        if unpacked > plan.limits.disk_bytes {
            let most = plan.limits.disk_bytes;
            let sentence = format!("with its dependencies the task is larger than its {most} bytes of disk");
            return Err(EngineError::new(EngineErrorKind::Package, sentence));
        }
        Ok(Some(ready))
    }

    async fn kept(&self, rules: &DependencyPlan, key: &str) -> Result<Option<Found>, EngineError> {
        let (cache, folder, key) =
            (Arc::clone(&self.dependencies.cache), rules.folder.clone(), key.to_owned());
        let finding = at_hand::spawn_blocking(move || {
            // Without the folder nothing can be kept; the installation tells why.
            std::fs::create_dir_all(&folder).ok()?;
            cache.find(&folder, &key)
        });
        finding.await.map_err(|e| failed(format!("could not look for kept dependencies: {e}")))
    }

    async fn install(
        &self,
        plan: &ContainerPlan,
        rules: &DependencyPlan,
        wanted: &Requirements,
        image: &Pinned,
        key: &str,
    ) -> Result<Found, EngineError> {
        let Some(relays) = &self.relays else {
            let sentence = "no dependencies can be installed here: the companion program is missing";
            return Err(EngineError::new(EngineErrorKind::Dependencies, sentence));
        };
        let begun = Instant::now();
        let made = unfinished(&rules.folder, key);
        let mut site = Site { engine: self, relay: None, container: None };
        let built = site.build(plan, rules, wanted, image, relays, made.clone()).await;
        site.clear().await;
        if let Err(error) = built {
            let _ = tokio::fs::remove_file(&made).await;
            return Err(error);
        }
        let took = begun.elapsed();
        let (cache, folder) = (Arc::clone(&self.dependencies.cache), rules.folder.clone());
        let (key, limit) = (key.to_owned(), rules.limit_bytes);
        let keeping = at_hand::spawn_blocking(move || cache.keep(&folder, &key, &made, took, limit));
        let kept = keeping.await.map_err(|e| failed(format!("could not keep the dependencies: {e}")))?;
        kept.map_err(|e| {
            EngineError::new(EngineErrorKind::Disk, format!("could not keep the dependencies: {e}"))
        })
    }
}

/// An installation under way, and what has to be cleared away after it.
struct Site<'a> {
    engine: &'a DockerEngine,
    relay: Option<String>,
    container: Option<String>,
}

impl Site<'_> {
    async fn build(
        &mut self,
        plan: &ContainerPlan,
        rules: &DependencyPlan,
        wanted: &Requirements,
        image: &Pinned,
        relays: &Arc<Relays>,
        into: PathBuf,
    ) -> Result<(), EngineError> {
        let engine = self.engine;
        let grant = NetworkGrant { hosts: rules.hosts.clone(), max_bytes: rules.max_bytes };
        let session = relays.open(&plan.key, &grant);
        let relay =
            relays.create(&engine.connection, &plan.install, &plan.key, "none", "install-relay").await?;
        let relay = self.relay.insert(relay).clone();
        let running = relays.start(&engine.connection, &relay, Arc::clone(&session)).await?;
        let companion = engine.open_companion();
        let command = installer(&rules.index, wanted);
        let limits = TaskLimits { timeout: WITHIN, ..plan.limits.clone() };
        let program = Program {
            command: &command,
            folder: "",
            array: None,
            companion: companion.is_some(),
            dependencies: false,
        };
        let mut body = configuration(&plan.install, &plan.key, &limits, image, &program);
        relay::join(&mut body, &relay, &grant);
        body.labels = Some(relay::companion_labels(&plan.install, &plan.key, policy::ROLE_INSTALL));
        let environment = body.env.get_or_insert_default();
        environment.retain(|variable| !variable.starts_with("TMPDIR="));
        // Memory is too small for large wheels, and the owner's own settings are none of the installer's business.
        environment.extend(["TMPDIR=/work/tmp", "PIP_CONFIG_FILE=/dev/null"].map(str::to_owned));
        let name = format!("{}-install", name_of(&plan.install, &plan.key));
        let created = engine.create_named(plan, &name, body).await.map_err(|error| match error {
            CreateError::Other(error) => error,
            CreateError::ImageGone => EngineError::new(EngineErrorKind::Image, "the image vanished"),
        })?;
        let container = self.container.insert(created).clone();
        let contents = Contents { companion, requirements: Some(wanted.text()), ..Contents::default() };
        engine.upload(&container, contents).await?;
        self.run(&container, &session, &running).await?;
        archive::take(&engine.connection, &container, TARGET, &into, plan.limits.disk_bytes).await?;
        Ok(())
    }

    async fn run(
        &self,
        container: &str,
        session: &Arc<dyn EgressSession>,
        relay: &Running,
    ) -> Result<(), EngineError> {
        let engine = self.engine;
        let mut patience = Patience::new(&engine.connection, engine.dependencies.held.subscribe(), WITHIN);
        // One that has not begun cannot be frozen.
        patience.until_free().await;
        let (events, told) = mpsc::channel(64);
        let network = run::Network::new(Arc::clone(session), relay::Notes::default());
        let running = engine.run_alone(container, true, Told::default(), events, network);
        let (begun, begins) = oneshot::channel();
        let both = Box::pin(async { tokio::join!(running, last_lines(told, begun)) });
        let refuse = |sentence: String| Err(EngineError::new(EngineErrorKind::Package, sentence));
        let Some((exit, lines)) = patience.give_way(container, begins, both).await else {
            return refuse("its dependencies could not be installed within 15 minutes".to_owned());
        };
        let exit = exit?;
        if exit.code == 0 {
            return Ok(());
        }
        if exit.out_of_memory {
            return refuse(
                "its dependencies need more memory to be installed than it was granted".to_owned(),
            );
        }
        let why = lines
            .iter()
            .rev()
            .find(|line| line.contains("ERROR") || line.contains("[hivemind]"))
            .or(lines.back())
            .map_or_else(|| format!("exit code {}", exit.code), |line| plain_line(line, 300));
        // Neither is the task to blame for an installer that somebody ended, or whose way out ended before it.
        if let Some(cut) = cut_short(exit, relay.has_ended(), patience.has_frozen) {
            let sentence = format!("the installation of its dependencies was cut short: {cut}");
            return Err(EngineError::new(EngineErrorKind::Broken, sentence));
        }
        if session.traffic().received == 0 {
            // Nothing came at all: the task is not to blame.
            let sentence = format!("the package index cannot be reached: {why}");
            return Err(EngineError::new(EngineErrorKind::Dependencies, sentence));
        }
        refuse(format!("its dependencies cannot be installed: {why}"))
    }

    /// Removes whatever was made. What stays is found when the engine is next asked for our containers.
    async fn clear(&mut self) {
        for made in [self.container.take(), self.relay.take()].into_iter().flatten() {
            if let Err(error) = relay::remove(&self.engine.connection, &made).await {
                tracing::warn!(made, %error, "a container of an installation stays for now");
            }
        }
    }
}

/// The installer's last lines, and when it begins.
async fn last_lines(
    mut told: mpsc::Receiver<ContainerEvent>,
    begun: oneshot::Sender<()>,
) -> VecDeque<String> {
    let (mut lines, mut begun) = (VecDeque::new(), Some(begun));
    while let Some(event) = told.recv().await {
        if event == ContainerEvent::Started
            && let Some(begun) = begun.take()
        {
            let _ = begun.send(());
        }
        if let ContainerEvent::Line(line) = event {
            tracing::debug!(line = plain_line(&line.text, 300), "installer");
            if lines.len() >= LAST_LINES {
                lines.pop_front();
            }
            lines.push_back(line.text);
        }
    }
    lines
}

/// Why an installation that failed says nothing about what was to be installed.
fn cut_short(exit: Exit, relay_ended: bool, frozen: bool) -> Option<String> {
    let killed = !exit.out_of_memory && ENDED_FROM_OUTSIDE.contains(&exit.code);
    let by_whom = killed.then(|| format!("it was ended from outside with exit code {}", exit.code));
    let relay = relay_ended.then(|| "its way out ended".to_owned());
    // Its connections may have timed out meanwhile.
    by_whom.or(relay).or_else(|| frozen.then(|| "it stood still for the owner's sake".to_owned()))
}

/// The installer's command line: wheels only, so that no code of a package runs while it is installed, and hashes
/// checked: the index's own, and those of the file when it has any.
fn installer(index: &str, wanted: &Requirements) -> Vec<String> {
    let mut command: Vec<String> = [
        "python3",
        "-m",
        "pip",
        "install",
        "--target",
        TARGET,
        "--only-binary",
        ":all:",
        "--no-compile",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
        "--retries",
        "2",
        "--index-url",
        index,
        "--requirement",
        "/work/requirements.txt",
    ]
    .map(str::to_owned)
    .to_vec();
    if wanted.is_hashed() {
        command.push("--require-hashes".to_owned());
    }
    // The owner chose an index without encryption.
    if let Some(rest) = index.strip_prefix("http://") {
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        command.extend(["--trusted-host".to_owned(), host.to_owned()]);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installer_that_was_cut_short_says_nothing_about_what_it_installs() {
        let exit = |code, out_of_memory| Exit { code, out_of_memory };
        for code in ENDED_FROM_OUTSIDE {
            assert!(
                cut_short(exit(code, false), false, false).is_some_and(|why| why.contains(&code.to_string()))
            );
        }
        assert_eq!(cut_short(exit(137, true), false, false), None, "it needed more memory than was granted");
        assert_eq!(cut_short(exit(1, false), false, false), None, "pip's own word");
        assert_eq!(cut_short(exit(1, false), true, false).as_deref(), Some("its way out ended"));
        assert!(cut_short(exit(1, false), false, true).is_some_and(|why| why.contains("owner")));
    }
}
