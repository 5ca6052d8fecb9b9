//! The window: a program of its own that is always a client of the running worker.

use crate::cli::Cli;
use crate::process::{self, Mode};
use hivemind_control::{ApiError, ErrorCode, PairingCode};
use hivemind_local_api::{Sessions, SocketClient};
use hivemind_worker_core::Desktop;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

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

/// `hivemind-worker desktop`
pub(crate) async fn open(cli: &Cli) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
    match SocketClient::connect(process::socket_path(&folder)).await {
        Ok(client) => {
            client.typed().open_window(()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.code == ErrorCode::WorkerNotRunning => {
            process::be_the_worker(
                cli,
                &Mode { tray: true, open: true, keyring: true, data: cli.data.clone() },
            )
            .await
        }
        Err(error) => Err(error.into()),
    }
}
