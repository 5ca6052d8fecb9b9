//! The inputs that need no container engine, with the other tests. `cargo xtask hostile` runs all groups.

use hivemind_hostile::case::{GROUPS, assert_unique};
use hivemind_hostile::groups;
use hivemind_hostile::judge::{Manner, run};

#[track_caller]
fn holds(group: &str) {
    let cases = groups::cases(group);
    assert_unique(&cases);
    let least = GROUPS.iter().find(|(name, _)| *name == group).expect("a group").1;
    assert!(cases.len() >= least, "{} of {least}", cases.len());
    let tally = run(cases, Manner::default());
    assert!(tally.unexpected.is_empty(), "{}:\n{}", tally.unexpected.len(), tally.unexpected.join("\n"));
}

#[test]
fn every_hostile_package_meets_its_refusal() {
    holds("archives");
}

#[test]
fn every_hostile_result_meets_its_refusal() {
    holds("results");
}

#[test]
fn every_hostile_answer_of_a_pool_meets_its_refusal() {
    holds("messages");
}

/// The harness itself must be able to fail.
#[test]
fn a_worker_that_takes_everything_is_noticed() {
    for group in ["archives", "results"] {
        let cases = groups::cases(group);
        let expected = cases.iter().filter(|case| case.expected != "taken").count();
        assert!(expected > 100);
        assert_eq!(run(cases, Manner { plant: true }).unexpected.len(), expected, "{group}");
    }
}
