//! Bodies in and out, and who asks.

use super::Site;
use crate::error::PoolError;
use crate::sessions::Session;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest JSON body.
const MAX_JSON_BYTES: usize = 16 * 1024;

/// A refusal: `{"error": {"code", "message"}}`.
#[derive(Debug)]
pub(super) struct Failure {
    status: u16,
    code: &'static str,
    message: String,
    field: Option<&'static str>,
    retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Shown<'a> {
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Failure {
    pub(super) fn plain(status: u16, code: &'static str, message: &str) -> Self {
        Self { status, code, message: message.to_owned(), field: None, retry_after: None }
    }

    pub(super) fn not_found() -> Self {
        Self::plain(404, "NOT_FOUND", "There is nothing at this address.")
    }

    pub(super) fn wrong_method() -> Self {
        Self::plain(405, "WRONG_METHOD", "This address does not take this method.")
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        let (status, code) = error.http();
        let message = error.public_message();
        let (mut field, mut retry_after) = (None, None);
        if let PoolError::Field(at) = &error {
            field = Some(at.field);
        }
        if let PoolError::RateLimited(wait) = &error {
            retry_after = Some(wait.as_secs().max(1));
        }
        Self { status, code, message, field, retry_after }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let error = Detail { code: self.code, message: &self.message, field: self.field };
        let mut response = (status, axum::Json(Shown { error })).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Who asks, by the bearer token.
pub(super) struct Caller(pub(super) Session);

impl FromRequestParts<Site> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Failure> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        Ok(Self(site.pool.authenticate(header)?))
    }
}

/// A JSON body of at most 16 KiB.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Site> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, _: &Site) -> Result<Self, Failure> {
        let bytes = axum::body::to_bytes(request.into_body(), MAX_JSON_BYTES)
            .await
            .map_err(|_| Failure::plain(413, "TOO_LARGE", "The body is larger than 16 KiB or broke off."))?;
        let value = serde_json::from_slice(&bytes).map_err(|e| {
            Failure::plain(400, "INVALID_FIELD", &format!("The body is not the JSON that belongs here: {e}."))
        })?;
        Ok(Self(value))
    }
}
