//! Results on their way over a bad line.

use super::*;

/// When a result is tried again whose try, begun at what the pool had, failed at `now`.
fn tried_again(core: &mut Core, arrived: Option<u64>, now: u64) -> u64 {
    let mut error = unreachable();
    error.resumed_at = arrived;
    core.step(Input::DeliveryFailed { key: key("t1", 1), error, unit: 1.0 }, at(now));
    let mut later = now;
    loop {
        later += 100;
        if submits(&renew(core, at(later))) {
            return later - now;
        }
    }
}

#[test]
fn a_line_that_brings_a_result_on_is_not_left_alone_for_longer_and_longer() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    assert!(submits(&run_to_result(&mut core, &key("t1", 1))));
    let mut now = 3200;
    let mut pauses = Vec::new();
    for arrived in [Some(0), Some(0), None, Some(10), Some(20), Some(21), Some(21), Some(5), None] {
        pauses.push(tried_again(&mut core, arrived, now));
        now += pauses[pauses.len() - 1] + 100;
    }
    // 0.5 s × 1.6ⁿ, in steps of 0.1 s.
    assert_eq!(pauses, [500, 800, 1300, 500, 500, 500, 800, 1300, 2100]);
}
