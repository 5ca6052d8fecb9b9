//! One attempt at a task, from the pool's offer to its last word.
//!
//! ```text
//! Accepted → Preparing → Running → Collecting → Uploading → Reported → Settled
//!      └──────────┴─────────┴──────────┴── a verdict ends it early ─┘
//!                                       any phase before Reported → LeaseLost
//! ```
//! The *phase* says what is being done; the *verdict* says how the attempt ended. A verdict is set once and never
//! changed. `Settled`, `HandedBack` and `LeaseLost` are final.

use crate::ids::TaskKey;
use crate::limits::TaskLimits;
use crate::report::PhaseTimes;
use crate::resources::{MIB, Resources};
use crate::reward::Formula;
use crate::time::WallMs;
use crate::usage::TaskUsage;
use serde::{Deserialize, Serialize};

mod step;
pub use step::{TaskEffect, TaskInput};

/// The files a task starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRef {
    /// The pool's name for it.
    pub id: String,
    /// SHA-256 of the zip, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Size of the zip in bytes.
    pub size_bytes: u64,
}

/// What a task may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkNeed {
    /// Nothing.
    #[default]
    None,
    /// These public hosts.
    Hosts(Vec<String>),
}

/// A pool's offer after every field was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Task and attempt.
    pub key: TaskKey,
    /// The requester's name for it, printable.
    pub name: String,
    /// Image reference; absent means the owner's standard image.
    pub image: Option<String>,
    /// Command line; empty means the package's entry file.
    pub command: Vec<String>,
    /// Files to start with.
    pub package: Option<PackageRef>,
    /// Granted limits.
    pub limits: TaskLimits,
    /// Network wish.
    pub network: NetworkNeed,
    /// How it is paid.
    pub formula: Formula,
    /// Its place, when it is one of many.
    #[serde(default)]
    pub array: Option<ArrayPlace>,
    /// A managed function instead of a container.
    #[serde(default)]
    pub function: Option<ManagedFunction>,
}

/// A program of the metered language that needs no container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedFunction {
    /// Its source.
    pub source: String,
    /// Its input as JSON; empty means null.
    pub input: String,
}

impl ManagedFunction {
    /// Bytes of a source, and of an input.
    pub const MOST_BYTES: usize = 1 << 20;
    /// What one takes of this computer while it runs, whatever a pool says of it.
    pub const NEEDS: Resources = Resources { cpu_millis: 1000, memory_bytes: 128 * MIB, gpus: 0 };

    /// Checks both sizes.
    ///
    /// # Errors
    /// What is too large, in one sentence.
    pub fn check(&self) -> Result<(), String> {
        for (name, text) in [("source", &self.source), ("input", &self.input)] {
            if text.len() > Self::MOST_BYTES {
                return Err(format!(
                    "the {name} of a managed function has {} bytes, {} are the most",
                    text.len(),
                    Self::MOST_BYTES
                ));
            }
        }
        Ok(())
    }
}

/// The place of a sub-task among all of its array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayPlace {
    /// Counts from 0.
    pub index: u32,
    /// How many there are, 1 to [`ArrayPlace::MOST`].
    pub count: u32,
}

impl ArrayPlace {
    /// Sub-tasks of one array.
    pub const MOST: u32 = 1000;

    /// A place within bounds.
    #[must_use]
    pub fn new(index: u32, count: u32) -> Option<Self> {
        (index < count && count <= Self::MOST).then_some(Self { index, count })
    }
}

/// Kind of a failure, told to the pool and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The program ended with a code other than 0.
    ExitCode,
    /// It, or a part of it, was ended for want of memory.
    OutOfMemory,
    /// It ran out of time.
    TimedOut,
    /// It wrote more than it was granted.
    DiskLimit,
    /// Its package is damaged, hostile or has nothing to start.
    Package,
    /// Its image cannot be had or is not allowed.
    Image,
    /// The container engine failed.
    Engine,
    /// Its outputs cannot be taken.
    Result,
}

impl FailureClass {
    /// Short stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ExitCode => "exit_code",
            Self::OutOfMemory => "out_of_memory",
            Self::TimedOut => "timed_out",
            Self::DiskLimit => "disk_limit",
            Self::Package => "package",
            Self::Image => "image",
            Self::Engine => "engine",
            Self::Result => "result",
        }
    }
}

/// Who cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The requester.
    Requester,
    /// The pool, because the requester's balance ran out.
    InsufficientFunds,
}

/// Why an attempt was handed back without fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandBack {
    /// The owner stopped this task or contributing.
    OwnerStopped,
    /// The worker is ending.
    ShuttingDown,
    /// The engine is gone.
    EngineLost,
    /// This computer cannot run it.
    CannotRun,
    /// This computer gave way to its owner for too long, or the task cannot be frozen.
    GaveWay,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Verdict {
    /// Exit code 0.
    Succeeded,
    /// It failed.
    Failed {
        /// Kind of failure.
        class: FailureClass,
        /// Exit code where the program ended by itself.
        exit_code: Option<i64>,
        /// One plain sentence.
        message: String,
    },
    /// It was cancelled; pay accrued so far is due.
    Cancelled {
        /// By whom.
        by: CancelledBy,
    },
    /// It was handed back; nothing is due.
    HandedBack {
        /// Why.
        reason: HandBack,
        /// One plain sentence.
        message: String,
    },
}

impl Verdict {
    /// Short stable word for lists and filters.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed { class: FailureClass::TimedOut, .. } => "timed_out",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::HandedBack { .. } => "handed_back",
        }
    }

    /// Exit code of the program, where it ended by itself.
    #[must_use]
    pub fn exit_code(&self) -> Option<i64> {
        match self {
            Self::Succeeded => Some(0),
            Self::Failed { exit_code, .. } => *exit_code,
            Self::Cancelled { .. } | Self::HandedBack { .. } => None,
        }
    }

    fn keeps_outputs(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed { .. })
    }
}

/// What is being done for the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Written down, not begun.
    Accepted,
    /// Package, image and container are made ready.
    Preparing,
    /// The container runs, or is being stopped once there is a verdict.
    Running,
    /// Outputs are gathered.
    Collecting,
    /// Outputs and report are sent until the pool has them durably.
    Uploading,
    /// The pool has everything; its ledger has not spoken yet.
    Reported,
    /// Final: the pool has paid or decided not to.
    Settled,
    /// Final: handed back.
    HandedBack,
    /// Final: the pool gave it to somebody else or no longer knows it.
    LeaseLost,
}

impl Phase {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::HandedBack | Self::LeaseLost)
    }

    /// Whether the attempt occupies CPU and memory, or is about to.
    #[must_use]
    pub fn occupies(self) -> bool {
        matches!(self, Self::Accepted | Self::Preparing | Self::Running | Self::Collecting)
    }
}

/// Outputs waiting on our disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFile {
    /// SHA-256 of the zip, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Files in it.
    pub entries: u32,
}

/// The pool's word about pay, in whole CPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Amount.
    pub cpt: u64,
    /// Whether the pool's ledger has moved it for good.
    pub settled: bool,
}

/// The journal's row of one attempt: everything needed to go on after a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What was asked.
    pub assignment: Assignment,
    /// What is being done.
    pub phase: Phase,
    /// How it ended, once known.
    pub verdict: Option<Verdict>,
    /// The engine's id of our container.
    pub container: Option<String>,
    /// Digest or image id that really runs.
    pub image_digest: Option<String>,
    /// What it used.
    pub usage: TaskUsage,
    /// How long its phases took so far.
    #[serde(default)]
    pub times: PhaseTimes,
    /// Outputs on our disk.
    pub result: Option<ResultFile>,
    /// The pool's word about pay.
    pub credit: Option<Credit>,
    /// Accepted at.
    pub accepted_at: WallMs,
    /// Container started at.
    pub started_at: Option<WallMs>,
    /// Verdict known at.
    pub ended_at: Option<WallMs>,
    /// Final at.
    pub closed_at: Option<WallMs>,
    /// Identifiers of the GPUs that belong to it while it occupies this computer.
    #[serde(default)]
    pub gpus: Vec<String>,
    /// How long its container was frozen, in milliseconds; what goes on now is not in it.
    #[serde(default)]
    pub frozen_ms: u64,
    /// Since when its container is frozen.
    #[serde(default)]
    pub frozen_at: Option<WallMs>,
    /// Whom the pool pays for it, `name@pool`; empty where the pool tells nobody what its ledger holds.
    #[serde(default)]
    pub earner: String,
    /// Whether the pool had forgotten this computer while the pay was open.
    #[serde(default)]
    pub orphaned: bool,
}

impl Task {
    /// A freshly accepted attempt.
    #[must_use]
    pub fn accept(assignment: Assignment, now: WallMs) -> Self {
        Self {
            assignment,
            phase: Phase::Accepted,
            verdict: None,
            container: None,
            image_digest: None,
            usage: TaskUsage::default(),
            times: PhaseTimes::default(),
            result: None,
            credit: None,
            accepted_at: now,
            started_at: None,
            ended_at: None,
            closed_at: None,
            gpus: Vec::new(),
            frozen_ms: 0,
            frozen_at: None,
            earner: String::new(),
            orphaned: false,
        }
    }

    /// Its container was frozen.
    pub fn freeze(&mut self, now: WallMs) {
        self.frozen_at.get_or_insert(now);
    }

    /// Its container goes on, or has ended.
    pub fn thaw(&mut self, now: WallMs) {
        self.frozen_ms = self.frozen_until(now);
        self.frozen_at = None;
    }

    /// How long it was frozen up to now, in milliseconds of wall time.
    #[must_use]
    pub fn frozen_until(&self, now: WallMs) -> u64 {
        let present = self.frozen_at.map_or(0, |at| now.0.saturating_sub(at.0));
        self.frozen_ms.saturating_add(u64::try_from(present).unwrap_or(0))
    }

    /// Task and attempt.
    #[must_use]
    pub fn key(&self) -> &TaskKey {
        &self.assignment.key
    }

    /// Our own estimate of the pay in CPT, by the pool's formula and our measurements.
    #[must_use]
    pub fn estimate(&self) -> u64 {
        if self.started_at.is_none() || matches!(self.verdict, Some(Verdict::HandedBack { .. })) {
            return 0;
        }
        let active = std::time::Duration::from_millis(self.usage.active_ms);
        crate::reward::reward(self.assignment.formula, self.usage.average(&self.assignment.limits), active)
    }
}
