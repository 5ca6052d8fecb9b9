//! The event stream: server-sent events, one JSON [`Event`](hivemind_control::Event) each, the snapshot first.

use crate::failure::Failure;
use crate::router::{Granted, Room};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use futures_util::StreamExt;
use hivemind_control::ErrorCode;
use std::sync::Arc;
use std::time::Duration;

/// A comment line this often shows both ends that the other still lives.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Tells a page what it may do: `look`, `operate` or `all`.
const RIGHTS: &str = "x-hivemind-rights";

pub(crate) async fn follow(
    State(room): State<Room>,
    Extension(granted): Extension<Granted>,
) -> Result<impl IntoResponse, Failure> {
    let seat = Arc::clone(&room.followers).try_acquire_owned().map_err(|_| {
        Failure::with_status(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Internal,
            "Too many pages follow this worker at once. Close some.",
        )
    })?;
    let frames =
        room.control.subscribe().take_until(room.shutdown.clone().cancelled_owned()).map(move |event| {
            let _held = &seat;
            Frame::default().json_data(event)
        });
    let stream = Sse::new(frames).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(([(RIGHTS, granted.word())], stream))
}
