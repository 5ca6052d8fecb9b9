//! Which faults are really made, and where; a new fault has to say which it is.

use crate::program::{Surroundings, call};
use std::collections::BTreeSet;

/// How a fault comes about in tests.
enum Made {
    /// By this test.
    By(&'static str),
    /// Only rehearsed, for this reason.
    Rehearsed(&'static str),
}
use Made::{By, Rehearsed};

const CONTAINERS: &str = "five real tasks would have to fail by the computer's fault, for minutes; the core's own tests count them";

/// Every fault of `doctor --simulate all`.
const MADE: &[(&str, Made)] = &[
    ("engine-missing", By("an_engine_that_was_never_installed_is_told_until_there_is_one")),
    ("engine-stopped", By("a_stopped_engine_is_told_from_one_that_runs_without_a_restart_of_the_worker")),
    ("engine-forbidden", By("a_socket_that_this_user_may_not_open_is_told_until_they_may")),
    ("engine-old", By("an_engine_that_is_too_old_is_told_until_it_is_updated")),
    ("engine-failing", By("an_engine_that_fails_and_one_with_holes_are_told_until_they_are_mended")),
    (
        "virtualization-off",
        Rehearsed("firmware cannot be switched from within; only Docker Desktop needs it"),
    ),
    ("wsl-missing", Rehearsed("needs Windows")),
    ("podman", Rehearsed("tasks were not tried with it")),
    ("dns-dead", By("a_name_that_nobody_can_look_up_is_told_from_a_pool_that_is_away")),
    ("pool-away", By("a_pool_that_is_away_is_told_until_it_is_back")),
    ("pool-certificate", By("a_certificate_that_nobody_vouches_for_is_told")),
    ("pool-certificate-expired", Rehearsed("no public authority would sign one for a test")),
    ("pool-certificate-early", Rehearsed("no public authority would sign one for a test")),
    ("pool-refuses", Rehearsed("the local pool refuses no computer that is signed in")),
    ("signed-out", By("without_a_keyring_the_file_is_told")),
    ("unencrypted", Rehearsed("needs a pool on another computer: this one's own addresses are protected")),
    ("little-memory", Rehearsed("the memory of a running computer cannot be taken out")),
    ("engine-memory", Rehearsed("needs an engine in a virtual machine")),
    (
        "disk-low",
        Rehearsed("the same check as disk-full with another figure, on a disk that others fill as well"),
    ),
    ("disk-full", By("a_disk_without_room_is_told_until_there_is_some_and_nothing_is_lost")),
    ("gpu-driver-missing", By("a_computer_without_a_gpu_says_so_and_works_with_its_processor")),
    ("gpu-toolkit-missing", Rehearsed("needs a GPU")),
    ("keyring-missing", By("without_a_keyring_the_file_is_told")),
    ("keyring-locked", By("a_locked_keyring_is_told_until_it_is_unlocked")),
    ("isolation-low", By("an_isolation_that_is_too_low_is_told_until_the_owner_asks_for_less")),
    ("known-hole", By("an_engine_that_fails_and_one_with_holes_are_told_until_they_are_mended")),
    ("maybe-mended-hole", Rehearsed("differs from known-hole in the number's spelling alone")),
    ("sandbox-broken", Rehearsed("a box that lets tasks out is not built, not even for a test")),
    ("companion-missing", By("a_worker_without_its_companion_says_that_disk_use_is_not_limited")),
    (
        "link-down",
        Rehearsed("the link's own tests lose handshakes; a whole pool behind one is in private_link.rs"),
    ),
    ("link-silent", Rehearsed("a handshake grows stale in three minutes")),
    ("link-key-exposed", Rehearsed("the link's own tests open its file to others")),
    ("sensor-unreadable", Rehearsed("a service of the desktop would have to break while it is there")),
    ("sensor-ignored", Rehearsed("no sensor of this computer lies")),
    (
        "clock-wrong",
        Rehearsed("needs a link that gets no handshake as well; clock-late and clock-early are made"),
    ),
    ("clock-late", By("a_computer_whose_clock_is_wrong_is_told_with_way_and_distance")),
    ("clock-early", By("a_pool_that_tells_another_time_is_told_with_way_and_distance")),
    ("port-taken", By("a_taken_port_is_named_until_it_is_free_at_the_next_start")),
    ("journal-failed", Rehearsed("the row DISK of the faults fills disks under running tasks")),
    ("lan-served", By("a_phone_looks_in_while_its_owner_wants_it")),
    ("lan-port-taken", By("a_taken_port_for_the_local_network_is_named_until_another_is_chosen")),
    ("lan-certificate", By("a_broken_certificate_for_the_local_network_is_told_until_it_is_made_anew")),
    ("tray-missing", Rehearsed("needs a desktop; the desktop tests take its tray away")),
    ("tasks-failing-engine", Rehearsed(CONTAINERS)),
    ("tasks-failing-image", Rehearsed(CONTAINERS)),
    ("tasks-failing-disk", Rehearsed(CONTAINERS)),
    ("tasks-failing-gpu", Rehearsed(CONTAINERS)),
    ("window-missing", Rehearsed("needs a system without WebKitGTK")),
    ("untuned", Rehearsed("the settings of the system are its owner's")),
];

/// Where the tests are that are named above.
const SOURCES: [&str; 6] = [
    include_str!("engine.rs"),
    include_str!("name.rs"),
    include_str!("time.rs"),
    include_str!("door.rs"),
    include_str!("keyring.rs"),
    include_str!("../lan.rs"),
];

#[tokio::test]
async fn every_fault_says_whether_it_is_really_made() {
    let home = tempfile::tempdir().expect("a folder");
    let said = call(&Surroundings::new(home.path()), &["doctor", "--simulate", "all"]).await;
    let all = said.lines.last().and_then(|value| value.as_object()).expect("every rehearsal");
    let known: BTreeSet<&str> = MADE.iter().map(|(fault, _)| *fault).collect();
    assert_eq!(known.len(), MADE.len(), "a fault stands here twice");
    assert_eq!(all.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
    for (fault, made) in MADE {
        match made {
            By(test) => {
                let function = format!("async fn {test}(");
                assert!(SOURCES.iter().any(|text| text.contains(&function)), "{fault}: there is no {test}");
            }
            Rehearsed(why) => assert!(!why.is_empty(), "{fault}"),
        }
    }
}
