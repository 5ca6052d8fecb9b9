//! What a desktop is given: the tray's lines, menu and tool tip, and notices.

use super::stranger::{Stranger, snapshot};
use async_trait::async_trait;
use hivemind_control::StatusState;
use hivemind_domain::notify::Told;
use hivemind_tray::{
    Click, Entry, Notice, NoticeBoard, PlaceTeller, ToldStore, TrayModel, notify, tray_model,
};
use hivemind_words::Language;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const LANGUAGES: [Language; 2] = [Language::English, Language::TraditionalChinese];
const STATES: [StatusState; 7] = [
    StatusState::Earning,
    StatusState::Ready,
    StatusState::Yielding,
    StatusState::Snoozed,
    StatusState::Off,
    StatusState::Connecting,
    StatusState::NeedsYou,
];

/// Every text of the tray in every state and both languages.
pub(super) fn tray(text: &str) -> Vec<String> {
    models(text).flat_map(|model| texts(&model)).collect()
}

fn models(text: &str) -> impl Iterator<Item = TrayModel> {
    let both = |language| STATES.map(|state| tray_model(&snapshot(text, state, "en"), language, 0));
    LANGUAGES.map(both).into_iter().flatten()
}

fn texts(model: &TrayModel) -> Vec<String> {
    let mut found = vec![model.status.clone(), model.reason.clone()];
    entries(&model.menu, &mut found);
    found
}

fn entries(menu: &[Entry], found: &mut Vec<String>) {
    for entry in menu {
        match entry {
            Entry::Line { text, .. } | Entry::Check { text, .. } | Entry::Action { text, .. } => {
                found.push(text.clone());
            }
            Entry::Menu { text, items, .. } => {
                found.push(text.clone());
                entries(items, found);
            }
            Entry::Separator => {}
        }
    }
}

/// What the tray's host is handed on Linux: labels in which an underscore is a key, and a tool tip that is read as
/// markup. Gives what is wrong.
#[cfg(target_os = "linux")]
pub(super) fn handed(text: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for model in models(text) {
        let handed = hivemind_tray::fuzzing::handed(&model);
        if let Some(label) = handed.labels.iter().find(|label| label.replace("__", "").contains('_')) {
            return Err(format!("a key in {label:?}"));
        }
        let tip = &handed.description;
        let bare = ["&amp;", "&lt;", "&gt;"].iter().fold(tip.clone(), |tip, entity| tip.replace(entity, ""));
        if bare.contains(['<', '>', '&']) {
            return Err(format!("markup in {tip:?}"));
        }
        all.extend(handed.labels);
        all.extend([handed.title, handed.description]);
    }
    Ok(all)
}

/// Keeps what it is given.
#[derive(Default)]
struct Board(Mutex<Vec<Notice>>);

impl Board {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Notice>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl NoticeBoard for Board {
    async fn show(&self, notice: &Notice, _clicks: &mpsc::Sender<Click>) -> Result<(), String> {
        self.lock().push(notice.clone());
        Ok(())
    }
}

/// Remembers nothing.
struct Nothing;

impl ToldStore for Nothing {
    fn load(&self) -> Told {
        Told::default()
    }

    fn save(&self, _told: &Told) {}
}

/// Every text of the notice about a problem that lasts, in both languages.
pub(super) fn notices(text: &str) -> Vec<String> {
    ["en", "zh-tw"].iter().flat_map(|language| told(text, language)).collect()
}

fn told(text: &str, language: &str) -> Vec<String> {
    // Time passes at once where everybody waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a loop").block_on(async {
        let worker = Stranger::new(text, StatusState::NeedsYou, language);
        let (board, end) = (Arc::new(Board::default()), CancellationToken::new());
        let place = PlaceTeller::default();
        let shown = Arc::<Board>::clone(&board);
        let told = notify(worker, Arc::new(|| 0), shown, Arc::new(Nothing), place.listen(), end.clone());
        // Longer than a problem has to last.
        let _ = tokio::time::timeout(Duration::from_secs(600), told).await;
        end.cancel();
        let notices = board.lock().clone();
        assert!(!notices.is_empty(), "nothing was told");
        notices.into_iter().flat_map(|notice| [notice.title, notice.text]).collect()
    })
}
