//! The failure breaker: a computer on which task after task fails by no fault of theirs stops taking them.
//!
//! Only what this computer, its engine or its disk did wrong counts. A program that ends with an error does not: one
//! requester with broken programs could otherwise stop every computer of a pool.

use crate::task::{FailureClass, HandBack, Task, Verdict};
use crate::time::Mono;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many in a row stop the work.
const ROW: usize = 5;
/// The longest pause after a failure.
const LONGEST_S: u64 = 1024;

/// What of this computer made a task fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The container engine.
    Engine,
    /// The owner's standard image cannot be had.
    Image,
    /// Our own disk.
    Disk,
    /// The GPUs that this computer offers cannot be given.
    Gpu,
}

impl Fault {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Engine, Self::Image, Self::Disk, Self::Gpu];
}

/// What an ended attempt says about this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Its container ran to an end here: the computer is sound.
    Sound,
    /// The computer failed it.
    Failed(Fault),
    /// Nothing: the owner, the pool or the task itself ended it before that could be seen.
    Silent,
}

/// Judges an attempt that has ended. `standard_image` is the owner's.
#[must_use]
pub fn trial(task: &Task, standard_image: &str) -> Trial {
    if task.assignment.function.is_some() {
        // It says nothing about the engine that the others need; of the disk it does.
        let disk = matches!(&task.verdict, Some(Verdict::HandedBack { reason: HandBack::CannotRun, message })
            if message.starts_with("DISK_LOW"));
        return if disk { Trial::Failed(Fault::Disk) } else { Trial::Silent };
    }
    let ran = if task.started_at.is_some() { Trial::Sound } else { Trial::Silent };
    match &task.verdict {
        None => Trial::Silent,
        Some(Verdict::Succeeded) => Trial::Sound,
        Some(Verdict::Failed { class, .. }) => match class {
            FailureClass::Engine => Trial::Failed(Fault::Engine),
            // An image that the requester named may not exist anywhere.
            FailureClass::Image if names_standard(task.assignment.image.as_deref(), standard_image) => {
                Trial::Failed(Fault::Image)
            }
            FailureClass::Image | FailureClass::Package => Trial::Silent,
            FailureClass::ExitCode
            | FailureClass::OutOfMemory
            | FailureClass::TimedOut
            | FailureClass::DiskLimit
            | FailureClass::Result => ran,
        },
        Some(Verdict::Cancelled { .. }) => Trial::Silent,
        Some(Verdict::HandedBack { reason, message }) => match reason {
            HandBack::EngineLost => Trial::Failed(Fault::Engine),
            HandBack::CannotRun => match message.split(':').next() {
                Some("DISK_LOW") => Trial::Failed(Fault::Disk),
                Some("GPU_UNAVAILABLE") => Trial::Failed(Fault::Gpu),
                Some("ENGINE_FAILED") => Trial::Failed(Fault::Engine),
                // What the owner does not allow is no fault.
                Some(_) | None => Trial::Silent,
            },
            HandBack::OwnerStopped | HandBack::ShuttingDown | HandBack::GaveWay => Trial::Silent,
        },
    }
}

fn names_standard(image: Option<&str>, standard: &str) -> bool {
    image.is_none_or(|image| {
        let rest = image.strip_prefix(standard);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
    })
}

/// Counts failures of this computer in a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breaker {
    /// The present row, with what was said of the last of each kind.
    row: Vec<Fault>,
    said: BTreeMap<Fault, String>,
    /// How often each failed since something went well. Outlives a resume, so that the pauses go on growing.
    failures: BTreeMap<Fault, u32>,
    open: bool,
    pause: Option<Mono>,
    /// When the last that counted failed.
    last: Option<Mono>,
}

impl Breaker {
    /// Notes how an attempt that was accepted at `began` ended; says whether the work stops with it. What was under way
    /// when another failed is no second try: an engine that goes down takes all of them along.
    pub fn note(&mut self, trial: Trial, said: &str, began: Mono, now: Mono) -> bool {
        match trial {
            Trial::Silent => false,
            Trial::Failed(_) if self.last.is_some_and(|last| began <= last) => false,
            Trial::Sound => {
                *self = Self { open: self.open, row: std::mem::take(&mut self.row), ..Self::default() };
                if !self.open {
                    self.row.clear();
                }
                false
            }
            Trial::Failed(fault) => {
                let failures = self.failures.entry(fault).or_default();
                *failures = failures.saturating_add(1);
                let seconds = 1_u64.checked_shl(*failures).map_or(LONGEST_S, |s| s.min(LONGEST_S));
                let until = now.after(Duration::from_secs(seconds));
                self.pause = Some(self.pause.map_or(until, |other| other.max(until)));
                self.last = Some(now);
                self.said.insert(fault, said.to_owned());
                self.row.push(fault);
                self.row.drain(..self.row.len().saturating_sub(ROW));
                let opens = !self.open && self.row.len() >= ROW;
                self.open |= opens;
                opens
            }
        }
    }

    /// The owner says to go on. The row begins anew; the pauses go on growing until something goes well.
    pub fn resume(&mut self) {
        self.open = false;
        self.row.clear();
        self.pause = None;
    }

    /// What failed most in the row that stopped the work, while it is stopped, and what was said of it last.
    #[must_use]
    pub fn open(&self) -> Option<(Fault, &str)> {
        let count = |fault: Fault| self.row.iter().filter(|f| **f == fault).count();
        let worst = Fault::ALL.into_iter().rev().max_by_key(|fault| count(*fault))?;
        self.open.then(|| (worst, self.said.get(&worst).map_or("", String::as_str)))
    }

    /// For how long nothing is begun after the last failure.
    #[must_use]
    pub fn pause(&self, now: Mono) -> Option<Duration> {
        self.pause.filter(|until| *until > now).map(|until| until.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{TaskId, TaskKey};
    use crate::limits::TaskLimits;
    use crate::reward::Formula;
    use crate::task::{Assignment, CancelledBy, NetworkNeed};
    use crate::time::WallMs;

    fn at(seconds: u64) -> Mono {
        Mono(Duration::from_secs(seconds))
    }

    fn ended(image: Option<&str>, started: bool, verdict: Verdict) -> Task {
        let assignment = Assignment {
            key: TaskKey { task: TaskId::new("t").unwrap(), attempt: 1 },
            name: "t".into(),
            image: image.map(str::to_owned),
            command: Vec::new(),
            package: None,
            limits: TaskLimits::default(),
            network: NetworkNeed::None,
            formula: Formula::V2,
            array: None,
            function: None,
        };
        let mut task = Task::accept(assignment, WallMs(0));
        task.started_at = started.then_some(WallMs(1));
        task.verdict = Some(verdict);
        task
    }

    fn failed(class: FailureClass) -> Verdict {
        Verdict::Failed { class, exit_code: None, message: "why".into() }
    }

    fn back(reason: HandBack, message: &str) -> Verdict {
        Verdict::HandedBack { reason, message: message.into() }
    }

    #[test]
    fn only_what_is_this_computers_fault_counts() {
        use Trial::{Failed, Silent, Sound};
        let own = "justin308/hivemind-worker";
        let tagged = "justin308/hivemind-worker:2";
        let cases = [
            (None, false, failed(FailureClass::Engine), Failed(Fault::Engine)),
            (None, true, failed(FailureClass::Engine), Failed(Fault::Engine)),
            (None, false, failed(FailureClass::Image), Failed(Fault::Image)),
            (Some(tagged), false, failed(FailureClass::Image), Failed(Fault::Image)),
            (Some("justin308/hivemind-worker-2"), false, failed(FailureClass::Image), Silent),
            (Some("nobody/has:this"), false, failed(FailureClass::Image), Silent),
            (None, false, failed(FailureClass::Package), Silent),
            (None, true, failed(FailureClass::ExitCode), Sound),
            (None, true, failed(FailureClass::TimedOut), Sound),
            (None, true, failed(FailureClass::OutOfMemory), Sound),
            (None, true, failed(FailureClass::DiskLimit), Sound),
            (None, true, failed(FailureClass::Result), Sound),
            (None, true, Verdict::Succeeded, Sound),
            (None, true, Verdict::Cancelled { by: CancelledBy::Requester }, Silent),
            (None, true, back(HandBack::EngineLost, "gone"), Failed(Fault::Engine)),
            (None, false, back(HandBack::CannotRun, "DISK_LOW: full"), Failed(Fault::Disk)),
            (None, false, back(HandBack::CannotRun, "GPU_UNAVAILABLE: no"), Failed(Fault::Gpu)),
            (None, false, back(HandBack::CannotRun, "ENGINE_FAILED: no"), Failed(Fault::Engine)),
            (None, false, back(HandBack::CannotRun, "IMAGE_REFUSED: no"), Silent),
            (None, false, back(HandBack::CannotRun, "DEPENDENCIES_UNAVAILABLE: never"), Silent),
            (None, true, back(HandBack::OwnerStopped, ""), Silent),
            (None, true, back(HandBack::GaveWay, "in_use"), Silent),
            (None, true, back(HandBack::ShuttingDown, ""), Silent),
        ];
        for (image, started, verdict, expected) in cases {
            let told = trial(&ended(image, started, verdict.clone()), own);
            assert_eq!(told, expected, "{image:?} {verdict:?}");
        }
    }

    #[test]
    fn five_in_a_row_stop_the_work_and_the_most_frequent_is_named() {
        let mut breaker = Breaker::default();
        let faults = [Fault::Disk, Fault::Engine, Fault::Disk, Fault::Engine];
        for (fault, second) in faults.into_iter().zip(1..) {
            assert!(!breaker.note(Trial::Failed(fault), "first", at(second), at(second)));
        }
        assert!(!breaker.note(Trial::Silent, "", at(5), at(5)), "says nothing either way");
        assert_eq!(breaker.open(), None);
        assert!(breaker.note(Trial::Failed(Fault::Disk), "no room", at(5), at(6)));
        assert_eq!(breaker.open(), Some((Fault::Disk, "no room")));
        assert!(!breaker.note(Trial::Failed(Fault::Disk), "no room", at(7), at(7)), "told once");
        // One that ran all the while does not lift it: only the owner does.
        breaker.note(Trial::Sound, "", at(0), at(8));
        assert!(breaker.open().is_some());
        breaker.resume();
        assert_eq!((breaker.open(), breaker.pause(at(8))), (None, None));
        for second in 9..13 {
            let failed = Trial::Failed(Fault::Gpu);
            assert!(!breaker.note(failed, "", at(second), at(second)), "the row began anew");
        }
        assert!(!breaker.note(Trial::Sound, "", at(0), at(13)));
        assert!(
            !breaker.note(Trial::Failed(Fault::Gpu), "", at(14), at(14)),
            "one that went well ends the row"
        );
    }

    #[test]
    fn what_one_outage_takes_along_is_one_failure() {
        let mut breaker = Breaker::default();
        for second in 10..20 {
            assert!(!breaker.note(Trial::Failed(Fault::Engine), "gone", at(9), at(second)));
        }
        assert_eq!(breaker.pause(at(10)), Some(Duration::from_secs(2)), "one pause, the first");
        for second in [20, 30, 40] {
            assert!(!breaker.note(Trial::Failed(Fault::Engine), "gone", at(second - 1), at(second)));
        }
        assert!(
            breaker.note(Trial::Failed(Fault::Engine), "gone", at(49), at(50)),
            "five tries, one after the other"
        );
    }

    #[test]
    fn the_pause_doubles_for_each_cause_up_to_1024_seconds() {
        let mut breaker = Breaker::default();
        let mut pauses = Vec::new();
        let mut now = 1;
        for _ in 0..13 {
            breaker.note(Trial::Failed(Fault::Engine), "", at(now), at(now));
            pauses.push(breaker.pause(at(now)).expect("a pause").as_secs());
            now += 2000;
            assert_eq!(breaker.pause(at(now)), None);
            breaker.resume();
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024, 1024]);
        breaker.note(Trial::Failed(Fault::Disk), "", at(now), at(now));
        assert_eq!(breaker.pause(at(now)), Some(Duration::from_secs(2)), "another cause counts by itself");
        breaker.note(Trial::Sound, "", at(now), at(now));
        assert_eq!(breaker.pause(at(now)), None);
    }
}
