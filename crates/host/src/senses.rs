//! What this computer notices: its owner, its session, its power, its heat, its network.
//!
//! Every source tells changes as the system tells them; only what no system pushes is looked at: heat, exclusive
//! programs, the screen saver's idle time, and logind's sessions where nothing finer tells of input. A source that does
//! not exist here tells nothing at all.

use async_trait::async_trait;
use hivemind_domain::rules::Sensed;
use hivemind_domain::time::Mono;
use hivemind_worker_core::port::{Clock, News, Senses, Wanted};
use std::path::PathBuf;
#[cfg(any(windows, test))]
use std::time::Duration;
#[cfg(any(target_os = "linux", windows))]
use tokio::sync::oneshot;
use tokio::sync::{mpsc, watch};

#[cfg(any(target_os = "linux", windows))]
mod awake;
#[cfg(target_os = "linux")]
mod bus;
#[cfg(any(target_os = "linux", windows))]
mod heat;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod login;
pub(crate) mod programs;
#[cfg(windows)]
mod windows;
#[cfg(target_os = "linux")]
mod x11;

use crate::SystemClock;

/// Where the sensors are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Address of the system's bus; absent for the usual one.
    pub system_bus: Option<String>,
    /// Address of the session's bus.
    pub session_bus: Option<String>,
    /// Name of the X display.
    pub display: Option<String>,
    /// Whether the session is a Wayland one: X would only tell about its own windows.
    pub wayland: bool,
    /// Where the kernel tells about devices.
    pub sys: PathBuf,
    /// Where the kernel tells about processes.
    pub proc: PathBuf,
}

impl Places {
    /// As this process's environment names them.
    #[must_use]
    pub fn of_this_session() -> Self {
        let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            system_bus: named("DBUS_SYSTEM_BUS_ADDRESS"),
            session_bus: named("DBUS_SESSION_BUS_ADDRESS"),
            display: named("DISPLAY"),
            wayland: named("WAYLAND_DISPLAY").is_some()
                || named("XDG_SESSION_TYPE").is_some_and(|kind| kind == "wayland"),
            sys: PathBuf::from("/sys"),
            proc: PathBuf::from("/proc"),
        }
    }
}

/// The sensors of this computer.
#[derive(Debug)]
pub struct SystemSenses(Places);

impl SystemSenses {
    /// Sensors at these places.
    #[must_use]
    pub fn new(places: Places) -> Self {
        Self(places)
    }
}

/// Tells news, each thing only when it has changed.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    news: mpsc::Sender<News>,
    last: Vec<Sensed>,
}

impl Teller {
    pub(crate) fn new(news: mpsc::Sender<News>) -> Self {
        Self { news, last: Vec::new() }
    }

    /// Whether anything was told.
    pub(crate) fn knows(&self) -> bool {
        !self.last.is_empty()
    }

    fn now() -> Mono {
        SystemClock.now().mono
    }

    /// Whether this is news; the time without input always is.
    fn is_new(&mut self, sensed: Sensed) -> bool {
        let same = |known: &Sensed| std::mem::discriminant(known) == std::mem::discriminant(&sensed);
        let known = self.last.iter().position(same);
        let new =
            matches!(sensed, Sensed::Idle(_)) || known.is_none_or(|at| self.last.get(at) != Some(&sensed));
        match known.and_then(|at| self.last.get_mut(at)) {
            Some(old) => *old = sensed,
            None => self.last.push(sensed),
        }
        new
    }

    pub(crate) async fn tell(&mut self, sensed: Sensed) {
        if self.is_new(sensed) {
            let _ = self.news.send(News { sensed, at: Self::now(), done: None }).await;
        }
    }

    /// Tells and waits until the worker has done what follows.
    #[cfg(target_os = "linux")]
    pub(crate) async fn tell_and_wait(&mut self, sensed: Sensed) {
        if !self.is_new(sensed) {
            return;
        }
        let (done, waits) = oneshot::channel();
        let _ = self.news.send(News { sensed, at: Self::now(), done: Some(done) }).await;
        let _ = waits.await;
    }

    /// Whether anybody listens still.
    #[cfg(windows)]
    pub(crate) fn is_heard(&self) -> bool {
        !self.news.is_closed()
    }

    /// From a thread of its own: tells and waits until the worker has done what follows, for at most `patience`.
    #[cfg(any(windows, test))]
    pub(crate) fn tell_and_wait_from_thread(&mut self, sensed: Sensed, patience: Duration) {
        use tokio::sync::{mpsc::error::TrySendError, oneshot::error::TryRecvError};
        const STEP: Duration = Duration::from_millis(5);
        if !self.is_new(sensed) {
            return;
        }
        let (done, mut waits) = oneshot::channel();
        let mut untold = Some(News { sensed, at: Self::now(), done: Some(done) });
        let begun = Self::now();
        while Self::now().since(begun) < patience {
            untold = match untold.take().map(|news| self.news.try_send(news)) {
                Some(Err(TrySendError::Full(news))) => Some(news),
                Some(Err(TrySendError::Closed(_))) => return,
                Some(Ok(())) | None => None,
            };
            if untold.is_none() && !matches!(waits.try_recv(), Err(TryRecvError::Empty)) {
                return;
            }
            std::thread::sleep(STEP);
        }
        if untold.is_some() {
            // It is news still.
            self.last.retain(|known| *known != sensed);
        }
    }

    /// From a thread of its own; false when nobody listens any more.
    #[cfg(any(target_os = "linux", windows))]
    pub(crate) fn tell_from_thread(&mut self, sensed: Sensed) -> bool {
        if !self.is_new(sensed) {
            return !self.news.is_closed();
        }
        self.news.blocking_send(News { sensed, at: Self::now(), done: None }).is_ok()
    }
}

#[async_trait]
impl Senses for SystemSenses {
    #[cfg(target_os = "linux")]
    async fn watch(&self, news: mpsc::Sender<News>, wanted: watch::Receiver<Wanted>) {
        let places = &self.0;
        let teller = || Teller::new(news.clone());
        let x11 = places.display.clone().filter(|_| !places.wayland);
        if let Some(display) = x11.clone() {
            let teller = teller();
            // It waits for the X server on a thread of its own, which ends when nobody listens.
            let started =
                std::thread::Builder::new().name("x11".into()).spawn(move || x11::watch(&display, teller));
            if let Err(error) = started {
                tracing::warn!(%error, "the X server is not watched");
            }
        }
        let session = places.session_bus.clone().filter(|_| x11.is_none());
        tokio::join!(
            login::watch(places.system_bus.clone(), x11.is_none() && session.is_none(), teller()),
            idle::watch(places.system_bus.clone(), session, teller()),
            bus::power(places.system_bus.clone(), teller()),
            bus::network(places.system_bus.clone(), teller()),
            heat::watch(&places.sys, &places.proc, teller()),
            awake::keep(wanted.clone(), || awake::logind::hold(places.system_bus.clone())),
            programs::watch(&places.proc, wanted, teller()),
        );
    }

    #[cfg(windows)]
    async fn watch(&self, news: mpsc::Sender<News>, wanted: watch::Receiver<Wanted>) {
        // Each ends when nobody listens.
        for (name, watch) in [
            ("session", windows::session::watch as fn(Teller)),
            ("broadcasts", windows::broadcasts::watch),
            ("heat", heat::watch),
        ] {
            let teller = Teller::new(news.clone());
            let started = std::thread::Builder::new().name(name.into()).spawn(move || watch(teller));
            if let Err(error) = started {
                tracing::warn!(%error, name, "a sensor is not watched");
            }
        }
        tokio::join!(
            awake::keep(wanted.clone(), awake::execution::hold),
            programs::watch(&self.0.proc, wanted, Teller::new(news)),
        );
    }

    #[cfg(not(any(target_os = "linux", windows)))]
    async fn watch(&self, news: mpsc::Sender<News>, wanted: watch::Receiver<Wanted>) {
        // Nothing here is read yet but programs: what is absent takes no part, and the computer counts as away.
        programs::watch(&self.0.proc, wanted, Teller::new(news)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::rules::Signal;

    const SLEEP: Sensed = Sensed::Suspending(Signal::Value(true));

    /// How long a thread that tells of sleep waits, with one place for news and this done about it.
    async fn waits(patience: Duration, hear: impl AsyncFnOnce(mpsc::Receiver<News>)) -> Duration {
        let (news, heard) = mpsc::channel(1);
        let mut teller = Teller::new(news);
        assert!(teller.is_new(Sensed::Idle(Signal::Absent)));
        let telling = tokio::task::spawn_blocking(move || {
            let begun = Teller::now();
            teller.tell_and_wait_from_thread(SLEEP, patience);
            Teller::now().since(begun)
        });
        hear(heard).await;
        telling.await.unwrap()
    }

    #[tokio::test]
    async fn a_thread_waits_until_the_worker_is_done_and_no_longer() {
        let long = Duration::from_secs(30);
        let waited = waits(long, async |mut heard| {
            let news = heard.recv().await.unwrap();
            assert_eq!(news.sensed, SLEEP);
            tokio::time::sleep(Duration::from_millis(200)).await;
            news.done.unwrap().send(()).unwrap();
            // Nobody listening any more must not be what let it go.
            tokio::time::sleep(Duration::from_millis(300)).await;
        })
        .await;
        assert!((200..2000).contains(&waited.as_millis()), "{waited:?}");
    }

    #[tokio::test]
    async fn a_thread_waits_no_longer_than_its_patience_nor_for_nobody() {
        let waited = waits(Duration::from_millis(300), async |mut heard| {
            let kept = heard.recv().await.unwrap();
            tokio::time::sleep(Duration::from_millis(600)).await;
            drop(kept);
        })
        .await;
        assert!((300..1500).contains(&waited.as_millis()), "{waited:?}");
        let waited = waits(Duration::from_secs(30), async |heard| drop(heard)).await;
        assert!(waited < Duration::from_secs(10), "{waited:?}");
    }
}
