//! Electricity above idle: learnt while nothing runs, billed to the task that takes it, told with its price.

use crate::{SECOND, task_ref};
use hivemind_control::{Control, EarningsQuery, EarningsView, SettingChange, WhatIfRequest};
use hivemind_testkit::{Program, World, assigned};
use hivemind_worker_core::Worker;

async fn set(worker: &Worker, key: &str, value: &str) {
    let change = SettingChange { key: key.into(), value: Some(value.into()) };
    worker.control.set_setting(change).await.unwrap();
}

async fn earnings(worker: &Worker) -> EarningsView {
    worker.control.earnings(EarningsQuery::default()).await.unwrap()
}

#[test]
fn a_task_is_billed_what_it_took_above_idle_and_idle_is_known_after_a_restart() {
    let world = World::default();
    world.host.set_cpu(3.0);
    world.host.set_cpu_power(10.0);
    world.live(async |worker| {
        set(worker, "electricity_price", "0.36").await;
        set(worker, "electricity_currency", "eur").await;
        assert_eq!(earnings(worker).await.electricity.processor, "learning");
        tokio::time::sleep(SECOND * 200).await;
        let rested = earnings(worker).await.electricity;
        assert_eq!((rested.processor.as_str(), rested.currency.as_str()), ("", "EUR"));
        assert_eq!((rested.idle[0].device.as_str(), rested.idle[0].milliwatts), ("cpu", 10_000));
    });
    world.engine.program("one", Program::exits(0, SECOND * 600));
    world.pool.give(assigned("one"));
    // The program has half a core of eight: 6.25 percent of a processor that is busy by 12.5 percent, so half of the
    // 40 watts above idle are its.
    world.host.set_cpu(12.5);
    world.host.set_cpu_power(50.0);
    world.live(async |worker| {
        world.until(worker, "done", |s| s.today.tasks == 1).await;
        let told = earnings(worker).await;
        // 20 W for 600 s are 12,000 J: 3.33 Wh. The first and the last seconds may be missing.
        let mwh = told.tasks[0].energy_mwh.expect("known");
        assert!((3_150..=3_400).contains(&mwh), "{mwh}");
        let sum = told.electricity.sum;
        assert_eq!((sum.known_tasks, sum.tasks, sum.gpu_mwh), (1, 1, 0));
        assert!(sum.cpu_mwh.abs_diff(mwh) <= 1 && told.days[0].electricity == sum, "{sum:?}");
        let cost = sum.cost_micros.expect("a price");
        assert!((1_134..=1_224).contains(&cost), "0.36 a kilowatt-hour: {cost}");
        assert_eq!(told.tasks[0].cost_micros, Some(cost));
        let task = worker.control.task(task_ref("one")).await.unwrap();
        assert_eq!(task.energy_mwh, Some(mwh));
        let tried = worker.control.what_if(WhatIfRequest { changes: Vec::new(), days: 1 }).await.unwrap();
        let again = tried.now.energy_mwh.expect("known");
        assert!(again.abs_diff(mwh) <= mwh / 10 && tried.currency == "EUR", "{again} and {mwh}");
        assert_eq!(tried.changed.cost_micros, tried.now.cost_micros);
    });
}

#[test]
fn a_computer_that_does_not_tell_its_power_says_so() {
    let world = World::default();
    world.engine.program("one", Program::exits(0, SECOND * 30));
    world.pool.give(assigned("one"));
    world.live(async |worker| {
        world.until(worker, "done", |s| s.today.tasks == 1).await;
        let told = earnings(worker).await;
        assert_eq!((told.electricity.processor.as_str(), told.tasks[0].energy_mwh), ("no_sensor", None));
        let sum = told.electricity.sum;
        assert_eq!((sum.known_tasks, sum.tasks, sum.cost_micros), (0, 1, None));
    });
}

#[test]
fn programs_to_choose_from_are_named_once_and_are_plain() {
    let world = World::default();
    world.host.set_programs(&["game.exe", "b\u{202e}lender", "game.exe", "", "a,b", "c:gpu"]);
    world.live(async |worker| {
        let named = worker.control.programs(()).await.unwrap();
        assert_eq!(named, ["game.exe"], "only names that will be found again");
    });
}
