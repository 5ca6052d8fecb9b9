//! Programs that print faster than anybody reads.

use crate::bench::{Bench, bench};
use hivemind_worker_core::port::{ContainerEvent, Engine, Exit, Told};
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

/// Runs a program that prints `lines` numbered lines of this length; reads slowly at first.
async fn flood(bench: &Bench, task: &str, lines: u64, length: usize) -> (Exit, Read) {
    let program = format!(
        "import sys\npad = 'x' * {length}\nfor i in range(0, {lines}, 1000):\n    sys.stdout.write(''.join('%d %s\\n' % (k, pad) for k in range(i, i + 1000)))\n"
    );
    let mut plan = bench.plan(task, &[("main.py", &program)]);
    plan.limits.resources.cpu_millis = 2000;
    let container = bench.prepare(&plan).await;
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
