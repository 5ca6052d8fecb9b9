//! Sensors that tell what a test lets them tell.

use crate::{FakeClock, lock};
use async_trait::async_trait;
use hivemind_domain::rules::Sensed;
use hivemind_worker_core::port::{Clock, News, Senses, Wanted};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot, watch};

/// The sensors of a computer without any, until [`Self::tell`] is called.
pub struct FakeSenses {
    clock: Arc<FakeClock>,
    listeners: Mutex<Vec<mpsc::Sender<News>>>,
    wanted: Mutex<Option<watch::Receiver<Wanted>>>,
}

impl FakeSenses {
    /// Sensors that tell nothing yet.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        Self { clock, listeners: Mutex::default(), wanted: Mutex::default() }
    }

    /// Tells the workers that live.
    pub async fn tell(&self, sensed: Sensed) {
        let listeners = lock(&self.listeners).clone();
        for listener in listeners {
            let _ = listener.send(News { sensed, at: self.clock.now().mono, done: None }).await;
        }
    }

    /// Tells, and waits until the worker has done what follows.
    pub async fn tell_and_wait(&self, sensed: Sensed) {
        let listeners = lock(&self.listeners).clone();
        for listener in listeners {
            let (done, waits) = oneshot::channel();
            let _ = listener.send(News { sensed, at: self.clock.now().mono, done: Some(done) }).await;
            let _ = waits.await;
        }
    }

    /// What is looked for.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        lock(&self.wanted).as_ref().map(|wanted| wanted.borrow().clone()).unwrap_or_default()
    }
}

#[async_trait]
impl Senses for FakeSenses {
    async fn watch(&self, news: mpsc::Sender<News>, wanted: watch::Receiver<Wanted>) {
        *lock(&self.wanted) = Some(wanted);
        lock(&self.listeners).push(news.clone());
        news.closed().await;
    }
}
