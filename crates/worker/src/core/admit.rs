//! What the owner's rules say about a task: trust, images, GPUs, isolation.

use super::{Core, Effect, EngineState};
use crate::port::{Assigned, GpuContainer, OwnContainer};
use hivemind_control::{ApiError, ErrorCode, ImageQuestion, Level};
use hivemind_domain::energy::Energy;
use hivemind_domain::gpu;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::images::{Decision, ImageRules, repository};
use hivemind_domain::isolation::Isolation;
use hivemind_domain::resources::GpuInfo;
use hivemind_domain::task::HandBack;
use hivemind_domain::text::plain_line;
use hivemind_domain::time::Now;
use std::collections::{BTreeSet, VecDeque};

/// Images that the owner is asked about at once; a pool must not fill the screen.
const MOST_QUESTIONS: usize = 20;

/// Images that the owner has to decide about.
#[derive(Debug, Default)]
pub(super) struct Questions(VecDeque<ImageQuestion>);

impl Questions {
    pub(super) fn views(&self) -> Vec<ImageQuestion> {
        self.0.iter().cloned().collect()
    }

    /// Notes that a task was declined for want of an answer; says whether the question is new.
    fn note(&mut self, image: &str, now: Now) -> bool {
        let wanted = repository(image);
        if let Some(known) = self.0.iter_mut().find(|question| question.repository == wanted) {
            known.declined = known.declined.saturating_add(1);
            known.image = plain_line(image, 200);
            return false;
        }
        if self.0.len() >= MOST_QUESTIONS {
            return false;
        }
        self.0.push_back(ImageQuestion {
            repository: plain_line(wanted, 200),
            image: plain_line(image, 200),
            declined: 1,
            since_ms: now.wall.0,
        });
        true
    }
}

/// Why an image may not run, by its rule.
fn image_problem(rules: &ImageRules, image: &str) -> Option<ApiError> {
    let (code, text) = match rules.decide(image) {
        Decision::Allow => return None,
        Decision::Ask => (ErrorCode::ImageQuestion, "waits for its owner's answer on this computer"),
        Decision::Deny => (ErrorCode::ImageRefused, "is not allowed on this computer"),
    };
    let error = ApiError::new(code, format!("image {} {text}", plain_line(image, 200)));
    Some(error.with("image", image))
}

impl Core {
    /// Checks an assignment against the owner's rules.
    pub(super) fn permits(&mut self, assigned: &Assigned) -> Result<(), ApiError> {
        let assignment = &assigned.assignment;
        let contained = assignment.function.is_none();
        if let Some(problem) = self.isolation_problem().filter(|_| contained) {
            return Err(problem);
        }
        let level = self.registered.as_ref().map(|registered| registered.trust).unwrap_or_default();
        self.limits.trust.admit(level, &assignment.limits).map_err(|over| {
            ApiError::new(ErrorCode::TrustLimit, over.to_string())
                .with("limit", over.limit)
                .with("level", over.level)
                .with("asked", over.asked.to_string())
                .with("most", over.most.to_string())
        })?;
        let image = assignment.image.as_ref();
        image.and_then(|image| image_problem(&self.limits.images, image)).map_or(Ok(()), Err)
    }

    /// Hands an assignment back, and tells the owner unless only the count of a question has risen.
    pub(super) fn decline(&mut self, key: TaskKey, error: ApiError, now: Now, effects: &mut Vec<Effect>) {
        let reason = if error.code == ErrorCode::PoolProtocol {
            // Older than the codes: the sentence begins with the task already.
            error.message.clone()
        } else {
            format!("{}: {}", error.code.word(), error.message)
        };
        match error.facts.get("image").cloned() {
            Some(image) if error.code == ErrorCode::ImageQuestion => self.ask_about(&image, now),
            Some(_) | None => self.notice(Level::Notice, error.with("task", key.task.as_str()), now),
        }
        effects.push(Effect::Decline(key, HandBack::CannotRun, reason));
    }

    /// Lets the owner decide about an image.
    pub(super) fn ask_about(&mut self, image: &str, now: Now) {
        if self.limits.images.decide(image) == Decision::Ask && self.questions.note(image, now) {
            let text = format!("a task wants to run the image {}: may it?", plain_line(image, 200));
            self.notice(
                Level::Notice,
                ApiError::new(ErrorCode::ImageQuestion, text).with("image", image),
                now,
            );
        }
    }

    /// Forgets the questions that have been answered.
    pub(super) fn settle_questions(&mut self) {
        let images = &self.limits.images;
        self.questions.0.retain(|question| images.decide(&question.repository) == Decision::Ask);
    }

    /// Why tasks would be kept apart too little, when they would.
    pub(super) fn isolation_problem(&self) -> Option<ApiError> {
        let EngineState::Ready(info) = &self.engine else { return None };
        let (present, least) = (Isolation::from_word(&info.isolation), self.limits.minimum_isolation);
        (present < least).then(|| {
            let text = format!(
                "the container engine's isolation is {}, the settings demand at least {}",
                present.word(),
                least.word()
            );
            ApiError::new(ErrorCode::IsolationTooLow, text)
                .with("isolation", present.word())
                .with("minimum", least.word())
        })
    }

    /// Whether the engine can give GPUs to containers, as far as it was asked.
    pub(super) fn engine_gives_gpus(&self) -> bool {
        match &self.engine {
            EngineState::Ready(info) => info.gpus,
            EngineState::Unknown | EngineState::Away(_) => true,
        }
    }

    /// GPUs that tasks may be given.
    pub(super) fn lendable_gpus(&self) -> &[GpuInfo] {
        let mut lendable =
            matches!(&self.engine, EngineState::Ready(info) if info.gpus) && !self.limits.cpu_only;
        // In use, they may be the owner's alone.
        lendable &= !self.rules.decision().takes_work() || self.rules.decision().share.gpu;
        let most = usize::try_from(self.limits.allowed.gpus).unwrap_or(usize::MAX);
        if lendable { &self.host.gpus[..self.host.gpus.len().min(most)] } else { &[] }
    }

    /// GPUs of every attempt but `except` that occupies this computer.
    fn taken_gpus(&self, except: Option<&TaskKey>) -> BTreeSet<&str> {
        let others =
            self.live.iter().filter(|(key, live)| Some(*key) != except && live.task.phase.occupies());
        others.flat_map(|(_, live)| live.task.gpus.iter().map(String::as_str)).collect()
    }

    pub(super) fn free_gpus(&self) -> u32 {
        let free = gpu::free(self.lendable_gpus(), &self.taken_gpus(None)).len();
        u32::try_from(free).unwrap_or(u32::MAX)
    }

    /// Gives a new attempt its GPUs.
    pub(super) fn allocate_gpus(&self, key: &TaskKey, assigned: &Assigned) -> Result<Vec<String>, ApiError> {
        let need = assigned.assignment.limits.resources.gpus;
        gpu::allocate(self.lendable_gpus(), &self.taken_gpus(None), need).ok_or_else(|| {
            let free = self.free_gpus();
            let text = format!("{key}: it needs {need} GPUs, {free} are free on this computer");
            ApiError::new(ErrorCode::GpuUnavailable, text)
        })
    }

    /// After a restart: running containers say which GPUs they have; what has to be prepared anew gets others where
    /// its own are gone. Without any, the engine hands the attempt back.
    pub(super) fn restore_gpus(&mut self, containers: &[OwnContainer]) {
        for own in containers {
            let live = own.key.as_ref().and_then(|key| self.live.get_mut(key));
            if let Some(live) = live.filter(|live| live.parked) {
                live.task.gpus.clone_from(&own.gpus);
            }
        }
        let anew: Vec<TaskKey> = self
            .live
            .iter()
            .filter(|(key, live)| {
                live.parked
                    && live.task.phase.occupies()
                    && live.task.assignment.limits.resources.gpus > 0
                    && !containers.iter().any(|own| own.key.as_ref() == Some(*key))
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in anew {
            let Some(live) = self.live.get(&key) else { continue };
            let taken = self.taken_gpus(Some(&key));
            let whole = live.task.gpus.len() == live.task.assignment.limits.resources.gpus as usize;
            let kept = whole && live.task.gpus.iter().all(|uuid| !taken.contains(uuid.as_str()));
            if kept {
                continue;
            }
            let need = live.task.assignment.limits.resources.gpus;
            let given = gpu::allocate(self.lendable_gpus(), &taken, need).unwrap_or_default();
            if let Some(live) = self.live.get_mut(&key) {
                live.task.gpus = given;
            }
        }
    }

    /// Notes the electricity that attempts took; one that has ended meanwhile takes none any more.
    pub(super) fn energy(&mut self, taken: Vec<(TaskKey, Energy)>) {
        for (key, energy) in taken {
            if let Some(live) = self.live.get_mut(&key).filter(|live| live.task.verdict.is_none()) {
                live.task.usage.energy.add(energy);
            }
        }
    }

    /// Notes what containers do on GPUs; what is not named does nothing there.
    pub(super) fn gpu_use(&mut self, containers: &[GpuContainer]) {
        for live in self.live.values_mut() {
            if live.task.gpus.is_empty() {
                continue;
            }
            let own = |used: &&GpuContainer| {
                live.task.container.as_deref() == Some(used.container.as_str())
                    && live.task.gpus.contains(&used.uuid)
            };
            let used: Vec<&GpuContainer> = containers.iter().filter(own).collect();
            let known: Vec<f32> = used.iter().filter_map(|used| used.percent).collect();
            // Over all of its GPUs: an idle one counts.
            let percent = match (used.is_empty(), known.is_empty()) {
                (true, _) => Some(0.0),
                (false, true) => None,
                (false, false) => Some(known.iter().sum::<f32>() / live.task.gpus.len() as f32),
            };
            let memory = used.iter().fold(0_u64, |sum, used| sum.saturating_add(used.memory_bytes));
            live.gpu = Some((percent, memory));
        }
    }
}
