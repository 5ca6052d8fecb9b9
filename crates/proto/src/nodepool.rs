//! Package `nodepool`, the live network's interface, generated from `proto/nodepool`.

#![allow(
    clippy::pedantic,
    clippy::wildcard_enum_match_arm,
    clippy::large_enum_variant,
    clippy::derive_partial_eq_without_eq,
    reason = "generated"
)]

use std::fmt;

tonic::include_proto!("nodepool");

/// Messages that are printed by their names alone: tokens travel inside them.
macro_rules! closed {
    ($($message:ident),* $(,)?) => {$(
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }
    )*};
}

closed! {
    StatusResponse,
    LoginRequest,
    LoginResponse,
    GetBalanceRequest,
    GetBalanceResponse,
    ResourceSpec,
    RegisterWorkerNodeRequest,
    ResourceUsage,
    RunningStatusRequest,
    TaskOutputUploadRequest,
    TaskUsageRequest,
    ProviderWorkerSettings,
    GetProviderWorkerSettingsRequest,
    UpdateProviderWorkerSettingsRequest,
    ProviderWorkerSettingsResponse,
    GetWorkerTrustProfileRequest,
    WorkerTrust,
    GetWorkerTrustProfileResponse,
    GetProviderEarningsRequest,
    ProviderEarning,
    GetProviderEarningsResponse,
    PullBatchRequest,
    ExecutionPackage,
    TaskLease,
    PullBatchResponse,
    ExecutionMetrics,
    CompletedTask,
    CompleteBatchRequest,
    RefreshTokenRequest,
    RefreshTokenResponse,
    TaskResultUploadRequest,
    RemoveWorkerRequest,
    ExecuteTaskRequest,
    ExecuteTaskResponse,
    StopTaskExecutionRequest,
    StopTaskExecutionResponse,
}
