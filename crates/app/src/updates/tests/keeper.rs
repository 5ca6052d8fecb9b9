//! When it is looked, and when a new version may be put in place: hours of it, in an instant.

use super::super::keeper::{FIRST, Keeper, PATIENCE, PAUSE};
use super::super::record::Record;
use super::super::source::{Signed, Source, SourceError};
use super::{NEW, OLD, Scene, TARGET};
use async_trait::async_trait;
use hivemind_control::{DecisionReason, Snapshot, TaskView};
use hivemind_testkit::{FakeClock, FakeSettings};
use hivemind_update::{Artefact, Swap, SystemDisk};
use hivemind_worker_core::port::Clock;
use semver::Version;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const HOUR: Duration = Duration::from_secs(3600);

/// A source without a wire: time stands still in these tests, and a wire would wait for it.
struct Shelf {
    signed: Result<Signed, SourceError>,
    asked: AtomicU32,
}

#[async_trait]
impl Source for Shelf {
    async fn manifest(&self) -> Result<Signed, SourceError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.signed.clone()
    }

    async fn file(&self, _: &Artefact, parts: mpsc::Sender<Vec<u8>>) -> Result<(), SourceError> {
        for part in NEW.chunks(5) {
            let _ = parts.send(part.to_vec()).await;
        }
        Ok(())
    }
}

/// A keeper at work, with everything that it sees.
struct Stage {
    scene: Scene,
    shelf: Arc<Shelf>,
    settings: Arc<FakeSettings>,
    seen: watch::Sender<Arc<Snapshot>>,
    /// Whether a task comes while the worker is told to take none.
    late: Arc<AtomicBool>,
    updating: watch::Receiver<bool>,
    exchange: CancellationToken,
    shutdown: CancellationToken,
}

impl Stage {
    async fn open(good: bool) -> Self {
        let scene = Scene::open().await;
        let clock = Arc::new(FakeClock::starting_at(Duration::ZERO));
        let release = scene.server.release("0.2.0", TARGET, NEW, clock.now().wall.0.max(1_000_000));
        let manifest = release.text();
        let signature = if good { scene.server.sign(&manifest) } else { scene.server.sign(b"{}") };
        let shelf = Arc::new(Shelf { signed: Ok(Signed { manifest, signature }), asked: AtomicU32::new(0) });
        Self {
            scene,
            shelf,
            settings: Arc::new(FakeSettings::default()),
            seen: watch::Sender::new(Arc::default()),
            late: Arc::default(),
            updating: watch::Sender::new(false).subscribe(),
            exchange: CancellationToken::new(),
            shutdown: CancellationToken::new(),
        }
    }

    /// Lets it work from now on; the worker answers as the real one does when it is told of an update.
    fn begin(&mut self) {
        let (updating, told) = watch::channel(false);
        self.updating = told.clone();
        let keeper = Keeper {
            here: Arc::new(self.scene.here()),
            program: self.scene.program.clone(),
            target: TARGET.to_owned(),
            source: self.shelf.clone(),
            data: self.scene.folder.path().to_owned(),
            clock: Arc::new(FakeClock::starting_at(Duration::ZERO)),
            settings: self.settings.clone(),
            snapshots: self.seen.subscribe(),
            updating,
            exchange: self.exchange.clone(),
            first: FIRST,
        };
        tokio::spawn(keeper.keep(self.shutdown.clone()));
        let (seen, late) = (self.seen.clone(), self.late.clone());
        tokio::spawn(async move {
            let mut told = told;
            while told.changed().await.is_ok() {
                let on = *told.borrow_and_update();
                change(&seen, |snapshot| {
                    if on && late.swap(false, Ordering::Relaxed) {
                        snapshot.tasks = vec![TaskView::default()];
                    }
                    snapshot.decision.all.retain(|reason| *reason != DecisionReason::Updating);
                    if on {
                        snapshot.decision.all.push(DecisionReason::Updating);
                    }
                });
            }
        });
    }

    fn see(&self, changed: impl FnOnce(&mut Snapshot)) {
        change(&self.seen, changed);
    }

    fn asked(&self) -> u32 {
        self.shelf.asked.load(Ordering::Relaxed)
    }

    fn is_ready(&self) -> bool {
        Swap::new(self.scene.program.clone(), &SystemDisk).staged().is_some()
    }

    async fn exchanges_within(&self, time: Duration) -> bool {
        timeout(time, self.exchange.cancelled()).await.is_ok()
    }
}

fn change(seen: &watch::Sender<Arc<Snapshot>>, changed: impl FnOnce(&mut Snapshot)) {
    seen.send_modify(|snapshot| {
        let mut next = (**snapshot).clone();
        changed(&mut next);
        *snapshot = Arc::new(next);
    });
}

#[tokio::test(start_paused = true)]
async fn the_first_look_comes_ten_minutes_after_the_start_and_idle_workers_are_exchanged() {
    let mut stage = Stage::open(true).await;
    let began = Instant::now();
    stage.begin();
    sleep(FIRST - Duration::from_secs(1)).await;
    assert_eq!(stage.asked(), 0);
    assert!(stage.exchanges_within(HOUR).await);
    assert!(began.elapsed() < FIRST + Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(stage.is_ready() && *stage.updating.borrow(), "no new task may come now");
    let record = Record::load(stage.scene.folder.path());
    assert_eq!((record.newest, record.why), (Some(Version::new(0, 2, 0)), None));
    assert!(record.looked_ms.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_runs_or_waits_to_be_delivered_is_waited_for() {
    let mut stage = Stage::open(true).await;
    stage.see(|snapshot| snapshot.tasks = vec![TaskView::default()]);
    stage.begin();
    assert!(!stage.exchanges_within(5 * HOUR).await);
    assert!(stage.is_ready() && !*stage.updating.borrow(), "it lies ready, and work goes on");
    stage.see(|snapshot| snapshot.tasks.clear());
    assert!(stage.exchanges_within(Duration::from_secs(60)).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_delivered_and_waits_for_its_pay_holds_nothing_up() {
    let mut stage = Stage::open(true).await;
    let delivered = TaskView { phase: "reported".into(), ..TaskView::default() };
    let waits = TaskView { phase: "uploading".into(), ..TaskView::default() };
    stage.see(|snapshot| snapshot.tasks = vec![delivered.clone(), waits]);
    stage.begin();
    assert!(!stage.exchanges_within(HOUR).await, "one waits to be delivered");
    stage.see(|snapshot| snapshot.tasks = vec![delivered]);
    assert!(stage.exchanges_within(Duration::from_secs(60)).await);
}

#[tokio::test(start_paused = true)]
async fn where_work_never_ends_no_new_tasks_are_taken_after_some_hours_and_it_runs_out() {
    let mut stage = Stage::open(true).await;
    stage.see(|snapshot| snapshot.tasks = vec![TaskView::default()]);
    stage.begin();
    sleep(FIRST + PATIENCE - HOUR).await;
    assert!(!*stage.updating.borrow(), "work goes on");
    assert!(!stage.exchanges_within(3 * HOUR).await, "no task is stopped");
    assert!(*stage.updating.borrow(), "none is added either");
    stage.see(|snapshot| snapshot.tasks.clear());
    assert!(stage.exchanges_within(Duration::from_secs(60)).await);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_comes_in_between_is_not_stopped() {
    let mut stage = Stage::open(true).await;
    // In the very moment in which new ones are to be kept away one is there already.
    stage.late.store(true, Ordering::Relaxed);
    stage.begin();
    assert!(!stage.exchanges_within(5 * HOUR).await);
    assert!(!*stage.updating.borrow(), "and others may come");
    assert!(!stage.late.load(Ordering::Relaxed), "it came");
    stage.see(|snapshot| snapshot.tasks.clear());
    assert!(stage.exchanges_within(Duration::from_secs(60)).await);
}

#[tokio::test(start_paused = true)]
async fn switched_off_nothing_is_asked_and_nothing_exchanged() {
    let mut stage = Stage::open(true).await;
    stage.settings.put("updates", "false");
    stage.begin();
    assert!(!stage.exchanges_within(10 * PAUSE).await);
    assert_eq!(stage.asked(), 0);
    stage.settings.put("updates", "true");
    assert!(stage.exchanges_within(2 * PAUSE).await, "at the next look");

    // Switched off while one lies ready.
    let mut stage = Stage::open(true).await;
    stage.see(|snapshot| snapshot.tasks = vec![TaskView::default()]);
    stage.begin();
    assert!(!stage.exchanges_within(HOUR).await && stage.is_ready());
    stage.settings.put("updates", "false");
    stage.see(|snapshot| snapshot.tasks.clear());
    assert!(!stage.exchanges_within(10 * PAUSE).await);
}

#[tokio::test(start_paused = true)]
async fn a_metered_network_is_not_used() {
    let mut stage = Stage::open(true).await;
    stage.see(|snapshot| snapshot.decision.all = vec![DecisionReason::Metered]);
    stage.begin();
    assert!(!stage.exchanges_within(5 * HOUR).await);
    assert_eq!(stage.asked(), 0);
    stage.see(|snapshot| snapshot.decision.all.clear());
    assert!(stage.exchanges_within(Duration::from_secs(60)).await);
}

#[tokio::test(start_paused = true)]
async fn it_is_looked_once_a_day_and_what_is_refused_is_told() {
    let mut stage = Stage::open(false).await;
    stage.begin();
    assert!(!stage.exchanges_within(10 * PAUSE).await);
    // Ten days, give or take an hour each.
    assert!((9..=11).contains(&stage.asked()), "{}", stage.asked());
    let record = Record::load(stage.scene.folder.path());
    assert_eq!(record.why.unwrap().word, "not_signed");
    assert_eq!(std::fs::read(&stage.scene.program).unwrap(), OLD);
    assert!(!stage.is_ready() && !*stage.updating.borrow());
    stage.shutdown.cancel();
}

#[tokio::test(start_paused = true)]
async fn after_an_exchange_that_could_not_begin_there_is_a_day_of_rest() {
    let mut stage = Stage::open(true).await;
    let later = FakeClock::starting_at(Duration::ZERO).now().wall.0 + 20 * 3_600_000;
    Record::change(stage.scene.folder.path(), |record| record.not_before_ms = Some(later));
    stage.begin();
    assert!(!stage.exchanges_within(19 * HOUR).await);
    assert_eq!(stage.asked(), 0);
    assert!(stage.exchanges_within(2 * HOUR).await);
}
