//! From a call's status to what the worker does about it.

use hivemind_domain::text::plain_line;
use hivemind_proto::error;
use hivemind_proto::v1::ErrorCode;
use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use std::time::Duration;
use tonic::{Code, Status};

/// Longest pause that a pool may wish for.
const MOST_PAUSE: Duration = Duration::from_secs(30);

pub(crate) fn protocol(message: impl AsRef<str>) -> PoolError {
    PoolError::new(PoolErrorKind::Protocol, message)
}

pub(crate) fn unreachable(message: impl AsRef<str>) -> PoolError {
    PoolError::new(PoolErrorKind::Unreachable, message)
}

pub(crate) fn disk(error: &std::io::Error) -> PoolError {
    PoolError::new(PoolErrorKind::Disk, format!("a file cannot be read or written: {error}"))
}

/// Nobody says which address this name has.
pub(crate) fn nameless(host: &str) -> PoolError {
    unreachable(format!("the name {} cannot be looked up", plain_line(host, 255)))
}

/// A result that can never be sent.
pub(crate) fn lost(why: impl AsRef<str>) -> PoolError {
    PoolError::new(
        PoolErrorKind::ResultLost,
        format!("the result on this computer's disk is lost: {}", why.as_ref()),
    )
}

/// A failed call.
pub(crate) fn failed(status: Status) -> PoolError {
    let detail = error::detail(&status);
    let kind = match error::code(&status) {
        ErrorCode::WrongCredentials => PoolErrorKind::WrongCredentials,
        ErrorCode::SignInNeeded | ErrorCode::SessionExpired => PoolErrorKind::Unauthenticated,
        ErrorCode::NodeUnknown => PoolErrorKind::NodeUnknown,
        ErrorCode::NodeRejected | ErrorCode::ProtocolUnsupported | ErrorCode::Forbidden => {
            PoolErrorKind::Refused
        }
        ErrorCode::StaleAttempt | ErrorCode::TaskUnknown => PoolErrorKind::StaleAttempt,
        ErrorCode::ResultConflict => PoolErrorKind::Conflict,
        ErrorCode::ArtifactUnknown => PoolErrorKind::NotFound,
        ErrorCode::RateLimited
        | ErrorCode::Superseded
        | ErrorCode::Unavailable
        | ErrorCode::OffsetMismatch
        | ErrorCode::Internal => PoolErrorKind::Unreachable,
        ErrorCode::Unspecified
        | ErrorCode::InvalidField
        | ErrorCode::HashMismatch
        | ErrorCode::TooLarge
        | ErrorCode::InsufficientFunds => PoolErrorKind::Protocol,
    };
    let message = match &detail {
        // Words that are nothing but commands for a terminal say nothing.
        Some(detail) if !plain_line(&detail.message, usize::MAX).is_empty() => detail.message.clone(),
        _ if status.code() == Code::Unavailable => "the pool does not answer".to_owned(),
        _ if status.code() == Code::DeadlineExceeded => "the pool did not answer in time".to_owned(),
        _ => format!("the call failed: {} {}", status.code(), status.message()),
    };
    let mut failure = PoolError::new(kind, message);
    failure.retry_after = detail
        .filter(|detail| detail.retry_after_ms > 0)
        .map(|detail| Duration::from_millis(u64::from(detail.retry_after_ms)).min(MOST_PAUSE));
    failure
}

/// What comes over its time counts as not reached.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, PoolError>>,
) -> Result<T, PoolError> {
    tokio::time::timeout(limit, call)
        .await
        .unwrap_or_else(|_| Err(unreachable("the pool did not answer in time")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grpc_code_without_detail_has_a_kind() {
        for number in 1..=16 {
            let failure = failed(Status::new(Code::from_i32(number), "x"));
            assert!(!failure.message.is_empty());
            let expected = match number {
                16 => PoolErrorKind::Unauthenticated,
                7 => PoolErrorKind::Refused,
                3 | 11 => PoolErrorKind::Protocol,
                _ => PoolErrorKind::Unreachable,
            };
            assert_eq!(failure.kind, expected, "code {number}");
        }
    }

    #[test]
    fn the_pools_wish_is_carried() {
        let wait = Duration::from_millis(700);
        let status = error::status_after(Code::ResourceExhausted, ErrorCode::RateLimited, "slow down", wait);
        assert_eq!(failed(status).retry_after, Some(wait));
        let status = error::status_after(Code::ResourceExhausted, ErrorCode::RateLimited, "x", Duration::MAX);
        assert_eq!(failed(status).retry_after, Some(MOST_PAUSE));
    }

    #[test]
    fn every_code_has_its_kind() {
        use PoolErrorKind as K;
        let table = [
            (ErrorCode::InvalidField, K::Protocol),
            (ErrorCode::SignInNeeded, K::Unauthenticated),
            (ErrorCode::SessionExpired, K::Unauthenticated),
            (ErrorCode::WrongCredentials, K::WrongCredentials),
            (ErrorCode::RateLimited, K::Unreachable),
            (ErrorCode::NodeUnknown, K::NodeUnknown),
            (ErrorCode::NodeRejected, K::Refused),
            (ErrorCode::ProtocolUnsupported, K::Refused),
            (ErrorCode::TaskUnknown, K::StaleAttempt),
            (ErrorCode::StaleAttempt, K::StaleAttempt),
            (ErrorCode::ResultConflict, K::Conflict),
            (ErrorCode::HashMismatch, K::Protocol),
            (ErrorCode::OffsetMismatch, K::Unreachable),
            (ErrorCode::TooLarge, K::Protocol),
            (ErrorCode::InsufficientFunds, K::Protocol),
            (ErrorCode::ArtifactUnknown, K::NotFound),
            (ErrorCode::Superseded, K::Unreachable),
            (ErrorCode::Unavailable, K::Unreachable),
            (ErrorCode::Internal, K::Unreachable),
            (ErrorCode::Forbidden, K::Refused),
        ];
        for (code, kind) in table {
            assert_eq!(failed(error::status(Code::Unknown, code, "x")).kind, kind, "{code:?}");
        }
    }

    #[test]
    fn a_hostile_sentence_is_made_printable_and_short() {
        let text = format!("\u{1b}[2J{}\u{202E}", "x".repeat(10_000));
        let failure = failed(error::status(Code::Internal, ErrorCode::Internal, &text));
        assert!(failure.message.starts_with("[2Jx") && failure.message.len() <= 300);
        let failure = failed(Status::new(Code::Unknown, text));
        assert!(failure.message.len() <= 300 && !failure.message.contains('\u{1b}'));
    }
}
