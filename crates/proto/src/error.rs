//! Errors of every call: a gRPC code, and a serialized [`ErrorDetail`] in the status' details.

use crate::limits;
use crate::v1::{ErrorCode, ErrorDetail};
use prost::Message;
use std::time::Duration;
use tonic::{Code, Status};

/// A field that breaks its bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Name such as `capabilities.gpus`.
    pub field: &'static str,
    /// What would be accepted.
    pub allowed: String,
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} must be {}", self.field, self.allowed)
    }
}

impl std::error::Error for FieldError {}

impl From<FieldError> for Status {
    fn from(error: FieldError) -> Self {
        let message = error.to_string();
        build(Code::InvalidArgument, ErrorCode::InvalidField, &message, error.field, None)
    }
}

/// A status with a stable code and a sentence.
#[must_use]
pub fn status(code: Code, error_code: ErrorCode, message: &str) -> Status {
    build(code, error_code, message, "", None)
}

/// The same, with the pause to make before the next try.
#[must_use]
pub fn status_after(code: Code, error_code: ErrorCode, message: &str, retry_after: Duration) -> Status {
    build(code, error_code, message, "", Some(retry_after))
}

/// The detail of a status; `None` when it carries none, which means that something between us and the pool, or
/// the transport itself, made it.
#[must_use]
pub fn detail(status: &Status) -> Option<ErrorDetail> {
    let bytes = status.details();
    let bound = limits::MAX_ERROR_MESSAGE_BYTES + limits::MAX_ERROR_FIELD_BYTES + 64;
    if bytes.is_empty() || bytes.len() > bound {
        return None;
    }
    let detail = ErrorDetail::decode(bytes).ok()?;
    (detail.code() != ErrorCode::Unspecified || detail.code == 0).then_some(detail)
}

/// The stable code of a status: the one it carries, else the nearest to its gRPC code.
#[must_use]
pub fn code(status: &Status) -> ErrorCode {
    match detail(status).map(|d| d.code()) {
        Some(ErrorCode::Unspecified) => ErrorCode::Internal,
        Some(code) => code,
        None => match status.code() {
            Code::Unauthenticated => ErrorCode::SignInNeeded,
            Code::PermissionDenied => ErrorCode::Forbidden,
            Code::InvalidArgument | Code::OutOfRange => ErrorCode::InvalidField,
            Code::ResourceExhausted => ErrorCode::RateLimited,
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => ErrorCode::Unavailable,
        },
    }
}

fn build(
    code: Code,
    error_code: ErrorCode,
    message: &str,
    field: &str,
    retry_after: Option<Duration>,
) -> Status {
    let message = cut(message, limits::MAX_ERROR_MESSAGE_BYTES);
    let retry_after_ms = retry_after.map_or(0, |d| u32::try_from(d.as_millis()).unwrap_or(u32::MAX));
    let detail = ErrorDetail {
        code: error_code.into(),
        message: message.to_owned(),
        retry_after_ms,
        field: cut(field, limits::MAX_ERROR_FIELD_BYTES).to_owned(),
    };
    Status::with_details(code, message, detail.encode_to_vec().into())
}

fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_travels_with_the_status() {
        let wait = Duration::from_millis(1500);
        let status = status_after(Code::ResourceExhausted, ErrorCode::RateLimited, "Too many tries.", wait);
        let detail = detail(&status).unwrap();
        assert_eq!((detail.code(), detail.retry_after_ms), (ErrorCode::RateLimited, 1500));
        assert_eq!(detail.message, "Too many tries.");
        assert_eq!(code(&status), ErrorCode::RateLimited);
    }

    #[test]
    fn a_field_error_names_its_field() {
        let error = FieldError { field: "hostname", allowed: "at most 128 bytes".into() };
        let status = Status::from(error);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(detail(&status).unwrap().field, "hostname");
        assert_eq!(status.message(), "hostname must be at most 128 bytes");
    }

    #[test]
    fn foreign_and_absurd_details_are_survived() {
        assert_eq!(detail(&Status::unavailable("x")), None);
        assert_eq!(code(&Status::unavailable("x")), ErrorCode::Unavailable);
        let junk = Status::with_details(Code::Internal, "x", vec![0xff; 40].into());
        assert_eq!(detail(&junk), None);
        let huge = Status::with_details(Code::Internal, "x", vec![0; 100_000].into());
        assert_eq!(detail(&huge), None);
        let long = status(Code::Internal, ErrorCode::Internal, &"繁".repeat(1000));
        assert!(detail(&long).unwrap().message.len() <= limits::MAX_ERROR_MESSAGE_BYTES);
    }
}
