//! Pauses before the pool is asked again.

use super::*;

/// The pause after an offer that needs `memory` bytes and is answered at `now`.
fn asked_again(core: &mut Core, name: &str, memory: u64, now: u64) -> u64 {
    let mut offer = assigned(name);
    offer.assignment.limits.resources.memory_bytes = memory;
    let number = core.ask_number;
    let effects = core.step(Input::Asked { number, answer: Ok(Some(offer)), unit: 1.0 }, at(now));
    if ask_number(&effects).is_some() {
        return 0;
    }
    let wake = core.next_wake(at(now).mono).expect("nothing would wake it up");
    assert!(ask_number(&core.step(Input::Tick, Now { mono: wake, ..at(now) })).is_some());
    u64::try_from(wake.since(at(now).mono).as_millis()).unwrap()
}

#[test]
fn a_pool_whose_offers_are_all_declined_is_asked_in_growing_steps() {
    let mut core = online(vec![]);
    let mut now = 0;
    let mut pauses = Vec::new();
    for n in 0..12 {
        // What is taken runs on, and the lease is of no interest here.
        let memory = if n == 3 { GIB } else { 100 * GIB };
        pauses.push(asked_again(&mut core, &format!("t{n}"), memory, now));
        now += pauses[n];
    }
    assert_eq!(pauses[..8], [500, 800, 1280, 0, 500, 800, 1280, 2048]);
    assert!(pauses[8..].iter().all(|pause| *pause > 2048 && *pause <= 30_000), "{pauses:?}");
}

#[test]
fn the_time_of_the_next_try_stands_still_during_a_pause() {
    // The wall clock and the other one are read one after the other, and tick at different moments.
    let seen = |ms: u64, wall: i64| Now { wall: WallMs(1_000_000 + wall), ..at(ms) };
    let mut core = online(vec![]);
    core.step(Input::PoolFailed { error: unreachable(), unit: 1.0 }, at(100));
    let told = |core: &Core, now| core.snapshot(now).pool.retry_at_ms;
    assert_eq!(told(&core, at(100)), Some(1_000_600));
    for (ms, wall) in [(300, 300), (300, 301), (400, 399)] {
        core.step(Input::Tick, seen(ms, wall));
        assert_eq!(told(&core, seen(ms, wall)), Some(1_000_600));
    }
    core.step(Input::Tick, at(600));
    assert_eq!(told(&core, at(600)), None, "the try has begun");
    core.step(Input::PoolFailed { error: unreachable(), unit: 1.0 }, at(700));
    assert!(told(&core, at(700)).is_some_and(|next| next > 1_000_700), "a new pause, a new time");
}
