//! The window: a program of its own that is always a client of the running worker.

use crate::cli::Cli;
use crate::footprint::{self, Places};
use crate::practice::Practice;
use crate::{lan, process, receipts};
use hivemind_control::{
    ApiError, ErrorCode, FootprintView, InviteRequest, OwnLogPage, OwnLogQuery, PairingCode, PracticeView,
    ReceiptsPart, ReceiptsQuery,
};
use hivemind_local_api::{LanDoor, Sessions, SocketClient};
use hivemind_store::{Change, ChangeJournal, FolderError};
use hivemind_tray::Place;
use hivemind_worker_core::{Desktop, LanPage, TrayIcon};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::Instant;

#[cfg(windows)]
const WINDOW_PROGRAM: &str = "hivemind-worker-window.exe";
#[cfg(not(windows))]
const WINDOW_PROGRAM: &str = "hivemind-worker-window";

/// A window that ends this soon after it was asked for was closing already, so another one is opened.
const CLOSING: Duration = Duration::from_secs(1);

/// How a program ends whose libraries the system does not have.
const NOT_LOADED: i32 = 127;

/// Starts the window program, and takes note of its end.
pub(crate) struct WindowLauncher {
    socket: PathBuf,
    sessions: Arc<Sessions>,
    /// The data folder, where it is not the usual one.
    data: Option<PathBuf>,
    /// When the running window was asked for last; nothing while none runs.
    asked: Arc<Mutex<Option<Instant>>>,
    changes: ChangeJournal,
    places: Places,
    practice: Option<Practice>,
    lan: Arc<LanDoor>,
    /// Where the tray icon is; nothing where none is wanted.
    tray: Option<watch::Receiver<Place>>,
}

impl WindowLauncher {
    pub(crate) fn new(
        socket: PathBuf,
        sessions: Arc<Sessions>,
        data: Option<PathBuf>,
        places: Places,
        practice: Option<Practice>,
        lan: Arc<LanDoor>,
        tray: Option<watch::Receiver<Place>>,
    ) -> Self {
        let changes = places.changes.clone();
        Self { socket, sessions, data, asked: Arc::default(), changes, places, practice, lan, tray }
    }
}

fn lock(asked: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the window's end; opens another one when the owner asked for it while this one was closing.
async fn watch(
    mut window: Child,
    program: PathBuf,
    socket: PathBuf,
    asked: Arc<Mutex<Option<Instant>>>,
    sessions: Arc<Sessions>,
) {
    let mut opened = Instant::now();
    loop {
        let ended = window.wait().await;
        if ended.is_ok_and(|ended| cfg!(unix) && ended.code() == Some(NOT_LOADED)) {
            *lock(&asked) = None;
            return in_browser(&sessions);
        }
        {
            let mut last = lock(&asked);
            // One that was never asked for again has simply been closed.
            if !last.is_some_and(|last| last > opened && last.elapsed() < CLOSING) {
                *last = None;
                return;
            }
            opened = Instant::now();
            *last = Some(opened);
        }
        match start(&program, &socket, None) {
            Ok(next) => window = next,
            Err(error) => {
                *lock(&asked) = None;
                return tracing::warn!(%error, "the window does not open again");
            }
        }
    }
}

/// The window's libraries are not on this system, as can be where no package manager brought it: the monitor page is the
/// same.
fn in_browser(sessions: &Sessions) {
    let opened = sessions.new_code().map_err(|error| error.message).and_then(|code| {
        open::that_detached(code.url).map_err(|error| format!("no browser can be opened: {error}"))
    });
    match opened {
        Ok(()) => tracing::warn!("the window needs WebKitGTK 4.1; the monitor page is opened instead"),
        Err(error) => {
            tracing::warn!(%error, "the window needs WebKitGTK 4.1, and neither is there a browser")
        }
    }
}

/// The window program beside this one. Never looked up in `PATH`, where somebody else's could lie.
fn program() -> Option<PathBuf> {
    let here = std::env::current_exe().ok()?;
    let beside = here.parent()?.join(WINDOW_PROGRAM);
    beside.is_file().then_some(beside)
}

fn unavailable(text: &str) -> ApiError {
    ApiError::new(ErrorCode::WindowUnavailable, text)
}

/// Whether this session can show a window at all.
pub(crate) fn has_display() -> bool {
    cfg!(windows)
        || ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|v| std::env::var_os(v).is_some_and(|d| !d.is_empty()))
}

impl Desktop for WindowLauncher {
    fn open_window(&self, screen: Option<&'static str>) -> Result<(), ApiError> {
        let mut asked = lock(&self.asked);
        if asked.is_some() {
            // It was told to come to the front; if it is closing, its end is told to `watch`.
            *asked = Some(Instant::now());
            return Ok(());
        }
        if !has_display() {
            return Err(unavailable("there is no display here; use `hivemind-worker open` and a browser"));
        }
        let program = program()
            .ok_or_else(|| unavailable("the window program is not installed; use `hivemind-worker open`"))?;
        let window = start(&program, &self.socket, screen)?;
        *asked = Some(Instant::now());
        let (socket, asked) = (self.socket.clone(), Arc::clone(&self.asked));
        tokio::spawn(watch(window, program, socket, asked, Arc::clone(&self.sessions)));
        Ok(())
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

fn start(program: &Path, socket: &Path, screen: Option<&str>) -> Result<Child, ApiError> {
    Command::new(program)
        .arg("--socket")
        .arg(socket)
        .args(screen.iter().flat_map(|screen| ["--screen", screen]))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| unavailable(&format!("the window program cannot be started: {error}")))
}

/// How often a launch asks a worker that starts or ends at this moment, and the pause between two tries. An end takes its
/// time: running tasks are handed back.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// `hivemind-worker desktop`
pub(crate) async fn open(cli: &Cli, began: tokio::time::Instant) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
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
