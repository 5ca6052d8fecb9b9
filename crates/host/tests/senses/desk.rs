//! A bus of one's own, and an ear for the sensors' news.

use hivemind_domain::rules::Sensed;
use hivemind_host::{Places, SystemSenses};
use hivemind_worker_core::port::{News, Senses, Wanted};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use zbus::Connection;

/// Long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A `dbus-daemon` that dies with the value.
pub struct Bus {
    child: Child,
    pub address: String,
    _folder: TempDir,
}

impl Bus {
    /// None, after saying so, where there is no `dbus-daemon`.
    pub async fn start() -> Option<Self> {
        let there =
            Command::new("dbus-daemon").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_err() {
            println!("SKIPPED: dbus-daemon is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let address = format!("unix:path={}", folder.path().join("bus").display());
        let child = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--address", &address])
            .spawn()
            .unwrap();
        let bus = Self { child, address, _folder: folder };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while bus.try_connect().await.is_none() {
            assert!(tokio::time::Instant::now() < deadline, "the bus does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(bus)
    }

    async fn try_connect(&self) -> Option<Connection> {
        zbus::connection::Builder::address(self.address.as_str()).unwrap().build().await.ok()
    }

    pub async fn connect(&self) -> Connection {
        self.try_connect().await.unwrap()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A computer without any sensor.
pub fn nowhere() -> Places {
    Places {
        system_bus: Some("unix:path=/nonexistent/bus".into()),
        session_bus: None,
        display: None,
        wayland: false,
        sys: PathBuf::from("/nonexistent"),
        proc: PathBuf::from("/nonexistent"),
    }
}

/// Listens to sensors.
pub struct Ear {
    news: mpsc::Receiver<News>,
    wanted: watch::Sender<Wanted>,
    watching: JoinHandle<()>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Ear {
    pub fn on(places: Places) -> Self {
        let (sender, news) = mpsc::channel(64);
        let (wanted_sender, wanted) = watch::channel(Wanted::default());
        let watching = tokio::spawn(async move { SystemSenses::new(places).watch(sender, wanted).await });
        Self { news, wanted: wanted_sender, watching }
    }

    /// Wants the computer to be kept awake, or no more.
    pub fn want_awake(&self, awake: bool) {
        self.wanted.send_modify(|wanted| wanted.awake = awake);
    }

    /// The first news that is as wanted.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Sensed) -> bool) -> News {
        let listening = async {
            loop {
                let news = self.news.recv().await.expect("sensors tell as long as somebody listens");
                if wanted(&news.sensed) {
                    return news;
                }
            }
        };
        tokio::time::timeout(PATIENCE, listening).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
    }

    pub async fn hears(&mut self, sensed: Sensed) -> News {
        self.until(&format!("{sensed:?}"), |told| *told == sensed).await
    }

    /// Everything that was told so far.
    pub fn heard(&mut self) -> Vec<Sensed> {
        std::iter::from_fn(|| self.news.try_recv().ok()).map(|news| news.sensed).collect()
    }
}
