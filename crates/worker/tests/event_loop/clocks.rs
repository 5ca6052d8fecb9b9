//! The row CLOCK of the table of faults: the wall clock is set, the computer sleeps, and no lease is judged wrongly.

use crate::{SECOND, assert_clean, journalled};
use hivemind_domain::task::{Phase, Verdict};
use hivemind_domain::time::Mono;
use hivemind_testkit::{PoolCall, Program, Row, World, assigned, key};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(10);
const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
const TASKS: usize = 3;

/// One run: what was wrong in it.
fn run(seed: u64, row: &mut Row) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let world = World::default();
    let names: Vec<String> = (0..TASKS).map(|n| format!("t{n}")).collect();
    for name in &names {
        let mut work = assigned(name);
        work.assignment.limits.timeout = SECOND * 200_000;
        work.assignment.limits.resources.cpu_millis = 500;
        work.assignment.limits.resources.memory_bytes = 64 << 20;
        world.pool.give(work);
        let lasts = SECOND * random.random_range(5..90);
        world.engine.program(name, Program::exits(0, lasts).counts(4, SECOND));
    }
    let mut void = Vec::new();
    for _life in 0..2 {
        world.live(async |_| {
            for _ in 0..random.random_range(2..5) {
                world.pass(random.random_range(0.2..15.0)).await;
                let hour = HOUR_MS * random.random_range(1..3);
                match random.random_range(0..5) {
                    0 => world.clock.turn_wall(hour),
                    1 => world.clock.turn_wall(-hour),
                    2 => world.clock.turn_wall(10 * YEAR_MS),
                    3 => world.clock.turn_wall(-10 * YEAR_MS),
                    _ => {
                        // Asleep for longer than a lease: the pool gives some attempts to somebody else meanwhile.
                        for name in &names {
                            let settled = journalled(&world, name, Phase::Settled);
                            if random.random_bool(0.4)
                                && !settled
                                && world.pool.attempt(&key(name, 1)).result.is_none()
                            {
                                world.pool.void(&key(name, 1));
                                void.push((
                                    name.clone(),
                                    world.pool.attempt(&key(name, 1)).submitted_at.len(),
                                ));
                            }
                        }
                        world.clock.turn(SECOND * random.random_range(11..1800));
                    }
                }
            }
        });
        world.clock.turn(SECOND * random.random_range(0..30));
    }
    world.live(async |_| {
        let over = |name: &String| {
            let phase = world.journal.row(&key(name, 1)).map(|row| row.phase);
            phase.is_none() || phase.is_some_and(Phase::is_final)
        };
        world.when("everything is over", |_| names.iter().all(over)).await;
        world.pass(90.0).await;
    });
    assert_clean(&world);
    let with = |wanted| names.iter().filter(|name| journalled(&world, name, wanted)).count() as u64;
    row.count("settled", with(Phase::Settled));
    row.count("leases lost", with(Phase::LeaseLost));
    judge(&world, &names, &void)
}

fn judge(world: &World, names: &[String], void: &[(String, usize)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let renewing: Vec<Mono> = world
        .pool
        .faults
        .calls()
        .into_iter()
        .filter(|(_, call)| *call == PoolCall::Heartbeat)
        .map(|(at, _)| at)
        .collect();
    for name in names {
        let Some(row) = world.journal.row(&key(name, 1)) else { continue };
        let known = world.pool.attempt(&key(name, 1));
        for at in &known.submitted_at {
            if !renewing.iter().any(|sent| sent <= at && at.since(*sent) <= LEASE) {
                wrong.push(format!("{name} was handed in at {at:?}, long after the last renewal"));
            }
        }
        if void.iter().any(|(lost, _)| lost == name) {
            let before = void.iter().find(|(lost, _)| lost == name).map_or(0, |(_, before)| *before);
            if row.phase != Phase::LeaseLost {
                wrong.push(format!("{name} is not ours any more and stands as {:?}", row.phase));
            }
            if known.submitted_at.len() > before {
                wrong.push(format!("{name} was handed in although it is not ours any more"));
            }
        } else {
            if (row.phase, &row.verdict) != (Phase::Settled, &Some(Verdict::Succeeded)) {
                wrong.push(format!("{name} ended as {:?}, {:?}", row.phase, row.verdict));
            }
            if known.submitted_at.len() != 1 {
                wrong.push(format!("{name} was handed in {} times", known.submitted_at.len()));
            }
        }
    }
    wrong
}

#[test]
fn clocks_that_jump_and_computers_that_sleep_change_no_lease() {
    let mut row = Row::open("CLOCK", 10);
    for n in 0..row.runs {
        let seed = row.seed.wrapping_add(u64::from(n));
        for what in run(seed, &mut row) {
            row.violation(format!("seed {seed}: {what}"));
        }
        row.ran();
    }
    row.close();
}
