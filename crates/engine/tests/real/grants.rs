//! What an attempt is given: GPUs by name, and its share of the computer.

use crate::bench::bench;
use hivemind_domain::priority::Priority;
use hivemind_worker_core::port::{Engine, EngineErrorKind, Told};

#[tokio::test]
async fn without_nvidias_runtime_a_task_with_gpus_is_refused_before_anything_is_made() {
    let Some(bench) = bench().await else { return };
    let info = bench.engine.verify().await.expect("an engine");
    let mut plan = bench.plan("gpu", &[("run.sh", "true")]);
    plan.limits.resources.gpus = 1;
    plan.gpus = vec!["all".to_owned()];
    assert_eq!(bench.engine.prepare(&plan).await.expect_err("all").kind, EngineErrorKind::Gpu);
    plan.gpus = vec!["GPU-8c1e2f30-0000-1111-2222-333344445555".to_owned()];
    if info.gpus {
        println!("SKIPPED the refusal: this engine has NVIDIA's runtime");
        return;
    }
    let refused = bench.engine.prepare(&plan).await.expect_err("no runtime");
    assert_eq!(refused.kind, EngineErrorKind::Gpu);
    assert!(refused.message.contains("NVIDIA"), "{refused}");
    bench.assert_clean().await;
}

#[tokio::test]
async fn an_image_cannot_help_itself_to_gpus() {
    let Some(bench) = bench().await else { return };
    let told = bench.run_script("void", "echo \"[$NVIDIA_VISIBLE_DEVICES]\"").await;
    assert_eq!(told.text(), "[void]");
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_running_containers_share_is_changed_without_a_restart() {
    let Some(bench) = bench().await else { return };
    let container = bench.script("share", "echo ready; sleep 300").await;
    let engine = bench.engine.clone();
    let (sender, gathering) = crate::bench::gather();
    let running = {
        let container = container.clone();
        tokio::spawn(async move { engine.run(&container, Told::default(), sender).await })
    };
    bench.until_running(&container).await;
    let inspect = || async {
        let seen = bench.raw.inspect_container(&container, None).await.expect("inspected");
        let (state, host) = (seen.state.expect("state"), seen.host_config.expect("host configuration"));
        (state.started_at, state.running, host.cpu_shares)
    };
    let (started, _, before) = inspect().await;
    assert!(matches!(before, Some(0) | None | Some(1024)), "{before:?}");
    for priority in [Priority::Low, Priority::Least, Priority::Normal] {
        bench.engine.prioritise(&container, priority).await.expect("changed");
        let seen = inspect().await;
        assert_eq!(
            seen,
            (started.clone(), Some(true), Some(i64::from(priority.cpu_shares()))),
            "{priority:?}"
        );
    }
    assert!(bench.engine.calls().snapshot().get("update").is_some_and(|calls| *calls >= 3));
    bench.engine.remove(&container).await.expect("removed");
    let _ = running.await;
    let _ = gathering.await;
    assert_eq!(bench.engine.prioritise(&container, Priority::Low).await, Ok(()), "also when it is gone");
    bench.assert_clean().await;
}
