//! Where the engine listens.

use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use std::net::IpAddr;

/// A checked address. Only ways that stay on this computer are accepted: whoever can read the link owns every
/// task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// Path of a Unix socket.
    Unix(String),
    /// `host:port`, the host being a loopback address.
    Tcp(String),
    /// A Windows named pipe, as `//./pipe/name`.
    Pipe(String),
}

impl Address {
    /// Reads an address in `DOCKER_HOST`'s form.
    pub(crate) fn parse(text: &str) -> Result<Self, EngineError> {
        let refuse = |why: &str| {
            let sentence = format!("the container engine's address {text:?} is refused: {why}");
            Err(EngineError::new(EngineErrorKind::Missing, sentence))
        };
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') && !path.contains('\0') {
                Ok(Self::Unix(path.to_owned()))
            } else {
                refuse("unix:// needs an absolute path")
            };
        }
        if let Some(rest) = text.strip_prefix("npipe://") {
            let path = rest.replace('\\', "/");
            return match path.strip_prefix("//./pipe/") {
                Some(name) if !name.is_empty() && !name.contains('/') => Ok(Self::Pipe(path)),
                _ => refuse("npipe:// needs a pipe such as npipe:////./pipe/docker_engine"),
            };
        }
        if let Some(rest) = text.strip_prefix("tcp://").or_else(|| text.strip_prefix("http://")) {
            let rest = rest.trim_end_matches('/');
            let Some((host, port)) = rest.rsplit_once(':') else { return refuse("it names no port") };
            if port.parse::<u16>().map_or(true, |port| port == 0) {
                return refuse("its port is no number from 1 to 65535");
            }
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let loopback = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            return if loopback {
                Ok(Self::Tcp(rest.to_owned()))
            } else {
                refuse("tcp:// may only name this computer: localhost, 127.0.0.1 or [::1]")
            };
        }
        refuse("allowed are unix://, npipe:// and tcp:// to this computer")
    }

    /// The address to use when none is given: `DOCKER_HOST`, else the first usual place that exists.
    pub(crate) fn usual() -> Result<Self, EngineError> {
        match std::env::var("DOCKER_HOST") {
            Ok(text) if !text.trim().is_empty() => Self::parse(text.trim()),
            _ => Ok(Self::default_place()),
        }
    }

    #[cfg(not(windows))]
    fn default_place() -> Self {
        const SYSTEM: &str = "/var/run/docker.sock";
        let mut places = vec![SYSTEM.to_owned()];
        if let Ok(folder) = std::env::var("XDG_RUNTIME_DIR") {
            places.push(format!("{folder}/docker.sock"));
        }
        if let Ok(home) = std::env::var("HOME") {
            places.push(format!("{home}/.docker/desktop/docker.sock"));
            places.push(format!("{home}/.docker/run/docker.sock"));
        }
        let found = places.iter().find(|place| std::path::Path::new(place).exists());
        Self::Unix(found.cloned().unwrap_or_else(|| SYSTEM.to_owned()))
    }

    #[cfg(windows)]
    fn default_place() -> Self {
        Self::Pipe("//./pipe/docker_engine".to_owned())
    }
}

/// Whether an engine is installed, as far as its files tell; used only when it does not answer.
pub(crate) fn looks_installed() -> bool {
    #[cfg(windows)]
    let places =
        ["C:\\Program Files\\Docker\\Docker\\Docker Desktop.exe", "C:\\Program Files\\Docker\\dockerd.exe"];
    #[cfg(not(windows))]
    let places = [
        "/usr/bin/dockerd",
        "/usr/sbin/dockerd",
        "/usr/local/bin/dockerd",
        "/snap/bin/dockerd",
        "/opt/docker-desktop/bin/docker-desktop",
        "/Applications/Docker.app",
        "/usr/bin/podman",
    ];
    places.iter().any(|place| std::path::Path::new(place).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_this_computer_is_accepted() {
        for (text, address) in [
            ("unix:///run/docker.sock", Address::Unix("/run/docker.sock".into())),
            ("tcp://127.0.0.1:2375", Address::Tcp("127.0.0.1:2375".into())),
            ("tcp://127.9.9.9:1/", Address::Tcp("127.9.9.9:1".into())),
            ("tcp://[::1]:2375", Address::Tcp("[::1]:2375".into())),
            ("http://localhost:2375", Address::Tcp("localhost:2375".into())),
            ("npipe:////./pipe/docker_engine", Address::Pipe("//./pipe/docker_engine".into())),
        ] {
            assert_eq!(Address::parse(text), Ok(address), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for text in [
            "",
            "/run/docker.sock",
            "unix://run/docker.sock",
            "tcp://192.168.1.5:2375",
            "tcp://0.0.0.0:2375",
            "tcp://localhost.evil.example:2375",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:0",
            "tcp://127.0.0.1:99999",
            "ssh://root@host",
            "https://127.0.0.1:2376",
            "npipe:////server/pipe/x",
            "npipe:////./pipe/",
        ] {
            let error = Address::parse(text).expect_err(text);
            assert!(error.is_outage() && error.message.contains("refused"), "{text}: {error}");
        }
    }
}
