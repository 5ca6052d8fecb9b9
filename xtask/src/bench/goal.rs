//! The numbers to reach. Smaller is better for each of them.

/// One number of one goal.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub unit: &'static str,
    pub gate: f64,
    pub stretch: f64,
}

/// A goal: what is measured, and its one or two numbers.
#[derive(Debug)]
pub struct Goal {
    pub id: &'static str,
    pub what: &'static str,
    pub limits: &'static [Limit],
}

const fn at_most(gate: f64, stretch: f64, unit: &'static str) -> Limit {
    Limit { unit, gate, stretch }
}

/// Every goal that is measured here.
pub const GOALS: &[Goal] = &[
    Goal {
        id: "P1",
        what: "headless worker, registered, idle: memory (PSS)",
        limits: &[at_most(12.0, 8.0, "MiB")],
    },
    Goal {
        id: "P2",
        what: "idle worker: processor time and wakeups, the 1 s heartbeat included",
        limits: &[at_most(0.08, 0.04, "% of a core"), at_most(3.5, 2.0, "wakeups/s")],
    },
    Goal {
        id: "P3",
        what: "worker with tray, window closed, also after 50 openings: memory (PSS) of the process tree",
        limits: &[at_most(14.0, 9.0, "MiB")],
    },
    Goal {
        id: "P7",
        what: "start until registered with the local pool",
        limits: &[at_most(200.0, 80.0, "ms")],
    },
    Goal {
        id: "P8",
        what: "assignment until result acknowledged, as a ratio to a raw engine cycle",
        limits: &[at_most(1.15, 1.07, "× (median)"), at_most(1.30, 1.07, "× (p95)")],
    },
    Goal { id: "P12", what: "calls to the engine's API per task", limits: &[at_most(8.0, 6.0, "calls")] },
];
