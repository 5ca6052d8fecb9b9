//! Images, trust and priority, as a running worker treats them.

use crate::journalled;
use hivemind_control::{Control, ErrorCode, ImageAnswer, ImageDecision};
use hivemind_domain::priority::Priority;
use hivemind_domain::resources::GIB;
use hivemind_domain::task::{HandBack, Phase};
use hivemind_testkit::{Program, World, assigned, key};
use hivemind_worker_core::Worker;
use hivemind_worker_core::port::{Assigned, SettingsStore};

fn wants(task: &str, image: &str) -> Assigned {
    let mut assigned = assigned(task);
    assigned.assignment.image = Some(image.into());
    assigned
}

async fn answer(worker: &Worker, repository: &str, answer: ImageAnswer) {
    let decision = ImageDecision { repository: repository.into(), answer };
    worker.control.answer_image(decision).await.unwrap();
}

async fn handed_back(world: &World, task: &str) {
    world.when("handed back", |w| w.pool.attempt(&key(task, 1)).handed_back == [HandBack::CannotRun]).await;
}

#[test]
fn the_owner_answers_about_an_image_once_always_and_never() {
    let world = World::default();
    world.settings.put("ask_images", "*");
    world.live(async |worker| {
        world.pool.give(wants("first", "new/tool:1"));
        handed_back(&world, "first").await;
        let asked = world.until(worker, "a question", |s| s.image_questions.len() == 1).await;
        assert_eq!(asked.image_questions[0].repository, "new/tool");
        assert!(asked.notices.iter().any(|notice| notice.error.code == ErrorCode::ImageQuestion));

        answer(worker, "new/tool", ImageAnswer::Once).await;
        world.pool.give(wants("second", "new/tool:1"));
        world.when("the second ran", |w| journalled(w, "second", Phase::Settled)).await;
        world.pool.give(wants("third", "new/tool:1"));
        handed_back(&world, "third").await;

        answer(worker, "new/tool", ImageAnswer::Always).await;
        assert_eq!(world.settings.current().text("allowed_images"), "new/tool");
        world.pool.give(wants("fourth", "new/tool:9"));
        world.when("the fourth ran", |w| journalled(w, "fourth", Phase::Settled)).await;

        world.pool.give(wants("fifth", "other/tool"));
        handed_back(&world, "fifth").await;
        answer(worker, "other/tool", ImageAnswer::Never).await;
        let settled = world.until(worker, "no question", |s| s.image_questions.is_empty()).await;
        assert!(settled.image_questions.is_empty());
        world.pool.give(wants("sixth", "other/tool"));
        handed_back(&world, "sixth").await;
        let refused = world.until(worker, "told", |s| {
            s.notices.iter().any(|notice| notice.error.code == ErrorCode::ImageRefused)
        });
        assert!(refused.await.image_questions.is_empty(), "what is denied is not asked about");

        for wrong in ["", "a,b", "*", "team/*", "a b"] {
            let decision = ImageDecision { repository: wrong.into(), answer: ImageAnswer::Always };
            let error = worker.control.answer_image(decision).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{wrong}");
        }
    });
    assert_eq!(world.engine.started(), [key("second", 1), key("fourth", 1)]);
}

#[test]
fn one_answer_lets_one_of_two_tasks_run() {
    let world = World::default();
    world.settings.put("ask_images", "*");
    world.live(async |worker| {
        answer(worker, "new/tool", ImageAnswer::Once).await;
        for task in ["one", "two"] {
            world.engine.program(task, Program::endless());
            world.pool.give(wants(task, "new/tool:1"));
        }
        world
            .when("one of them handed back", |w| {
                ["one", "two"].iter().filter(|t| !w.pool.attempt(&key(t, 1)).handed_back.is_empty()).count()
                    == 1
            })
            .await;
        world.until(worker, "the other runs", |s| s.status.running_tasks == 1).await;
        world.pass(30.0).await;
    });
    assert_eq!(world.engine.started().len(), 1);
}

#[test]
fn a_task_over_the_trust_level_is_handed_back_with_the_reason() {
    let world = World::default();
    let mut large = assigned("large");
    large.assignment.limits.disk_bytes = 101 * GIB;
    world.pool.give(large);
    world.live(async |worker| {
        handed_back(&world, "large").await;
        let told = world.until(worker, "told", |s| !s.notices.is_empty()).await;
        let error = &told.notices[0].error;
        assert_eq!(error.code, ErrorCode::TrustLimit);
        assert_eq!((error.facts["limit"].as_str(), error.facts["level"].as_str()), ("disk_bytes", "medium"));
    });
}

#[test]
fn a_running_container_gives_way_while_the_owner_is_busy() {
    let world = World::default();
    world.engine.program("long", Program::endless());
    world.pool.give(assigned("long"));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        let container = world.engine.containers().remove(0);
        world.host.set_cpu(100.0);
        world.when("lowered", |w| w.engine.priority(&container) == Some(Priority::Least)).await;
        world.until(worker, "shown", |s| s.limits.cpu_shares == 2).await;
        world.host.set_cpu(0.0);
        world.when("raised", |w| w.engine.priority(&container) == Some(Priority::Normal)).await;
    });
    assert_eq!(world.engine.started(), [key("long", 1)], "nothing was started anew");
}
