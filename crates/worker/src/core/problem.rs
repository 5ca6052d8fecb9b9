//! From ports' errors to what people are told.

use crate::port::{EngineError, EngineErrorKind, PoolError, PoolErrorKind};
use hivemind_control::{ApiError, ErrorCode};

/// A pool's failure as people see it.
pub(crate) fn pool_problem(error: &PoolError) -> ApiError {
    let code = match error.kind {
        PoolErrorKind::Unreachable => ErrorCode::PoolUnreachable,
        PoolErrorKind::WrongCredentials => ErrorCode::WrongCredentials,
        PoolErrorKind::Unauthenticated => ErrorCode::SignInRequired,
        PoolErrorKind::NodeUnknown | PoolErrorKind::Refused => ErrorCode::PoolRefused,
        PoolErrorKind::Unencrypted => ErrorCode::PoolUnencrypted,
        PoolErrorKind::StaleAttempt
        | PoolErrorKind::Conflict
        | PoolErrorKind::NotFound
        | PoolErrorKind::Protocol => ErrorCode::PoolProtocol,
        PoolErrorKind::Disk | PoolErrorKind::ResultLost => ErrorCode::JournalFailed,
    };
    ApiError::new(error.about.unwrap_or(code), &error.message)
}

/// An engine's failure as people see it.
#[must_use]
pub fn engine_problem(error: &EngineError) -> ApiError {
    let code = match error.kind {
        EngineErrorKind::Missing | EngineErrorKind::NoWsl => ErrorCode::EngineMissing,
        EngineErrorKind::Stopped => ErrorCode::EngineStopped,
        EngineErrorKind::NoVirtualization => ErrorCode::VirtualizationOff,
        EngineErrorKind::Forbidden => ErrorCode::EngineForbidden,
        EngineErrorKind::TooOld => ErrorCode::EngineTooOld,
        EngineErrorKind::Image => ErrorCode::ImageUnavailable,
        EngineErrorKind::ImageRefused => ErrorCode::ImageRefused,
        EngineErrorKind::ImageTooLarge => ErrorCode::ImageTooLarge,
        EngineErrorKind::Gpu => ErrorCode::GpuUnavailable,
        EngineErrorKind::Dependencies => ErrorCode::DependenciesUnavailable,
        EngineErrorKind::Network => ErrorCode::NetworkRefused,
        EngineErrorKind::Package
        | EngineErrorKind::Output
        | EngineErrorKind::Disk
        | EngineErrorKind::Gone
        | EngineErrorKind::Broken
        | EngineErrorKind::Failed => ErrorCode::EngineFailed,
    };
    ApiError::new(code, &error.message)
}
