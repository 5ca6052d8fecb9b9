//! Trust, images, GPUs, isolation and priority, as the core decides about them.

use super::*;
use crate::port::GpuContainer;
use hivemind_domain::images::{ImageList, ImageRules};
use hivemind_domain::isolation::Isolation;
use hivemind_domain::resources::GpuInfo;
use hivemind_domain::usage::UsageSample;

fn gpu(uuid: &str) -> GpuInfo {
    GpuInfo { uuid: uuid.into(), name: "GPU".into(), memory_bytes: 8 * GIB }
}

fn rules() -> ImageRules {
    let list = |text: &str| ImageList::parse(text).unwrap();
    ImageRules {
        standard: "j/worker".into(),
        allow: list("fine/*"),
        ask: list("*"),
        deny: list("evil/*"),
        max_bytes: GIB,
        ..ImageRules::default()
    }
}

fn limits() -> Limits {
    let allowed = Resources { cpu_millis: 4000, memory_bytes: 8 * GIB, gpus: 2 };
    Limits { max_tasks: 4, allowed, images: rules(), dynamic_priority: true, ..Limits::default() }
}

fn engine(isolation: &str, gpus: bool) -> Input {
    Input::EngineChecked(Ok(EngineInfo { isolation: isolation.into(), gpus, ..EngineInfo::default() }))
}

/// A worker with two GPUs, trusted as far as `trust` says.
fn trusted(trust: TrustLevel, tasks: Vec<Task>) -> Core {
    let host = Capabilities { gpus: vec![gpu("GPU-a"), gpu("GPU-b")], ..Capabilities::default() };
    let mut core = Core::new(limits(), host);
    core.step(restored(tasks), at(0));
    core.step(engine("plain", true), at(0));
    core.step(Input::Authenticated(AccountView::default()), at(0));
    let Input::Registered(known) = registered() else { unreachable!() };
    core.step(Input::Registered(Registered { trust, ..known }), at(0));
    core
}

fn offer(core: &mut Core, assigned: Assigned, now: Now) -> Vec<Effect> {
    let number = core.ask_number;
    core.step(Input::Asked { number, answer: Ok(Some(assigned)), unit: 0.5 }, now)
}

fn with_gpus(name: &str, gpus: u32) -> Assigned {
    let mut assigned = assigned(name);
    assigned.assignment.limits.resources.gpus = gpus;
    assigned
}

fn declined(effects: &[Effect]) -> Option<&str> {
    effects.iter().find_map(|e| if let Effect::Decline(_, _, why) = e { Some(why.as_str()) } else { None })
}

fn gpus_of(core: &Core, name: &str) -> Vec<String> {
    core.live_task(&key(name, 1)).map(|task| task.gpus.clone()).unwrap_or_default()
}

fn offered_gpus(effects: &[Effect]) -> Option<u32> {
    effects.iter().find_map(|e| if let Effect::Ask { offer, .. } = e { Some(offer.free.gpus) } else { None })
}

#[test]
fn a_gpu_belongs_to_one_task_until_its_container_has_ended() {
    let mut core = trusted(TrustLevel::High, vec![]);
    assert_eq!(core.asked.map(|(_, offer)| offer.free.gpus), Some(2));
    let effects = offer(&mut core, with_gpus("one", 1), at(10));
    assert_eq!(gpus_of(&core, "one"), ["GPU-b"]);
    assert_eq!(offered_gpus(&effects), Some(1));
    assert!(
        matches!(&effects[0], Effect::Persist(task, _) if task.gpus == ["GPU-b"]),
        "kept before it is used"
    );
    offer(&mut core, with_gpus("two", 1), at(20));
    assert_eq!(gpus_of(&core, "two"), ["GPU-a"]);
    let effects = offer(&mut core, with_gpus("three", 1), at(30));
    assert!(declined(&effects).is_some_and(|why| why.starts_with("GPU_UNAVAILABLE: ")), "{effects:?}");
    let shown = core.snapshot(at(30)).limits;
    assert_eq!((shown.gpus, shown.granted_gpus), (2, 2));
    run_to_result(&mut core, &key("one", 1));
    offer(&mut core, with_gpus("four", 1), at(4000));
    assert_eq!(gpus_of(&core, "four"), ["GPU-b"], "given back when it was uploading");
}

#[test]
fn without_nvidias_runtime_or_with_cpu_only_no_gpu_is_lent_or_registered() {
    let mut core = trusted(TrustLevel::High, vec![]);
    assert_eq!(core.capabilities().gpus.len(), 2);
    core.step(engine("plain", false), at(5));
    assert!(core.capabilities().gpus.is_empty());
    let effects = offer(&mut core, with_gpus("one", 1), at(10));
    assert!(declined(&effects).is_some_and(|why| why.starts_with("GPU_UNAVAILABLE")), "{effects:?}");
    core.step(engine("plain", true), at(20));
    core.step(Input::Limits(Limits { cpu_only: true, ..limits() }), at(30));
    assert!(core.capabilities().gpus.is_empty());
    let effects = offer(&mut core, with_gpus("two", 1), at(40));
    assert!(declined(&effects).is_some(), "{effects:?}");
    assert!(declined(&offer(&mut core, assigned("three"), at(50))).is_none(), "others run");
}

#[test]
fn after_a_restart_containers_say_which_gpus_they_have() {
    let old = |name: &str, gpus: &[&str]| {
        let mut task = Task::accept(with_gpus(name, 1).assignment, WallMs(0));
        task.step(TaskInput::Begin, WallMs(0));
        task.gpus = gpus.iter().map(|uuid| (*uuid).to_owned()).collect();
        task
    };
    // The journal and the label disagree about the first; the second has no container any more.
    let mut core = trusted(TrustLevel::High, vec![old("one", &["GPU-b"]), old("two", &["GPU-a"])]);
    let own = OwnContainer {
        container: "c".into(),
        key: Some(key("one", 1)),
        gpus: vec!["GPU-a".to_owned()],
        frozen: false,
    };
    core.step(Input::Containers(Ok(vec![own])), at(10));
    assert_eq!(gpus_of(&core, "one"), ["GPU-a"], "what the container has");
    assert_eq!(gpus_of(&core, "two"), ["GPU-b"], "another one than it had");
    let effects = offer(&mut core, with_gpus("three", 1), at(20));
    assert!(declined(&effects).is_some(), "{effects:?}");
}

#[test]
fn use_of_gpus_is_shown_and_paid() {
    let mut core = trusted(TrustLevel::High, vec![]);
    offer(&mut core, with_gpus("one", 2), at(0));
    let k = key("one", 1);
    let digest = "sha256:1".into();
    core.step(
        Input::Task(k.clone(), TaskInput::Prepared { container: "c".into(), image_digest: digest }),
        at(0),
    );
    core.step(Input::Task(k.clone(), TaskInput::Started), at(0));
    let used = |container: &str, uuid: &str, percent| GpuContainer {
        container: container.into(),
        uuid: uuid.into(),
        memory_bytes: GIB,
        percent,
    };
    core.step(
        Input::GpuUse(vec![
            used("c", "GPU-a", Some(80.0)),
            used("x", "GPU-b", Some(9.0)),
            used("c", "GPU-z", None),
        ]),
        at(10),
    );
    let view = core.snapshot(at(10)).tasks.remove(0);
    assert_eq!((view.gpu_percent, view.gpu_memory_bytes), (Some(40.0), Some(GIB)), "over both of its GPUs");
    core.step(Input::Used(k.clone(), UsageSample::default()), at(1000));
    core.step(Input::Used(k.clone(), UsageSample::default()), at(2000));
    let task = core.live_task(&k).unwrap();
    assert!((task.usage.average(&task.assignment.limits).gpu_percent - 40.0).abs() < 0.5);
}

#[test]
fn what_is_over_the_trust_level_is_declined_with_limit_and_level() {
    for (trust, fits) in [(TrustLevel::Low, false), (TrustLevel::Medium, true), (TrustLevel::High, true)] {
        let mut core = trusted(trust, vec![]);
        let effects = offer(&mut core, with_gpus("one", 1), at(10));
        assert_eq!(declined(&effects).is_none(), fits, "{trust:?}");
        if !fits {
            let why = declined(&effects).unwrap();
            assert_eq!(why, "TRUST_LIMIT: gpus is 1, at trust level low at most 0 is allowed");
            let notice = &core.snapshot(at(10)).notices[0].error;
            assert_eq!((notice.facts["limit"].as_str(), notice.facts["level"].as_str()), ("gpus", "low"));
        }
    }
}

#[test]
fn under_the_demanded_isolation_no_work_is_taken() {
    let mut core = trusted(TrustLevel::High, vec![]);
    let demanding = Limits { minimum_isolation: Isolation::Rootless, ..limits() };
    core.step(Input::Limits(demanding), at(10));
    let status = core.snapshot(at(10)).status;
    assert_eq!(status.state, StatusState::NeedsYou);
    let problem = status.problem.unwrap();
    assert_eq!(problem.code, ErrorCode::IsolationTooLow);
    assert!(problem.message.contains("plain") && problem.message.contains("rootless"), "{}", problem.message);
    assert_eq!(core.paused_word(), "isolation_too_low");
    // One that was on its way already comes too late.
    let effects = offer(&mut core, assigned("late"), at(20));
    assert!(declined(&effects).is_some(), "{effects:?}");
    core.step(engine("gvisor", true), at(30));
    assert_eq!(core.snapshot(at(30)).status.problem, None);
    assert!(declined(&offer(&mut core, assigned("now"), at(40))).is_none());
}

#[test]
fn the_owner_is_asked_once_about_an_image_and_the_answer_counts() {
    let mut core = trusted(TrustLevel::High, vec![]);
    let wants = |name: &str, image: &str| {
        let mut assigned = assigned(name);
        assigned.assignment.image = Some(image.into());
        assigned
    };
    for (number, name) in [(1, "a"), (2, "b")] {
        let effects = offer(&mut core, wants(name, "new/tool:1"), at(number));
        assert!(declined(&effects).is_some_and(|why| why.starts_with("IMAGE_QUESTION: ")), "{effects:?}");
    }
    let shown = core.snapshot(at(3));
    let asked = &shown.image_questions[0];
    assert_eq!((asked.repository.as_str(), asked.declined, shown.notices.len()), ("new/tool", 2, 1));
    let effects = offer(&mut core, wants("c", "evil/x"), at(4));
    assert!(declined(&effects).is_some_and(|why| why.starts_with("IMAGE_REFUSED: ")), "{effects:?}");
    assert!(declined(&offer(&mut core, wants("d", "fine/x"), at(5))).is_none());
    // The answer: once.
    let once = ImageRules { once: ["new/tool".to_owned()].into(), ..rules() };
    core.step(Input::Limits(Limits { images: once, ..limits() }), at(6));
    assert!(core.snapshot(at(6)).image_questions.is_empty());
    assert!(declined(&offer(&mut core, wants("e", "new/tool:2"), at(7))).is_none());
    // A package's own image is found out later.
    core.step(Input::Limits(limits()), at(8));
    core.step(Input::ImageAsked("other/tool:3".into()), at(9));
    assert_eq!(core.snapshot(at(9)).image_questions[0].image, "other/tool:3");
}

#[test]
fn a_pool_cannot_fill_the_screen_with_questions() {
    let mut core = trusted(TrustLevel::High, vec![]);
    for number in 0..100 {
        core.step(Input::ImageAsked(format!("flood/i{number}:\u{1b}[31m")), at(number));
    }
    let shown = core.snapshot(at(200));
    assert_eq!((shown.image_questions.len(), shown.notices.len()), (20, 20));
    assert!(!format!("{shown:?}").contains('\u{1b}'));
}

#[test]
fn running_containers_follow_the_owners_load() {
    let mut core = trusted(TrustLevel::High, vec![]);
    offer(&mut core, assigned("one"), at(0));
    let k = key("one", 1);
    let told = |effects: &[Effect]| -> Vec<(String, u32)> {
        let each = effects.iter().filter_map(|e| {
            let Effect::Prioritise(container, priority) = e else { return None };
            Some((container.clone(), priority.cpu_shares()))
        });
        each.collect()
    };
    assert!(told(&core.step(Input::OwnerLoad(60.0), at(1))).is_empty(), "nothing runs yet");
    let digest = "sha256:1".into();
    core.step(
        Input::Task(k.clone(), TaskInput::Prepared { container: "c".into(), image_digest: digest }),
        at(2),
    );
    let effects = core.step(Input::Task(k.clone(), TaskInput::Started), at(3));
    assert_eq!(told(&effects), [("c".to_owned(), 128)], "what began in a busy hour gives way at once");
    assert!(told(&core.step(Input::OwnerLoad(90.0), at(1000))).is_empty(), "not so soon again");
    assert_eq!(told(&core.step(Input::OwnerLoad(90.0), at(6000))), [("c".to_owned(), 2)]);
    assert!(told(&core.step(Input::OwnerLoad(90.0), at(20_000))).is_empty(), "told once");
    assert_eq!(core.snapshot(at(20_000)).limits.cpu_shares, 2);
    // Turned off: back to the ordinary share.
    core.step(Input::Limits(Limits { dynamic_priority: false, ..limits() }), at(20_001));
    assert_eq!(told(&core.step(Input::OwnerLoad(90.0), at(30_000))), [("c".to_owned(), 1024)]);
}

#[test]
fn nothing_is_taken_for_which_the_engines_own_machine_has_not_enough() {
    for (memory_bytes, cpus, taken) in
        [(0, 0, true), (8 * GIB, 8, true), (GIB / 4, 8, false), (8 * GIB, 1, false)]
    {
        let mut core = trusted(TrustLevel::High, Vec::new());
        let info = EngineInfo { isolation: "plain".into(), memory_bytes, cpus, ..EngineInfo::default() };
        core.step(Input::EngineChecked(Ok(info)), at(0));
        let mut wants = assigned("t1");
        wants.assignment.limits.resources = Resources { cpu_millis: 2000, memory_bytes: GIB / 2, gpus: 0 };
        let effects = offer(&mut core, wants, at(0));
        assert_eq!(declined(&effects).is_none(), taken, "{memory_bytes} B, {cpus} processors: {effects:?}");
    }
}
