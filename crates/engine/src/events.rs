//! One event stream for everything: which container ended or ran out of memory, and whether an image changed.

use crate::connection::Connection;
use bollard::models::{EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

/// News from the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A container ended.
    Died { container: String, code: i64 },
    /// A process in it was ended for want of memory.
    OutOfMemory { container: String },
    /// The stream broke: something may have been missed, ask the engine.
    Interrupted,
}

/// News that may wait for a slow reader; one that falls behind further asks the engine instead.
const WAITING: usize = 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether what was learned about images still holds.
#[derive(Debug, Default)]
pub(crate) struct ImageNews {
    /// Events are known to arrive.
    alive: AtomicBool,
    /// Rises whenever an image changed, or may have.
    changes: AtomicU64,
}

impl ImageNews {
    /// Counts changes; the same number twice means that nothing changed in between, if events arrived throughout.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether events are known to arrive.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }
}

/// The shared stream. It is opened for the first task and reopened while somebody listens.
#[derive(Debug)]
pub(crate) struct EngineEvents {
    news: broadcast::Sender<Notice>,
    pub(crate) images: Arc<ImageNews>,
    listening: Mutex<Option<AbortHandle>>,
}

impl Default for EngineEvents {
    fn default() -> Self {
        Self { news: broadcast::channel(WAITING).0, images: Arc::default(), listening: Mutex::default() }
    }
}

impl EngineEvents {
    /// Everything from now on. Must be called inside a tokio runtime.
    pub(crate) fn subscribe(&self, engine: &Connection) -> broadcast::Receiver<Notice> {
        let receiver = self.news.subscribe();
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if listening.as_ref().is_none_or(AbortHandle::is_finished) {
            let task = tokio::spawn(listen(engine.clone(), self.news.clone(), self.images.clone()));
            *listening = Some(task.abort_handle());
        }
        receiver
    }
}

impl Drop for EngineEvents {
    fn drop(&mut self) {
        let listening = self.listening.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = listening.take() {
            task.abort();
        }
    }
}

async fn listen(engine: Connection, news: broadcast::Sender<Notice>, images: Arc<ImageNews>) {
    let mut since: Option<i64> = None;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Ok(docker) = engine.docker() {
            let filters = HashMap::from([
                ("type", vec!["container", "image"]),
                // "create" tells nothing but that events arrive.
                ("event", vec!["create", "die", "oom", "delete", "import", "load", "pull", "tag", "untag"]),
            ]);
            let mut options = EventsOptionsBuilder::new().filters(&filters);
            if let Some(ns) = since {
                options = options.since(&format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000));
            }
            let mut stream = docker.events(Some(options.build()));
            while let Some(Ok(event)) = stream.next().await {
                pause = FIRST_PAUSE;
                since = event.time_nano.or(since);
                if event.typ == Some(EventMessageTypeEnum::IMAGE) {
                    images.changes.fetch_add(1, Ordering::AcqRel);
                }
                images.alive.store(true, Ordering::Release);
                if let Some(notice) = notice_of(&event) {
                    // Nobody listening is fine.
                    let _ = news.send(notice);
                }
            }
        }
        images.alive.store(false, Ordering::Release);
        images.changes.fetch_add(1, Ordering::AcqRel);
        if news.send(Notice::Interrupted).is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Waits on a stream that tells nothing and breaks with the engine.
pub(crate) async fn until_gone(engine: &Connection) {
    let Ok(docker) = engine.docker() else { return };
    let nothing = HashMap::from([("type", vec!["daemon"]), ("event", vec!["none of its words"])]);
    let mut stream = docker.events(Some(EventsOptionsBuilder::new().filters(&nothing).build()));
    while let Some(Ok(_)) = stream.next().await {}
}

fn notice_of(event: &EventMessage) -> Option<Notice> {
    let actor = event.actor.as_ref()?;
    let container = actor.id.clone()?;
    match event.action.as_deref()? {
        "oom" => Some(Notice::OutOfMemory { container }),
        "die" => {
            let code = actor.attributes.as_ref()?.get("exitCode")?.parse().ok()?;
            Some(Notice::Died { container, code })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(json: &str) -> Option<Notice> {
        notice_of(&serde_json::from_str(json).expect("an event"))
    }

    #[test]
    fn ends_and_memory_are_told() {
        let died = r#"{"Type":"container","Action":"die","Actor":{"ID":"c1","Attributes":{"exitCode":"137"}},
            "scope":"local","time":1,"timeNano":1000000001}"#;
        assert_eq!(notice(died), Some(Notice::Died { container: "c1".into(), code: 137 }));
        let oom = r#"{"Type":"container","Action":"oom","Actor":{"ID":"c1","Attributes":{}}}"#;
        assert_eq!(notice(oom), Some(Notice::OutOfMemory { container: "c1".into() }));
        for other in [
            r#"{"Type":"container","Action":"start","Actor":{"ID":"c1"}}"#,
            r#"{"Type":"container","Action":"die","Actor":{"ID":"c1","Attributes":{"exitCode":"x"}}}"#,
            r#"{"Type":"container","Action":"die"}"#,
        ] {
            assert_eq!(notice(other), None, "{other}");
        }
    }
}
