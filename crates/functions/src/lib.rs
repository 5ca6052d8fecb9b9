//! Managed functions beside containers: an engine in front of the engine. What is planned as a function is run by the
//! interpreter on a thread of this process, everything else goes on to the engine behind.
//!
//! A function has no files, network or clock, so nothing of it needs an engine, and nothing of it outlives this
//! process: after a restart there is none.

mod ended;
mod function;
mod lines;
mod thread;

use async_trait::async_trait;
use ended::write_receipt;
use function::{Function, Stage};
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_domain::priority::Priority;
use hivemind_domain::task::{ManagedFunction, ResultFile};
use hivemind_managed_function::Limits;
use hivemind_worker_core::at_hand;
use hivemind_worker_core::port::{
    Attack, Clock, ContainerEvent, ContainerPlan, Engine, EngineError, EngineErrorKind, EngineInfo, Exit,
    OwnContainer, Prepared, PullProgress, Told,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Begins the id of every function; no engine makes such ids.
const PREFIX: &str = "function:";

/// An engine that runs functions itself and leaves containers to another.
pub struct FunctionEngine {
    inner: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// Threads that may compute at once.
    places: Arc<Semaphore>,
    functions: Mutex<BTreeMap<String, Arc<Function>>>,
    /// Functions made so far: an earlier try at the same attempt has another id.
    made: AtomicU64,
}

impl FunctionEngine {
    /// In front of `inner`; at most `at_once` functions compute at a time, at least one.
    #[must_use]
    pub fn new(inner: Arc<dyn Engine>, clock: Arc<dyn Clock>, at_once: usize) -> Self {
        Self {
            inner,
            clock,
            limits: Limits::default(),
            places: Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS))),
            functions: Mutex::default(),
            made: AtomicU64::new(0),
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Function>>> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The function of this id; nothing for a container.
    fn own_one(&self, id: &str) -> Option<Result<Arc<Function>, EngineError>> {
        id.starts_with(PREFIX).then(|| {
            let gone = || EngineError::new(EngineErrorKind::Gone, format!("there is no {id}"));
            self.all().get(id).cloned().ok_or_else(gone)
        })
    }

    fn make(&self, plan: &ContainerPlan, function: &ManagedFunction) -> Result<Prepared, EngineError> {
        let refused = |why: String| EngineError::new(EngineErrorKind::Package, why);
        function.check().map_err(refused)?;
        if !function.input.trim().is_empty()
            && let Err(error) = serde_json::from_str::<serde_json::Value>(&function.input)
        {
            return Err(refused(format!("the input of the managed function is no JSON: {error}")));
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let id = format!("{PREFIX}{}/{number}", plan.key);
        let made = Arc::new(Function::new(plan, function.clone()));
        let mut all = self.all();
        all.retain(|_, old| {
            let replaced = old.install == plan.install && old.key == plan.key;
            if replaced {
                old.stop();
            }
            !replaced
        });
        all.insert(id.clone(), made);
        Ok(Prepared { container: id, ..Prepared::default() })
    }

    /// Starts a function unless it was started before. It goes on although nobody follows it.
    fn start(&self, function: &Arc<Function>, told: &Told) {
        if !function.queue() {
            return;
        }
        let (function, clock) = (Arc::clone(function), Arc::clone(&self.clock));
        let (places, limits, told) = (Arc::clone(&self.places), self.limits, told.clone());
        at_hand::spawn(async move {
            let place = places.acquire_owned().await;
            if !function.begin() {
                return;
            }
            let running = Arc::clone(&function);
            let ran = at_hand::spawn_blocking(move || thread::run(&running, limits)).await;
            drop(place);
            function.end(ran.ok(), clock.now(), &told);
        });
    }
}

/// A held function would keep its thread, and with it the process, for ever.
impl Drop for FunctionEngine {
    fn drop(&mut self) {
        for function in self.all().values() {
            function.stop();
        }
    }
}

#[async_trait]
impl Engine for FunctionEngine {
    /// The engine behind is what can be missing.
    async fn verify(&self) -> Result<EngineInfo, EngineError> {
        self.inner.verify().await
    }

    async fn gone(&self) {
        self.inner.gone().await;
    }

    fn bounds_disk(&self) -> bool {
        self.inner.bounds_disk()
    }

    async fn prepare(&self, plan: &ContainerPlan) -> Result<Prepared, EngineError> {
        match &plan.function {
            Some(function) => self.make(plan, function),
            None => self.inner.prepare(plan).await,
        }
    }

    async fn run(
        &self,
        container: &str,
        told: Told,
        events: mpsc::Sender<ContainerEvent>,
    ) -> Result<Exit, EngineError> {
        let Some(function) = self.own_one(container) else {
            return self.inner.run(container, told, events).await;
        };
        let function = function?;
        self.start(&function, &told);
        function.reach(|stage| matches!(stage, Stage::Computing | Stage::Ended(_))).await;
        let _ = events.send(ContainerEvent::Started).await;
        let ended = function.ended().await;
        if let Some(broken) = &ended.broken {
            return Err(EngineError::new(EngineErrorKind::Broken, broken));
        }
        for line in ended.lines.iter().filter(|line| line.time_ns > told.last_ns()) {
            let _ = events.send(ContainerEvent::Line(line.clone())).await;
        }
        let _ = events.send(ContainerEvent::Usage(ended.usage)).await;
        Ok(ended.exit)
    }

    /// A function has nothing to finish, so that it ends at once, whatever the grace.
    async fn stop(&self, container: &str, grace: Duration) -> Result<(), EngineError> {
        let Some(function) = self.own_one(container) else { return self.inner.stop(container, grace).await };
        if let Ok(function) = function
            && function.stop()
        {
            function.ended().await;
        }
        Ok(())
    }

    /// The receipt as JSON.
    async fn collect(&self, container: &str, into: &Path, max_bytes: u64) -> Result<ResultFile, EngineError> {
        let Some(function) = self.own_one(container) else {
            return self.inner.collect(container, into, max_bytes).await;
        };
        let Some(ended) = function?.ended_already() else {
            return Err(EngineError::new(EngineErrorKind::Failed, format!("{container} has not ended")));
        };
        let (receipt, into) = (ended.receipt.clone(), into.to_owned());
        let written = at_hand::spawn_blocking(move || write_receipt(&receipt, &into, max_bytes)).await;
        written.unwrap_or_else(|error| {
            Err(EngineError::new(EngineErrorKind::Broken, format!("the receipt was not written: {error}")))
        })
    }

    async fn describe(&self, container: &str) -> Result<String, EngineError> {
        let Some(function) = self.own_one(container) else { return self.inner.describe(container).await };
        Ok(function?.describe(container))
    }

    async fn remove(&self, container: &str) -> Result<(), EngineError> {
        if !container.starts_with(PREFIX) {
            return self.inner.remove(container).await;
        }
        let removed = self.all().remove(container);
        if let Some(function) = removed {
            function.stop();
        }
        Ok(())
    }

    async fn prove(&self, install: &InstallId) -> Result<Vec<Attack>, EngineError> {
        self.inner.prove(install).await
    }

    /// Both kinds, or nothing: without the engine's word nobody may believe that its containers are gone.
    async fn own(&self, install: &InstallId) -> Result<Vec<OwnContainer>, EngineError> {
        let mut own = self.inner.own(install).await?;
        let all = self.all();
        let functions = all.iter().filter(|(_, function)| function.install == *install);
        own.extend(functions.map(|(id, function)| OwnContainer {
            container: id.clone(),
            key: Some(TaskKey::clone(&function.key)),
            gpus: Vec::new(),
            frozen: function.is_frozen(),
        }));
        Ok(own)
    }

    /// Its thread is behind the owner's programs already.
    async fn prioritise(&self, container: &str, priority: Priority) -> Result<(), EngineError> {
        if container.starts_with(PREFIX) { Ok(()) } else { self.inner.prioritise(container, priority).await }
    }

    /// A function has one thread and a second's work: less than a core would only make it longer.
    async fn limit(&self, container: &str, cpu_millis: u32) -> Result<(), EngineError> {
        if container.starts_with(PREFIX) { Ok(()) } else { self.inner.limit(container, cpu_millis).await }
    }

    /// Holds it before its next operation. What cannot be held in between, reading the program and one operation on
    /// large values, is bounded by the interpreter's limits.
    async fn freeze(&self, container: &str) -> Result<(), EngineError> {
        let Some(function) = self.own_one(container) else { return self.inner.freeze(container).await };
        if let Ok(function) = function {
            function.freeze();
        }
        Ok(())
    }

    async fn thaw(&self, container: &str) -> Result<(), EngineError> {
        let Some(function) = self.own_one(container) else { return self.inner.thaw(container).await };
        if let Ok(function) = function {
            function.thaw();
        }
        Ok(())
    }

    /// Functions have nothing to install.
    fn hold_installations(&self, held: bool) {
        self.inner.hold_installations(held);
    }

    fn pulls(&self) -> Vec<PullProgress> {
        self.inner.pulls()
    }

    fn moved_bytes(&self) -> u64 {
        self.inner.moved_bytes()
    }
}
