//! The transition function of [`Task`]. The table stands in `docs/behaviour.md`.

use super::{Credit, FailureClass, HandBack, Phase, ResultFile, Task, Verdict};
use crate::limits::TaskLimits;
use crate::report::PhaseTimes;
use crate::resources::MIB;
use crate::time::WallMs;

/// What can happen to an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskInput {
    /// Begin: the acceptance is on disk.
    Begin,
    /// Package, image and container are ready.
    Prepared {
        /// The engine's id of the container.
        container: String,
        /// Digest or image id.
        image_digest: String,
    },
    /// The container runs.
    Started,
    /// The container ended by itself, or after a stop.
    Exited {
        /// Exit code.
        code: i64,
        /// Whether the engine saw it, or a child of it, run out of memory.
        out_of_memory: bool,
    },
    /// A step failed for good.
    Failed {
        /// Kind of failure.
        class: FailureClass,
        /// One plain sentence.
        message: String,
    },
    /// Somebody ends it early.
    Stop(Verdict),
    /// The container is certainly not running any more and has no exit code worth keeping.
    Stopped,
    /// A step took so long; added to what its phase took before.
    Took(PhaseTimes),
    /// Outputs are on our disk.
    Collected(ResultFile),
    /// The pool has report and outputs durably.
    Acknowledged(Credit),
    /// The outputs are gone or damaged, in the container or on our disk, as this sentence says.
    ResultLost(String),
    /// The pool took the hand-back.
    HandBackTaken,
    /// The pool no longer counts on this attempt.
    Revoked,
    /// This program falls over it, as this sentence says: whatever comes next for it is not tried any more.
    GivenUp(String),
}

/// What has to be done, after the new state was written to the journal where it changes anything outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEffect {
    /// Fetch and check the package, pin the image, create the container.
    Prepare,
    /// Start the container and follow it.
    Run,
    /// End whatever goes on for it; answered with `Exited` or `Stopped`.
    Halt,
    /// Gather outputs into the spool.
    Collect,
    /// Send report and outputs until acknowledged.
    Submit,
    /// Hand the attempt back until the pool took it.
    HandBack,
    /// Ask the pool now and then whether the pay has moved.
    AwaitSettlement,
    /// Remove container and volume.
    RemoveContainer,
    /// Remove package and outputs from our disk.
    RemoveFiles,
}

impl Task {
    /// One step. What does not fit the present phase changes nothing and asks for nothing.
    pub fn step(&mut self, input: TaskInput, now: WallMs) -> Vec<TaskEffect> {
        use TaskEffect as E;
        match (self.phase, input) {
            (Phase::Accepted, TaskInput::Begin) => self.go(Phase::Preparing, vec![E::Prepare]),
            (Phase::Preparing, TaskInput::Prepared { container, image_digest }) => {
                self.container = Some(container);
                self.image_digest = Some(image_digest);
                if self.verdict.is_some() {
                    return vec![E::Halt];
                }
                self.go(Phase::Running, vec![E::Run])
            }
            (Phase::Running, TaskInput::Started) => {
                self.started_at.get_or_insert(now);
                Vec::new()
            }
            (Phase::Running, TaskInput::Exited { code, out_of_memory }) => {
                self.started_at.get_or_insert(now);
                self.conclude(exit_verdict(code, out_of_memory, &self.assignment.limits), now);
                self.after_container()
            }
            (Phase::Preparing | Phase::Running, TaskInput::Stopped) if self.verdict.is_some() => {
                self.after_container()
            }
            (Phase::Accepted | Phase::Preparing | Phase::Running, TaskInput::Failed { class, message }) => {
                self.conclude(Verdict::Failed { class, exit_code: None, message }, now);
                let mut effects = self.after_verdict();
                effects.push(E::RemoveContainer);
                effects
            }
            (Phase::Collecting, TaskInput::Failed { class, message }) => {
                // The program's own verdict stands unless it succeeded: outputs that cannot be had are no success.
                if self.verdict == Some(Verdict::Succeeded) {
                    self.verdict = Some(Verdict::Failed { class, exit_code: Some(0), message });
                }
                self.go(Phase::Uploading, vec![E::Submit, E::RemoveContainer])
            }
            (Phase::Accepted, TaskInput::Stop(verdict)) => {
                self.conclude(verdict, now);
                self.after_verdict()
            }
            (Phase::Preparing | Phase::Running, TaskInput::Stop(verdict)) if self.verdict.is_none() => {
                self.conclude(verdict, now);
                vec![E::Halt]
            }
            (phase, TaskInput::GivenUp(message)) => self.give_up(phase, message, now),
            (phase, TaskInput::Took(times)) if !phase.is_final() => {
                self.times = self.times.plus(times);
                Vec::new()
            }
            (Phase::Collecting, TaskInput::Collected(result)) => {
                self.result = Some(result);
                self.go(Phase::Uploading, vec![E::Submit, E::RemoveContainer])
            }
            (Phase::Uploading | Phase::Reported, TaskInput::Acknowledged(credit)) => {
                self.credit = Some(credit);
                if credit.settled {
                    self.close(Phase::Settled, now, vec![E::RemoveFiles])
                } else {
                    self.go(Phase::Reported, vec![E::RemoveFiles, E::AwaitSettlement])
                }
            }
            (Phase::Collecting, TaskInput::ResultLost(message)) => {
                let told = self.lose_outputs(message);
                self.go(Phase::Uploading, vec![told, E::RemoveContainer])
            }
            // The work is lost, and the task is not to blame: it begins again elsewhere, or here.
            (Phase::Uploading, TaskInput::ResultLost(message)) if self.result.is_some() => {
                self.result = None;
                self.verdict = Some(Verdict::HandedBack { reason: HandBack::CannotRun, message });
                self.go(Phase::Uploading, vec![E::HandBack])
            }
            (Phase::Uploading, TaskInput::HandBackTaken)
                if matches!(self.verdict, Some(Verdict::HandedBack { .. })) =>
            {
                self.close(Phase::HandedBack, now, vec![E::RemoveFiles])
            }
            (phase, TaskInput::Revoked) if !phase.is_final() && phase != Phase::Reported => {
                let mut effects = vec![E::RemoveContainer, E::RemoveFiles];
                if phase <= Phase::Running {
                    effects.insert(0, E::Halt);
                }
                self.close(Phase::LeaseLost, now, effects)
            }
            (
                _,
                TaskInput::Begin
                | TaskInput::Prepared { .. }
                | TaskInput::Started
                | TaskInput::Exited { .. }
                | TaskInput::Failed { .. }
                | TaskInput::Stop(_)
                | TaskInput::Stopped
                | TaskInput::Took(_)
                | TaskInput::Collected(_)
                | TaskInput::Acknowledged(_)
                | TaskInput::ResultLost(_)
                | TaskInput::HandBackTaken
                | TaskInput::Revoked,
            ) => Vec::new(),
        }
    }

    /// The next step is what ends this program every time. Another one follows that makes less of it: hand it back; where
    /// even that was tried, leave it to its lease. A result that the pool has is not touched.
    fn give_up(&mut self, phase: Phase, message: String, now: WallMs) -> Vec<TaskEffect> {
        use TaskEffect as E;
        let back = Verdict::HandedBack { reason: HandBack::CannotRun, message };
        let was_going_back = matches!(self.verdict, Some(Verdict::HandedBack { .. }));
        match phase {
            Phase::Accepted => {
                self.conclude(back, now);
                self.after_verdict()
            }
            Phase::Preparing | Phase::Running if self.verdict.is_none() => {
                self.conclude(back, now);
                vec![E::Halt]
            }
            Phase::Uploading if was_going_back => {
                self.close(Phase::LeaseLost, now, vec![E::RemoveContainer, E::RemoveFiles])
            }
            Phase::Preparing | Phase::Running | Phase::Collecting | Phase::Uploading => {
                self.conclude(back.clone(), now);
                self.result = None;
                self.verdict = Some(back);
                self.go(Phase::Uploading, vec![E::HandBack, E::RemoveContainer])
            }
            Phase::Reported | Phase::Settled | Phase::HandedBack | Phase::LeaseLost => Vec::new(),
        }
    }

    /// What to do for this attempt after a restart, when the engine was asked whether its container exists.
    #[must_use]
    pub fn resume(&self, container_exists: bool) -> Vec<TaskEffect> {
        use TaskEffect as E;
        match self.phase {
            Phase::Accepted | Phase::Preparing if self.verdict.is_some() => vec![E::Halt],
            Phase::Accepted | Phase::Preparing => vec![E::Prepare],
            Phase::Running if self.verdict.is_some() => vec![E::Halt],
            Phase::Running if container_exists => vec![E::Run],
            // Its container is gone and took the work along: begin again within the same attempt.
            Phase::Running => vec![E::Prepare],
            Phase::Collecting if container_exists => vec![E::Collect],
            Phase::Collecting => vec![E::Submit],
            Phase::Uploading if matches!(self.verdict, Some(Verdict::HandedBack { .. })) => vec![E::HandBack],
            Phase::Uploading => vec![E::Submit],
            Phase::Reported => vec![E::RemoveFiles, E::AwaitSettlement],
            Phase::Settled | Phase::HandedBack | Phase::LeaseLost => vec![E::RemoveContainer, E::RemoveFiles],
        }
    }

    /// Brings the phase back to where [`Self::resume`] starts again.
    pub fn rewind(&mut self, container_exists: bool) {
        match self.phase {
            Phase::Accepted => self.phase = Phase::Preparing,
            Phase::Running if !container_exists && self.verdict.is_none() => {
                self.phase = Phase::Preparing;
                self.container = None;
                self.started_at = None;
                self.usage = crate::usage::TaskUsage::default();
                (self.frozen_ms, self.frozen_at) = (0, None);
            }
            Phase::Collecting if !container_exists => {
                self.phase = Phase::Uploading;
                self.lose_outputs("the container was gone before its outputs were taken".into());
            }
            Phase::Preparing
            | Phase::Running
            | Phase::Collecting
            | Phase::Uploading
            | Phase::Reported
            | Phase::Settled
            | Phase::HandedBack
            | Phase::LeaseLost => {}
        }
    }

    fn go(&mut self, phase: Phase, effects: Vec<TaskEffect>) -> Vec<TaskEffect> {
        self.phase = phase;
        effects
    }

    fn close(&mut self, phase: Phase, now: WallMs, effects: Vec<TaskEffect>) -> Vec<TaskEffect> {
        self.closed_at = Some(now);
        self.go(phase, effects)
    }

    fn conclude(&mut self, verdict: Verdict, now: WallMs) {
        self.thaw(now);
        self.verdict.get_or_insert(verdict);
        self.ended_at.get_or_insert(now);
    }

    /// The outputs were lost with the container, for which the task is not to blame. What is told to the pool now: a
    /// program's own failure stands, a success without its outputs is none.
    fn lose_outputs(&mut self, message: String) -> TaskEffect {
        if self.verdict != Some(Verdict::Succeeded) {
            return TaskEffect::Submit;
        }
        self.verdict = Some(Verdict::HandedBack { reason: HandBack::EngineLost, message });
        TaskEffect::HandBack
    }

    /// The container has ended: gather what is worth it.
    fn after_container(&mut self) -> Vec<TaskEffect> {
        if self.started_at.is_some() && self.verdict.as_ref().is_some_and(Verdict::keeps_outputs) {
            return self.go(Phase::Collecting, vec![TaskEffect::Collect]);
        }
        let mut effects = self.after_verdict();
        effects.push(TaskEffect::RemoveContainer);
        effects
    }

    fn after_verdict(&mut self) -> Vec<TaskEffect> {
        let effect = if matches!(self.verdict, Some(Verdict::HandedBack { .. })) {
            TaskEffect::HandBack
        } else {
            TaskEffect::Submit
        };
        self.go(Phase::Uploading, vec![effect])
    }
}

/// 128 + SIGXFSZ: the code of a program that was ended because one file grew too large, and of a container whose
/// files together did.
const DISK_LIMIT_CODE: i64 = 153;

fn exit_verdict(code: i64, out_of_memory: bool, limits: &TaskLimits) -> Verdict {
    match (code, out_of_memory) {
        (DISK_LIMIT_CODE, _) => Verdict::Failed {
            class: FailureClass::DiskLimit,
            exit_code: Some(code),
            message: format!(
                "the task kept more on disk than the {} MiB it was granted, or too many files",
                limits.disk_bytes / MIB
            ),
        },
        (0, false) => Verdict::Succeeded,
        (code, true) => Verdict::Failed {
            class: FailureClass::OutOfMemory,
            exit_code: Some(code),
            message: "the task needed more memory than it was granted".into(),
        },
        (code, false) => Verdict::Failed {
            class: FailureClass::ExitCode,
            exit_code: Some(code),
            message: format!("the program ended with exit code {code}"),
        },
    }
}

#[cfg(test)]
mod tests;
