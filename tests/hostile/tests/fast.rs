//! The inputs that need no container engine, with the other tests. `cargo xtask hostile` runs all groups.

use hivemind_hostile::case::{GROUPS, assert_unique};
use hivemind_hostile::judge::{Manner, run};
use hivemind_hostile::{fuzz, groups, skipped};

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

#[test]
fn every_hostile_answer_of_the_live_network_meets_its_refusal() {
    holds("live");
}

#[test]
fn every_hostile_link_configuration_meets_its_refusal() {
    holds("wireguard");
}

#[test]
fn every_text_that_wants_to_be_more_stays_text() {
    holds("text");
}

#[test]
fn no_page_of_somebody_else_reaches_the_worker() {
    holds("page");
}

#[test]
fn everything_hostile_that_is_said_to_the_privileged_program_meets_its_refusal() {
    holds("netd");
}

#[test]
fn no_other_user_and_nothing_planted_gets_through() {
    if let Some(why) = skipped(groups::needs("locals")) {
        println!("SKIPPED no_other_user_and_nothing_planted_gets_through: {why}");
        return;
    }
    holds("locals");
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

/// What the fuzzer begins with and what it once found, without the fuzzer.
#[test]
fn every_input_of_every_fuzz_target_ends_in_an_answer() {
    assert!(fuzz::TARGETS.len() >= 8);
    for target in fuzz::TARGETS {
        let inputs = fuzz::inputs(target);
        assert!(inputs.len() >= 3, "{}", target.name);
        for input in inputs {
            (target.run)(&input);
            // Cut and changed too: a first look at what the fuzzer does with it.
            (target.run)(&input[..input.len() / 2]);
            let mut changed = input.clone();
            if let Some(byte) = changed.get_mut(input.len() / 3) {
                *byte ^= 0x55;
            }
            (target.run)(&changed);
        }
    }
}

/// The proxy's part of the network group needs no container engine.
#[test]
fn every_way_through_the_proxy_is_closed() {
    let tally = run(hivemind_hostile::network::proxied(), Manner::default());
    assert!(tally.ran > 100 && tally.unexpected.is_empty(), "{}", tally.unexpected.join("\n"));
}
