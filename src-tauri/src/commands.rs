//! One Tauri command per control command, made from their one list; `subscribe`, and `save_file`.

use crate::window;
use futures_util::StreamExt as _;
use hivemind_control::{ApiError, Call as _, ErrorCode, Event};
use hivemind_local_api::SocketClient;
use serde_json::Value;
use tauri::ipc::{Channel, Invoke};
use tauri::{State, WebviewWindow};
use tokio::sync::watch;

/// Counts pages: when the page is loaded anew, the streams of the page before it end.
pub(crate) struct Following(watch::Sender<u64>);

impl Default for Following {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Following {
    pub(crate) fn new_page(&self) {
        self.0.send_modify(|pages| *pages += 1);
    }
}

macro_rules! tauri_commands {
    ($($(#[doc = $doc:literal])* $access:ident $name:ident($request:ty) -> $response:ty;)*) => {
        $(
            $(#[doc = $doc])*
            #[tauri::command]
            async fn $name(worker: State<'_, SocketClient>, request: Option<Value>) -> Result<Value, ApiError> {
                worker.call(stringify!($name), request.unwrap_or(Value::Null)).await
            }
        )*

        pub(crate) fn handler() -> impl Fn(Invoke) -> bool + Send + Sync + 'static {
            tauri::generate_handler![subscribe, crate::save::save_file, $($name),*]
        }
    };
}

hivemind_control::control_commands!(tauri_commands);

/// Sends every event into `channel`, the snapshot first, as long as the worker lives.
///
/// It never answers with success: it fails with `WORKER_NOT_RUNNING` when there is no worker or its stream ends, and
/// the page shows that and subscribes again.
#[tauri::command]
async fn subscribe(
    window: WebviewWindow,
    worker: State<'_, SocketClient>,
    following: State<'_, Following>,
    channel: Channel<Event>,
) -> Result<(), ApiError> {
    let mut page = following.0.subscribe();
    let mut events = worker.events().await?;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = page.changed() => {
                return Err(ApiError::new(ErrorCode::InvalidRequest, "The page was loaded anew."));
            }
        };
        let Some(event) = event else {
            return Err(ApiError::new(ErrorCode::WorkerNotRunning, "The connection to the worker was lost."));
        };
        match event {
            Event::RaiseWindow | Event::ReportProblem => window::raise(&window),
            // It would only say that nobody answers. A window that stays says that too.
            Event::Quitting => drop(window.close()),
            Event::Snapshot(_) | Event::Metrics(_) | Event::Log { .. } => {}
        }
        channel.send(event).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))?;
    }
}
