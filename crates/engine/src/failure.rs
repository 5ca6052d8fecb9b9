//! What bollard's errors mean for the worker.

use crate::address::looks_installed;
use crate::virtualization;
use bollard::errors::Error;
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use std::io;

/// The engine's answer code, when it answered.
pub(crate) fn status_of(error: &Error) -> Option<u16> {
    if let Error::DockerResponseServerError { status_code, .. } = error { Some(*status_code) } else { None }
}

/// Translates an error of the call described by `doing`, such as `create the container`.
pub(crate) fn translate(doing: &str, error: &Error) -> EngineError {
    let (kind, why) = kind_of(error);
    EngineError::new(kind, format!("could not {doing}: {why}"))
}

/// Translates an error of the first call that is made at `place`: whoever is to mend it has to know where that is.
pub(crate) fn unusable(doing: &str, place: &str, error: &Error) -> EngineError {
    let refused = refusal(error);
    let (kind, sentence) = match refused.map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) => {
            (EngineErrorKind::Forbidden, format!("{place}: permission denied"))
        }
        Some(io::ErrorKind::ConnectionRefused) => {
            (EngineErrorKind::Stopped, format!("nothing answers at {place}"))
        }
        Some(io::ErrorKind::NotFound) => absent(place),
        _ => return translate(doing, error),
    };
    EngineError::new(kind, sentence)
}

/// The operating system's word in the chain of causes.
fn refusal(error: &Error) -> Option<&io::Error> {
    if let Error::IOError { err } = error {
        return Some(err);
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            return Some(io);
        }
        cause = current.source();
    }
    None
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list is long; all others mean the same to us"
)]
fn kind_of(error: &Error) -> (EngineErrorKind, String) {
    match error {
        Error::SocketNotFoundError(path) => absent(path),
        Error::DockerResponseServerError { status_code: 404, message } => {
            // A start that fails inside the runtime is a 404 too.
            let lower = message.to_ascii_lowercase();
            let gone = lower.contains("no such container") || lower.contains("no container with");
            (if gone { EngineErrorKind::Gone } else { EngineErrorKind::Failed }, message.clone())
        }
        Error::DockerResponseServerError { message, .. } if message.contains("select device driver") => {
            (EngineErrorKind::Gpu, crate::grant::no_gpus().message)
        }
        Error::DockerResponseServerError { status_code: 401 | 403, message } => {
            (EngineErrorKind::Forbidden, message.clone())
        }
        Error::DockerResponseServerError { status_code: code @ 502..=504, message } => {
            (EngineErrorKind::Stopped, format!("the engine answered {code}: {message}"))
        }
        // The runtime's words are about the container it was to start.
        Error::DockerResponseServerError { status_code: code @ 500.., message }
            if !message.contains("OCI runtime") =>
        {
            (EngineErrorKind::Broken, format!("the engine answered {code}: {message}"))
        }
        Error::DockerResponseServerError { status_code, message } => {
            (EngineErrorKind::Failed, format!("the engine answered {status_code}: {message}"))
        }
        Error::RequestTimeoutError => {
            (EngineErrorKind::Stopped, "the container engine does not answer".to_owned())
        }
        Error::IOError { err } => by_io(err),
        other => by_source(other),
    }
}

/// Nothing at the address: it cannot run here, was never installed, or is not running.
fn absent(path: &str) -> (EngineErrorKind, String) {
    if let Some(obstacle) = virtualization::obstacle() {
        (EngineErrorKind::NoVirtualization, obstacle)
    } else if looks_installed() && crate::wsl::is_missing() {
        (EngineErrorKind::NoWsl, "a container engine is installed, but not WSL 2, which it needs".to_owned())
    } else if looks_installed() {
        (
            EngineErrorKind::Stopped,
            format!("a container engine is installed but not running ({path} is missing)"),
        )
    } else if crate::wsl::is_missing() {
        let why = "no container engine is installed, and neither is WSL 2, which Docker Desktop needs";
        (EngineErrorKind::NoWsl, why.to_owned())
    } else {
        (EngineErrorKind::Missing, format!("no container engine is installed ({path} is missing)"))
    }
}

/// Looks for the operating system's word in the chain of causes.
fn by_source(error: &Error) -> (EngineErrorKind, String) {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut sentence = error.to_string();
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            return by_io(io);
        }
        if let Some(hyper_closed) = closed_connection(current) {
            return (EngineErrorKind::Stopped, format!("the container engine hung up: {hyper_closed}"));
        }
        sentence = current.to_string();
        cause = current.source();
    }
    (EngineErrorKind::Failed, sentence)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other kinds mean that nobody answers")]
fn by_io(error: &io::Error) -> (EngineErrorKind, String) {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            (EngineErrorKind::Forbidden, "this user may not use the container engine".to_owned())
        }
        io::ErrorKind::NotFound => absent("its socket"),
        // EMFILE and ENFILE, the same on all Unixes we know.
        _ if cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24)) => (
            EngineErrorKind::Stopped,
            format!("too many files are open to reach the container engine: {error}"),
        ),
        _ => (EngineErrorKind::Stopped, format!("the container engine does not answer: {error}")),
    }
}

fn closed_connection(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    // The HTTP library's types are no dependency of ours; its sentences are stable and only used to tell an
    // outage from a failure.
    let text = error.to_string();
    let closed = [
        "connection closed",
        "connection error",
        "channel closed",
        "error trying to connect",
        "error reading a body",
    ];
    closed.iter().any(|phrase| text.contains(phrase)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status_code: u16, message: &str) -> Error {
        Error::DockerResponseServerError { status_code, message: message.into() }
    }

    fn answered(status_code: u16) -> Error {
        said(status_code, "why")
    }

    #[test]
    fn outages_are_told_from_failures() {
        let io = |kind| Error::IOError { err: io::Error::from(kind) };
        for (error, kind) in [
            (said(404, "No such container: x"), EngineErrorKind::Gone),
            (said(404, "exec: not found"), EngineErrorKind::Failed),
            (said(500, "database not open"), EngineErrorKind::Broken),
            (said(500, "OCI runtime create failed: exec: not found"), EngineErrorKind::Failed),
            (said(500, "could not select device driver \"nvidia\""), EngineErrorKind::Gpu),
            (answered(503), EngineErrorKind::Stopped),
            (Error::RequestTimeoutError, EngineErrorKind::Stopped),
            (io(io::ErrorKind::PermissionDenied), EngineErrorKind::Forbidden),
            (io(io::ErrorKind::ConnectionRefused), EngineErrorKind::Stopped),
            (io(io::ErrorKind::BrokenPipe), EngineErrorKind::Stopped),
        ] {
            let translated = translate("do it", &error);
            assert_eq!(translated.kind, kind, "{translated}");
            assert!(translated.message.starts_with("could not do it: "));
        }
    }

    #[test]
    fn the_first_call_names_the_place_that_did_not_answer() {
        let told = |kind| unusable("ask", "/run/d.sock", &Error::IOError { err: io::Error::from(kind) });
        let forbidden = told(io::ErrorKind::PermissionDenied);
        assert_eq!(
            (forbidden.kind, &*forbidden.message),
            (EngineErrorKind::Forbidden, "/run/d.sock: permission denied")
        );
        let silent = told(io::ErrorKind::ConnectionRefused);
        assert_eq!(
            (silent.kind, &*silent.message),
            (EngineErrorKind::Stopped, "nothing answers at /run/d.sock")
        );
        assert!(told(io::ErrorKind::NotFound).message.contains("/run/d.sock is missing"));
        assert_eq!(told(io::ErrorKind::BrokenPipe).kind, EngineErrorKind::Stopped);
    }

    #[test]
    fn a_missing_socket_is_an_outage() {
        let error = translate("ask", &Error::SocketNotFoundError("/nowhere".into()));
        assert!(error.is_outage() && error.message.contains("/nowhere"), "{error}");
    }
}
