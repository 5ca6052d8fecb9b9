//! What the worker asks of the desktop around it, and `hivemind-worker desktop`.

use crate::cli::Cli;
use crate::falls::Falls;
use crate::footprint::{self, Places};
use crate::practice::Practice;
use crate::window::{Window, has_display, unavailable};
use crate::{lan, process, receipts, updates};
use hivemind_control::{
    ApiError, ErrorCode, FootprintView, InviteRequest, OwnLogPage, OwnLogQuery, PairingCode, PracticeView,
    ReceiptsPart, ReceiptsQuery,
};
use hivemind_local_api::{LanDoor, Sessions, SocketClient};
use hivemind_store::{Change, ChangeJournal, FolderError};
use hivemind_tray::Place;
use hivemind_worker_core::{Desktop, LanPage, TrayIcon};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The desktop of this session.
pub(crate) struct DesktopHere {
    window: Window,
    sessions: Arc<Sessions>,
    /// The data folder, where it is not the usual one.
    data: Option<PathBuf>,
    changes: ChangeJournal,
    places: Places,
    practice: Option<Practice>,
    lan: Arc<LanDoor>,
    /// Where the tray icon is; nothing where none is wanted.
    tray: Option<watch::Receiver<Place>>,
}

impl DesktopHere {
    pub(crate) fn new(
        window: Window,
        sessions: Arc<Sessions>,
        data: Option<PathBuf>,
        places: Places,
        practice: Option<Practice>,
        lan: Arc<LanDoor>,
        tray: Option<watch::Receiver<Place>>,
    ) -> Self {
        let changes = places.changes.clone();
        Self { window, sessions, data, changes, places, practice, lan, tray }
    }
}

impl Desktop for DesktopHere {
    fn open_window(&self, screen: Option<&'static str>) -> Result<(), ApiError> {
        self.window.open(screen)
    }

    fn start_at_login(&self, on: bool) -> Result<(), ApiError> {
        let change = crate::autostart::entry().map(|(place, _)| Change::Autostart { place });
        let failed = |error| ApiError::new(ErrorCode::Internal, format!("start at login: {error}"));
        if on && let Some(change) = &change {
            self.changes.note(change.clone()).map_err(failed)?;
        }
        crate::autostart::set(on, self.data.as_deref())?;
        if !on && let Some(change) = &change {
            self.changes.strike(change).map_err(failed)?;
        }
        Ok(())
    }

    fn open_folder(&self, folder: &Path) -> Result<(), ApiError> {
        if !has_display() {
            return Err(unavailable("there is no display here; open the folder by its path"));
        }
        open::that_detached(folder)
            .map_err(|error| unavailable(&format!("the folder cannot be opened by this system: {error}")))
    }

    fn pair(&self) -> Result<PairingCode, ApiError> {
        self.sessions.new_code()
    }

    fn invite(&self, request: InviteRequest) -> Result<PairingCode, ApiError> {
        lan::invite(&self.sessions, request)
    }

    fn serve_lan(&self, port: Option<u16>) {
        self.lan.set(port);
    }

    fn lan(&self) -> LanPage {
        lan::page(&self.lan)
    }

    fn own_log(&self, query: &OwnLogQuery) -> Result<OwnLogPage, ApiError> {
        let Some(log) = &self.places.log else { return Ok(OwnLogPage::default()) };
        log.page(query).map_err(|error| {
            ApiError::new(ErrorCode::Internal, format!("{} cannot be read: {error}", log.path().display()))
        })
    }

    fn receipts(&self, query: ReceiptsQuery) -> Result<ReceiptsPart, ApiError> {
        receipts::part(self.places.folder.data(), query)
    }

    fn footprint(&self) -> FootprintView {
        footprint::look(&self.places)
    }

    fn serves_browsers(&self) -> Option<bool> {
        Some(self.places.monitor.is_some())
    }

    fn window_lacks(&self) -> Option<&'static str> {
        self.window.lacks()
    }

    fn tray_icon(&self) -> TrayIcon {
        self.tray.as_ref().map_or(TrayIcon::Unwanted, |place| match *place.borrow() {
            Place::Coming => TrayIcon::Coming,
            Place::Shown => TrayIcon::Shown,
            Place::NoHost => TrayIcon::NoHost,
            Place::NoDesktop => TrayIcon::NoDesktop,
        })
    }

    fn practice(&self) -> PracticeView {
        self.practice.as_ref().map(Practice::view).unwrap_or_default()
    }

    fn begin_practice(&self) -> Result<PracticeView, ApiError> {
        let none = || ApiError::new(ErrorCode::Internal, "this worker is itself a practice worker");
        self.practice.as_ref().ok_or_else(none)?.begin()
    }
}

/// How often a launch asks a worker that starts or ends at this moment, and the pause between two tries. An end takes its
/// time: running tasks are handed back.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// `hivemind-worker desktop`
pub(crate) async fn open(cli: &Cli, began: tokio::time::Instant) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
    if updates::accompanied() || Falls::load(folder.data()).goes_on() {
        // It follows another one, or itself: the window that was open then is not asked for again.
        return process::be_the_worker(cli, true, false, began).await;
    }
    let socket = process::socket_path(&folder);
    for _ in 0..TRIES {
        match show(&socket).await {
            Err(error) if error.code == ErrorCode::WorkerNotRunning => {}
            shown => return Ok(shown.map(|()| ExitCode::SUCCESS)?),
        }
        if !matches!(folder.lock(), Err(FolderError::AlreadyRunning { .. })) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let error = match process::be_the_worker(cli, true, true, began).await {
        Err(error) if starts_elsewhere(&error) => error,
        ended => return ended,
    };
    // After a double click two launches race; the other one has the folder and will listen soon.
    for _ in 0..TRIES {
        match show(&socket).await {
            Err(error) if error.code == ErrorCode::WorkerNotRunning => tokio::time::sleep(PAUSE).await,
            shown => return Ok(shown.map(|()| ExitCode::SUCCESS)?),
        }
    }
    Err(error)
}

fn starts_elsewhere(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ApiError>().is_some_and(|error| error.code == ErrorCode::WorkerAlreadyRunning)
}

/// Asks the running worker for its window.
async fn show(socket: &Path) -> Result<(), ApiError> {
    SocketClient::connect(socket.to_owned()).await?.typed().open_window(()).await
}
