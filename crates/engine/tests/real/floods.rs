//! Programs that print faster than anybody reads.

use crate::bench::{Bench, bench};
use hivemind_worker_core::port::{ContainerEvent, ContainerPlan, Engine, Exit, Told};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// What a reader made of numbered lines.
#[derive(Default, Debug)]
struct Read {
    lines: u64,
    bytes: u64,
    /// Numbers that were passed over.
    missing: u64,
    /// Bytes that the log itself calls lost.
    owned_up: u64,
}

impl Read {
    /// Lines are `NUMBER PADDING`, from 0 on.
    fn line(&mut self, text: &str) {
        if let Some(rest) = text.strip_prefix("[hivemind] at least ") {
            self.owned_up += rest.split(' ').next().and_then(|n| n.parse::<u64>().ok()).expect("a number");
            return;
        }
        let number: u64 = text.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
        let expected = self.lines + self.missing;
        assert!(number >= expected, "{number} after {expected}: lines came twice or out of order");
        self.missing += number - expected;
        self.lines += 1;
        self.bytes += text.len() as u64 + 1;
    }
}

/// A plan of a program that prints `lines` numbered lines of this length.
fn plan(bench: &Bench, task: &str, lines: u64, length: usize) -> ContainerPlan {
    let program = format!(
        "import sys\npad = 'x' * {length}\nfor i in range(0, {lines}, 1000):\n    sys.stdout.write(''.join('%d %s\\n' % (k, pad) for k in range(i, i + 1000)))\n"
    );
    let mut plan = bench.plan(task, &[("main.py", &program)]);
    plan.limits.resources.cpu_millis = 2000;
    plan
}

/// Runs such a program; reads slowly.
async fn flood(bench: &Bench, task: &str, lines: u64, length: usize) -> (Exit, Read) {
    let container = bench.prepare(&plan(bench, task, lines, length)).await;
    read(bench, container).await
}

async fn read(bench: &Bench, container: String) -> (Exit, Read) {
    let (events, mut told) = mpsc::channel(16);
    let running = {
        let (engine, container) = (bench.engine.clone(), container.clone());
        tokio::spawn(async move { engine.run(&container, Told::default(), events).await })
    };
    let mut read = Read::default();
    while let Some(event) = told.recv().await {
        if let ContainerEvent::Line(line) = event {
            read.line(&line.text);
            // A reader whose disk hangs for a while now and then.
            if read.lines.is_multiple_of(20_000) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    let exit = running.await.expect("no panic").expect("run to its end");
    bench.engine.remove(&container).await.expect("removed");
    (exit, read)
}

#[tokio::test]
async fn a_program_that_prints_faster_than_it_is_read_waits_and_loses_nothing() {
    let Some(bench) = bench().await else { return };
    // 46 MB in the engine's files, more than it keeps.
    let (exit, read) = flood(&bench, "steady", 200_000, 150).await;
    println!("{read:?}");
    assert_eq!((exit.code, read.lines, read.missing, read.owned_up), (0, 200_000, 0, 0));
    bench.assert_clean().await;
}

#[tokio::test]
async fn short_lines_are_all_there_or_the_log_says_how_much_is_missing() {
    let Some(bench) = bench().await else { return };
    // What the engine itself holds back of such lines may be more than a file of its log.
    let (exit, read) = flood(&bench, "short", 300_000, 0).await;
    println!("{read:?}");
    assert_eq!(exit.code, 0, "{read:?}");
    assert!(read.lines == 300_000 || read.owned_up > 0, "nothing is lost silently: {read:?}");
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_program_that_is_frozen_while_it_prints_loses_nothing() {
    let Some(bench) = bench().await else { return };
    for (task, command) in [
        ("as-the-image-says", None),
        ("buffered", Some("env -u PYTHONUNBUFFERED python3 main.py")),
        ("unbuffered", Some("python3 -u main.py")),
    ] {
        let mut plan = plan(&bench, task, 100_000, 150);
        if let Some(command) = command {
            plan.command = command.split(' ').map(str::to_owned).collect();
        }
        let container = bench.prepare(&plan).await;
        let frozen = Arc::new(AtomicU32::new(0));
        let freezing = {
            let (engine, container, frozen) = (bench.engine.clone(), container.clone(), Arc::clone(&frozen));
            tokio::spawn(async move {
                // It is in the middle of a write now and then: the pipe is full most of the time.
                while engine.freeze(&container).await.is_ok() {
                    engine.thaw(&container).await.expect("thawed");
                    frozen.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
            })
        };
        let (exit, read) = read(&bench, container).await;
        freezing.abort();
        assert!(frozen.load(Ordering::Relaxed) >= 3, "it was frozen in between");
        assert_eq!((exit.code, read.lines, read.missing, read.owned_up), (0, 100_000, 0, 0), "{task}");
    }
    bench.assert_clean().await;
}
