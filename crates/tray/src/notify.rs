//! Tells the owner, within the budget that the rules allow, what happened while nobody looked.

use crate::click::Click;
use crate::place::Place;
use crate::run::WallClock;
use crate::words::Words;
use async_trait::async_trait;
use futures_util::StreamExt;
use hivemind_control::{Control, DecisionReason, EarningsQuery, ErrorCode, Event, Snapshot, StatusState};
use hivemind_domain::notify::{Kind, Notifier, Occasion, Seen, Told};
use hivemind_domain::time::{Mono, Now, WallMs};
use hivemind_words::Language;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

#[cfg(target_os = "linux")]
pub use linux::DesktopNotices;

#[cfg(target_os = "linux")]
mod linux;

/// The sums are asked for again after so long at the earliest.
const SUMS_EVERY: Duration = Duration::from_secs(300);
/// As far back as the pool's word is kept.
const ALL_DAYS: u32 = 3650;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The first line.
    pub title: String,
    /// One sentence.
    pub text: String,
    /// Whether it stays until somebody looks.
    pub urgent: bool,
}

/// Where notices are shown.
#[async_trait]
pub trait NoticeBoard: Send + Sync {
    /// Shows one; `clicks` hears of a click on it.
    ///
    /// # Errors
    /// One sentence: why nothing can be shown here now.
    async fn show(&self, notice: &Notice, clicks: &mpsc::Sender<Click>) -> Result<(), String>;
}

/// What was told, across starts.
pub trait ToldStore: Send + Sync {
    /// As kept last.
    fn load(&self) -> Told;
    /// Keeps it; what cannot be kept is told once more after the next start.
    fn save(&self, told: &Told);
}

/// Tells until `shutdown` or the end of the worker.
pub async fn notify(
    control: Arc<dyn Control>,
    clock: WallClock,
    board: Arc<dyn NoticeBoard>,
    store: Arc<dyn ToldStore>,
    mut place: watch::Receiver<Place>,
    shutdown: CancellationToken,
) {
    let (clicks, mut clicked) = mpsc::channel::<Click>(4);
    let began = Instant::now();
    let locale = Language::system_locale();
    let mut notifier = Notifier::new(store.load());
    let mut events = control.subscribe();
    let mut present: Option<Arc<Snapshot>> = None;
    let mut sums = Sums::default();
    loop {
        let wake = notifier.next_look(Mono(began.elapsed())).map(|at| began + at.0);
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Snapshot(snapshot)) => present = Some(snapshot),
                Some(Event::Metrics(_) | Event::Log { .. } | Event::RaiseWindow | Event::ReportProblem | Event::Quitting) => continue,
                None => return,
            },
            Some(click) = clicked.recv() => {
                if let Err(error) = click.perform(control.as_ref()).await {
                    tracing::warn!(?click, %error, "a click on a notice failed");
                }
                continue;
            }
            Ok(()) = place.changed() => {}
            () = at(wake) => {}
            () = shutdown.cancelled() => return,
        }
        let Some(snapshot) = &present else { continue };
        sums.refresh(control.as_ref(), snapshot).await;
        let problem = problem_of(snapshot);
        let word = problem.map(ErrorCode::word);
        let now = Now { mono: Mono(began.elapsed()), wall: WallMs(clock()) };
        let seen = Seen {
            now,
            problem: word.as_deref(),
            credited: sums.known.map(|(credited, _)| credited),
            settled: sums.known.map(|(_, settled)| settled),
            no_tray: *place.borrow_and_update() == Place::NoHost,
            quiet: is_quiet(snapshot),
        };
        let before = notifier.told().clone();
        let mut trial = notifier.clone();
        // Only what is about to be told is worth asking for the settings.
        if trial.look(&seen, |_| true).is_none() {
            notifier = trial;
        } else {
            let on = switched(control.as_ref()).await;
            if let Some(occasion) = notifier.look(&seen, |kind| on.contains(&kind)) {
                let language = Language::choose(&snapshot.language, &locale);
                let notice = notice(&occasion, problem, Words(language));
                if let Err(why) = board.show(&notice, &clicks).await {
                    tracing::info!(why, "a notice could not be shown");
                }
            }
        }
        if *notifier.told() != before {
            store.save(notifier.told());
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Credited and settled altogether, asked for when they can have changed.
#[derive(Default)]
struct Sums {
    known: Option<(u64, u64)>,
    asked: Option<(Instant, hivemind_control::EarningsSum)>,
}

impl Sums {
    async fn refresh(&mut self, control: &dyn Control, snapshot: &Snapshot) {
        let nothing_yet = self.known.is_some_and(|(credited, _)| credited == 0);
        let fresh = |(at, today): &(Instant, _)| {
            *today == snapshot.today || (at.elapsed() < SUMS_EVERY && !nothing_yet)
        };
        if self.asked.as_ref().is_some_and(fresh) {
            return;
        }
        self.asked = Some((Instant::now(), snapshot.today));
        if let Ok(view) = control.earnings(EarningsQuery { days: ALL_DAYS }).await {
            self.known = Some((view.sum.credited_cpt, view.sum.settled_cpt));
        }
    }
}

/// What only the owner can mend, of a worker that is to contribute.
fn problem_of(snapshot: &Snapshot) -> Option<ErrorCode> {
    let status = &snapshot.status;
    let problem =
        status.problem.as_ref().filter(|_| status.contributing && status.state == StatusState::NeedsYou);
    problem.map(|problem| problem.code)
}

fn is_quiet(snapshot: &Snapshot) -> bool {
    let quiet = [DecisionReason::FullScreen, DecisionReason::ExclusiveApp];
    quiet.iter().any(|reason| snapshot.decision.all.contains(reason))
}

async fn switched(control: &dyn Control) -> Vec<Kind> {
    let settings = control.settings(()).await.unwrap_or_default();
    let off = |kind: &Kind| settings.iter().any(|set| set.key == kind.setting() && set.value == "false");
    Kind::ALL.into_iter().filter(|kind| !off(kind)).collect()
}

fn notice(occasion: &Occasion, problem: Option<ErrorCode>, words: Words) -> Notice {
    match occasion {
        Occasion::NeedsYou(_) => Notice {
            title: words.notice_needs_you().to_owned(),
            text: words.needs_you(problem),
            urgent: true,
        },
        Occasion::NoTray => Notice {
            title: words.notice_no_tray().to_owned(),
            text: words.notice_no_tray_text().to_owned(),
            urgent: false,
        },
        Occasion::Milestone(sum) => Notice {
            title: words.notice_milestone(*sum),
            text: words.notice_milestone_text().to_owned(),
            urgent: false,
        },
        Occasion::Payout(sum) => Notice {
            title: words.notice_payout(*sum),
            text: words.notice_payout_text().to_owned(),
            urgent: false,
        },
    }
}
