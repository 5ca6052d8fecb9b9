//! The lazily made connection to the engine.

use crate::address::Address;
use crate::calls::ApiCallCounter;
use crate::failure::translate;
use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long the engine may take to begin its answer to an ordinary request.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A way to the engine. Nothing is opened before the first request; every request opens its own connection, so
/// that a restarted engine needs no reconnect.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    address: Result<Address, EngineError>,
    docker: Arc<OnceLock<Docker>>,
    pub(crate) calls: Arc<ApiCallCounter>,
}

impl Connection {
    pub(crate) fn new(address: Result<Address, EngineError>) -> Self {
        Self { address, docker: Arc::default(), calls: Arc::default() }
    }

    /// The client for ordinary requests.
    pub(crate) fn docker(&self) -> Result<Docker, EngineError> {
        if let Some(docker) = self.docker.get() {
            return Ok(docker.clone());
        }
        let address = self.address.as_ref().map_err(Clone::clone)?;
        let opened = open(address).map_err(|e| translate("reach the container engine", &e))?;
        let calls = self.calls.clone();
        let counted = opened.with_request_modifier(move |mut request| {
            calls.add(request.method().as_str(), request.uri().path());
            if follows_a_log(request.uri()) {
                *request.version_mut() = http::Version::HTTP_10;
            }
            request
        });
        Ok(self.docker.get_or_init(|| counted).clone())
    }

    /// Where the engine listens, as people know it.
    pub(crate) fn place(&self) -> &str {
        match &self.address {
            Ok(Address::Unix(place) | Address::Tcp(place) | Address::Pipe(place)) => place,
            Err(_) => "",
        }
    }

    /// A client whose requests may take as long as `within` before the answer begins.
    pub(crate) fn patient(&self, within: Duration) -> Result<Docker, EngineError> {
        Ok(self.docker()?.with_timeout(within))
    }
}

/// An engine writes every line of a followed log as a chunk of HTTP/1.1, and each costs its reader two changes of
/// tasks. In HTTP/1.0 there are no chunks: what is there is read at once. Where such a stream ends, nothing says that
/// it is whole; nobody who follows a log believes that anyway.
fn follows_a_log(uri: &http::Uri) -> bool {
    uri.path().ends_with("/logs")
        && uri.query().is_some_and(|query| query.split('&').any(|part| part == "follow=true"))
}

fn open(address: &Address) -> Result<Docker, Error> {
    let seconds = ANSWER_WITHIN.as_secs();
    match address {
        Address::Tcp(host) => Docker::connect_with_http(host, seconds, API_DEFAULT_VERSION),
        #[cfg(unix)]
        Address::Unix(path) => Docker::connect_with_unix(path, seconds, API_DEFAULT_VERSION),
        #[cfg(windows)]
        Address::Pipe(path) => Docker::connect_with_named_pipe(path, seconds, API_DEFAULT_VERSION),
        #[cfg(not(unix))]
        Address::Unix(path) => Err(Error::UnsupportedURISchemeError { uri: format!("unix://{path}") }),
        #[cfg(not(windows))]
        Address::Pipe(path) => Err(Error::UnsupportedURISchemeError { uri: format!("npipe://{path}") }),
    }
}

/// A failure that is nobody's outage.
pub(crate) fn failed(sentence: impl AsRef<str>) -> EngineError {
    EngineError::new(EngineErrorKind::Failed, sentence)
}
