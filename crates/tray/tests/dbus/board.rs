//! A desktop's notice board.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use zbus::Connection;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::OwnedValue;

const PLACE: &str = "/org/freedesktop/Notifications";

/// One notice as it arrived.
#[derive(Debug, Clone)]
pub struct Shown {
    pub id: u32,
    pub title: String,
    pub text: String,
    pub urgency: u8,
}

struct Service(Arc<Mutex<Vec<Shown>>>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Service {
    #[expect(clippy::too_many_arguments, reason = "the desktop's specification names them")]
    fn notify(
        &self,
        _app: &str,
        _replaces: u32,
        _icon: &str,
        title: &str,
        text: &str,
        _actions: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        _expires: i32,
    ) -> u32 {
        let mut shown = self.0.lock().unwrap();
        let id = u32::try_from(shown.len()).unwrap() + 7;
        let urgency = hints.get("urgency").and_then(|value| u8::try_from(value).ok()).unwrap_or(u8::MAX);
        shown.push(Shown { id, title: title.to_owned(), text: text.to_owned(), urgency });
        id
    }

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, action: &str) -> zbus::Result<()>;
}

pub struct Board {
    connection: Connection,
    shown: Arc<Mutex<Vec<Shown>>>,
}

impl Board {
    pub async fn start() -> Self {
        let shown = Arc::new(Mutex::new(Vec::new()));
        let connection = zbus::connection::Builder::session()
            .unwrap()
            .serve_at(PLACE, Service(Arc::clone(&shown)))
            .unwrap()
            .name("org.freedesktop.Notifications")
            .unwrap()
            .build()
            .await
            .unwrap();
        Self { connection, shown }
    }

    pub fn shown(&self) -> Vec<Shown> {
        self.shown.lock().unwrap().clone()
    }

    /// A person clicks on a notice.
    pub async fn press(&self, id: u32) {
        let emitter = SignalEmitter::new(&self.connection, PLACE).unwrap();
        Service::action_invoked(&emitter, id, "default").await.unwrap();
    }
}
