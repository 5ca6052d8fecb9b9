//! Random lives of tasks: whatever happens, no CPT is made or lost, nobody owes, and an ended attempt stays ended.

use super::*;
use crate::database::tests::blank;
use crate::ledger::{self, Account};
use crate::nodes::{self, Registration};
use crate::users;
use hivemind_domain::ids::{InstallId, NodeId};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{CancelledBy, FailureClass, Verdict};
use hivemind_domain::usage::TaskUsage;
use proptest::prelude::*;
use rusqlite::Transaction;

const TASKS: usize = 3;
const NODES: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Assign {
        task: usize,
        node: usize,
    },
    Report {
        task: usize,
        back: u32,
        node: usize,
        percent: f64,
        hours: u64,
    },
    Finish {
        task: usize,
        back: u32,
        node: usize,
        verdict: Verdict,
        percent: f64,
        hours: u64,
        hash: &'static str,
    },
    Void {
        task: usize,
        back: u32,
    },
    Cancel {
        task: usize,
        by: CancelledBy,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let use_of = || prop_oneof![0.0..120.0f64, Just(f64::MAX)];
    let verdict = prop_oneof![
        Just(Verdict::Succeeded),
        Just(Verdict::Failed { class: FailureClass::TimedOut, exit_code: None, message: String::new() }),
        Just(Verdict::Cancelled { by: CancelledBy::Requester }),
    ];
    let by = prop_oneof![Just(CancelledBy::Requester), Just(CancelledBy::InsufficientFunds)];
    let (task, node, back) = (0..TASKS, 0..NODES, 0u32..2);
    let hours = prop_oneof![0u64..4, Just(u64::MAX / 3_600_000)];
    prop_oneof![
        3 => (task.clone(), node.clone()).prop_map(|(task, node)| Step::Assign { task, node }),
        4 => (task.clone(), back.clone(), node.clone(), use_of(), hours.clone())
            .prop_map(|(task, back, node, percent, hours)| Step::Report { task, back, node, percent, hours }),
        3 => (task.clone(), back.clone(), node, verdict, use_of(), hours, prop_oneof![Just("aa"), Just("bb")])
            .prop_map(|(task, back, node, verdict, percent, hours, hash)| {
                Step::Finish { task, back, node, verdict, percent, hours, hash }
            }),
        1 => (task.clone(), back).prop_map(|(task, back)| Step::Void { task, back }),
        1 => (task, by).prop_map(|(task, by)| Step::Cancel { task, by }),
    ]
}

fn usage(percent: f64, hours: u64) -> TaskUsage {
    let (limits, ms) = (TaskLimits::default(), hours * 3_600_000);
    TaskUsage {
        active_ms: ms,
        cpu_total_ns: (ms as f64 * 1e6 * percent / 100.0) as u64,
        memory_byte_ms: limits.resources.memory_bytes as f64 * ms as f64 * percent / 100.0,
        ..TaskUsage::default()
    }
}

struct World {
    users: Vec<i64>,
    nodes: Vec<NodeId>,
    tasks: Vec<TaskId>,
}

fn world(t: &Transaction<'_>, cpt: u64, formula: Formula) -> World {
    let users = ["ann", "bob", "eve"].map(|name| users::insert(t, name, "h", cpt, 0).unwrap().id).to_vec();
    let node = |n: usize| {
        let registration = Registration {
            install: InstallId::new(format!("i{n}")).unwrap(),
            hostname: String::new(),
            worker_version: String::new(),
            capabilities: Default::default(),
        };
        nodes::register(t, users[n + 1], &registration, 0).unwrap().0
    };
    let nodes = (0..NODES).map(node).collect();
    let task = |n: usize| {
        let id = TaskId::new(format!("t{n}")).unwrap();
        let new = NewTask {
            id: id.clone(),
            owner: users[n % 2],
            name: "job".into(),
            image: None,
            command: Vec::new(),
            package_sha256: String::new(),
            package_size: 0,
            limits: TaskLimits { timeout: std::time::Duration::from_secs(86_400), ..TaskLimits::default() },
            formula,
        };
        insert(t, &new, 10, 0).unwrap();
        id
    };
    World { tasks: (0..TASKS).map(task).collect(), users, nodes }
}

/// States of all attempts that are over, with what they paid.
fn ended(t: &Transaction<'_>) -> Vec<(String, u32, String, i64, String)> {
    t.prepare("SELECT task_id, attempt, state, credited, result_sha256 FROM attempts WHERE state <> 'held' ORDER BY 1, 2")
        .unwrap()
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn key(t: &Transaction<'_>, world: &World, task: usize, back: u32) -> Option<TaskKey> {
    let (latest, _) = attempt_and_state(t, &world.tasks[task]).unwrap();
    latest.and_then(|k| k.attempt.checked_sub(back).map(|attempt| TaskKey { attempt, ..k }))
}

fn apply(t: &Transaction<'_>, world: &World, step: &Step, now: i64) -> Result<(), PoolError> {
    match step {
        Step::Assign { task, node } => {
            assign(t, &world.tasks[*task], &world.nodes[*node], now)?;
        }
        Step::Report { task, back, node, percent, hours } => {
            let Some(key) = key(t, world, *task, *back) else { return Ok(()) };
            accrue(t, &key, &world.nodes[*node], &usage(*percent, *hours), now)?;
        }
        Step::Finish { task, back, node, verdict, percent, hours, hash } => {
            let Some(key) = key(t, world, *task, *back) else { return Ok(()) };
            let submission = Submission {
                verdict: verdict.clone(),
                usage: usage(*percent, *hours),
                wall_ms: 0,
                image_digest: String::new(),
                sha256: (*hash).into(),
                size: 1,
                report: hivemind_domain::report::ExecutionReport::default(),
            };
            finish(t, &key, world.users[*node + 1], &submission, now)?;
        }
        Step::Void { task, back } => {
            let Some(key) = key(t, world, *task, *back) else { return Ok(()) };
            void(t, &key, VoidWhy::Lost, "", 5, now)?;
        }
        Step::Cancel { task, by } => {
            cancel(t, &world.tasks[*task], None, *by, now)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_life_of_a_task_makes_or_loses_a_cpt(
        cpt in 1u64..60,
        v1 in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut connection = blank();
        let t = connection.transaction().unwrap();
        let world = world(&t, cpt, if v1 { Formula::V1 } else { Formula::V2 });
        for (n, step) in steps.iter().enumerate() {
            let before = ended(&t);
            let refused = apply(&t, &world, step, n as i64 * 1_800_000);
            if let Err(error) = refused {
                let expected = matches!(
                    error,
                    PoolError::StaleAttempt | PoolError::TaskUnknown | PoolError::ResultConflict | PoolError::Field(_)
                );
                prop_assert!(expected, "{step:?}: {error:?}");
            }
            prop_assert!(ledger::audit(&t).unwrap().balances());
            let after = ended(&t);
            prop_assert!(before.iter().all(|b| after.contains(b)), "{step:?} changed what was over");
            for (task, attempt, state, credited, _) in &after {
                let escrow = Account::Escrow(stored_key(task.clone(), *attempt).unwrap());
                prop_assert_eq!(ledger::balance(&t, &escrow).unwrap(), 0, "nothing stays behind");
                prop_assert!(state == "finished" || *credited == 0);
                prop_assert!(*credited <= 31, "two hours at most");
            }
        }
        // What is not with the supply is with the users or held for an attempt.
        let users: u64 = world.users.iter().map(|u| users::balance(&t, *u).unwrap().available).sum();
        let held: u64 = world.users.iter().map(|u| users::balance(&t, *u).unwrap().pending).sum();
        prop_assert_eq!(users + held, 3 * cpt);
    }
}
