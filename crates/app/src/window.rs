//! The window's process: at most one at a time, started by the worker, and gone with it.

use hivemind_control::{ApiError, ErrorCode};
use hivemind_local_api::Sessions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[cfg(windows)]
const PROGRAM: &str = "hivemind-worker-window.exe";
#[cfg(not(windows))]
const PROGRAM: &str = "hivemind-worker-window";

/// A window that ends this soon after it was asked for was closing already, so another one is opened.
const CLOSING: Duration = Duration::from_secs(1);

/// For a window to close by itself after the worker said that it ends. One that was only being opened did not hear it.
const LEAVE: Duration = Duration::from_secs(1);

/// How a program ends whose libraries the system does not have.
const NOT_LOADED: i32 = 127;
/// The libraries that it needs on Linux.
const WEBKIT: &str = "WebKitGTK 4.1";

/// The window of one worker.
#[derive(Clone)]
pub(crate) struct Window {
    socket: PathBuf,
    sessions: Arc<Sessions>,
    /// When the running window was asked for last; nothing while none runs.
    asked: Arc<Mutex<Option<Instant>>>,
    watching: TaskTracker,
    /// It was started and found its libraries missing.
    not_loaded: Arc<AtomicBool>,
    /// The worker's end.
    end: CancellationToken,
}

impl Window {
    pub(crate) fn new(socket: PathBuf, sessions: Arc<Sessions>, end: CancellationToken) -> Self {
        let not_loaded = Arc::default();
        Self { socket, sessions, asked: Arc::default(), watching: TaskTracker::new(), not_loaded, end }
    }

    /// Starts it unless it runs; a new one begins at this screen.
    pub(crate) fn open(&self, screen: Option<&'static str>) -> Result<(), ApiError> {
        let mut asked = self.asked();
        if asked.is_some() {
            // It was told to come to the front; if it is closing, its end is told to `watch`.
            *asked = Some(Instant::now());
            return Ok(());
        }
        if !has_display() {
            return Err(unavailable("there is no display here; use `hivemind-worker open` and a browser"));
        }
        if let Some(part) = web_view::lacking() {
            in_browser(&self.sessions, part);
            return Ok(());
        }
        let program = program()
            .ok_or_else(|| unavailable("the window program is not installed; use `hivemind-worker open`"))?;
        let window = self.start(&program, screen)?;
        *asked = Some(Instant::now());
        self.watching.spawn(self.clone().watch(window, program));
        Ok(())
    }

    /// What the window needs and this system does not have, as far as that is known.
    pub(crate) fn lacks(&self) -> Option<&'static str> {
        web_view::lacking().or_else(|| self.not_loaded.load(Ordering::Relaxed).then_some(WEBKIT))
    }

    /// Waits for the worker's end, and then for the window's.
    pub(crate) async fn ended(self) {
        self.end.cancelled().await;
        self.watching.close();
        self.watching.wait().await;
    }

    fn asked(&self) -> MutexGuard<'_, Option<Instant>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the window's end; opens another one when the owner asked for it while this one was closing.
    async fn watch(self, mut window: Child, program: PathBuf) {
        let mut opened = Instant::now();
        loop {
            let ended = tokio::select! {
                ended = window.wait() => ended,
                () = self.end.cancelled() => return leave(window).await,
            };
            if ended.is_ok_and(|ended| cfg!(unix) && ended.code() == Some(NOT_LOADED)) {
                *self.asked() = None;
                self.not_loaded.store(true, Ordering::Relaxed);
                return in_browser(&self.sessions, WEBKIT);
            }
            // It was installed meanwhile.
            self.not_loaded.store(false, Ordering::Relaxed);
            {
                let mut last = self.asked();
                // One that was never asked for again has simply been closed.
                if !last.is_some_and(|last| last > opened && last.elapsed() < CLOSING) {
                    *last = None;
                    return;
                }
                opened = Instant::now();
                *last = Some(opened);
            }
            match self.start(&program, None) {
                Ok(next) => window = next,
                Err(error) => {
                    *self.asked() = None;
                    return tracing::warn!(%error, "the window does not open again");
                }
            }
        }
    }

    fn start(&self, program: &Path, screen: Option<&str>) -> Result<Child, ApiError> {
        Command::new(program)
            .arg("--socket")
            .arg(&self.socket)
            .args(screen.iter().flat_map(|screen| ["--screen", screen]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| unavailable(&format!("the window program cannot be started: {error}")))
    }
}

/// Without its worker a window shows nothing, so none is left behind.
async fn leave(mut window: Child) {
    if timeout(LEAVE, window.wait()).await.is_err()
        && let Err(error) = window.kill().await
    {
        tracing::warn!(%error, "the window cannot be ended");
    }
}

/// What draws the window is not on this system, as can be where no package manager brought it: the monitor page is the
/// same.
fn in_browser(sessions: &Sessions, part: &str) {
    let opened = sessions.new_code().map_err(|error| error.message).and_then(|code| {
        open::that_detached(code.url).map_err(|error| format!("no browser can be opened: {error}"))
    });
    match opened {
        Ok(()) => tracing::warn!("the window needs {part}; the monitor page is opened instead"),
        Err(error) => tracing::warn!(%error, "the window needs {part}, and neither is there a browser"),
    }
}

/// The window program beside this one. Never looked up in `PATH`, where somebody else's could lie.
fn program() -> Option<PathBuf> {
    let here = std::env::current_exe().ok()?;
    let beside = here.parent()?.join(PROGRAM);
    beside.is_file().then_some(beside)
}

/// Why there is no window or folder to be seen.
pub(crate) fn unavailable(text: &str) -> ApiError {
    ApiError::new(ErrorCode::WindowUnavailable, text)
}

/// Whether this session can show a window at all.
pub(crate) fn has_display() -> bool {
    cfg!(windows)
        || ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|v| std::env::var_os(v).is_some_and(|d| !d.is_empty()))
}

/// What draws the window on Windows: a part of the system that most computers have.
#[cfg(windows)]
mod web_view {
    use winreg::RegKey;
    use winreg::enums::{HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE};

    /// Where its installer writes the version, by Microsoft's "Distribute your app and the WebView2 Runtime".
    const CLIENT: &str = r"EdgeUpdate\Clients\{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}";

    /// Names a folder with a runtime of its own, for programs that bring one along.
    const BROUGHT: &str = "WEBVIEW2_BROWSER_EXECUTABLE_FOLDER";

    pub(super) fn lacking() -> Option<&'static str> {
        if std::env::var_os(BROUGHT).is_some() {
            return None;
        }
        let everybodys = format!(r"SOFTWARE\WOW6432Node\Microsoft\{CLIENT}");
        let own = format!(r"Software\Microsoft\{CLIENT}");
        let found =
            [(HKEY_LOCAL_MACHINE, everybodys), (HKEY_CURRENT_USER, own)].into_iter().any(|(hive, key)| {
                let version =
                    RegKey::predef(hive).open_subkey(key).and_then(|key| key.get_value::<String, _>("pv"));
                match version {
                    Ok(version) => !version.is_empty() && version != "0.0.0.0",
                    // What cannot be read is not said to be missing.
                    Err(error) => error.kind() != std::io::ErrorKind::NotFound,
                }
            });
        (!found).then_some("WebView2")
    }
}

/// Elsewhere starting it tells.
#[cfg(not(windows))]
mod web_view {
    pub(super) const fn lacking() -> Option<&'static str> {
        None
    }
}
