//! Exit codes; documented in the help text and the README.

use hivemind_control::{ApiError, ErrorCode};
use std::process::ExitCode;

/// Wrong usage.
pub(crate) const USAGE: u8 = 2;
/// Only for the process that accompanies a version which followed it: put the next one in place.
pub(crate) const EXCHANGE: u8 = 10;
/// The worker does not run.
const NOT_RUNNING: u8 = 3;
/// Only the owner can help.
const OWNER: u8 = 4;

/// The exit code for an error.
pub(crate) fn of(error: &anyhow::Error) -> ExitCode {
    let Some(error) = error.downcast_ref::<ApiError>() else { return ExitCode::FAILURE };
    match error.code {
        ErrorCode::WorkerNotRunning => ExitCode::from(NOT_RUNNING),
        ErrorCode::InvalidRequest | ErrorCode::InvalidSetting => ExitCode::from(USAGE),
        ErrorCode::WrongCredentials
        | ErrorCode::SignInRequired
        | ErrorCode::KeyringLocked
        | ErrorCode::EngineMissing
        | ErrorCode::EngineStopped
        | ErrorCode::VirtualizationOff
        | ErrorCode::EngineForbidden
        | ErrorCode::EngineTooOld
        | ErrorCode::ImageQuestion
        | ErrorCode::IsolationTooLow => ExitCode::from(OWNER),
        ErrorCode::TaskUnknown
        | ErrorCode::TaskEnded
        | ErrorCode::PoolUnreachable
        | ErrorCode::PoolUntrusted
        | ErrorCode::PoolRefused
        | ErrorCode::PoolProtocol
        | ErrorCode::PoolNotice
        | ErrorCode::PoolUnencrypted
        | ErrorCode::LinkConfigRefused
        | ErrorCode::LinkNoHttps
        | ErrorCode::LinkNoHandshake
        | ErrorCode::LinkAddressTaken
        | ErrorCode::LinkClock
        | ErrorCode::ClockWrong
        | ErrorCode::LinkServiceMissing
        | ErrorCode::LinkPermission
        | ErrorCode::LinkFailed
        | ErrorCode::EngineFailed
        | ErrorCode::ImageUnavailable
        | ErrorCode::ImageRefused
        | ErrorCode::ImageTooLarge
        | ErrorCode::GpuUnavailable
        | ErrorCode::EngineVulnerable
        | ErrorCode::TrustLimit
        | ErrorCode::DependenciesUnavailable
        | ErrorCode::NetworkRefused
        | ErrorCode::NetworkQuestion
        | ErrorCode::CpuHigh
        | ErrorCode::MemoryHigh
        | ErrorCode::DiskHigh
        | ErrorCode::TemperatureHigh
        | ErrorCode::SensorUnreadable
        | ErrorCode::SensorIgnored
        | ErrorCode::TaskNearLimit
        | ErrorCode::TaskSilent
        | ErrorCode::DebugDataGone
        | ErrorCode::DiskLow
        | ErrorCode::FailingEngine
        | ErrorCode::FailingImage
        | ErrorCode::FailingDisk
        | ErrorCode::FailingGpu
        | ErrorCode::DiskUnbounded
        | ErrorCode::SandboxBroken
        | ErrorCode::JournalFailed
        | ErrorCode::JournalDamaged
        | ErrorCode::SettingsFileWrong
        | ErrorCode::WorkerAlreadyRunning
        | ErrorCode::Forbidden
        | ErrorCode::NotPaired
        | ErrorCode::ReadOnly
        | ErrorCode::LanNotServed
        | ErrorCode::WindowUnavailable
        | ErrorCode::SaveNoFolder
        | ErrorCode::SaveNoSpace
        | ErrorCode::SaveRefused
        | ErrorCode::SaveTooLarge
        | ErrorCode::ReceiptsUnreadable
        | ErrorCode::Internal => ExitCode::FAILURE,
    }
}
