//! The network's refusals: words in answers that are OK, or statuses.

use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use std::time::Duration;
use tonic::{Code, Response, Status};

/// Words of the network that say more than that something was refused.
const KNOWN: &[(&str, PoolErrorKind)] = &[
    ("invalid credentials", PoolErrorKind::WrongCredentials),
    ("invalid token", PoolErrorKind::Unauthenticated),
    ("worker not found", PoolErrorKind::NodeUnknown),
    ("owned by another user", PoolErrorKind::Refused),
    ("not authorized", PoolErrorKind::Refused),
    ("not assigned to this worker", PoolErrorKind::StaleAttempt),
    ("no longer active", PoolErrorKind::StaleAttempt),
    ("no rows returned", PoolErrorKind::StaleAttempt),
];

fn kind(words: &str) -> Option<PoolErrorKind> {
    let words = words.to_ascii_lowercase();
    KNOWN.iter().find(|(known, _)| words.contains(known)).map(|(_, kind)| *kind)
}

/// What an answer says about itself.
pub(crate) fn taken(success: bool, words: &str) -> Result<(), PoolError> {
    if success {
        return Ok(());
    }
    let kind = kind(words).unwrap_or(PoolErrorKind::Protocol);
    Err(PoolError::new(kind, format!("the pool refuses: {words:.200}")))
}

fn failed(status: &Status) -> PoolError {
    let by_code = match status.code() {
        Code::Unauthenticated => PoolErrorKind::Unauthenticated,
        Code::NotFound => PoolErrorKind::NotFound,
        Code::PermissionDenied => PoolErrorKind::Refused,
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented | Code::FailedPrecondition => {
            PoolErrorKind::Protocol
        }
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => PoolErrorKind::Unreachable,
    };
    let kind = kind(status.message()).unwrap_or(by_code);
    PoolError::new(kind, format!("the call failed: {} {:.200}", status.code(), status.message()))
}

/// A call with its time limit.
pub(crate) async fn call<T>(
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, PoolError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(failed(&status)),
        Err(_) => Err(PoolError::new(PoolErrorKind::Unreachable, "the pool did not answer in time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_networks_words_become_kinds() {
        for (words, expected) in [
            ("Invalid credentials", PoolErrorKind::WrongCredentials),
            ("Worker not found", PoolErrorKind::NodeUnknown),
            ("Worker is owned by another user", PoolErrorKind::Refused),
            ("task is not assigned to this worker or is no longer active", PoolErrorKind::StaleAttempt),
            ("something else", PoolErrorKind::Protocol),
        ] {
            assert_eq!(taken(false, words).unwrap_err().kind, expected, "{words}");
            assert!(taken(true, words).is_ok());
        }
        let gone = Status::internal("no rows returned by a query that expected to return at least one row");
        assert_eq!(failed(&gone).kind, PoolErrorKind::StaleAttempt);
        assert_eq!(failed(&Status::unauthenticated("Invalid token")).kind, PoolErrorKind::Unauthenticated);
        let long = "é\u{1b}".repeat(5000);
        assert!(taken(false, &long).unwrap_err().message.len() <= 300);
    }
}
