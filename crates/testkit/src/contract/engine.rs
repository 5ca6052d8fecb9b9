use crate::key;
use hivemind_domain::ids::InstallId;
use hivemind_worker_core::port::{
    ContainerEvent, ContainerPlan, Engine, EngineErrorKind, Exit, OutputLine, Told,
};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// What a container of the suite does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Prints `one`, `two` and `three`, leaves an output of more than ten bytes and ends with code 3.
    Counts,
    /// Prints `ready` and runs until it is stopped.
    Endless,
    /// Prints a line several times a second, at least 1000, until it is stopped.
    Ticks,
}

/// What the suite needs around an engine.
pub trait EngineBench {
    /// This installation; nothing of it is in the engine.
    fn install(&self) -> InstallId;

    /// A plan that does the job as the first attempt at `task`.
    fn plan(&self, task: &str, job: Job) -> ContainerPlan;

    /// A folder for outputs.
    fn folder(&self) -> &Path;
}

struct Heard {
    exit: Exit,
    started: usize,
    lines: Vec<OutputLine>,
}

impl Heard {
    fn texts(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line.text.as_str()).collect()
    }
}

async fn run(engine: &dyn Engine, container: &str, before: Told) -> Heard {
    let (events, mut told) = mpsc::channel(64);
    let gather = async {
        let (mut started, mut lines) = (0, Vec::new());
        while let Some(event) = told.recv().await {
            match event {
                ContainerEvent::Started => started += 1,
                ContainerEvent::Line(line) => lines.push(line),
                ContainerEvent::Usage(_) => {}
            }
        }
        (started, lines)
    };
    let (exit, (started, lines)) = tokio::join!(engine.run(container, before, events), gather);
    Heard { exit: exit.expect("run to its end"), started, lines }
}

/// Follows a container until it has told a line, then lets go of it.
async fn glance(engine: &dyn Engine, container: &str) -> OutputLine {
    let (events, mut told) = mpsc::channel(64);
    let first = async {
        while let Some(event) = told.recv().await {
            if let ContainerEvent::Line(line) = event {
                return line;
            }
        }
        panic!("the container told no line");
    };
    tokio::select! {
        exit = engine.run(container, Told::default(), events) => panic!("an endless container ended: {exit:?}"),
        line = first => line,
    }
}

/// An engine runs containers, lets go of them, finds them again and leaves nothing behind.
///
/// # Panics
/// When it does not.
pub async fn engine(engine: &dyn Engine, bench: &dyn EngineBench) {
    engine.verify().await.expect("an engine that can be used");
    let install = bench.install();
    assert_eq!(engine.own(&install).await, Ok(Vec::new()), "nothing is there at first");
    counts(engine, bench, CONTAINER).await;
    endless(engine, bench, &install).await;
    frozen(engine, bench, &install).await;
    assert_eq!(engine.own(&install).await, Ok(Vec::new()), "nothing is left");
}

/// What differs between kinds of containers that do [`Job::Counts`].
#[derive(Debug, Clone, Copy)]
struct Kind {
    code: i64,
    has_image: bool,
    lines: [&'static str; 3],
}

const CONTAINER: Kind = Kind { code: 3, has_image: true, lines: ["one", "two", "three"] };

/// A managed function has no code of its own, no image, and tells its lines with their breaks.
const FUNCTION: Kind = Kind { code: 0, has_image: false, lines: ["one\n", "two\n", "three\n"] };

/// What of [`engine`] holds for managed functions: they print, end, are found and collected, and leave nothing. The
/// plan for [`Job::Counts`] is one that prints `one`, `two` and `three`. No function is endless.
///
/// # Panics
/// When it does not hold.
pub async fn functions(engine: &dyn Engine, bench: &dyn EngineBench) {
    counts(engine, bench, FUNCTION).await;
}

async fn counts(engine: &dyn Engine, bench: &dyn EngineBench, kind: Kind) {
    let install = &bench.install();
    let code = kind.code;
    let plan = bench.plan("counts", Job::Counts);
    let old = engine.prepare(&plan).await.expect("prepared");
    let new = engine.prepare(&plan).await.expect("prepared again");
    assert_ne!(old.container, new.container, "an earlier try is replaced");
    assert_eq!(!new.image_digest.is_empty(), kind.has_image);
    let own = engine.own(install).await.expect("own containers");
    assert_eq!(own.len(), 1, "the earlier try is gone");
    assert_eq!(
        (own[0].container.as_str(), own[0].key.as_ref()),
        (new.container.as_str(), Some(&key("counts", 1)))
    );
    let foreign = InstallId::new("somebody-else").expect("an id");
    assert_eq!(engine.own(&foreign).await, Ok(Vec::new()), "other installations' are not ours");

    let told = run(engine, &new.container, Told::default()).await;
    assert_eq!((told.exit.code, told.exit.out_of_memory, told.started), (code, false, 1));
    assert_eq!(told.texts(), kind.lines);
    assert!(told.lines.windows(2).all(|pair| pair[0].time_ns < pair[1].time_ns), "times rise");
    // A worker that was away while it ended asks again.
    let again = run(engine, &new.container, Told::of(&told.lines[..2], true)).await;
    assert_eq!(
        (again.exit.code, again.texts()),
        (code, vec![kind.lines[2]]),
        "known lines are left out, it ran once"
    );
    let rest = run(engine, &new.container, Told::of(&told.lines, true)).await;
    assert_eq!((rest.exit.code, rest.texts()), (code, Vec::new()));

    let into = bench.folder().join("counts.zip");
    let refused = engine.collect(&new.container, &into, 10).await.expect_err("too large");
    assert_eq!(refused.kind, EngineErrorKind::Output);
    assert!(!into.exists(), "a refused result leaves no file");
    let file = engine.collect(&new.container, &into, 1 << 20).await.expect("collected");
    let bytes = std::fs::read(&into).expect("the result");
    assert_eq!((file.size_bytes, file.entries), (bytes.len() as u64, 1));
    assert_eq!(file.sha256, hex::encode(Sha256::digest(&bytes)));
    assert_eq!(
        engine.collect(&new.container, &into, 1 << 20).await,
        Ok(file),
        "collecting twice gives the same"
    );

    for _ in 0..2 {
        assert_eq!(engine.remove(&new.container).await, Ok(()), "also when it is gone");
    }
    assert_eq!(engine.own(install).await, Ok(Vec::new()));
    let (events, _told) = mpsc::channel(64);
    let gone = engine.run(&new.container, Told::default(), events).await.expect_err("it is gone");
    assert_eq!(gone.kind, EngineErrorKind::Gone);
    let gone = engine.collect(&new.container, &into, 1 << 20).await.expect_err("it is gone");
    assert_eq!(gone.kind, EngineErrorKind::Gone);
}

async fn endless(engine: &dyn Engine, bench: &dyn EngineBench, install: &InstallId) {
    let prepared = engine.prepare(&bench.plan("endless", Job::Endless)).await.expect("prepared");
    let ready = glance(engine, &prepared.container).await;
    assert_eq!(ready.text, "ready");
    assert_eq!(engine.own(install).await.expect("own containers").len(), 1, "letting go leaves it running");
    assert_eq!(glance(engine, &prepared.container).await.text, ready.text, "it was not started anew");
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        engine.stop(&prepared.container, Duration::from_secs(2)).await
    };
    let (told, stopped) =
        tokio::join!(run(engine, &prepared.container, Told::of(std::slice::from_ref(&ready), true)), stop);
    assert_eq!(stopped, Ok(()));
    assert_eq!(told.started, 1, "an adopted container is told as started");
    assert_ne!(told.exit.code, 0, "a stopped container did not end well");
    assert_eq!(
        engine.stop(&prepared.container, Duration::from_secs(2)).await,
        Ok(()),
        "it has ended already"
    );
    assert_eq!(engine.remove(&prepared.container).await, Ok(()));
    assert_eq!(engine.stop(&prepared.container, Duration::from_secs(2)).await, Ok(()), "it is gone already");
}

/// Follows a container and counts its lines into `seen`.
async fn tally(engine: &dyn Engine, container: &str, seen: &AtomicUsize) -> Exit {
    let (events, mut told) = mpsc::channel(64);
    let gather = async {
        while let Some(event) = told.recv().await {
            if matches!(event, ContainerEvent::Line(_)) {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    tokio::join!(engine.run(container, Told::default(), events), gather).0.expect("run to its end")
}

async fn more_than(seen: &AtomicUsize, lines: usize) {
    let waiting = async {
        while seen.load(Ordering::Relaxed) <= lines {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), waiting).await.is_ok(), "no line after {lines}");
}

async fn frozen(engine: &dyn Engine, bench: &dyn EngineBench, install: &InstallId) {
    let is_frozen = async || engine.own(install).await.expect("own containers").first().map(|own| own.frozen);
    let prepared = engine.prepare(&bench.plan("ticks", Job::Ticks)).await.expect("prepared");
    let id = prepared.container.as_str();
    let seen = AtomicUsize::new(0);
    let script = async {
        more_than(&seen, 2).await;
        assert_eq!(is_frozen().await, Some(false));
        for _ in 0..2 {
            assert_eq!(engine.freeze(id).await, Ok(()), "also when it is frozen");
        }
        assert_eq!(is_frozen().await, Some(true));
        // What was printed before may still be on its way.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let before = seen.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(seen.load(Ordering::Relaxed), before, "a frozen container computes");
        for _ in 0..2 {
            assert_eq!(engine.thaw(id).await, Ok(()), "also when it runs");
        }
        more_than(&seen, before).await;
        assert_eq!(is_frozen().await, Some(false));
        assert_eq!(engine.freeze(id).await, Ok(()));
        // A frozen container ends when it is stopped.
        assert_eq!(engine.stop(id, Duration::from_secs(2)).await, Ok(()));
    };
    let (exit, ()) = tokio::join!(tally(engine, id, &seen), script);
    assert_ne!(exit.code, 0, "a stopped container did not end well");
    assert_eq!((engine.freeze(id).await, engine.thaw(id).await), (Ok(()), Ok(())), "it has ended");
    assert_eq!(engine.remove(id).await, Ok(()));
    assert_eq!((engine.freeze(id).await, engine.thaw(id).await), (Ok(()), Ok(())), "it is gone");

    let again = engine.prepare(&bench.plan("ticks", Job::Ticks)).await.expect("prepared again");
    let seen = AtomicUsize::new(0);
    let (events, mut told) = mpsc::channel(64);
    {
        let run = engine.run(&again.container, Told::default(), events);
        let first = async { while !matches!(told.recv().await, Some(ContainerEvent::Line(_)) | None) {} };
        tokio::select! {
            exit = run => panic!("an endless container ended: {exit:?}"),
            () = first => {}
        }
    }
    // Let go of, frozen, found again by the next process, followed and removed.
    assert_eq!(engine.freeze(&again.container).await, Ok(()));
    assert_eq!(is_frozen().await, Some(true));
    let adopted = async {
        let _ =
            tokio::time::timeout(Duration::from_millis(500), tally(engine, &again.container, &seen)).await;
    };
    adopted.await;
    assert_eq!(engine.remove(&again.container).await, Ok(()), "frozen ones are removed");
}
