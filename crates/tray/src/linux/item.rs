//! The model in the words of the StatusNotifierItem protocol.

use crate::click::Click;
use crate::model::{Entry, TrayModel};
use crate::picture;
use crate::place::{Place, PlaceTeller};
use hivemind_control::StatusState;
use ksni::menu::{CheckmarkItem, MenuItem, StandardItem, SubMenu};
use ksni::{Category, Icon, OfflineReason, Status, ToolTip, Tray};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

pub(super) struct Item {
    pub(super) model: TrayModel,
    clicks: mpsc::Sender<Click>,
    offline: Arc<AtomicBool>,
    place: PlaceTeller,
}

impl Item {
    pub(super) fn new(
        model: TrayModel,
        clicks: mpsc::Sender<Click>,
        offline: Arc<AtomicBool>,
        place: PlaceTeller,
    ) -> Self {
        Self { model, clicks, offline, place }
    }

    fn clicked(&mut self, click: Click) {
        if self.clicks.try_send(click).is_err() {
            tracing::warn!(?click, "the worker is too busy for another click");
        }
    }
}

impl Tray for Item {
    fn id(&self) -> String {
        "hivemind-worker".to_owned()
    }

    fn title(&self) -> String {
        "HiveMind Worker".to_owned()
    }

    fn category(&self) -> Category {
        Category::ApplicationStatus
    }

    fn status(&self) -> Status {
        if self.model.state == StatusState::NeedsYou { Status::NeedsAttention } else { Status::Active }
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        picture::argb(self.model.state)
            .into_iter()
            .map(|(edge, bytes)| Icon { width: edge.into(), height: edge.into(), data: bytes.to_vec() })
            .collect()
    }

    fn attention_icon_pixmap(&self) -> Vec<Icon> {
        self.icon_pixmap()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            title: self.model.status.clone(),
            description: without_markup(&self.model.reason),
            ..ToolTip::default()
        }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.clicked(Click::OpenDashboard);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        self.model.menu.iter().map(entry).collect()
    }

    fn watcher_online(&self) {
        self.offline.store(false, Ordering::Relaxed);
        self.place.tell(Place::Shown);
        tracing::info!("a tray host came; the icon is shown");
    }

    fn watcher_offline(&self, _reason: OfflineReason) -> bool {
        self.place.tell(Place::NoHost);
        if !self.offline.swap(true, Ordering::Relaxed) {
            tracing::info!("this desktop has no tray host; the icon appears as soon as there is one");
        }
        true
    }
}

fn entry(entry: &Entry) -> MenuItem<Item> {
    match entry {
        Entry::Line { text, .. } => {
            StandardItem { label: without_mnemonic(text), enabled: false, ..StandardItem::default() }.into()
        }
        Entry::Check { text, checked, click, .. } => {
            let click = *click;
            CheckmarkItem {
                label: without_mnemonic(text),
                checked: *checked,
                activate: Box::new(move |item: &mut Item| item.clicked(click)),
                ..CheckmarkItem::default()
            }
            .into()
        }
        Entry::Action { text, enabled, click, .. } => {
            let click = *click;
            StandardItem {
                label: without_mnemonic(text),
                enabled: *enabled,
                activate: Box::new(move |item: &mut Item| item.clicked(click)),
                ..StandardItem::default()
            }
            .into()
        }
        Entry::Menu { text, items, .. } => SubMenu {
            label: without_mnemonic(text),
            submenu: items.iter().map(self::entry).collect(),
            ..SubMenu::default()
        }
        .into(),
        Entry::Separator => MenuItem::Separator,
    }
}

/// In a menu's label one underscore marks the next letter as its key.
fn without_mnemonic(text: &str) -> String {
    text.replace('_', "__")
}

/// Tray hosts read a tool tip's description as markup.
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What a tray host is handed of a model: the tool tip's title and description, and the menu's labels.
#[cfg(feature = "fuzzing")]
pub(crate) fn handed(model: &TrayModel) -> (ToolTip, Vec<String>) {
    fn labels(menu: Vec<MenuItem<Item>>, found: &mut Vec<String>) {
        for entry in menu {
            match entry {
                MenuItem::Standard(item) => found.push(item.label),
                MenuItem::Checkmark(item) => found.push(item.label),
                MenuItem::SubMenu(menu) => {
                    found.push(menu.label);
                    labels(menu.submenu, found);
                }
                MenuItem::Separator | MenuItem::RadioGroup(_) => {}
            }
        }
    }
    let (clicks, _) = mpsc::channel(1);
    let item = Item::new(model.clone(), clicks, Arc::default(), PlaceTeller::default());
    let mut found = Vec::new();
    labels(item.menu(), &mut found);
    (item.tool_tip(), found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pools_name_is_no_markup_and_no_key() {
        assert_eq!(without_markup("<img src=x> & y"), "&lt;img src=x&gt; &amp; y");
        assert_eq!(without_mnemonic("my_pool"), "my__pool");
    }
}
