//! Where updates come from: a manifest, its signature, and the files that it names, over HTTPS.
//!
//! Nothing that comes from here is believed: `hivemind-update` judges it. Here is only seen to that it comes over an
//! encrypted connection, ends in time, and is no longer than it may be.

use async_trait::async_trait;
use hivemind_update::{Artefact, MAX_MANIFEST_BYTES, MAX_SIGNATURE_BYTES};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, ClientBuilder, Response, Url};
use std::time::Duration;
use tokio::sync::mpsc;

/// What is added to the manifest's address to get the signature's, as minisign does.
const SIGNATURE: &str = ".minisig";
/// For a connection to be made.
const CONNECT: Duration = Duration::from_secs(20);
/// The longest silence.
const SILENCE: Duration = Duration::from_secs(60);
/// For manifest and signature, each.
const SMALL: Duration = Duration::from_secs(60);
/// For a file: one of 20 MiB over a line of 32 kbit/s.
const FILE: Duration = Duration::from_secs(2 * 3600);
/// Places that publish files send from one server to another, seldom on to a third.
const MOST_REDIRECTS: usize = 5;

/// Why nothing came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SourceError {
    /// Not an address that is asked.
    #[error("the address of updates is not an https address")]
    Address,
    /// It sends us away from HTTPS, or round and round.
    #[error("the server of updates sends on to where nothing is fetched from")]
    SentAway,
    /// No connection, or none that can be trusted.
    #[error("the server of updates cannot be reached")]
    Unreachable,
    /// It took too long.
    #[error("the server of updates did not answer in time")]
    TooSlow,
    /// It has none.
    #[error("the server of updates answers with {0}")]
    Status(u16),
    /// More bytes than any manifest or signature has.
    #[error("the server of updates sends more than a manifest and its signature are")]
    TooMuch,
    /// The connection broke off.
    #[error("the connection to the server of updates broke off")]
    BrokeOff,
}

impl SourceError {
    /// A stable word for each kind.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::SentAway => "sent_away",
            Self::Unreachable => "unreachable",
            Self::TooSlow => "too_slow",
            Self::Status(_) => "status",
            Self::TooMuch => "too_much",
            Self::BrokeOff => "broke_off",
        }
    }
}

/// A manifest with its signature; neither is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) manifest: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// Where updates come from.
#[async_trait]
pub(crate) trait Source: Send + Sync + 'static {
    /// The newest manifest.
    async fn manifest(&self) -> Result<Signed, SourceError>;
    /// A file, part by part, from its beginning. Ends early when nobody takes the parts any more.
    async fn file(&self, artefact: &Artefact, parts: mpsc::Sender<Vec<u8>>) -> Result<(), SourceError>;
}

/// A server that speaks HTTPS.
#[derive(Debug)]
pub(crate) struct HttpsSource {
    manifest: Url,
    signature: Url,
    client: Client,
}

impl HttpsSource {
    /// The manifest is at this address, its signature beside it.
    pub(crate) fn new(address: &str) -> Result<Self, SourceError> {
        Self::with(address, Client::builder())
    }

    pub(super) fn with(address: &str, client: ClientBuilder) -> Result<Self, SourceError> {
        let manifest = https(address)?;
        let mut signature = manifest.clone();
        signature.set_path(&format!("{}{SIGNATURE}", manifest.path()));
        let client = client
            .https_only(true)
            .redirect(Policy::custom(follow))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            // Nothing is told of this computer, not even the version.
            .user_agent("hivemind-worker")
            .build()
            .map_err(|_| SourceError::Unreachable)?;
        Ok(Self { manifest, signature, client })
    }

    async fn get(&self, url: Url) -> Result<Response, SourceError> {
        let answer = self.client.get(url).send().await.map_err(|error| told(&error))?;
        let status = answer.status();
        if status.is_success() { Ok(answer) } else { Err(SourceError::Status(status.as_u16())) }
    }

    async fn small(&self, url: &Url, most: usize) -> Result<Vec<u8>, SourceError> {
        let all = async {
            let mut answer = self.get(url.clone()).await?;
            let mut bytes = Vec::new();
            while let Some(part) = answer.chunk().await.map_err(|_| SourceError::BrokeOff)? {
                if bytes.len() + part.len() > most {
                    return Err(SourceError::TooMuch);
                }
                bytes.extend_from_slice(&part);
            }
            Ok(bytes)
        };
        tokio::time::timeout(SMALL, all).await.unwrap_or(Err(SourceError::TooSlow))
    }
}

fn https(address: &str) -> Result<Url, SourceError> {
    let url = Url::parse(address).map_err(|_| SourceError::Address)?;
    let plain = url.scheme() == "https" && url.has_host() && url.username().is_empty();
    if plain { Ok(url) } else { Err(SourceError::Address) }
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.url().scheme() != "https" || attempt.previous().len() > MOST_REDIRECTS {
        return attempt.error(SourceError::SentAway);
    }
    attempt.follow()
}

fn told(error: &reqwest::Error) -> SourceError {
    if error.is_redirect() {
        SourceError::SentAway
    } else if error.is_timeout() {
        SourceError::TooSlow
    } else {
        SourceError::Unreachable
    }
}

#[async_trait]
impl Source for HttpsSource {
    async fn manifest(&self) -> Result<Signed, SourceError> {
        // The signature first: while a new version is being published, a pair that does not match is refused as such.
        let signature = self.small(&self.signature, MAX_SIGNATURE_BYTES).await?;
        let manifest = self.small(&self.manifest, MAX_MANIFEST_BYTES).await?;
        Ok(Signed { manifest, signature })
    }

    async fn file(&self, artefact: &Artefact, parts: mpsc::Sender<Vec<u8>>) -> Result<(), SourceError> {
        let url = https(&artefact.url)?;
        let all = async {
            let mut answer = self.get(url).await?;
            while let Some(part) = answer.chunk().await.map_err(|_| SourceError::BrokeOff)? {
                if parts.send(part.to_vec()).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        tokio::time::timeout(FILE, all).await.unwrap_or(Err(SourceError::TooSlow))
    }
}
