//! A worker that remembers what it was asked.

use async_trait::async_trait;
use hivemind_control::{
    ApiError, Control, ErrorCode, Event, EventStream, Snapshot, StatusState, Subscription, subscription,
};
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex};
use tokio::sync::{broadcast, watch};

pub struct FakeWorker {
    calls: Mutex<Vec<&'static str>>,
    /// The same with what was asked for.
    asked: Mutex<Vec<String>>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    hints: broadcast::Sender<Event>,
}

impl FakeWorker {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: Mutex::new(Vec::new()),
            asked: Mutex::new(Vec::new()),
            snapshots: watch::Sender::new(Arc::new(Snapshot::default())),
            hints: broadcast::Sender::new(8),
        })
    }

    pub fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    /// Every call with its request since the last time somebody looked.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// Plays the worker's part: this is how things are now.
    pub fn show(&self, snapshot: Snapshot) {
        self.snapshots.send_replace(Arc::new(snapshot));
    }

    /// Plays the worker's part: contributing or not.
    fn contribute(&self, on: bool) {
        self.snapshots.send_modify(|present| {
            let mut next = Snapshot::clone(present);
            next.status.contributing = on;
            next.status.state = if on { StatusState::Ready } else { StatusState::Off };
            *present = Arc::new(next);
        });
    }

    /// Plays the pool's part: so much was credited today.
    pub fn credit(&self, cpt: u64) {
        self.snapshots.send_modify(|present| {
            let mut next = Snapshot::clone(present);
            next.today.credited_cpt = cpt;
            *present = Arc::new(next);
        });
    }

    fn answer<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, ApiError> {
        self.calls.lock().unwrap().push(name);
        let value = match name {
            "start" | "stop" => {
                self.contribute(name == "start");
                serde_json::to_value(&*self.snapshots.borrow().clone()).unwrap()
            }
            "earnings" => {
                let sum = self.snapshots.borrow().today;
                serde_json::to_value(hivemind_control::EarningsView { sum, ..Default::default() }).unwrap()
            }
            "finish" | "snooze" | "ignore_rules" => {
                serde_json::to_value(&*self.snapshots.borrow().clone()).unwrap()
            }
            _ => serde_json::Value::Null,
        };
        serde_json::from_value(value).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))
    }
}

macro_rules! fake {
    ($($(#[doc = $doc:literal])* $access:ident $name:ident($request:ty) -> $response:ty;)*) => {
        #[async_trait]
        impl Control for FakeWorker {
            $(async fn $name(&self, request: $request) -> Result<$response, ApiError> {
                self.asked.lock().unwrap().push(format!("{} {request:?}", stringify!($name)));
                self.answer(stringify!($name))
            })*

            fn subscribe(&self) -> EventStream {
                subscription(Subscription { snapshots: self.snapshots.subscribe(), events: self.hints.subscribe() })
            }
        }
    };
}

hivemind_control::control_commands!(fake);
