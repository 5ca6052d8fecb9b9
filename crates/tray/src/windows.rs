//! The tray on Windows: an icon in the notification area, on a thread of its own with a message loop.

use crate::click::Click;
use crate::model::{Entry, TrayModel};
use crate::picture;
use crate::place::{Place, PlaceTeller};
use crate::run::Ended;
use std::sync::mpsc as std_mpsc;
use std::thread;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tray_icon::menu::{
    CheckMenuItem, IsMenuItem, Menu, MenuEvent, MenuId, MenuItem, PredefinedMenuItem, Submenu,
};
use tray_icon::{Icon, MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};

mod messages;

pub(crate) async fn host(
    mut models: watch::Receiver<TrayModel>,
    clicks: mpsc::Sender<Click>,
    place: PlaceTeller,
    shutdown: CancellationToken,
) -> Ended {
    let (to_thread, orders) = std_mpsc::channel::<TrayModel>();
    let (started, thread_id) = oneshot::channel();
    let (ended, mut end) = oneshot::channel();
    let first = models.borrow_and_update().clone();
    let thread = thread::Builder::new().name("tray".to_owned()).spawn(move || {
        let _ = ended.send(show(first, &orders, clicks, started));
    });
    if let Err(error) = thread {
        return Ended::NoDesktop(format!("no thread for the tray: {error}"));
    }
    let Ok(thread_id) = thread_id.await else {
        return Ended::NoDesktop(reason(end.await));
    };
    place.tell(Place::Shown);
    loop {
        tokio::select! {
            changed = models.changed() => {
                if changed.is_err() {
                    break;
                }
                if to_thread.send(models.borrow_and_update().clone()).is_err() {
                    break;
                }
                messages::wake(thread_id);
            }
            result = &mut end => return Ended::NoDesktop(reason(result)),
            () = shutdown.cancelled() => break,
        }
    }
    // The thread sees that its sender is gone and takes the icon away.
    drop(to_thread);
    messages::wake(thread_id);
    let _ = end.await;
    Ended::Shutdown
}

fn reason(end: Result<Result<(), String>, oneshot::error::RecvError>) -> String {
    match end {
        Ok(Err(why)) => why,
        Ok(Ok(())) => "the tray's thread ended".to_owned(),
        Err(_) => "the tray's thread failed".to_owned(),
    }
}

/// Runs on the tray's own thread until the sender of models is gone.
fn show(
    first: TrayModel,
    orders: &std_mpsc::Receiver<TrayModel>,
    clicks: mpsc::Sender<Click>,
    started: oneshot::Sender<u32>,
) -> Result<(), String> {
    let icon = TrayIconBuilder::new()
        .with_tooltip(tool_tip(&first))
        .with_icon(icon(&first)?)
        .with_menu(Box::new(menu(&first)?))
        .with_menu_on_left_click(false)
        .build()
        .map_err(|error| error.to_string())?;
    listen(clicks);
    let _ = started.send(messages::prepare());
    let mut shown = first;
    while messages::next() {
        loop {
            match orders.try_recv() {
                Ok(model) => {
                    update(&icon, &shown, &model)?;
                    shown = model;
                }
                Err(std_mpsc::TryRecvError::Empty) => break,
                Err(std_mpsc::TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }
    Ok(())
}

fn listen(clicks: mpsc::Sender<Click>) {
    let open = clicks.clone();
    TrayIconEvent::set_event_handler(Some(move |event| {
        if let TrayIconEvent::Click {
            button: MouseButton::Left, button_state: MouseButtonState::Up, ..
        } = event
        {
            let _ = open.try_send(Click::OpenDashboard);
        }
    }));
    MenuEvent::set_event_handler(Some(move |event: MenuEvent| {
        if let Some(click) = click(event.id()) {
            let _ = clicks.try_send(click);
        }
    }));
}

fn update(icon_: &TrayIcon, shown: &TrayModel, model: &TrayModel) -> Result<(), String> {
    let text = |error: tray_icon::Error| error.to_string();
    if shown.state != model.state {
        icon_.set_icon(Some(icon(model)?)).map_err(text)?;
    }
    if (&shown.status, &shown.reason) != (&model.status, &model.reason) {
        icon_.set_tooltip(Some(tool_tip(model))).map_err(text)?;
    }
    if shown.menu != model.menu {
        icon_.set_menu(Some(Box::new(menu(model)?)));
    }
    Ok(())
}

/// Windows shows at most 127 characters.
fn tool_tip(model: &TrayModel) -> String {
    format!("{}\n{}", model.status, model.reason).chars().take(127).collect()
}

fn icon(model: &TrayModel) -> Result<Icon, String> {
    let [_, (edge, argb)] = picture::argb(model.state);
    let rgba = argb.chunks_exact(4).flat_map(|p| [p[1], p[2], p[3], p[0]]).collect();
    Icon::from_rgba(rgba, edge.into(), edge.into()).map_err(|error| error.to_string())
}

fn menu(model: &TrayModel) -> Result<Menu, String> {
    let menu = Menu::new();
    for entry in &model.menu {
        menu.append(item(entry)?.as_ref()).map_err(|error| error.to_string())?;
    }
    Ok(menu)
}

fn item(entry: &Entry) -> Result<Box<dyn IsMenuItem>, String> {
    Ok(match entry {
        Entry::Line { text, .. } => Box::new(MenuItem::new(plain(text), false, None)),
        Entry::Check { text, checked, click, .. } => {
            Box::new(CheckMenuItem::with_id(id(*click), plain(text), true, *checked, None))
        }
        Entry::Action { text, enabled, click, .. } => {
            Box::new(MenuItem::with_id(id(*click), plain(text), *enabled, None))
        }
        Entry::Menu { text, items, .. } => {
            let menu = Submenu::new(plain(text), true);
            for inner in items {
                menu.append(item(inner)?.as_ref()).map_err(|error| error.to_string())?;
            }
            Box::new(menu)
        }
        Entry::Separator => Box::new(PredefinedMenuItem::separator()),
    })
}

/// One ampersand marks the next letter as its key.
fn plain(text: &str) -> String {
    text.replace('&', "&&")
}

const CLICKS: [(Click, &str); 19] = [
    (Click::Start, "start"),
    (Click::Stop, "stop"),
    (Click::Finish, "finish"),
    (Click::Snooze("off"), "snooze off"),
    (Click::Snooze("15m"), "snooze 15m"),
    (Click::Snooze("1h"), "snooze 1h"),
    (Click::Snooze("3h"), "snooze 3h"),
    (Click::Snooze("08:00"), "snooze 08:00"),
    (Click::Snooze("resume"), "snooze resume"),
    (Click::SnoozeGpus("off"), "snooze gpus off"),
    (Click::SnoozeGpus("15m"), "snooze gpus 15m"),
    (Click::SnoozeGpus("1h"), "snooze gpus 1h"),
    (Click::SnoozeGpus("3h"), "snooze gpus 3h"),
    (Click::SnoozeGpus("08:00"), "snooze gpus 08:00"),
    (Click::SnoozeGpus("resume"), "snooze gpus resume"),
    (Click::IgnoreRules(60), "ignore 60"),
    (Click::IgnoreRules(0), "ignore 0"),
    (Click::OpenDashboard, "open"),
    (Click::Quit, "quit"),
];

fn id(click: Click) -> MenuId {
    MenuId::new(CLICKS.iter().find(|(known, _)| *known == click).map_or("", |(_, id)| id))
}

fn click(id: &MenuId) -> Option<Click> {
    CLICKS.iter().find(|(_, known)| id == known).map(|(click, _)| *click)
}
