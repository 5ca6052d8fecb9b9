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
        id: "P1N",
        what: "the same at a pool of the live network, by pull and by push: memory (PSS)",
        limits: &[at_most(12.0, 8.0, "MiB"), at_most(12.0, 8.0, "MiB")],
    },
    Goal {
        id: "P2N",
        what: "the same at a pool of the live network, by pull and by push: processor time and wakeups",
        limits: &[
            at_most(0.08, 0.04, "% of a core"),
            at_most(3.5, 2.0, "wakeups/s"),
            at_most(0.08, 0.04, "% of a core"),
            at_most(3.5, 2.0, "wakeups/s"),
        ],
    },
    Goal {
        id: "P3",
        what: "worker with tray, window closed, also after 50 openings: memory (PSS) of the process tree",
        limits: &[at_most(14.0, 9.0, "MiB")],
    },
    Goal {
        id: "P4",
        what: "window with live charts: memory (PSS) of its process tree, as a ratio to an empty Tauri window",
        limits: &[at_most(1.25, 1.15, "×")],
    },
    Goal {
        id: "P5",
        what: "click until the window is painted, as a ratio to an empty Tauri window; the worker's growth over 50 openings",
        limits: &[at_most(1.5, 1.2, "×"), at_most(2.0, 1.0, "% of PSS")],
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
    Goal {
        id: "P9",
        what: "the worker's own time per task, outside calls to the engine",
        limits: &[at_most(10.0, 4.0, "ms (p50)")],
    },
    Goal {
        id: "P10",
        what: "the engine's word of a container's end until the request for its outputs",
        limits: &[at_most(5.0, 2.0, "ms (p50)")],
    },
    Goal {
        id: "P11",
        what: "a batch of short tasks, as a ratio to the same on the bare engine (0.90 of its tasks per minute)",
        limits: &[
            at_most(1.11, 1.05, "× (1 at once)"),
            at_most(1.11, 1.05, "× (2 at once)"),
            at_most(1.11, 1.05, "× (4 at once)"),
            at_most(1.11, 1.05, "× (8 at once)"),
        ],
    },
    Goal { id: "P12", what: "calls to the engine's API per task", limits: &[at_most(8.0, 6.0, "calls")] },
    Goal {
        id: "P13",
        what: "a result's upload, as a ratio to a bare client that streams and hashes the same file",
        limits: &[at_most(1.0 / 0.85, 1.0 / 0.92, "× (time)")],
    },
    Goal {
        id: "P14",
        what: "memory above idle with a large result (flat: at most 4 MiB up or down)",
        limits: &[
            at_most(24.0, 16.0, "MiB (10 MiB)"),
            at_most(24.0, 16.0, "MiB (1 GiB)"),
            at_most(24.0, 16.0, "MiB (10 GiB)"),
            at_most(8.0, 4.0, "MiB (spread)"),
        ],
    },
    Goal {
        id: "P15",
        what: "bytes sent again after a cut at a random offset of an upload of 1 GiB",
        limits: &[at_most(4.0, 1.0, "MiB")],
    },
    Goal {
        id: "P16",
        what: "a long log, as a ratio to a bare reader (0.8 of its lines per second); memory above idle with 1 GiB",
        limits: &[at_most(1.25, 1.11, "× (time)"), at_most(16.0, 8.0, "MiB")],
    },
    Goal {
        id: "P17",
        what: "one reading of the computer's use: processor time, and processes started for it",
        limits: &[at_most(0.5, 0.15, "ms"), at_most(0.0, 0.0, "ticks of children")],
    },
    Goal {
        id: "P18",
        what: "31 days of readings on disk; writes while idle",
        limits: &[at_most(8.0, 3.0, "MB"), at_most(1.0, 1.0, "per minute")],
    },
    Goal {
        id: "P19",
        what: "a pool that was away for 1 s, 1 min and 1 h: until a worker is registered again (95 % of them)",
        limits: &[
            at_most(3.0, 2.0, "s (1 s away)"),
            at_most(25.0, 24.0, "s (1 min away)"),
            at_most(25.0, 24.0, "s (1 h away)"),
        ],
    },
    Goal {
        id: "P20",
        what: "500 workers whose pool comes back: most registrations within any second",
        limits: &[at_most(10.0, 7.0, "% of them")],
    },
    Goal {
        id: "P21",
        what: "scrolling 10,000 rows and 100,000 lines: work of 95 % of frames; elements in the page",
        limits: &[
            at_most(16.7, 16.7, "ms (rows)"),
            at_most(33.0, 16.7, "ms (lines)"),
            at_most(400.0, 400.0, "elements"),
        ],
    },
    Goal { id: "P22", what: "first load of the UI, packed", limits: &[at_most(120.0, 80.0, "kB")] },
    Goal {
        id: "P23",
        what: "the local pool with 1,000 simulated workers: a heartbeat each second",
        limits: &[at_most(100.0, 33.0, "ms (p99)")],
    },
    Goal {
        id: "P24",
        what: "giving the computer back: from a signal until every task's container is frozen, 200 times each",
        limits: &[
            at_most(500.0, 200.0, "ms (p95, 1 busy)"),
            at_most(500.0, 200.0, "ms (p95, 4 busy)"),
            at_most(500.0, 200.0, "ms (p95, 8 busy)"),
        ],
    },
    Goal {
        id: "L5",
        what: "the private link inside the worker: 1 Gbit through it (400 Mbit/s are 2.5 s), what it costs idle and after 20 busy connections, and how soon a pool that started anew is noticed",
        limits: &[
            at_most(2.5, 1.25, "s/Gbit (up, 1)"),
            at_most(2.5, 1.25, "s/Gbit (down, 1)"),
            at_most(5.0, 2.5, "s/Gbit (up, 20)"),
            at_most(5.0, 2.5, "s/Gbit (down, 20)"),
            at_most(8.0, 6.0, "MiB (idle)"),
            at_most(24.0, 16.0, "MiB (after 20)"),
            at_most(1.5, 1.0, "wakeups/s (idle)"),
            at_most(3.0, 2.0, "s (pool started anew)"),
        ],
    },
    Goal {
        id: "L6",
        what: "the private link inside the worker over 40 ms there and back: how many times as fast the system's own TCP (Cubic) is over the same line; with loss, and where only small packets or only 20 Mbit/s get through",
        limits: &[
            at_most(2.0, 1.0, "times (up)"),
            at_most(2.0, 1.0, "times (down)"),
            at_most(2.0, 1.0, "times (up, loss)"),
            at_most(2.0, 1.0, "times (down, loss)"),
            at_most(2.0, 1.0, "times (up, 1280)"),
            at_most(2.0, 1.0, "times (down, 1280)"),
            at_most(2.0, 1.0, "times (up, 1380)"),
            at_most(2.0, 1.0, "times (down, 1380)"),
            at_most(2.0, 1.0, "times (up, narrow)"),
            at_most(2.0, 1.0, "times (down, narrow)"),
        ],
    },
    Goal {
        id: "M1",
        what: "a managed function that uses up what it may, a million operations: processor time of its thread",
        limits: &[at_most(1.0, 0.5, "s (the dearest program)")],
    },
    Goal {
        id: "N50",
        what: "50 tasks at once: what each costs the worker",
        limits: &[at_most(400.0, 200.0, "KiB"), at_most(0.0, 0.0, "processes")],
    },
];
