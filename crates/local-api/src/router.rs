//! The one router behind both listeners.

use crate::door::BrowserDoor;
use crate::explained::Reader;
use crate::failure::Failure;
use crate::{events, guard, pages};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hivemind_control::{Access, Control, ErrorCode, dispatch, find, needed};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Bytes of a request's body.
pub(crate) const MAX_BODY: usize = 64 * 1024;
const BODY_TIME: Duration = Duration::from_secs(10);
/// Long enough for the health checks and a slow sign-in.
pub(crate) const COMMAND_TIME: Duration = Duration::from_secs(120);
/// Event streams open at once per listener.
const MAX_FOLLOWERS: usize = 24;

/// Through which listener a request came.
#[derive(Clone)]
pub(crate) enum Door {
    Owner,
    Browser(Arc<BrowserDoor>),
}

/// The most that whoever sent a request may call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Granted(pub(crate) Access);

impl Granted {
    fn judge(self, wanted: Access) -> Result<(), Failure> {
        if wanted <= self.0 {
            return Ok(());
        }
        Err(match (self.0, wanted) {
            (Access::Read, _) => {
                Failure::new(ErrorCode::ReadOnly, "This page may look and not change anything.")
            }
            (_, Access::Home) => Failure::new(
                ErrorCode::Forbidden,
                "Who may look in is decided on the computer itself: in the window, its own browser, or the command line.",
            ),
            (_, Access::Read | Access::Operate | Access::Own) => Failure::new(
                ErrorCode::Forbidden,
                "This can only be done from the tray, the window or the command line.",
            ),
        })
    }

    /// The word under which a page learns it.
    pub(crate) fn word(self) -> &'static str {
        match self.0 {
            Access::Read => "look",
            Access::Operate => "operate",
            Access::Home | Access::Own => "all",
        }
    }
}

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Room {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) door: Door,
    pub(crate) followers: Arc<Semaphore>,
    pub(crate) shutdown: CancellationToken,
}

impl Room {
    pub(crate) fn new(control: Arc<dyn Control>, door: Door, shutdown: CancellationToken) -> Self {
        Self { control, door, followers: Arc::new(Semaphore::new(MAX_FOLLOWERS)), shutdown }
    }
}

pub(crate) fn router(room: Room) -> Router {
    let data = Router::new().route("/rpc/{name}", post(rpc)).route("/events", get(events::follow));
    let known = middleware::from_fn_with_state(room.clone(), paired);
    let routes = match &room.door {
        Door::Owner => data.route_layer(known).fallback(nothing_here),
        Door::Browser(_) => data
            .route("/metrics", get(pages::metrics))
            .route_layer(known)
            // What follows is served to anyone on this computer and must hold no data.
            .route("/healthz", get(pages::healthz))
            .route("/pair", get(pages::pair))
            .fallback(get(pages::ui)),
    };
    routes.layer(middleware::from_fn_with_state(room.clone(), judged)).with_state(room)
}

/// What follows knows what the caller may do.
async fn paired(State(room): State<Room>, mut request: Request, next: Next) -> Response {
    let granted = match &room.door {
        Door::Owner => Granted(Access::Own),
        Door::Browser(door) => match guard::paired(door, request.headers()) {
            Ok(rights) => Granted(door.most(rights)),
            Err(failure) => return failure.into_response(),
        },
    };
    request.extensions_mut().insert(granted);
    next.run(request).await
}

async fn judged(State(room): State<Room>, request: Request, next: Next) -> Response {
    let Door::Browser(door) = &room.door else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    let reader = Reader::of(&parts);
    let response = match guard::judge(door, &parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(failure) => {
            tracing::debug!(status = failure.status.as_u16(), why = %failure.error, "browser request refused");
            failure.into_response()
        }
    };
    let mut response = match reader {
        Some(reader) => reader.explained(response, door.via()),
        None => response,
    };
    guard::seal(&mut response);
    response
}

async fn nothing_here() -> Failure {
    Failure::with_status(
        StatusCode::NOT_FOUND,
        ErrorCode::InvalidRequest,
        "There is nothing at this address.",
    )
}

async fn rpc(
    State(room): State<Room>,
    Extension(granted): Extension<Granted>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Failure> {
    let command = find(&name);
    if let Some(command) = command {
        granted.judge(command.access)?;
    }
    let body = read(body).await?;
    let request = if body.is_empty() { Ok(serde_json::Value::Null) } else { serde_json::from_slice(&body) };
    let request = request
        .map_err(|e| Failure::new(ErrorCode::InvalidRequest, &format!("The request is not JSON: {e}")))?;
    if let Some(command) = command {
        granted.judge(needed(command, &request))?;
    }
    let answer = timeout(COMMAND_TIME, Box::pin(dispatch(room.control.as_ref(), &name, request))).await;
    let answer = answer.map_err(|_| {
        Failure::with_status(
            StatusCode::GATEWAY_TIMEOUT,
            ErrorCode::Internal,
            "The worker did not answer within two minutes.",
        )
    })??;
    let json = serde_json::to_vec(&answer).map_err(|e| Failure::new(ErrorCode::Internal, &e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

async fn read(body: Body) -> Result<Bytes, Failure> {
    let read = timeout(BODY_TIME, Limited::new(body, MAX_BODY).collect()).await.map_err(|_| {
        Failure::with_status(
            StatusCode::REQUEST_TIMEOUT,
            ErrorCode::InvalidRequest,
            "The request did not arrive within ten seconds.",
        )
    })?;
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(e) if e.downcast_ref::<LengthLimitError>().is_some() => Err(guard::too_large()),
        Err(_) => Err(Failure::new(ErrorCode::InvalidRequest, "The request broke off.")),
    }
}
