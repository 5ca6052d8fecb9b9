use super::super::{Assignment, CancelledBy, HandBack, NetworkNeed};
use super::*;
use crate::ids::{TaskId, TaskKey};
use crate::limits::TaskLimits;
use crate::reward::Formula;
use proptest::prelude::*;

fn task() -> Task {
    let key = TaskKey { task: TaskId::new("t1").unwrap(), attempt: 1 };
    let assignment = Assignment {
        key,
        name: "primes".into(),
        image: None,
        command: Vec::new(),
        package: None,
        limits: TaskLimits::default(),
        network: NetworkNeed::None,
        formula: Formula::V2,
        array: None,
        function: None,
    };
    Task::accept(assignment, WallMs(1))
}

fn prepared() -> TaskInput {
    TaskInput::Prepared { container: "c".into(), image_digest: "sha256:x".into() }
}

fn result() -> TaskInput {
    TaskInput::Collected(ResultFile { sha256: "0".repeat(64), size_bytes: 1, entries: 1 })
}

fn paid() -> TaskInput {
    TaskInput::Acknowledged(Credit { cpt: 3, settled: true })
}

fn cancelled() -> Verdict {
    Verdict::Cancelled { by: CancelledBy::Requester }
}

fn handed_back() -> Verdict {
    Verdict::HandedBack { reason: HandBack::OwnerStopped, message: "stopped".into() }
}

#[test]
fn the_good_way() {
    use TaskEffect as E;
    let mut t = task();
    let script = [
        (TaskInput::Begin, Phase::Preparing, vec![E::Prepare]),
        (prepared(), Phase::Running, vec![E::Run]),
        (TaskInput::Started, Phase::Running, vec![]),
        (TaskInput::Exited { code: 0, out_of_memory: false }, Phase::Collecting, vec![E::Collect]),
        (result(), Phase::Uploading, vec![E::Submit, E::RemoveContainer]),
        (
            TaskInput::Acknowledged(Credit { cpt: 3, settled: false }),
            Phase::Reported,
            vec![E::RemoveFiles, E::AwaitSettlement],
        ),
        (paid(), Phase::Settled, vec![E::RemoveFiles]),
    ];
    for (input, phase, effects) in script {
        assert_eq!(t.step(input, WallMs(2)), effects);
        assert_eq!(t.phase, phase);
    }
    assert_eq!(t.verdict, Some(Verdict::Succeeded));
    assert_eq!(t.credit, Some(Credit { cpt: 3, settled: true }));
}

#[test]
fn outputs_lost_with_the_container_are_no_fault_of_a_task_that_succeeded() {
    use TaskEffect as E;
    for (code, told, by_restart) in
        [(0, E::HandBack, false), (0, E::HandBack, true), (3, E::Submit, false), (3, E::Submit, true)]
    {
        let mut t = task();
        for input in [TaskInput::Begin, prepared(), TaskInput::Started] {
            t.step(input, WallMs(2));
        }
        t.step(TaskInput::Exited { code, out_of_memory: false }, WallMs(2));
        assert_eq!(t.phase, Phase::Collecting);
        if by_restart {
            t.rewind(false);
            assert_eq!(t.resume(false), [told]);
        } else {
            let effects = t.step(TaskInput::ResultLost("it is gone".into()), WallMs(3));
            assert_eq!(effects, [told, E::RemoveContainer]);
        }
        assert_eq!((t.phase, t.result.is_some()), (Phase::Uploading, false));
        let handed_back = matches!(t.verdict, Some(Verdict::HandedBack { reason: HandBack::EngineLost, .. }));
        assert_eq!(handed_back, code == 0, "{:?}", t.verdict);
    }
}

#[test]
fn what_is_given_up_goes_back_and_what_cannot_go_back_is_left_to_its_lease() {
    use TaskEffect as E;
    let ran = [TaskInput::Begin, prepared(), TaskInput::Started];
    let ended = TaskInput::Exited { code: 0, out_of_memory: false };
    let given_up = || TaskInput::GivenUp("it fell".into());
    let back = vec![E::HandBack, E::RemoveContainer];
    let gone = vec![E::RemoveContainer, E::RemoveFiles];
    let stopped = TaskInput::Stop(cancelled());
    for (so_far, todo, phase) in [
        (vec![], vec![E::HandBack], Phase::Uploading),
        (ran[..1].to_vec(), vec![E::Halt], Phase::Preparing),
        (ran.to_vec(), vec![E::Halt], Phase::Running),
        ([&ran[..], &[stopped]].concat(), back.clone(), Phase::Uploading),
        ([&ran[..], std::slice::from_ref(&ended)].concat(), back.clone(), Phase::Uploading),
        ([&ran[..], &[ended.clone(), result()]].concat(), back, Phase::Uploading),
        (vec![given_up()], gone, Phase::LeaseLost),
    ] {
        let mut t = task();
        for input in so_far.clone() {
            t.step(input, WallMs(5));
        }
        assert_eq!(t.step(given_up(), WallMs(6)), todo, "{so_far:?}");
        assert_eq!((t.phase, t.result.as_ref()), (phase, None), "{so_far:?}");
        assert!(matches!(t.verdict, Some(Verdict::HandedBack { reason: HandBack::CannotRun, .. })));
    }
    let mut t = task();
    let reported = TaskInput::Acknowledged(Credit { cpt: 3, settled: false });
    for input in [&ran[..], &[ended, result(), reported]].concat() {
        t.step(input, WallMs(5));
    }
    assert_eq!((t.step(given_up(), WallMs(6)), t.phase), (vec![], Phase::Reported), "the pool has it");
}

#[test]
fn a_cancelled_task_is_reported_without_outputs() {
    use TaskEffect as E;
    let mut t = task();
    t.step(TaskInput::Begin, WallMs(2));
    t.step(prepared(), WallMs(2));
    t.step(TaskInput::Started, WallMs(2));
    assert_eq!(t.step(TaskInput::Stop(cancelled()), WallMs(3)), vec![E::Halt]);
    assert_eq!(t.step(TaskInput::Stop(handed_back()), WallMs(3)), vec![], "the first verdict stands");
    let effects = t.step(TaskInput::Exited { code: 137, out_of_memory: false }, WallMs(4));
    assert_eq!(effects, vec![E::Submit, E::RemoveContainer]);
    assert_eq!(t.verdict, Some(cancelled()));
}

#[test]
fn a_stop_during_preparation_halts_and_never_runs() {
    let mut t = task();
    t.step(TaskInput::Begin, WallMs(2));
    assert_eq!(t.step(TaskInput::Stop(handed_back()), WallMs(2)), vec![TaskEffect::Halt]);
    assert_eq!(t.step(prepared(), WallMs(2)), vec![TaskEffect::Halt]);
    let effects = t.step(TaskInput::Stopped, WallMs(2));
    assert_eq!(effects, vec![TaskEffect::HandBack, TaskEffect::RemoveContainer]);
    t.step(TaskInput::HandBackTaken, WallMs(2));
    assert_eq!(t.phase, Phase::HandedBack);
}

#[test]
fn memory_of_a_child_counts_although_the_exit_code_is_zero() {
    assert!(matches!(
        exit_verdict(0, true, &TaskLimits::default()),
        Verdict::Failed { class: FailureClass::OutOfMemory, exit_code: Some(0), .. }
    ));
}

#[test]
fn too_much_on_disk_is_told_with_what_was_granted() {
    let limits = TaskLimits { disk_bytes: 256 << 20, ..TaskLimits::default() };
    for out_of_memory in [false, true] {
        let Verdict::Failed { class, exit_code, message } = exit_verdict(153, out_of_memory, &limits) else {
            panic!("a failure");
        };
        assert_eq!((class, exit_code), (FailureClass::DiskLimit, Some(153)));
        assert!(message.contains("256 MiB"), "{message}");
    }
}

#[test]
fn outputs_that_cannot_be_taken_turn_success_into_failure_but_keep_a_failure() {
    for (code, class) in [(0, FailureClass::Result), (3, FailureClass::ExitCode)] {
        let mut t = task();
        for input in [
            TaskInput::Begin,
            prepared(),
            TaskInput::Started,
            TaskInput::Exited { code, out_of_memory: false },
            TaskInput::Failed { class: FailureClass::Result, message: "too many files".into() },
        ] {
            t.step(input, WallMs(2));
        }
        assert_eq!(t.phase, Phase::Uploading);
        assert!(matches!(t.verdict, Some(Verdict::Failed { class: c, .. }) if c == class));
    }
}

fn any_input() -> impl Strategy<Value = TaskInput> {
    prop_oneof![
        Just(TaskInput::Begin),
        Just(prepared()),
        Just(TaskInput::Started),
        (-1i64..260, any::<bool>())
            .prop_map(|(code, out_of_memory)| TaskInput::Exited { code, out_of_memory }),
        Just(TaskInput::Failed { class: FailureClass::Engine, message: "gone".into() }),
        Just(TaskInput::Stop(cancelled())),
        Just(TaskInput::Stop(handed_back())),
        Just(TaskInput::Stopped),
        Just(result()),
        any::<bool>().prop_map(|settled| TaskInput::Acknowledged(Credit { cpt: 1, settled })),
        Just(TaskInput::ResultLost("not there".into())),
        Just(TaskInput::HandBackTaken),
        Just(TaskInput::Revoked),
        Just(TaskInput::GivenUp("it fell".into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn phases_only_go_forward_verdicts_stand_and_finals_are_final(
        inputs in proptest::collection::vec(any_input(), 1..60)
    ) {
        let mut t = task();
        for input in inputs {
            let before = t.clone();
            let given_up = matches!(input, TaskInput::GivenUp(_));
            let effects = t.step(input, WallMs(5));
            prop_assert!(t.phase >= before.phase);
            if before.phase.is_final() {
                prop_assert_eq!(&t, &before);
                prop_assert!(effects.is_empty());
            }
            let lost = before.result.is_some() && t.result.is_none();
            if let Some(verdict) = &before.verdict && *verdict != Verdict::Succeeded && !lost && !given_up {
                prop_assert_eq!(t.verdict.as_ref(), Some(verdict));
            }
            if t.phase >= Phase::Uploading && t.phase != Phase::LeaseLost {
                prop_assert!(t.verdict.is_some(), "nothing is reported without a verdict");
            }
            prop_assert_eq!(t.phase.is_final(), t.closed_at.is_some());
            if t.phase == Phase::Settled {
                prop_assert!(t.credit.is_some_and(|c| c.settled));
            }
        }
    }

    #[test]
    fn every_unfinished_attempt_has_something_to_do_after_a_restart(
        inputs in proptest::collection::vec(any_input(), 0..30), exists in any::<bool>()
    ) {
        let mut t = task();
        for input in inputs {
            t.step(input, WallMs(5));
        }
        prop_assert!(!t.resume(exists).is_empty());
        t.rewind(exists);
        prop_assert!(!t.resume(exists).is_empty());
    }
}
