//! Giving way: running containers are frozen and go on, tasks that cannot be frozen go back to the pool.
//!
//! The engine is told before anything is written down: after a restart it says itself which containers are frozen.

use super::attempts::Live;
use super::view::word;
use super::{Core, Effect};
use crate::port::EngineError;
use hivemind_control::GiveBackView;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::rules::{GiveWay, Reason, Verdict as RulesVerdict};
use hivemind_domain::task::{HandBack, NetworkNeed, Phase, TaskInput, Verdict};
use hivemind_domain::time::{Mono, Now};
use std::collections::VecDeque;
use std::time::Duration;

/// After so long an attempt goes back to the pool: others wait for it, and it keeps memory here.
const AT_MOST: Duration = Duration::from_secs(15 * 60);
/// Pause before an engine that could not freeze or thaw a container is asked again.
const AGAIN: Duration = Duration::from_secs(2);
/// Times of giving the computer back that are kept.
const KEPT: usize = 200;

/// What is known of a container's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Ice {
    /// It runs.
    #[default]
    Thawed,
    /// The engine was asked to freeze it.
    Freezing,
    /// It is frozen.
    Frozen,
    /// The engine was asked to let it go on.
    Thawing,
}

/// The computer is being given back, or was.
#[derive(Debug, Default)]
pub(super) struct Yielding {
    /// Since when tasks give way.
    since: Option<Mono>,
    /// When what made them give way was seen, while containers still run.
    asked: Option<Mono>,
    /// Milliseconds from a signal until every container was frozen.
    times: VecDeque<u64>,
    /// Not before this is the engine asked again.
    again: Option<Mono>,
    /// Whether what makes tasks ready was told to stand still.
    held: bool,
}

impl Yielding {
    /// Measured times as people see them.
    pub(super) fn view(&self) -> Option<GiveBackView> {
        let mut sorted: Vec<u64> = self.times.iter().copied().collect();
        sorted.sort_unstable();
        let at =
            |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(GiveBackView {
            times: u32::try_from(sorted.len()).unwrap_or(u32::MAX),
            p50_ms: at(50)?,
            p95_ms: at(95)?,
        })
    }

    /// When something has to be done without anything happening.
    pub(super) fn wake(&self, now: Mono) -> Option<Mono> {
        let late = self.since.map(|since| since.after(AT_MOST)).filter(|at| *at > now);
        late.into_iter().chain(self.again).min()
    }
}

impl Core {
    /// Freezes, thaws and hands back as the decision says. `seen` is when what led to it was noticed.
    pub(super) fn give_way(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let decision = self.rules.decision();
        let (way, reason) = (decision.give_way, decision.give_way_reason);
        let (gpus, verdict) = (decision.share.gpu, decision.verdict);
        let (gpus_snoozed, gpu_app) = (decision.gpu_snooze.is_some(), decision.gpu_app);
        let seen = self.rules.seen(now.mono);
        if way == GiveWay::Nothing {
            (self.yielding.since, self.yielding.asked) = (None, None);
        } else if self.yielding.since.is_none() {
            (self.yielding.since, self.yielding.asked) = (Some(now.mono), Some(seen));
        }
        let hold = way != GiveWay::Nothing;
        if std::mem::replace(&mut self.yielding.held, hold) != hold {
            effects.push(Effect::HoldInstallations(hold));
        }
        let critical = verdict == RulesVerdict::Halt && reason == Some(Reason::CriticallyHot);
        let late = self.yielding.since.is_some_and(|since| now.mono.since(since) >= AT_MOST);
        let without_gpus =
            !gpus && (gpus_snoozed || gpu_app || verdict == RulesVerdict::Less || way == GiveWay::Everything);
        let mut back = Vec::new();
        for (key, live) in &self.live {
            let meant = live.gives_way(way);
            let holds_gpus = live.task.assignment.limits.resources.gpus > 0 && without_gpus;
            let open = live.task.verdict.is_none() && live.task.phase <= Phase::Running;
            if open && ((meant && (late || critical)) || holds_gpus) {
                back.push(key.clone());
            }
        }
        let told = reason.map_or_else(|| word(&self.rules.decision().primary_reason), |reason| word(&reason));
        for key in back {
            let why = if late {
                format!(
                    "{told}: this computer has given way to its owner for {} minutes",
                    AT_MOST.as_secs() / 60
                )
            } else if critical {
                format!("{told}: this computer is critically hot")
            } else if gpus_snoozed && way != GiveWay::Everything {
                format!("{}: the owner asked for a pause of the GPUs", word(&Reason::Snoozed))
            } else if gpu_app && way != GiveWay::Everything {
                format!("{}: a program of the owner's wants the GPUs", word(&Reason::ExclusiveApp))
            } else {
                format!("{told}: this computer gives way to its owner, and a frozen task would keep the GPU")
            };
            let verdict = Verdict::HandedBack { reason: HandBack::GaveWay, message: why };
            self.task(&key, TaskInput::Stop(verdict), now, effects);
        }
        self.freeze_and_thaw(way, now, effects);
    }

    fn freeze_and_thaw(&mut self, way: GiveWay, now: Now, effects: &mut Vec<Effect>) {
        if self.yielding.again.is_some_and(|at| now.mono < at) {
            return;
        }
        self.yielding.again = None;
        for (key, live) in &mut self.live {
            let Some(container) = live.task.container.clone().filter(|_| live.is_followed()) else {
                continue;
            };
            let frozen = match (live.gives_way(way), live.ice) {
                (true, Ice::Thawed) => true,
                (false, Ice::Frozen) => false,
                (true | false, Ice::Freezing | Ice::Thawing) | (true, Ice::Frozen) | (false, Ice::Thawed) => {
                    continue;
                }
            };
            live.ice = if frozen { Ice::Freezing } else { Ice::Thawing };
            effects.push(Effect::Freeze { key: key.clone(), container, frozen });
        }
        self.note_given_back(way, now);
    }

    /// When nothing meant runs any more, the computer was given back.
    fn note_given_back(&mut self, way: GiveWay, now: Now) {
        let Some(asked) = self.yielding.asked else { return };
        let mut meant =
            self.live.values().filter(|live| live.is_followed() && live.gives_way(way)).peekable();
        if meant.peek().is_none() {
            // Nothing ran that could be measured.
            self.yielding.asked = None;
        } else if meant.all(|live| live.ice == Ice::Frozen) {
            self.yielding.asked = None;
            let ms = u64::try_from(now.mono.since(asked).as_millis()).unwrap_or(u64::MAX);
            self.yielding.times.push_back(ms);
            if self.yielding.times.len() > KEPT {
                self.yielding.times.pop_front();
            }
        }
    }

    /// The engine has frozen a container or let it go on, or could not.
    pub(super) fn froze(
        &mut self,
        key: &TaskKey,
        frozen: bool,
        answer: Result<(), EngineError>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(live) = self.live.get_mut(key) else { return };
        let expected = if frozen { Ice::Freezing } else { Ice::Thawing };
        if live.ice != expected {
            return;
        }
        match answer {
            // Somebody ended it meanwhile: it must be able to.
            Ok(()) if frozen && live.task.verdict.is_some() => {
                live.ice = Ice::Thawing;
                let container = live.task.container.clone().unwrap_or_default();
                effects.push(Effect::Freeze { key: key.clone(), container, frozen: false });
            }
            Ok(()) if live.task.verdict.is_some() => live.ice = Ice::Thawed,
            Ok(()) => {
                live.set_ice(frozen, now);
                effects.push(Effect::Persist(Box::new(live.task.clone()), Vec::new()));
            }
            Err(error) => {
                live.ice = if frozen { Ice::Thawed } else { Ice::Frozen };
                self.yielding.again = Some(now.mono.after(AGAIN));
                if error.is_outage() {
                    self.engine_checked(Err(error), now, effects);
                }
            }
        }
    }
}

impl Live {
    /// Whether its container runs or is frozen, and somebody listens to it.
    fn is_followed(&self) -> bool {
        self.task.phase == Phase::Running
            && self.task.verdict.is_none()
            && !self.parked
            && self.watched.since.is_some()
    }

    /// Whether its program computes now.
    pub(super) fn computes(&self) -> bool {
        self.is_followed() && self.ice != Ice::Frozen
    }

    fn gives_way(&self, way: GiveWay) -> bool {
        match way {
            GiveWay::Nothing => false,
            GiveWay::Network => self.task.assignment.network != NetworkNeed::None,
            GiveWay::Everything => true,
        }
    }

    /// Its container is frozen from now on, or goes on.
    pub(super) fn set_ice(&mut self, frozen: bool, now: Now) {
        if frozen {
            self.ice = Ice::Frozen;
            self.task.freeze(now.wall);
            self.stop_counting(now.mono);
        } else {
            self.ice = Ice::Thawed;
            self.task.thaw(now.wall);
            self.count_on(now.mono);
        }
    }
}
