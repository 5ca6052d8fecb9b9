//! What this computer notices about its owner and itself.

use async_trait::async_trait;
use hivemind_domain::rules::{ExclusiveApps, Sensed};
use hivemind_domain::time::Mono;
use tokio::sync::{mpsc, oneshot, watch};

/// News of one sensor.
#[derive(Debug)]
pub struct News {
    /// What.
    pub sensed: Sensed,
    /// When it was noticed.
    pub at: Mono,
    /// Told when the worker has done what follows from it; whoever holds the computer up for that lets go then.
    pub done: Option<oneshot::Sender<()>>,
}

/// What is wanted of the sensors and of the system behind them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Programs that want something of the computer for themselves.
    pub exclusive_apps: ExclusiveApps,
    /// The computer is to be kept from going to sleep by itself. Where the system knows no such thing, it sleeps.
    pub awake: bool,
}

/// The sensors. Ones that do not exist here tell nothing; ones that exist and cannot be read say so.
#[async_trait]
pub trait Senses: Send + Sync + 'static {
    /// Tells what is and what changes, until it is dropped or nobody listens any more.
    async fn watch(&self, news: mpsc::Sender<News>, wanted: watch::Receiver<Wanted>);
}
