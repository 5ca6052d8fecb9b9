//! What is tried.

use crate::board::Board;
use crate::desktop::{Bus, TrayHost};
use crate::fake::FakeWorker;
use crate::states;
use async_trait::async_trait;
use hivemind_control::Control;
use hivemind_tray::{
    Click, DesktopNotices, Ended, Notice, NoticeBoard, Place, PlaceTeller, ToldStore, notify, run,
};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

type Scenario = fn() -> Pin<Box<dyn Future<Output = ()>>>;

pub const ALL: &[(&str, Scenario)] = &[
    ("the_first_cpt_is_told_on_the_desktop_and_a_click_opens_the_window", || Box::pin(told())),
    ("seven_states_by_shape_and_words_in_both_languages", || Box::pin(states::all())),
    ("every_entry_of_the_menu_asks_for_what_it_says_in_both_languages", || Box::pin(states::actions())),
    ("a_language_chosen_while_it_runs_changes_the_menu", || Box::pin(states::language())),
    ("without_a_board_the_worker_goes_on", || Box::pin(not_told())),
    ("toggle_works_with_a_tray_host_present", || Box::pin(present())),
    ("toggle_works_with_a_tray_host_that_comes_later", || Box::pin(later())),
    ("without_a_tray_host_it_waits_and_ends_when_asked", || Box::pin(absent())),
    ("that_no_icon_can_be_shown_is_told_once_it_lasts", || Box::pin(no_icon_told())),
    ("without_a_bus_it_says_so_and_ends", || Box::pin(no_bus())),
    ("toggle_works_after_the_bus_died", || Box::pin(bus_dies())),
    ("a_bus_that_comes_later_is_found", || Box::pin(bus_later())),
    ("a_hung_tray_host_holds_nothing_up", || Box::pin(hung())),
];

pub struct Running {
    pub worker: Arc<FakeWorker>,
    shutdown: CancellationToken,
    tray: JoinHandle<Ended>,
    place: watch::Receiver<Place>,
}

pub fn start() -> Running {
    let worker = FakeWorker::new();
    let shutdown = CancellationToken::new();
    let control: Arc<dyn Control> = worker.clone();
    let teller = PlaceTeller::default();
    let place = teller.listen();
    let tray = tokio::spawn(run(control, Arc::new(|| 0), teller, shutdown.clone()));
    Running { worker, shutdown, tray, place }
}

impl Running {
    async fn called(&self, calls: &[&str]) {
        until(&format!("{calls:?}"), || async { self.worker.calls() == calls }).await;
    }

    pub async fn end(self) {
        self.shutdown.cancel();
        let ended =
            timeout(Duration::from_secs(5), self.tray).await.expect("ends within five seconds").unwrap();
        assert_eq!(ended, Ended::Shutdown);
    }
}

pub async fn until<F: Future<Output = bool>>(what: &str, mut test: impl FnMut() -> F) {
    for _ in 0..500 {
        if test().await {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("ten seconds without {what}");
}

/// Clicks the toggle on and off, and looks at everything else on the way.
async fn toggle(host: &TrayHost, running: &Running) {
    let before = running.worker.calls();
    let with = |more: &[&'static str]| [before.as_slice(), more].concat();
    host.icon().await;
    assert_eq!(host.line("Contribute").await.checked, Some(false));
    assert!(!host.line("Finish current tasks, then stop").await.enabled);
    host.click("Contribute").await;
    running.called(&with(&["start"])).await;
    until("the mark", || async { host.line("Contribute").await.checked == Some(true) }).await;
    assert!(host.line("Finish current tasks, then stop").await.enabled);
    host.click("Contribute").await;
    running.called(&with(&["start", "stop"])).await;
    until("no mark", || async { host.line("Contribute").await.checked == Some(false) }).await;
}

async fn present() {
    let _bus = Bus::start().await;
    let host = TrayHost::start().await;
    let running = start();
    toggle(&host, &running).await;
    let labels: Vec<String> = host.lines().await.into_iter().map(|line| line.label).collect();
    assert_eq!(
        labels,
        [
            "Off",
            "Tick Contribute to begin",
            "",
            "Contribute",
            "Finish current tasks, then stop",
            "Snooze",
            "For 15 minutes",
            "For 1 hour",
            "For 3 hours",
            "Until 08:00",
            "Until I resume",
            "Ignore rules for 1 hour",
            "",
            "Open dashboard",
            "Earnings today: 0 CPT",
            "Report a problem",
            "",
            "Quit"
        ]
    );
    assert_eq!(host.property::<String>("Id").await, "hivemind-worker");
    assert_eq!(host.property::<String>("Status").await, "Active");
    host.activate().await;
    running.called(&["start", "stop", "open_window"]).await;
    host.click("Open dashboard").await;
    running.called(&["start", "stop", "open_window", "open_window"]).await;
    host.click("Report a problem").await;
    running.called(&["start", "stop", "open_window", "open_window", "report_problem"]).await;
    host.click("Contribute").await;
    until("the mark", || async { host.line("Contribute").await.checked == Some(true) }).await;
    for entry in ["For 1 hour", "Until 08:00", "Ignore rules for 1 hour", "Finish current tasks, then stop"] {
        host.click(entry).await;
    }
    host.click("Quit").await;
    let all = [
        "start",
        "stop",
        "open_window",
        "open_window",
        "report_problem",
        "start",
        "snooze",
        "snooze",
        "ignore_rules",
        "finish",
        "quit",
    ];
    running.called(&all).await;
    assert_eq!(*running.place.borrow(), Place::Shown);
    running.end().await;
}

async fn later() {
    let _bus = Bus::start().await;
    let running = start();
    sleep(Duration::from_secs(1)).await;
    assert!(!running.tray.is_finished());
    assert_eq!(*running.place.borrow(), Place::NoHost);
    let host = TrayHost::start().await;
    toggle(&host, &running).await;
    assert_eq!(*running.place.borrow(), Place::Shown);
    // And once more, as when a panel crashes.
    drop(host);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(*running.place.borrow(), Place::NoHost);
    let host = TrayHost::start().await;
    toggle(&host, &running).await;
    running.end().await;
}

async fn absent() {
    let _bus = Bus::start().await;
    let running = start();
    sleep(Duration::from_secs(1)).await;
    assert!(!running.tray.is_finished());
    assert!(running.worker.calls().is_empty());
    assert_eq!(*running.place.borrow(), Place::NoHost);
    running.end().await;
}

async fn no_bus() {
    let running = start();
    let ended = timeout(Duration::from_secs(5), running.tray).await.expect("at once").unwrap();
    assert!(matches!(&ended, Ended::NoDesktop(why) if why.contains("session bus")), "{ended:?}");
    assert_eq!(*running.place.borrow(), Place::NoDesktop);
}

async fn bus_dies() {
    let bus = Bus::start().await;
    let host = TrayHost::start().await;
    let running = start();
    toggle(&host, &running).await;
    drop(host);
    drop(bus);
    sleep(Duration::from_millis(300)).await;
    assert!(!running.tray.is_finished());
    let _bus = Bus::start().await;
    let host = TrayHost::start().await;
    toggle(&host, &running).await;
    running.end().await;
}

async fn bus_later() {
    let running = start();
    sleep(Duration::from_millis(300)).await;
    let _bus = Bus::start().await;
    let host = TrayHost::start().await;
    toggle(&host, &running).await;
    running.end().await;
}

async fn hung() {
    let _bus = Bus::start().await;
    let host = TrayHost::hung().await;
    let running = start();
    host.icon().await;
    sleep(Duration::from_millis(300)).await;
    assert!(!running.tray.is_finished());
    running.end().await;
}

/// What was told, kept for the next one.
#[derive(Default)]
struct Memory(Mutex<hivemind_domain::notify::Told>);

impl ToldStore for Memory {
    fn load(&self) -> hivemind_domain::notify::Told {
        self.0.lock().unwrap().clone()
    }

    fn save(&self, told: &hivemind_domain::notify::Told) {
        *self.0.lock().unwrap() = told.clone();
    }
}

fn telling(worker: &Arc<FakeWorker>, memory: &Arc<Memory>, end: &CancellationToken) -> JoinHandle<()> {
    let clock = Arc::new(|| 1_700_000_000_000);
    let board = Arc::new(DesktopNotices);
    let place = PlaceTeller::default().listen();
    tokio::spawn(notify(worker.clone(), clock, board, memory.clone(), place, end.clone()))
}

async fn told() {
    let _bus = Bus::start().await;
    let board = Board::start().await;
    let (worker, memory, end) = (FakeWorker::new(), Arc::new(Memory::default()), CancellationToken::new());
    let telling_it = telling(&worker, &memory, &end);
    until("the first look", || async { memory.0.lock().unwrap().milestone == Some(0) }).await;
    worker.credit(1);
    until("a notice", || async { board.shown().len() == 1 }).await;
    let shown = board.shown().remove(0);
    assert_eq!((shown.title.as_str(), shown.urgency), ("Your first CPT", 1));
    assert!(shown.text.contains("Credited by the pool"), "{shown:?}");
    // A click on somebody else's notice is none on ours.
    board.press(shown.id + 1).await;
    board.press(shown.id).await;
    until("the window", || async { worker.calls().contains(&"open_window") }).await;
    assert_eq!(worker.calls().iter().filter(|call| **call == "open_window").count(), 1);
    worker.credit(5);
    end.cancel();
    telling_it.await.unwrap();
    // After a start it is remembered.
    let end = CancellationToken::new();
    let again = telling(&worker, &memory, &end);
    worker.credit(6);
    until("a look", || async { worker.calls().iter().filter(|call| **call == "earnings").count() >= 3 })
        .await;
    assert_eq!(board.shown().len(), 1);
    end.cancel();
    again.await.unwrap();
}

async fn not_told() {
    let _bus = Bus::start().await;
    let (worker, memory, end) = (FakeWorker::new(), Arc::new(Memory::default()), CancellationToken::new());
    let telling = telling(&worker, &memory, &end);
    until("the first look", || async { memory.0.lock().unwrap().milestone == Some(0) }).await;
    worker.credit(1);
    until("it counts as told", || async { memory.0.lock().unwrap().milestone == Some(1) }).await;
    assert!(!telling.is_finished());
    end.cancel();
    telling.await.unwrap();
}

/// A board that needs no bus, so that its clock can be turned.
#[derive(Default)]
struct Paper(Mutex<Vec<Notice>>);

#[async_trait]
impl NoticeBoard for Paper {
    async fn show(&self, notice: &Notice, _clicks: &mpsc::Sender<Click>) -> Result<(), String> {
        self.0.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

async fn no_icon_told() {
    let _bus = Bus::start().await;
    let running = start();
    until("no place for the icon", || async { *running.place.borrow() == Place::NoHost }).await;
    let place = running.place.clone();
    // The minute for which it has to last goes by at once on a clock of its own.
    let turned = std::thread::spawn(move || {
        let clock = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        clock.unwrap().block_on(async move {
            let (worker, memory, end) =
                (FakeWorker::new(), Arc::new(Memory::default()), CancellationToken::new());
            let board = Arc::new(Paper::default());
            let wall = Arc::new(|| 1_700_000_000_000);
            let telling = notify(worker, wall, board.clone(), memory.clone(), place, end.clone());
            let telling = tokio::spawn(telling);
            sleep(Duration::from_secs(59)).await;
            assert_eq!(board.0.lock().unwrap().len(), 0, "tray hosts come a moment after the session");
            sleep(Duration::from_secs(2)).await;
            let shown = board.0.lock().unwrap().clone();
            let [notice] = shown.as_slice() else { panic!("one notice: {shown:?}") };
            assert!(notice.title.contains("without an icon") && !notice.urgent, "{notice:?}");
            assert!(memory.0.lock().unwrap().no_tray);
            sleep(Duration::from_secs(100_000)).await;
            assert_eq!(board.0.lock().unwrap().len(), 1);
            end.cancel();
            telling.await.unwrap();
        });
    });
    tokio::task::spawn_blocking(move || turned.join().unwrap()).await.unwrap();
    running.end().await;
}
