//! Errors as HTTP answers.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hivemind_control::{ApiError, ErrorCode};

/// An answer that is an error: the status for programs, the [`ApiError`] as body.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) error: ApiError,
}

impl Failure {
    pub(crate) fn with_status(status: StatusCode, code: ErrorCode, message: &str) -> Self {
        Self { status, error: ApiError::new(code, message) }
    }

    pub(crate) fn new(code: ErrorCode, message: &str) -> Self {
        ApiError::new(code, message).into()
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { status: status(error.code), error }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.error).unwrap_or_default();
        (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// The status that fits a code. 401 is kept for a missing pairing, so that a page can tell it from a wrong password.
fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
        ErrorCode::NotPaired => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::ReadOnly => StatusCode::FORBIDDEN,
        ErrorCode::TaskUnknown | ErrorCode::DebugDataGone => StatusCode::NOT_FOUND,
        ErrorCode::InvalidSetting | ErrorCode::WrongCredentials => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::TaskEnded
        | ErrorCode::ImageRefused
        | ErrorCode::ImageQuestion
        | ErrorCode::ImageTooLarge
        | ErrorCode::GpuUnavailable
        | ErrorCode::IsolationTooLow
        | ErrorCode::EngineVulnerable
        | ErrorCode::TrustLimit
        | ErrorCode::CpuHigh
        | ErrorCode::MemoryHigh
        | ErrorCode::DiskHigh
        | ErrorCode::TemperatureHigh
        | ErrorCode::SensorUnreadable
        | ErrorCode::SensorIgnored
        | ErrorCode::TaskNearLimit
        | ErrorCode::TaskSilent
        | ErrorCode::SignInRequired
        | ErrorCode::PoolNotice
        | ErrorCode::PoolUnencrypted
        | ErrorCode::LinkConfigRefused
        | ErrorCode::LinkAddressTaken
        | ErrorCode::LinkClock
        | ErrorCode::ClockWrong
        | ErrorCode::LinkServiceMissing
        | ErrorCode::LinkPermission
        | ErrorCode::KeyringLocked
        | ErrorCode::WorkerAlreadyRunning
        | ErrorCode::DependenciesUnavailable
        | ErrorCode::NetworkRefused
        | ErrorCode::NetworkQuestion
        | ErrorCode::LanNotServed
        | ErrorCode::WindowUnavailable
        | ErrorCode::SaveNoFolder
        | ErrorCode::SaveRefused => StatusCode::CONFLICT,
        ErrorCode::SaveTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::LinkFailed => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::LinkNoHttps
        | ErrorCode::LinkNoHandshake
        | ErrorCode::PoolUnreachable
        | ErrorCode::PoolUntrusted
        | ErrorCode::PoolRefused
        | ErrorCode::PoolProtocol => StatusCode::BAD_GATEWAY,
        ErrorCode::EngineMissing
        | ErrorCode::EngineStopped
        | ErrorCode::VirtualizationOff
        | ErrorCode::EngineForbidden
        | ErrorCode::EngineTooOld
        | ErrorCode::EngineFailed
        | ErrorCode::ImageUnavailable
        | ErrorCode::FailingEngine
        | ErrorCode::FailingImage
        | ErrorCode::FailingDisk
        | ErrorCode::FailingGpu
        | ErrorCode::DiskUnbounded
        | ErrorCode::SandboxBroken
        | ErrorCode::WorkerNotRunning => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::DiskLow | ErrorCode::SaveNoSpace => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::JournalFailed
        | ErrorCode::JournalDamaged
        | ErrorCode::SettingsFileWrong
        | ErrorCode::ReceiptsUnreadable
        | ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
