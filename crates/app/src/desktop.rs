//! The window: a program of its own that is always a client of the running worker.

use crate::cli::Cli;
use crate::process::{self, Mode};
use hivemind_control::{ApiError, ErrorCode, PairingCode};
use hivemind_local_api::{Sessions, SocketClient};
use hivemind_worker_core::Desktop;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(windows)]
const WINDOW_PROGRAM: &str = "hivemind-worker-window.exe";
#[cfg(not(windows))]
const WINDOW_PROGRAM: &str = "hivemind-worker-window";

/// Starts the window program.
pub(crate) struct WindowLauncher {
    socket: PathBuf,
    sessions: Arc<Sessions>,
    /// The data folder, where it is not the usual one.
    data: Option<PathBuf>,
    child: Mutex<Option<Child>>,
}

impl WindowLauncher {
    pub(crate) fn new(socket: PathBuf, sessions: Arc<Sessions>, data: Option<PathBuf>) -> Self {
        Self { socket, sessions, data, child: Mutex::default() }
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
    fn open_window(&self) -> Result<(), ApiError> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = child.as_mut()
            && matches!(running.try_wait(), Ok(None))
        {
            // It was told to come to the front.
            return Ok(());
        }
        if !has_display() {
            return Err(unavailable("there is no display here; use `hivemind-worker open` and a browser"));
        }
        let program = program()
            .ok_or_else(|| unavailable("the window program is not installed; use `hivemind-worker open`"))?;
        *child = Some(start(&program, &self.socket)?);
        Ok(())
    }

    fn start_at_login(&self, on: bool) -> Result<(), ApiError> {
        crate::autostart::set(on, self.data.as_deref())
    }

    fn pair(&self) -> Result<PairingCode, ApiError> {
        self.sessions.new_code()
    }
}

fn start(program: &Path, socket: &Path) -> Result<Child, ApiError> {
    Command::new(program)
        .arg("--socket")
        .arg(socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| unavailable(&format!("the window program cannot be started: {error}")))
}

/// How often a launch asks a worker that is only just starting, and the pause between two tries.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// `hivemind-worker desktop`
pub(crate) async fn open(cli: &Cli) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
    let socket = process::socket_path(&folder);
    match show(&socket).await {
        Err(error) if error.code == ErrorCode::WorkerNotRunning => {}
        shown => return Ok(shown.map(|()| ExitCode::SUCCESS)?),
    }
    let mode = Mode { tray: true, open: true, keyring: true, data: cli.data.clone() };
    let error = match process::be_the_worker(cli, &mode).await {
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
