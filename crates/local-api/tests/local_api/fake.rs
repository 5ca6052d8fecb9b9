//! A worker that remembers what it was asked.

use async_trait::async_trait;
use hivemind_control::{
    ApiError, Control, ErrorCode, Event, EventStream, MetricsSample, MetricsView, Snapshot, Subscription,
    subscription,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::sync::{broadcast, watch};

pub struct FakeWorker {
    calls: Mutex<Vec<(&'static str, Value)>>,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    pub hints: broadcast::Sender<Event>,
}

impl FakeWorker {
    pub fn new() -> Arc<Self> {
        let snapshot = Snapshot { seq: 41, version: "9.9.9".into(), ..Snapshot::default() };
        Arc::new(Self {
            calls: Mutex::default(),
            snapshots: watch::Sender::new(Arc::new(snapshot)),
            hints: broadcast::Sender::new(8),
        })
    }

    /// Everything asked since the last time.
    pub fn take_calls(&self) -> Vec<(&'static str, Value)> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn answer(&self, name: &'static str, request: Value) -> Result<Value, ApiError> {
        self.calls.lock().unwrap().push((name, request));
        match name {
            "snapshot" | "start" | "stop" => Ok(serde_json::to_value(&**self.snapshots.borrow()).unwrap()),
            "metrics" => {
                let sample = MetricsSample { cpu_percent: 25.0, ..MetricsSample::default() };
                Ok(serde_json::to_value(MetricsView { samples: vec![sample], ..MetricsView::default() })
                    .unwrap())
            }
            "pair" | "invite" => {
                Ok(json!({ "url": "http://127.0.0.1:1/pair?code=x", "expires_in_seconds": 120 }))
            }
            "task" => Err(ApiError::new(ErrorCode::TaskUnknown, "There is no such task.").with("task", "t")),
            "login" => Err(ApiError::new(ErrorCode::WrongCredentials, "Name or password is wrong.")),
            _ => Ok(Value::Null),
        }
    }
}

macro_rules! fake {
    ($($(#[doc = $doc:literal])* $access:ident $name:ident($request:ty) -> $response:ty;)*) => {
        #[async_trait]
        impl Control for FakeWorker {
            $(async fn $name(&self, request: $request) -> Result<$response, ApiError> {
                let answer = self.answer(stringify!($name), serde_json::to_value(request).unwrap())?;
                serde_json::from_value(answer).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))
            })*

            fn subscribe(&self) -> EventStream {
                self.calls.lock().unwrap().push(("subscribe", Value::Null));
                subscription(Subscription { snapshots: self.snapshots.subscribe(), events: self.hints.subscribe() })
            }
        }
    };
}

hivemind_control::control_commands!(fake);
