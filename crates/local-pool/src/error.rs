//! Everything a pool refuses or fails at, with its face on both listeners.

use hivemind_proto::error::{FieldError, status, status_after};
use hivemind_proto::v1::ErrorCode;
use std::time::Duration;
use tonic::{Code, Status};

/// Why a pool refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// A field breaks its bound.
    #[error("{0}.")]
    Field(#[from] FieldError),
    /// No or an unknown token.
    #[error("Sign in first.")]
    SignInNeeded,
    /// The token is past its end.
    #[error("The session has ended. Refresh it or sign in again.")]
    SessionExpired,
    /// Wrong user name or password.
    #[error("The user name or the password is wrong.")]
    WrongCredentials,
    /// Too many tries.
    #[error("Too many tries. Wait {} s.", .0.as_secs().max(1))]
    RateLimited(Duration),
    /// The user name exists.
    #[error("This user name is taken.")]
    NameTaken,
    /// The supply account is empty.
    #[error("The whole supply of CPT is given out.")]
    SupplyExhausted,
    /// The node is removed or was never known.
    #[error("This node is not registered. Register again.")]
    NodeUnknown,
    /// The node speaks another protocol version.
    #[error("This pool speaks protocol version 1 only.")]
    ProtocolUnsupported,
    /// No such task of the caller's.
    #[error("There is no such task.")]
    TaskUnknown,
    /// Nobody by that name.
    #[error("There is no such user.")]
    UserUnknown,
    /// The task has no outputs.
    #[error("This task has no result.")]
    NoResult,
    /// The attempt is over.
    #[error("This attempt is over: the task was given on or has ended.")]
    StaleAttempt,
    /// Another result is stored.
    #[error("This attempt already has another result.")]
    ResultConflict,
    /// The bytes are not what was announced.
    #[error("The bytes received have another SHA-256 than announced.")]
    HashMismatch,
    /// The offset leaves a hole.
    #[error("The offset does not continue the {stored} bytes that are stored.")]
    OffsetMismatch {
        /// Bytes stored.
        stored: u64,
    },
    /// Over the pool's size limit.
    #[error("This is larger than the {allowed} bytes that this pool takes.")]
    TooLarge {
        /// Largest accepted size in bytes.
        allowed: u64,
    },
    /// Too many unfinished tasks.
    #[error("You already have {0} unfinished tasks.")]
    TooManyTasks(u32),
    /// No cover.
    #[error("The balance does not cover this.")]
    InsufficientFunds,
    /// No such package.
    #[error("There is no such package.")]
    ArtifactUnknown,
    /// A newer call took over.
    #[error("A newer call took this one's place.")]
    Superseded,
    /// Not allowed.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The pool is ending.
    #[error("The pool is ending.")]
    Closing,
    /// Another pool uses the data folder.
    #[error("another pool uses the data folder {0}")]
    FolderInUse(String),
    /// A listener cannot be opened.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// Address.
        addr: std::net::SocketAddr,
        /// Cause.
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("the certificate or its key cannot be used: {0}")]
    Tls(String),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// The disk failed.
    #[error("disk: {0}")]
    Disk(#[from] std::io::Error),
    /// Stored data does not read back, or a rule of our own was broken.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<serde_json::Error> for PoolError {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(format!("stored JSON: {error}"))
    }
}

impl PoolError {
    /// Shorthand for a field out of its bounds.
    pub(crate) fn field(field: &'static str, allowed: impl Into<String>) -> Self {
        Self::Field(FieldError { field, allowed: allowed.into() })
    }

    /// gRPC code, stable code, HTTP status and HTTP code word.
    fn face(&self) -> (Code, ErrorCode, u16, &'static str) {
        use ErrorCode as E;
        match self {
            Self::Field(_) => (Code::InvalidArgument, E::InvalidField, 400, "INVALID_FIELD"),
            Self::SignInNeeded => (Code::Unauthenticated, E::SignInNeeded, 401, "SIGN_IN_NEEDED"),
            Self::SessionExpired => (Code::Unauthenticated, E::SessionExpired, 401, "SESSION_EXPIRED"),
            Self::WrongCredentials => (Code::Unauthenticated, E::WrongCredentials, 401, "WRONG_CREDENTIALS"),
            Self::RateLimited(_) => (Code::ResourceExhausted, E::RateLimited, 429, "RATE_LIMITED"),
            Self::TooManyTasks(_) => (Code::ResourceExhausted, E::RateLimited, 429, "TOO_MANY_TASKS"),
            Self::NameTaken => (Code::AlreadyExists, E::InvalidField, 409, "NAME_TAKEN"),
            Self::SupplyExhausted => {
                (Code::FailedPrecondition, E::InsufficientFunds, 409, "SUPPLY_EXHAUSTED")
            }
            Self::NodeUnknown => (Code::NotFound, E::NodeUnknown, 404, "NODE_UNKNOWN"),
            Self::ProtocolUnsupported => {
                (Code::FailedPrecondition, E::ProtocolUnsupported, 400, "PROTOCOL_UNSUPPORTED")
            }
            Self::TaskUnknown => (Code::NotFound, E::TaskUnknown, 404, "TASK_UNKNOWN"),
            Self::UserUnknown => (Code::NotFound, E::InvalidField, 404, "USER_UNKNOWN"),
            Self::NoResult => (Code::NotFound, E::ArtifactUnknown, 404, "NO_RESULT"),
            Self::StaleAttempt => (Code::FailedPrecondition, E::StaleAttempt, 409, "STALE_ATTEMPT"),
            Self::ResultConflict => (Code::AlreadyExists, E::ResultConflict, 409, "RESULT_CONFLICT"),
            Self::HashMismatch => (Code::InvalidArgument, E::HashMismatch, 400, "HASH_MISMATCH"),
            Self::OffsetMismatch { .. } => {
                (Code::FailedPrecondition, E::OffsetMismatch, 409, "OFFSET_MISMATCH")
            }
            Self::TooLarge { .. } => (Code::InvalidArgument, E::TooLarge, 413, "TOO_LARGE"),
            Self::InsufficientFunds => {
                (Code::FailedPrecondition, E::InsufficientFunds, 402, "INSUFFICIENT_FUNDS")
            }
            Self::ArtifactUnknown => (Code::NotFound, E::ArtifactUnknown, 404, "ARTIFACT_UNKNOWN"),
            Self::Superseded => (Code::Aborted, E::Superseded, 409, "SUPERSEDED"),
            Self::Forbidden(_) => (Code::PermissionDenied, E::Forbidden, 403, "FORBIDDEN"),
            Self::Closing => (Code::Unavailable, E::Unavailable, 503, "UNAVAILABLE"),
            Self::FolderInUse(_)
            | Self::Listen { .. }
            | Self::Tls(_)
            | Self::Database(_)
            | Self::Disk(_)
            | Self::Internal(_) => (Code::Internal, E::Internal, 500, "INTERNAL"),
        }
    }

    /// The sentence a caller may read. Internals stay in our log.
    pub(crate) fn public_message(&self) -> String {
        if self.face().1 == ErrorCode::Internal {
            tracing::error!(error = %self, "the pool failed");
            "The pool failed. Its log says why.".to_owned()
        } else {
            self.to_string()
        }
    }

    /// HTTP status and code word.
    pub(crate) fn http(&self) -> (u16, &'static str) {
        let (_, _, status, word) = self.face();
        (status, word)
    }
}

impl From<PoolError> for Status {
    fn from(error: PoolError) -> Self {
        let message = error.public_message();
        let (code, error_code, ..) = error.face();
        if let PoolError::RateLimited(wait) = error {
            return status_after(code, error_code, &message, wait);
        }
        if let PoolError::Field(field) = error {
            return field.into();
        }
        status(code, error_code, &message)
    }
}
