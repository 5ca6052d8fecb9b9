//! Start, lines, end, adoption, stop, leftovers.

use crate::bench::{PYTHON, bench, gather, has_companion, run_on};
use bollard::query_parameters::{RemoveContainerOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder};
use hivemind_domain::limits::TaskLimits;
use hivemind_worker_core::port::{ContainerEvent, ContainerPlan, Engine, EngineErrorKind, Told};
use std::time::Duration;
use tokio::sync::mpsc;

#[tokio::test]
async fn exit_codes_and_both_outputs_come_back() {
    let Some(bench) = bench().await else { return };
    let ended = bench.run_script("codes", "echo one\necho two >&2\nprintf three\nexit 3\n").await;
    assert_eq!((ended.exit.code, ended.exit.out_of_memory), (3, false));
    let mut told: Vec<_> = ended.lines.iter().map(|l| (l.text.as_str(), l.stderr)).collect();
    told.sort_unstable();
    assert_eq!(told, [("one", false), ("three", false), ("two", true)]);
    assert!(ended.lines.windows(2).all(|pair| pair[0].time_ns < pair[1].time_ns));
    let none = bench.run_script("quiet", "exit 0\n").await;
    assert_eq!((none.exit.code, none.lines.len()), (0, 0));
    let missing = bench.run_script("missing", "exec /no/such/program\n").await;
    assert_eq!(missing.exit.code, 127);
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_python_package_in_a_top_folder_starts_where_its_files_are() {
    let Some(bench) = bench().await else { return };
    let program = "import json, os\nprint(json.dumps({'cwd': os.getcwd(), 'in': open('n.txt').read()}))\n\
        open(os.path.join(os.environ['HIVEMIND_OUTPUT'], 'x'), 'w').write(os.environ['HIVEMIND_TASK'])\n";
    let plan = bench.plan("python", &[("job/main.py", program), ("job/n.txt", "42")]);
    let container = bench.prepare(&plan).await;
    let ended = bench.run(&container).await;
    assert_eq!((ended.exit.code, ended.text().as_str()), (0, r#"{"cwd": "/work/job", "in": "42"}"#));
    bench.engine.remove(&container).await.expect("removed");
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_task_without_a_package_runs_its_command() {
    let Some(bench) = bench().await else { return };
    let mut plan = ContainerPlan {
        package: None,
        command: ["sh", "-c", "echo \"$0 $1\"; ls -A /work", "a b", "$HOME"].map(str::to_owned).to_vec(),
        ..bench.plan("bare", &[])
    };
    let container = bench.prepare(&plan).await;
    assert_eq!(bench.run(&container).await.text(), "a b $HOME\n.hivemind-python\noutput");
    bench.engine.remove(&container).await.expect("removed");
    plan.command.clear();
    let refused = bench.engine.prepare(&plan).await.expect_err("nothing to start");
    assert_eq!(refused.kind, EngineErrorKind::Package);
    bench.assert_clean().await;
}

#[tokio::test]
async fn what_cannot_run_is_refused_before_anything_is_made() {
    let Some(bench) = bench().await else { return };
    let mut plan = bench.plan("refused", &[("main.py", "")]);
    plan.limits.resources.gpus = 1;
    assert_eq!(bench.engine.prepare(&plan).await.expect_err("unnamed").kind, EngineErrorKind::Gpu);
    plan.limits = TaskLimits { pids: 0, ..TaskLimits::default() };
    assert!(bench.engine.prepare(&plan).await.expect_err("limits").message.contains("pids"));
    plan.limits = TaskLimits::default();
    plan.image = "no/such-image:here".into();
    assert_eq!(bench.engine.prepare(&plan).await.expect_err("image").kind, EngineErrorKind::Image);
    plan.image = "sha256:not a reference".into();
    assert_eq!(bench.engine.prepare(&plan).await.expect_err("image").kind, EngineErrorKind::Image);
    let hostile = bench.plan("hostile", &[("../main.py", "")]);
    let refused = bench.engine.prepare(&hostile).await.expect_err("package");
    assert_eq!(refused.kind, EngineErrorKind::Package);
    assert!(
        refused.message.contains("name-traversal") && refused.message.contains("../main.py"),
        "{refused}"
    );
    bench.assert_clean().await;
}

#[tokio::test]
async fn the_manifest_names_image_and_command() {
    let Some(bench) = bench().await else { return };
    let manifest = "image = \"busybox:test\"\ncommand = [\"/bin/busybox\", \"echo\", \"by manifest\"]\n";
    let plan = bench.plan("manifest", &[("hivemind.toml", manifest), ("main.py", "")]);
    let prepared = bench.engine.prepare(&plan).await.expect("prepared");
    assert!(prepared.image_digest.starts_with("sha256:"), "{}", prepared.image_digest);
    assert_eq!(bench.run(&prepared.container).await.text(), "by manifest");
    bench.engine.remove(&prepared.container).await.expect("removed");
    assert_eq!(prepared.image, "busybox:test");
    let mut strict = plan.clone();
    strict.images.allow = hivemind_domain::images::ImageList::parse("justin308/*").expect("a list");
    let refused = bench.engine.prepare(&strict).await.expect_err("not allowed");
    assert!(
        refused.kind == EngineErrorKind::ImageRefused && refused.message.contains("not allowed"),
        "{refused}"
    );
    assert_eq!(refused.image.as_deref(), Some("busybox:test"));
    bench.assert_clean().await;
}

#[tokio::test]
async fn many_lines_arrive_whole_and_long_ones_are_cut() {
    let Some(bench) = bench().await else { return };
    let program = "import sys\nfor i in range(20000): print(i)\nprint('x' * 3_000_000)\nprint('after')\n\
        sys.stdout.buffer.write(b'\\xff\\xfe\\n')\nsys.stdout.write('y' * 16384 + '\\n' + 'z' * 16385)\n";
    let plan = bench.plan("lines", &[("main.py", program)]);
    let container = bench.prepare(&plan).await;
    let ended = bench.run(&container).await;
    bench.engine.remove(&container).await.expect("removed");
    assert_eq!(ended.lines.len(), 20_000 + 5);
    for (number, line) in ended.lines.iter().take(20_000).enumerate() {
        assert_eq!(line.text, number.to_string());
    }
    assert!(ended.lines.iter().all(|l| l.text.len() <= 16 * 1024));
    let tail: Vec<_> = ended.lines.iter().skip(20_000).map(|l| l.text.as_str()).collect();
    assert!(tail[0].starts_with("xxxx") && tail[0].ends_with("[cut]"));
    assert_eq!((tail[1], tail[2]), ("after", "\u{fffd}\u{fffd}"));
    assert!(tail[3].starts_with("yyy") && tail[4].starts_with("zzz"));
    bench.assert_clean().await;
}

/// The engine's following log stream may end before the last piece: nothing may be lost by that.
#[tokio::test]
async fn what_is_printed_right_before_the_end_is_told() {
    let Some(bench) = bench().await else { return };
    for round in 0..15 {
        let script = "for i in 0 1 2 3 4 5 6 7; do echo $i; done; echo e >&2; printf last\n";
        let ended = bench.run_script(&format!("last-{round}"), script).await;
        let side = |stderr| ended.lines.iter().filter(move |l| l.stderr == stderr).map(|l| l.text.as_str());
        assert_eq!(
            side(false).collect::<Vec<_>>(),
            ["0", "1", "2", "3", "4", "5", "6", "7", "last"],
            "round {round}"
        );
        assert_eq!(side(true).collect::<Vec<_>>(), ["e"], "round {round}");
    }
    if has_companion() {
        let logs = bench.engine.calls().snapshot().remove("logs");
        assert_eq!(logs, None, "the end mark says that nothing is missing");
    }
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_running_container_is_adopted_and_told_lines_are_not_told_again() {
    let Some(bench) = bench().await else { return };
    let script = "i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 7\n";
    let container = bench.script("adopt", script).await;
    let (sender, gathering) = gather();
    let dropped = tokio::time::timeout(
        Duration::from_millis(1500),
        bench.engine.run(&container, Told::default(), sender),
    )
    .await;
    assert!(dropped.is_err(), "it runs for three seconds");
    let (first, _) = gathering.await.expect("gathered");
    assert!(!first.is_empty() && first.len() < 30);

    let again = bench.restarted();
    let own = again.own(&bench.install).await.expect("own");
    assert_eq!(own.len(), 1);
    assert_eq!(
        (own[0].container.as_str(), own[0].key.clone()),
        (container.as_str(), Some(bench.key("adopt")))
    );
    let rest = run_on(&again, &container, &first).await;
    assert_eq!(rest.exit.code, 7);
    let told: Vec<_> = first.iter().chain(&rest.lines).map(|l| l.text.clone()).collect();
    assert_eq!(told, (0..30).map(|n| format!("line {n}")).collect::<Vec<_>>());

    // A third process finds it ended: it must be told, and must not run again.
    let late = run_on(&bench.restarted(), &container, &[]).await;
    assert_eq!((late.exit.code, late.lines.len()), (7, 30));
    again.remove(&container).await.expect("removed");
    let gone = again.run(&container, Told::default(), gather().0).await.expect_err("gone");
    assert_eq!(gone.kind, EngineErrorKind::Gone);
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_program_that_prints_much_is_adopted_without_a_gap() {
    const LINES: usize = 150_000;
    let Some(bench) = bench().await else { return };
    let container = bench.script("adopt-much", &format!("seq 1 {LINES}; seq 1 9 >&2; exit 7\n")).await;
    let (sender, mut receiver) = mpsc::channel(16);
    let mut first = Vec::new();
    let some = async {
        while first.len() < 20_000 {
            if let Some(ContainerEvent::Line(line)) = receiver.recv().await {
                first.push(line);
            }
        }
    };
    tokio::select! {
        exit = bench.engine.run(&container, Told::default(), sender) => panic!("it ended: {exit:?}"),
        () = some => {}
    }
    // Half of what had come was kept, as when a worker dies.
    first.truncate(10_000);
    let rest = run_on(&bench.restarted(), &container, &first).await;
    assert_eq!(rest.exit.code, 7);
    let (errors, told): (Vec<_>, Vec<_>) = first.iter().chain(&rest.lines).partition(|line| line.stderr);
    assert!(told.iter().zip(1..).all(|(line, number)| line.text == number.to_string()));
    assert_eq!((told.len(), errors.len()), (LINES, 9));
    assert!(first.iter().chain(&rest.lines).is_sorted_by(|one, other| one.time_ns < other.time_ns));
    bench.engine.remove(&container).await.expect("removed");
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_stop_is_gentle_first_and_hard_after_the_grace() {
    let Some(bench) = bench().await else { return };
    let gentle = "trap 'echo bye; exit 5' TERM\necho up\nwhile :; do sleep 0.1; done\n";
    let stubborn = "trap '' TERM\necho up\nwhile :; do sleep 0.1; done\n";
    for (task, script, grace, code, least) in
        [("gentle", gentle, 10, 5, 0), ("stubborn", stubborn, 1, 137, 1)]
    {
        let container = bench.script(task, script).await;
        let engine = bench.engine.clone();
        let running = {
            let container = container.clone();
            tokio::spawn(async move { run_on(&engine, &container, &[]).await })
        };
        tokio::time::sleep(Duration::from_millis(800)).await;
        let begun = tokio::time::Instant::now();
        bench.engine.stop(&container, Duration::from_secs(grace)).await.expect("stopped");
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(least) && took < Duration::from_secs(6), "{task}: {took:?}");
        let ended = running.await.expect("ended");
        assert_eq!((ended.exit.code, ended.exit.out_of_memory), (code, false), "{task}");
        bench.engine.stop(&container, Duration::from_secs(1)).await.expect("stopping twice is fine");
        bench.engine.remove(&container).await.expect("removed");
        bench.engine.stop(&container, Duration::from_secs(1)).await.expect("stopping what is gone is fine");
        bench.engine.remove(&container).await.expect("removing twice is fine");
    }
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_second_try_replaces_what_the_first_left() {
    let Some(bench) = bench().await else { return };
    let plan = bench.plan("again", &[("run.sh", "echo hello\n")]);
    let first = bench.prepare(&plan).await;
    let second = bench.prepare(&plan).await;
    assert_ne!(first, second);
    assert_eq!(bench.engine.own(&bench.install).await.expect("own").len(), 1);
    assert_eq!(bench.run(&second).await.text(), "hello");
    bench.engine.remove(&second).await.expect("removed");
    bench.assert_clean().await;
}

#[tokio::test]
async fn the_volume_of_a_vanished_container_is_swept() {
    let Some(bench) = bench().await else { return };
    let container = bench.script("vanish", "exit 0\n").await;
    let other = bench.script("stays", "exit 0\n").await;
    let without_volume = RemoveContainerOptionsBuilder::new().force(true).v(false).build();
    bench.raw.remove_container(&container, Some(without_volume)).await.expect("removed behind our back");
    bench.engine.remove(&container).await.expect("fine when it is gone");
    let left = bench.engine.own(&bench.install).await.expect("own");
    assert_eq!(left.len(), 1, "the other one stays");
    assert_eq!(bench.run(&other).await.exit.code, 0, "and still has its files");
    bench.engine.remove(&other).await.expect("removed");
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_moved_tag_is_noticed() {
    let Some(bench) = bench().await else { return };
    let repository = format!("hivemind-test-{}", bench.install);
    let tag = async |image: &str| {
        let to = TagImageOptionsBuilder::new().repo(&repository).tag("moving").build();
        bench.raw.tag_image(image, Some(to)).await.expect("tagged");
    };
    let mut plan = bench.plan("tag", &[("run.sh", "exit 0\n")]);
    plan.image = format!("{repository}:moving");
    let mut digests = Vec::new();
    for image in ["busybox:test", PYTHON, PYTHON, "busybox:test"] {
        tag(image).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let prepared = bench.engine.prepare(&plan).await.expect("prepared");
        assert_eq!(bench.run(&prepared.container).await.exit.code, 0);
        bench.engine.remove(&prepared.container).await.expect("removed");
        digests.push(prepared.image_digest);
    }
    bench.raw.remove_image(&plan.image, None::<RemoveImageOptions>, None).await.expect("untagged");
    assert_ne!(digests[0], digests[1]);
    assert_eq!((&digests[1], &digests[0]), (&digests[2], &digests[3]));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(bench.engine.prepare(&plan).await.expect_err("gone").kind, EngineErrorKind::Image);
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_task_costs_at_most_eight_requests() {
    let Some(bench) = bench().await else { return };
    // The first task opens the shared event stream and looks the image up.
    let _ = bench.run_script("warm", "exit 0\n").await;
    let mut told = Vec::new();
    for (task, script) in [("short", "echo hi > $HIVEMIND_OUTPUT/x\n"), ("long", "sleep 3; echo hi\n")] {
        let before = bench.engine.calls().snapshot();
        let container = bench.script(task, script).await;
        let ended = bench.run(&container).await;
        let into = bench.folder.path().join(format!("{task}.result"));
        bench.engine.collect(&container, &into, 1 << 20).await.expect("collected");
        bench.engine.remove(&container).await.expect("removed");
        let after = bench.engine.calls().snapshot();
        let used: Vec<(&str, u64)> = after
            .iter()
            .map(|(name, count)| (*name, count - before.get(name).copied().unwrap_or(0)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let total: u64 = used.iter().map(|(_, count)| count).sum();
        assert!(total <= 8, "{task}: {used:?}");
        if task == "long" {
            assert!(!ended.usage.is_empty(), "a three-second task has readings");
        }
        told.push(format!("{task}: {total} requests {used:?}"));
    }
    println!("{}", told.join("\n"));
    bench.assert_clean().await;
}
