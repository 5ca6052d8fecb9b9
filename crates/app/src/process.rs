//! The background worker: opens the data folder, puts the adapters into the core, serves the control API and the
//! tray, and ends in order.

use crate::cli::Cli;
use crate::desktop::DesktopHere;
use crate::falls::Falls;
use crate::footprint;
use crate::panics;
use crate::practice::{Origin, Practice};
use crate::updates::{self, AtStart, Succession, Updates};
use crate::window::Window;
use crate::words::words;
use crate::{lan, logging, output, receipts};
use anyhow::Context;
use hivemind_control::{ApiError, Control, ErrorCode};
use hivemind_domain::settings::{Settings, Source};
use hivemind_egress::EgressProxy;
use hivemind_engine::{Companion, DockerEngine};
use hivemind_functions::FunctionEngine;
use hivemind_host::{GpuSource, Places, SystemClock, SystemHost, SystemSenses};
use hivemind_local_api::{BrowserListener, Sessions, SocketListener};
use hivemind_pool_client::{AnyPool, CALLED_AT, NetworkWishes, PoolDesk, V1Config, Wish, Work};
use hivemind_store::{
    Change, DataFolder, FileBook, FileDebug, FileLogs, FileSettings, FileTrend, FolderError, KeyringSecrets,
    Lock, OwnLog, SqliteJournal,
};
use hivemind_tray::PlaceTeller;
use hivemind_vpn::{Carriage, Link, LinkConfigSource};
use hivemind_worker_core::core::Suspects;
use hivemind_worker_core::port::{
    Clock, Dialer, Engine, EngineError, Journal, PoolError, PrivateLink, Senses, SettingsStore,
};
use hivemind_worker_core::{Ports, Worker};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// An engine that answers at all freezes within that.
const STILL_WITHIN: Duration = Duration::from_secs(10);

/// The user's socket below a data folder.
pub(crate) fn socket_path(folder: &DataFolder) -> PathBuf {
    folder.runtime().join("worker.sock")
}

/// The folder that the command line names.
pub(crate) fn folder(cli: &Cli) -> anyhow::Result<DataFolder> {
    Ok(DataFolder::open(cli.data.as_deref())?)
}

/// Settings from flags, environment and file.
pub(crate) fn settings(cli: &Cli, folder: &DataFolder) -> anyhow::Result<FileSettings> {
    let path = cli.config.clone().unwrap_or_else(|| folder.settings_file());
    let env = |name: &str| std::env::var(name).ok();
    FileSettings::load(&path, env, &cli.flags())
        .map_err(|error| ApiError::new(ErrorCode::InvalidSetting, error.to_string()).into())
}

/// The same for the worker itself: after a mistake in the file the settings of before stay in force.
fn settings_in_force(cli: &Cli, folder: &DataFolder) -> anyhow::Result<FileSettings> {
    let path = cli.config.clone().unwrap_or_else(|| folder.settings_file());
    let env = |name: &str| std::env::var(name).ok();
    let settings =
        FileSettings::load_or_last_good(&path, &folder.last_good_settings_file(), env, &cli.flags());
    settings.map_err(|error| ApiError::new(ErrorCode::InvalidSetting, error.to_string()).into())
}

/// What differs between the ways to be the worker.
pub(crate) struct Mode {
    /// Show the tray icon.
    pub(crate) tray: bool,
    /// Open the window once the worker runs.
    pub(crate) open: bool,
    /// Whether the system's keyring may be used.
    pub(crate) keyring: bool,
    /// The data folder, where it is not the usual one.
    pub(crate) data: Option<PathBuf>,
    /// Where a practice worker takes its settings from; absent where there is to be none.
    pub(crate) practice: Option<Origin>,
    /// When the event loop began.
    pub(crate) began: Instant,
    /// Over what this program fell before.
    pub(crate) suspects: Suspects,
}

/// Makes this process the folder's one worker.
///
/// # Errors
/// When another process is.
pub(crate) fn lock(folder: &DataFolder) -> anyhow::Result<Lock> {
    folder.lock().map_err(|error| {
        if matches!(error, FolderError::AlreadyRunning { .. }) {
            return anyhow::Error::from(ApiError::new(ErrorCode::WorkerAlreadyRunning, error.to_string()));
        }
        error.into()
    })
}

/// A worker with everything around it.
pub(crate) struct Running {
    /// What it can be asked.
    pub(crate) control: Arc<dyn Control>,
    /// Where browsers find it; absent when the port was taken.
    pub(crate) monitor: Option<SocketAddr>,
    /// Cancelled when it is to end, because a new version waits to be put in place.
    exchange: CancellationToken,
    /// Cancelled when it was asked to end, over the control API or otherwise.
    ending: CancellationToken,
    ended: JoinHandle<()>,
    serving: Vec<JoinHandle<()>>,
    shutdown: CancellationToken,
    _lock: Lock,
}

impl Running {
    /// Starts everything.
    ///
    /// # Errors
    /// When the folder is in use, the journal cannot be read, or the socket cannot be opened.
    pub(crate) async fn start(
        folder: &DataFolder,
        settings: FileSettings,
        mode: &Mode,
        log: Option<OwnLog>,
    ) -> anyhow::Result<Self> {
        Self::with_updates(folder, lock(folder)?, settings, mode, log, None).await
    }

    /// The same for a process that holds the folder already and may be exchanged for a newer version.
    async fn with_updates(
        folder: &DataFolder,
        lock: Lock,
        settings: FileSettings,
        mode: &Mode,
        log: Option<OwnLog>,
        updates: Option<Updates>,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (journal, damage) = SqliteJournal::open(&folder.journal_file())
            .map_err(|error| ApiError::new(ErrorCode::JournalFailed, error.message))?;
        let damaged = |damage: hivemind_store::Damage| {
            ApiError::new(ErrorCode::JournalDamaged, damage.to_string())
                .with("kept_as", damage.kept_as.display().to_string())
                .with("rescued", damage.rescued.to_string())
                .with("unreadable", damage.unreadable.to_string())
        };
        let current = settings.current();
        let mistake = settings.trouble().map(|error| {
            tracing::warn!(%error, "the settings file is wrong: the settings of before stay in force");
            let said = format!(
                "{error}. The settings of before are in force; mend the file, then start the worker anew."
            );
            ApiError::new(ErrorCode::SettingsFileWrong, said)
        });
        let socket = socket_path(folder);
        let listener = SocketListener::bind(&socket)
            .await
            .with_context(|| format!("the socket {} cannot be opened", socket.display()))?;
        let sessions = Arc::new(Sessions::new());
        let port = u16::try_from(current.integer("monitor_port")).unwrap_or(0);
        let browser = match BrowserListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
            Ok(browser) => Some(browser),
            Err(error) => {
                tracing::warn!(%error, port, "the monitor page is not served");
                None
            }
        };
        let config = V1Config {
            master_url: current.text("master_url").to_owned(),
            address: current.text("pool_address").to_owned(),
            allow_unencrypted: current.flag("allow_unencrypted_pool"),
            install: folder.install().clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tunnel_only: current.text("private_link") == "required",
        };
        let secrets = Arc::new(KeyringSecrets::new(folder, mode.keyring));
        let unpinned = |error: PoolError| {
            ApiError::new(ErrorCode::InvalidSetting, error.message).with("key", "pool_certificate_sha256")
        };
        let pin = current.text("pool_certificate_sha256");
        let journal: Arc<dyn Journal> = Arc::new(journal);
        let settings: Arc<dyn SettingsStore> = Arc::new(settings);
        let mut private_link: Option<Arc<dyn PrivateLink>> = None;
        let mut dialer: Option<Arc<dyn Dialer>> = None;
        if current.text("private_link") != "off" {
            let desk = PoolDesk::new(config.clone(), pin).map_err(unpinned)?;
            let source = link_source(folder, &current);
            let networks = Arc::new(hivemind_host::networks);
            let link = Link::new(source, Arc::new(desk), secrets.clone(), networks, carriage(&settings));
            dialer = Some(link.clone());
            private_link = Some(link);
        }
        let wish = Wish::of(current.text("pool_dialect"));
        let wishes = network_wishes(&current)?;
        let pool =
            AnyPool::new(config, wish, pin, dialer, Some(Arc::clone(&journal)), wishes).map_err(unpinned)?;
        let gpus = match current.text("nvml_library") {
            _ if current.flag("cpu_only") => GpuSource::left_out(),
            "" => GpuSource::system(),
            path => GpuSource::from_library(path.as_ref()),
        };
        let engine_address = Some(current.text("engine_address")).filter(|address| !address.is_empty());
        let shutdown = CancellationToken::new();
        let mut serving = Vec::new();
        let practice = mode.practice.clone().map(|origin| {
            let (practice, serve) = Practice::new(origin, Arc::clone(&clock), shutdown.clone());
            serving.push(tokio::spawn(serve));
            practice
        });
        let changes = secrets.changes();
        let places = footprint::Places {
            folder: folder.clone(),
            settings: mode.practice.as_ref().map_or_else(|| folder.settings_file(), |o| o.config.clone()),
            in_force: Arc::clone(&settings),
            socket: socket.clone(),
            monitor: browser.as_ref().map(BrowserListener::address),
            log,
            changes: changes.clone(),
        };
        let lan = lan::door(folder, Arc::clone(&sessions), &current);
        let place = PlaceTeller::default();
        let icon = mode.tray.then(|| place.listen());
        let window = Window::new(socket, sessions.clone(), shutdown.clone());
        serving.push(tokio::spawn(window.clone().ended()));
        let data = mode.data.clone();
        let desktop = DesktopHere::new(window, sessions.clone(), data, places, practice, lan.clone(), icon);
        let (noted, address) = (changes, engine_address.unwrap_or_default().to_owned());
        let engine_objects = Change::Engine { address };
        let engine = DockerEngine::connect(engine_address)
            .with_image_record(&folder.data().join("images.json"))
            .noting(move || noted.note(engine_objects.clone()))
            .with_companion(companion())
            .with_egress(Arc::new(EgressProxy::default()));
        let at_once = usize::try_from(current.integer("max_concurrent_tasks")).unwrap_or(1);
        let senses = SystemSenses::new(Places::of_this_session());
        let senses: Arc<dyn Senses> = match &updates {
            Some(updates) => updates.with_senses(senses, Arc::clone(&clock)),
            None => Arc::new(senses),
        };
        let kept_settings = Arc::clone(&settings);
        let ports = Ports {
            engine: Arc::new(FunctionEngine::new(Arc::new(engine), Arc::clone(&clock), at_once)),
            pool: Arc::new(pool),
            private_link,
            host: Arc::new(SystemHost::new(folder.data(), gpus)),
            senses,
            journal,
            logs: Arc::new(FileLogs::new(folder.logs(), Arc::clone(&clock))),
            book: Arc::new(FileBook::new(&folder.book_file())),
            trend: Arc::new(FileTrend::new(&folder.trend_file())),
            debug: Arc::new(FileDebug::new(folder.debug(), Arc::clone(&clock))),
            secrets,
            settings,
            spool: folder.spool(),
            desktop: Arc::new(desktop),
            zone: hivemind_worker_core::port::Zone::OfTheSystem,
            version: updates::version(),
            clock: Arc::clone(&clock),
            began: mode.began,
            found: damage.map(damaged).into_iter().chain(mistake).collect(),
            suspects: mode.suspects.clone(),
        };
        let worker = Worker::start(ports)
            .await
            .map_err(|error| ApiError::new(ErrorCode::JournalFailed, error.message))?;
        let control: Arc<dyn Control> = worker.control;
        let exchange = updates.as_ref().map(|updates| updates.exchange.clone()).unwrap_or_default();
        if let Some(updates) = updates {
            let (data, snapshots) = (folder.data().to_owned(), worker.snapshots.clone());
            let keep = updates.keep(data, Arc::clone(&clock), kept_settings, snapshots, shutdown.clone());
            serving.push(tokio::spawn(keep));
        }
        serving.push(tokio::spawn(receipts::keep(
            Arc::clone(&control),
            worker.snapshots,
            worker.settlements,
            folder.data().to_owned(),
            Arc::clone(&clock),
            shutdown.clone(),
        )));
        let monitor = browser.as_ref().map(BrowserListener::address);
        serving.push(tokio::spawn(listener.serve(Arc::clone(&control), shutdown.clone())));
        if let Some(browser) = browser {
            serving.push(tokio::spawn(browser.serve(Arc::clone(&control), sessions, shutdown.clone())));
        }
        serving.push(tokio::spawn(lan.keep(Arc::clone(&control), shutdown.clone())));
        if mode.tray {
            #[cfg(target_os = "linux")]
            serving.push(tokio::spawn(notices(
                Arc::clone(&control),
                Arc::clone(&clock),
                folder.data().join("notices.json"),
                place.listen(),
                shutdown.clone(),
            )));
            serving.push(tokio::spawn(tray(Arc::clone(&control), clock, place, shutdown.clone())));
        }
        if mode.open
            && let Err(error) = control.open_window(()).await
        {
            tracing::warn!(%error, "the window cannot be opened");
        }
        let (ending, ended) = (worker.ending, worker.ended);
        Ok(Self { control, monitor, exchange, ending, ended, serving, shutdown, _lock: lock })
    }

    /// Waits until the worker has ended by itself or was asked to over the control API.
    pub(crate) async fn ended(&mut self) {
        let _ = (&mut self.ended).await;
    }

    /// Ends it: running tasks are handed back first.
    pub(crate) async fn stop(mut self) {
        let _ = self.control.quit(()).await;
        if !self.ended.is_finished() {
            let _ = (&mut self.ended).await;
        }
        self.close().await;
    }

    /// Closes what is around a worker that has ended.
    pub(crate) async fn close(self) {
        self.shutdown.cancel();
        for job in self.serving {
            let _ = job.await;
        }
    }
}

/// What the owner wishes of the live network.
fn network_wishes(settings: &Settings) -> Result<NetworkWishes, ApiError> {
    let wishes = NetworkWishes::new(
        Work::of(settings.text("nodepool_work")),
        u16::try_from(settings.integer("nodepool_port")).unwrap_or(CALLED_AT),
        settings.text("nodepool_key"),
        settings.text("nodepool_proxy"),
        settings.flag("nodepool_scripts"),
    );
    wishes.map_err(|wrong| ApiError::new(ErrorCode::InvalidSetting, wrong.why).with("key", wrong.setting))
}

/// Where the private link's configuration lies: the file that the owner names, or one in the data folder.
fn link_source(folder: &DataFolder, settings: &Settings) -> LinkConfigSource {
    let path = Path::new(settings.text("wireguard_config_path"));
    let file = match settings.get("wireguard_config_path") {
        Some((_, Source::Default)) => folder.data().join(path),
        Some(_) | None => path.to_owned(),
    };
    let pool = settings.text("master_url").to_owned();
    LinkConfigSource { file, state: folder.data().join("private-link.json"), pool }
}

/// What carries the private link, by the settings as they are whenever it is started.
fn carriage(settings: &Arc<dyn SettingsStore>) -> Carriage {
    let settings = Arc::clone(settings);
    Arc::new(move || {
        let current = settings.current();
        (current.text("private_link_tunnel") == "system").then(|| netd_socket(&current))
    })
}

/// Where `hivemind-netd` listens for this user, unless the owner names another place.
fn netd_socket(settings: &Settings) -> std::path::PathBuf {
    match settings.text("netd_socket") {
        "" => hivemind_vpn::own_service(),
        named => named.into(),
    }
}

/// The companion beside this program. Without it tasks run all the same, and Health says what is missing.
pub(crate) fn companion() -> Option<Companion> {
    let own = std::env::current_exe().map_err(|error| tracing::warn!(%error, "this program's place")).ok()?;
    Companion::beside(&own).inspect_err(|error| tracing::warn!(%error, "there is no companion")).ok()
}

async fn tray(
    control: Arc<dyn Control>,
    clock: Arc<dyn Clock>,
    place: PlaceTeller,
    shutdown: CancellationToken,
) {
    let wall = Arc::new(move || clock.now().wall.0);
    match hivemind_tray::run(control, wall, place, shutdown).await {
        hivemind_tray::Ended::Shutdown => {}
        hivemind_tray::Ended::NoDesktop(why) => tracing::info!(%why, "no tray icon"),
    }
}

/// Tells the owner what happened while nobody looked. On Windows there is no board to show it on yet.
#[cfg(target_os = "linux")]
async fn notices(
    control: Arc<dyn Control>,
    clock: Arc<dyn Clock>,
    file: PathBuf,
    place: tokio::sync::watch::Receiver<hivemind_tray::Place>,
    shutdown: CancellationToken,
) {
    let wall = Arc::new(move || clock.now().wall.0);
    let store = Arc::new(hivemind_store::FileTold::new(file));
    hivemind_tray::notify(
        control,
        wall,
        Arc::new(hivemind_tray::DesktopNotices),
        Arc::new(Told(store)),
        place,
        shutdown,
    )
    .await;
}

/// What was told, in a file.
#[cfg(target_os = "linux")]
struct Told(Arc<hivemind_store::FileTold>);

#[cfg(target_os = "linux")]
impl hivemind_tray::ToldStore for Told {
    fn load(&self) -> hivemind_domain::notify::Told {
        self.0.load()
    }

    fn save(&self, told: &hivemind_domain::notify::Told) {
        if let Err(error) = self.0.save(told) {
            tracing::warn!(%error, "what was told is not kept");
        }
    }
}

/// Waits for a request to end from the system: Ctrl-C, or SIGTERM on Unix.
pub(crate) async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// `hivemind-worker run`
pub(crate) async fn run(cli: &Cli, tray: bool, began: Instant) -> anyhow::Result<ExitCode> {
    be_the_worker(cli, tray, false, began).await
}

/// Runs in the foreground until asked to end.
pub(crate) async fn be_the_worker(
    cli: &Cli,
    tray: bool,
    open: bool,
    began: Instant,
) -> anyhow::Result<ExitCode> {
    let folder = folder(cli)?;
    let settings = settings_in_force(cli, &folder)?;
    let ending = CancellationToken::new();
    let succession = |program| Succession {
        program,
        arguments: std::env::args_os().skip(1).collect(),
        data: folder.data().to_owned(),
        socket: socket_path(&folder),
        clock: Arc::new(SystemClock),
        ending: ending.clone(),
    };
    let log = OwnLog::open(folder.data())
        .with_context(|| format!("the log in {} cannot be opened", folder.data().display()))?;
    logging::start(&settings.current(), Some(log.clone()))?;
    let config = cli.config.clone().unwrap_or_else(|| folder.settings_file());
    let practice = Some(Origin { config, flags: cli.flags() });
    listen(&ending);
    let falls = Falls::load(folder.data());
    let suspects = falls.suspects();
    let mode = Mode { tray, open, keyring: true, data: cli.data.clone(), practice, began, suspects };
    if !falls.pause().is_zero() {
        hold_still(&folder, &settings.current()).await;
    }
    if !falls.wait(ending.cancelled()).await {
        return Ok(ExitCode::SUCCESS);
    }
    let lock = falls.lock(&folder).await?;
    let updates = match Updates::at_start() {
        AtStart::GoesOn(updates) => updates,
        AtStart::TakenBack(program) => {
            drop(lock);
            return Ok(succession(program).start().await);
        }
    };
    let program = updates.as_ref().map(|updates| updates.program.clone());
    if !updates.as_ref().is_some_and(Updates::are_watched) {
        panics::begin_anew(folder.data());
    }
    let mut running = Running::with_updates(&folder, lock, settings, &mode, Some(log), updates).await?;
    // Done once, in the life that somebody began.
    if cli.generate_vpn_config && !updates::accompanied() && !falls.goes_on() {
        // The worker runs on without it: a pool may be reached in another way.
        match running.control.renew_link(()).await {
            Ok(link) => output::note(words().link_renewed(&link)),
            Err(error) => output::note(words().link_not_renewed(&error)),
        }
    }
    announce(cli, &running, folder.data());
    let (exchange, leaving) = (running.exchange.clone(), running.ending.clone());
    // What falls on the way out has ended as well.
    tokio::spawn(async move {
        leaving.cancelled().await;
        panics::end();
    });
    tokio::select! {
        () = ending.cancelled() => running.stop().await,
        () = running.ended() => running.close().await,
        () = exchange.cancelled() => {
            tracing::info!("the worker ends, because a new version is put in place");
            running.stop().await;
            if let Some(program) = program {
                return Ok(succession(program).exchange().await);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Freezes our containers for as long as nobody watches over them: their programs must not hold the owner up meanwhile.
async fn hold_still(folder: &DataFolder, settings: &Settings) {
    let address = Some(settings.text("engine_address")).filter(|address| !address.is_empty());
    let engine = DockerEngine::connect(address);
    let freezing = async {
        for own in engine.own(folder.install()).await?.into_iter().filter(|own| !own.frozen) {
            engine.freeze(&own.container).await?;
        }
        Ok::<_, EngineError>(())
    };
    match tokio::time::timeout(STILL_WITHIN, freezing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "containers go on while nobody watches over them"),
        Err(_) => tracing::warn!("the engine does not answer: containers may go on unwatched"),
    }
}

/// Cancels `ending` when the system asks this process to end.
fn listen(ending: &CancellationToken) {
    let ending = ending.clone();
    tokio::spawn(async move {
        asked_to_end().await;
        ending.cancel();
    });
}

fn announce(cli: &Cli, running: &Running, data: &Path) {
    let monitor = running.monitor.map(|address| format!("http://{address}/"));
    if cli.json {
        output::json(&serde_json::json!({ "monitor": monitor, "data": data.display().to_string() }));
        return;
    }
    output::line(words().worker_runs(monitor.as_deref()));
}
