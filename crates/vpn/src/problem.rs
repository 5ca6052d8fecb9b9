//! What goes wrong, in words.

use hivemind_control::{ApiError, ErrorCode};
use hivemind_wireguard::{FileError, Reason, TunnelError, narrowed_file};
use hivemind_worker_core::port::SecretError;
use std::path::Path;

/// A file that is refused; a full tunnel from another program is offered narrowed.
pub(crate) fn file(error: &FileError, path: &Path) -> ApiError {
    match error {
        FileError::Refused(refusal) => {
            let narrowed =
                may_be_left_out(refusal.reason).then(|| narrowed_file(path).ok().flatten()).flatten();
            let hint = match &narrowed {
                Some(narrowed) => {
                    format!("; it would be taken with AllowedIPs = {} alone", narrowed.allowed())
                }
                None => String::new(),
            };
            let said = ApiError::new(ErrorCode::LinkConfigRefused, format!("{refusal}{hint}"))
                .with("line", refusal.line.to_string())
                .with("key", &refusal.key)
                .with("reason", refusal.reason.word());
            match narrowed {
                Some(narrowed) => {
                    said.with("network", narrowed.allowed()).with("left_out", narrowed.left_out.join(", "))
                }
                None => said,
            }
        }
        FileError::Io { path, error } => ApiError::new(
            ErrorCode::LinkFailed,
            format!("the file of the private link cannot be used: {}: {error}", path.display()),
        ),
    }
}

/// Whether it is only about more than a pool needs, so that the file may be taken without it.
fn may_be_left_out(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::FullTunnel | Reason::Dns | Reason::Command | Reason::SaveConfig | Reason::Routing
    )
}

/// Nothing is refused in the file.
pub(crate) fn nothing_refused() -> ApiError {
    ApiError::new(ErrorCode::LinkFailed, "nothing is refused in the file of the private link")
}

/// More is wrong with the file than what could be left out.
pub(crate) fn not_narrowed() -> ApiError {
    ApiError::new(
        ErrorCode::LinkConfigRefused,
        "the file of the private link cannot be taken even without what is refused",
    )
}

pub(crate) fn tunnel(error: &TunnelError) -> ApiError {
    ApiError::new(ErrorCode::LinkFailed, format!("the private link cannot be started: {error}"))
}

pub(crate) fn secret(error: SecretError) -> ApiError {
    let code = match error {
        SecretError::Locked | SecretError::Away => ErrorCode::KeyringLocked,
        SecretError::Unavailable => ErrorCode::LinkFailed,
    };
    ApiError::new(code, format!("the key of the private link cannot be read: {error}"))
}

/// Whether the other end cannot be told apart from one whose datagrams are blocked.
pub(crate) fn silent(endpoint: &str) -> ApiError {
    ApiError::new(
        ErrorCode::LinkNoHandshake,
        format!("the pool's private link at UDP {endpoint} does not answer: a firewall may block it, or the pool has forgotten this computer"),
    )
    .with("endpoint", endpoint)
}

pub(crate) fn other_key(endpoint: &str) -> ApiError {
    ApiError::new(
        ErrorCode::LinkNoHandshake,
        "the pool has another key than the file of the private link says: renew the key",
    )
    .with("endpoint", endpoint)
}

/// The pool's clock is so many seconds ahead of ours.
pub(crate) fn clock(seconds: i64) -> ApiError {
    let (off, way) = (seconds.unsigned_abs(), if seconds > 0 { "behind" } else { "ahead of" });
    ApiError::new(
        ErrorCode::LinkClock,
        format!("this computer's clock is {off} s {way} the pool's; the private link is not used"),
    )
    .with("seconds", seconds.abs().to_string())
}

/// The service that makes interfaces cannot be reached.
#[cfg(any(target_os = "linux", windows))]
pub(crate) fn service(error: &std::io::Error, path: &Path) -> ApiError {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        let text = format!("{} is not open to this user", path.display());
        return ApiError::new(ErrorCode::LinkPermission, text);
    }
    no_service(&format!("{}: {error}", path.display()))
}

pub(crate) fn no_service(why: &str) -> ApiError {
    ApiError::new(
        ErrorCode::LinkServiceMissing,
        format!("the network service hivemind-netd cannot be used: {why}"),
    )
}

/// Another program has the name at which the service would listen.
#[cfg(windows)]
pub(crate) fn impostor(path: &Path, process: u32) -> ApiError {
    let path = path.display();
    no_service(&format!("{path} belongs to another program (process {process}), which was told nothing"))
}

/// The service answered something else than what it was asked.
#[cfg(any(target_os = "linux", windows))]
pub(crate) fn disorder() -> ApiError {
    no_service("its answer does not fit the question")
}

/// What the service answered.
#[cfg(any(target_os = "linux", windows))]
pub(crate) fn refused(why: &hivemind_netd_protocol::Refused) -> ApiError {
    use hivemind_netd_protocol::Refused;
    let code = match why {
        Refused::User | Refused::Program | Refused::Permission => ErrorCode::LinkPermission,
        Refused::Rule(_) | Refused::Overlap { .. } => ErrorCode::LinkConfigRefused,
        Refused::Version => ErrorCode::LinkServiceMissing,
        Refused::Oversize
        | Refused::Malformed
        | Refused::Order
        | Refused::Busy
        | Refused::Keys
        | Refused::Taken
        | Refused::Library { .. }
        | Refused::System(_) => ErrorCode::LinkFailed,
    };
    ApiError::new(code, format!("the network service hivemind-netd refused: {why}"))
}

#[cfg(test)]
mod tests;
