//! A container engine in memory. Containers run by the clock alone, also while no worker lives.

use crate::{FakeClock, Faults, Program, lock};
use async_trait::async_trait;
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_domain::priority::Priority;
use hivemind_domain::resources::MIB;
use hivemind_domain::task::ResultFile;
use hivemind_domain::time::{Mono, Now};
use hivemind_domain::usage::UsageSample;
use hivemind_worker_core::port::{
    Clock, ContainerEvent, ContainerPlan, Engine, EngineError, EngineErrorKind, EngineInfo, Exit, OutputLine,
    OwnContainer, Prepared, PullProgress, Told,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Calls of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the port's method of that name")]
pub enum EngineCall {
    Verify,
    Prepare,
    Run,
    Stop,
    Collect,
    Describe,
    Remove,
    Own,
    Prioritise,
    Limit,
    Freeze,
    Thaw,
}

/// The engine.
pub struct FakeEngine {
    /// What goes wrong, and what was called.
    pub faults: Faults<EngineCall, EngineError>,
    clock: Arc<FakeClock>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    containers: BTreeMap<String, Container>,
    programs: BTreeMap<String, Program>,
    away: Option<EngineErrorKind>,
    made: u32,
    started: Vec<TaskKey>,
    priorities: BTreeMap<String, Priority>,
    limits: BTreeMap<String, u32>,
}

struct Container {
    install: InstallId,
    key: Option<TaskKey>,
    gpus: Vec<String>,
    program: Program,
    /// Before this it stands in no list.
    appears: Mono,
    started: Option<Now>,
    stopped: Option<Mono>,
    frozen_since: Option<Mono>,
    /// How long it was frozen before.
    frozen: Duration,
}

/// A creation that the engine was asked for. It is carried out a second later although nobody waits any more.
struct Asked<'a> {
    engine: &'a FakeEngine,
    plan: &'a ContainerPlan,
    given_up: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.given_up {
            self.engine.make(self.plan, Duration::from_secs(1));
        }
    }
}

impl Container {
    /// When and how it ends, as far as is known.
    fn end(&self) -> Option<(Mono, Exit)> {
        let started = self.started?;
        let own = self.program.ends.filter(|_| self.frozen_since.is_none());
        let own = own.map(|(after, exit)| (started.mono.after(after + self.frozen), exit));
        let code = if self.program.ignores_stop { 137 } else { 143 };
        let halted = self.stopped.map(|at| (at, Exit { code, out_of_memory: false }));
        own.into_iter().chain(halted).min_by_key(|(at, _)| *at)
    }

    fn thaw(&mut self, now: Mono) {
        if let Some(since) = self.frozen_since.take() {
            self.frozen += now.since(since);
        }
    }

    fn lines(&self, until: Mono, after_ns: i64) -> Vec<OutputLine> {
        let Some(started) = self.started else { return Vec::new() };
        let base = started.wall.0 * 1_000_000;
        let until = self.frozen_since.map_or(until, |since| until.min(since));
        let told = self.program.lines.iter().zip(0i64..);
        let told = told.filter(|((at, ..), _)| started.mono.after(*at + self.frozen) <= until);
        told.map(|((at, stderr, text), number)| OutputLine {
            stderr: *stderr,
            time_ns: base + i64::try_from(at.as_nanos()).unwrap_or(0) + number,
            text: text.clone(),
        })
        .filter(|line| line.time_ns > after_ns)
        .collect()
    }
}

impl FakeEngine {
    /// An engine that works.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        let faults = Faults::new(Arc::clone(&clock));
        Self { faults, clock, state: Mutex::default(), changed: Notify::new() }
    }

    /// Says what containers of this task do; others do what [`Program::default`] says.
    pub fn program(&self, task: &str, program: Program) {
        lock(&self.state).programs.insert(task.to_owned(), program);
    }

    /// Takes the engine away: every call fails from now on, those under way too. Containers go on.
    pub fn go_away(&self, kind: EngineErrorKind) {
        lock(&self.state).away = Some(kind);
        self.changed.notify_waiters();
    }

    /// Brings it back.
    pub fn come_back(&self) {
        lock(&self.state).away = None;
    }

    /// Loses every container, as a wiped engine does.
    pub fn wipe(&self) {
        lock(&self.state).containers.clear();
        self.changed.notify_waiters();
    }

    /// Puts a container there that nobody asked for.
    pub fn plant(&self, container: &str, install: &InstallId, key: Option<TaskKey>) {
        let container_state = Container {
            install: install.clone(),
            key,
            gpus: Vec::new(),
            program: Program::endless(),
            appears: Mono::default(),
            started: Some(self.clock.now()),
            stopped: None,
            frozen_since: None,
            frozen: Duration::ZERO,
        };
        lock(&self.state).containers.insert(container.to_owned(), container_state);
    }

    /// Ids of all containers.
    #[must_use]
    pub fn containers(&self) -> Vec<String> {
        lock(&self.state).containers.keys().cloned().collect()
    }

    /// How many containers run now.
    #[must_use]
    pub fn running(&self) -> usize {
        let now = self.clock.now().mono;
        let state = lock(&self.state);
        let runs = |c: &&Container| c.started.is_some() && c.end().is_none_or(|(at, _)| at > now);
        state.containers.values().filter(runs).count()
    }

    /// Thousandths of a core that a container was given last, after its beginning.
    #[must_use]
    pub fn limit_of(&self, container: &str) -> Option<u32> {
        lock(&self.state).limits.get(container).copied()
    }

    /// How many containers are frozen now.
    #[must_use]
    pub fn frozen(&self) -> usize {
        lock(&self.state).containers.values().filter(|c| c.frozen_since.is_some()).count()
    }

    /// Attempts in the order in which a container of theirs was really started (adoptions do not count).
    #[must_use]
    pub fn started(&self) -> Vec<TaskKey> {
        lock(&self.state).started.clone()
    }

    /// The share that a container was given last.
    #[must_use]
    pub fn priority(&self, container: &str) -> Option<Priority> {
        lock(&self.state).priorities.get(container).copied()
    }

    fn make(&self, plan: &ContainerPlan, appears_after: Duration) -> String {
        let mut state = lock(&self.state);
        state.containers.retain(|_, c| c.install != plan.install || c.key.as_ref() != Some(&plan.key));
        state.made += 1;
        let container = format!("container-{}", state.made);
        let program = state.programs.get(plan.key.task.as_str()).cloned().unwrap_or_default();
        let made = Container {
            install: plan.install.clone(),
            key: Some(plan.key.clone()),
            gpus: plan.gpus.clone(),
            program,
            appears: self.clock.now().mono.after(appears_after),
            started: None,
            stopped: None,
            frozen_since: None,
            frozen: Duration::ZERO,
        };
        state.containers.insert(container.clone(), made);
        container
    }

    async fn enter(&self, call: EngineCall) -> Result<(), EngineError> {
        self.faults.enter(call).await?;
        self.here()
    }

    fn here(&self) -> Result<(), EngineError> {
        match lock(&self.state).away {
            Some(kind) => Err(EngineError::new(kind, "the engine does not answer")),
            None => Ok(()),
        }
    }

    fn gone(container: &str) -> EngineError {
        EngineError::new(EngineErrorKind::Gone, format!("there is no container {container}"))
    }
}

#[async_trait]
impl Engine for FakeEngine {
    async fn verify(&self) -> Result<EngineInfo, EngineError> {
        self.enter(EngineCall::Verify).await?;
        Ok(EngineInfo {
            name: "fake".into(),
            version: "1.0".into(),
            isolation: "plain".into(),
            ..EngineInfo::default()
        })
    }

    async fn gone(&self) {
        loop {
            let changed = self.changed.notified();
            if self.here().is_err() {
                return;
            }
            changed.await;
        }
    }

    async fn prepare(&self, plan: &ContainerPlan) -> Result<Prepared, EngineError> {
        let mut asked = Asked { engine: self, plan, given_up: true };
        let entered = self.enter(EngineCall::Prepare).await;
        asked.given_up = false;
        entered?;
        if let Some(package) = &plan.package
            && !package.exists()
        {
            return Err(EngineError::new(EngineErrorKind::Package, "the package is not there"));
        }
        let container = self.make(plan, Duration::ZERO);
        self.faults.leave(EngineCall::Prepare).await?;
        let image_digest = format!("sha256:{}", "ab".repeat(32));
        Ok(Prepared { container, image_digest, image: plan.image.clone(), ..Prepared::default() })
    }

    async fn run(
        &self,
        container: &str,
        told: Told,
        events: mpsc::Sender<ContainerEvent>,
    ) -> Result<Exit, EngineError> {
        self.enter(EngineCall::Run).await?;
        {
            let mut state = lock(&self.state);
            let now = self.clock.now();
            let found = state.containers.get_mut(container).ok_or_else(|| Self::gone(container))?;
            if found.started.is_none() {
                found.started = Some(now);
                let key = found.key.clone();
                state.started.extend(key);
            }
        }
        let _ = events.send(ContainerEvent::Started).await;
        let mut told = told.last_ns();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            self.here()?;
            let now = self.clock.now().mono;
            let (lines, end, started, next_line) = {
                let state = lock(&self.state);
                let found = state.containers.get(container).ok_or_else(|| Self::gone(container))?;
                let end = found.end();
                let until = end.map_or(now, |(at, _)| at.min(now));
                let started = found.started.map_or(now, |started| started.mono);
                let lines = found.program.lines.iter();
                let next = lines.map(|(at, ..)| started.after(*at + found.frozen)).find(|at| *at > now);
                let still =
                    found.frozen_since.map_or(Duration::ZERO, |since| until.since(since)) + found.frozen;
                (found.lines(until, told), end, started.after(still), next)
            };
            for line in lines {
                told = line.time_ns;
                let _ = events.send(ContainerEvent::Line(line)).await;
            }
            let until = end.map_or(now, |(at, _)| at.min(now));
            let sample = UsageSample {
                cpu_total_ns: u64::try_from(until.since(started).as_nanos() / 2).unwrap_or(u64::MAX),
                memory_bytes: 100 * MIB,
                ..UsageSample::default()
            };
            let _ = events.send(ContainerEvent::Usage(sample)).await;
            if let Some((at, exit)) = end
                && at <= now
            {
                return Ok(exit);
            }
            let wake = [Some(now.after(Duration::from_secs(1))), next_line, end.map(|(at, _)| at)];
            let wake = wake.into_iter().flatten().min().unwrap_or(now);
            tokio::select! {
                () = self.clock.reach(wake) => {}
                () = changed => {}
            }
        }
    }

    async fn stop(&self, container: &str, grace: Duration) -> Result<(), EngineError> {
        self.enter(EngineCall::Stop).await?;
        let ends = {
            let mut state = lock(&self.state);
            let now = self.clock.now().mono;
            let Some(found) = state.containers.get_mut(container) else { return Ok(()) };
            let wait = if found.program.ignores_stop { grace } else { Duration::ZERO };
            if found.started.is_none() {
                return Ok(());
            }
            found.thaw(now);
            found.stopped.get_or_insert(now.after(wait));
            found.end().map_or(now, |(at, _)| at)
        };
        self.changed.notify_waiters();
        self.clock.reach(ends).await;
        self.here()
    }

    async fn collect(&self, container: &str, into: &Path, max_bytes: u64) -> Result<ResultFile, EngineError> {
        self.enter(EngineCall::Collect).await?;
        let output = {
            let state = lock(&self.state);
            let found = state.containers.get(container).ok_or_else(|| Self::gone(container))?;
            found.program.output.clone()
        };
        let size_bytes = output.len() as u64;
        if size_bytes > max_bytes {
            return Err(EngineError::new(EngineErrorKind::Output, "the outputs are too large"));
        }
        let failed = |error: std::io::Error| EngineError::new(EngineErrorKind::Output, error.to_string());
        std::fs::write(into, &output).map_err(failed)?;
        self.faults.leave(EngineCall::Collect).await?;
        Ok(ResultFile { sha256: hex::encode(Sha256::digest(&output)), size_bytes, entries: 1 })
    }

    async fn describe(&self, container: &str) -> Result<String, EngineError> {
        self.enter(EngineCall::Describe).await?;
        let state = lock(&self.state);
        state.containers.get(container).ok_or_else(|| Self::gone(container))?;
        Ok(format!("{{\"container\":\"{container}\"}}"))
    }

    async fn remove(&self, container: &str) -> Result<(), EngineError> {
        self.enter(EngineCall::Remove).await?;
        lock(&self.state).containers.remove(container);
        self.changed.notify_waiters();
        self.faults.leave(EngineCall::Remove).await
    }

    async fn own(&self, install: &InstallId) -> Result<Vec<OwnContainer>, EngineError> {
        self.enter(EngineCall::Own).await?;
        let state = lock(&self.state);
        let now = self.clock.now().mono;
        let own = state.containers.iter().filter(|(_, c)| c.install == *install && c.appears <= now);
        let own = own.map(|(id, c)| OwnContainer {
            container: id.clone(),
            key: c.key.clone(),
            gpus: c.gpus.clone(),
            frozen: c.frozen_since.is_some(),
        });
        Ok(own.collect())
    }

    async fn prioritise(&self, container: &str, priority: Priority) -> Result<(), EngineError> {
        self.enter(EngineCall::Prioritise).await?;
        lock(&self.state).priorities.insert(container.to_owned(), priority);
        Ok(())
    }

    async fn limit(&self, container: &str, cpu_millis: u32) -> Result<(), EngineError> {
        self.enter(EngineCall::Limit).await?;
        lock(&self.state).limits.insert(container.to_owned(), cpu_millis);
        Ok(())
    }

    async fn freeze(&self, container: &str) -> Result<(), EngineError> {
        self.enter(EngineCall::Freeze).await?;
        let now = self.clock.now().mono;
        if let Some(found) = lock(&self.state).containers.get_mut(container)
            && found.started.is_some()
            && found.end().is_none_or(|(at, _)| at > now)
        {
            found.frozen_since.get_or_insert(now);
        }
        self.changed.notify_waiters();
        self.faults.leave(EngineCall::Freeze).await
    }

    async fn thaw(&self, container: &str) -> Result<(), EngineError> {
        self.enter(EngineCall::Thaw).await?;
        let now = self.clock.now().mono;
        if let Some(found) = lock(&self.state).containers.get_mut(container) {
            found.thaw(now);
        }
        self.changed.notify_waiters();
        self.faults.leave(EngineCall::Thaw).await
    }

    /// Nothing is installed here.
    fn hold_installations(&self, _held: bool) {}

    fn pulls(&self) -> Vec<PullProgress> {
        Vec::new()
    }
}
