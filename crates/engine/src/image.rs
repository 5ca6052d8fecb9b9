//! Images: reference syntax, finding, pulling, pinning.

use crate::connection::{Connection, failed};
use crate::events::ImageNews;
use crate::failure::{status_of, translate};
use crate::policy::{LABEL_PREFIX, MAX_IMAGE_VOLUMES};
use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Decides whether an image reference may be run at all. It is asked about the assignment's image and about the
/// image that a package's manifest names.
pub type ImageRule = dyn Fn(&str) -> bool + Send + Sync;

/// How long an image found here is believed to be the one a tag means while no event would tell otherwise.
/// Containers are made by image id, so that an old belief runs the old image and never something unknown.
const BELIEVED_FOR: Duration = Duration::from_secs(60);
/// The same while events arrive and told of no change.
const BELIEVED_WITH_EVENTS: Duration = Duration::from_secs(3600);
/// References remembered at most.
const REMEMBERED: usize = 64;
/// A pull that tells nothing for this long is given up.
const SILENT_PULL: Duration = Duration::from_secs(120);

/// A checked image reference, such as `registry.example:5000/team/tool:1.2` or `tool@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageReference {
    /// Everything before the tag or digest.
    pub(crate) repository: String,
    /// Tag, or digest with its algorithm; `latest` when none was given.
    pub(crate) version: String,
}

impl ImageReference {
    /// Checks the grammar of Docker's references. Bare image ids are refused: they would let a task name any image
    /// on this computer.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > 512 {
            return Err("a reference has 1 to 512 bytes");
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        if let Some(digest) = digest {
            let hex = digest.strip_prefix("sha256:").ok_or("a digest is sha256:")?;
            if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err("a digest is 64 hexadecimal digits in lower case");
            }
        }
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (rest, None),
        };
        if let Some(tag) = tag {
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let fine = tag.len() <= 128
                && tag.bytes().next().is_some_and(word)
                && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'));
            if !fine {
                return Err("a tag is letters, digits, _ . - and at most 128 of them");
            }
        }
        check_repository(repository)?;
        if repository == "sha256" {
            return Err("an image id is no reference");
        }
        let version = digest.or(tag).unwrap_or("latest").to_owned();
        Ok(Self { repository: repository.to_owned(), version })
    }

    /// The reference in full.
    pub(crate) fn full(&self) -> String {
        let mark = if self.version.starts_with("sha256:") { '@' } else { ':' };
        format!("{}{mark}{}", self.repository, self.version)
    }
}

fn check_repository(repository: &str) -> Result<(), &'static str> {
    let (host, path) = match repository.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, repository),
    };
    if let Some(host) = host {
        let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let name_fine = name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
        if !name_fine || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err("its registry is no host name with an optional port");
        }
    }
    let part_fine = |part: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(part.chars().next())
            && edge(part.chars().next_back())
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
            && !part.contains("..")
            && !part.contains("___")
    };
    if path.split('/').all(part_fine) {
        Ok(())
    } else {
        Err("a name is lower-case letters, digits and . _ - between them")
    }
}

/// An image that is here, pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// Content address that containers are made from.
    pub(crate) id: String,
    /// Manifest digest, or the id where there is none.
    pub(crate) digest: String,
    /// Folders that the image declares as volumes.
    pub(crate) volumes: Vec<String>,
    /// How long it was pulled just now; zero when it was here.
    pub(crate) pull: Duration,
}

/// Finds and pulls images, and remembers for a short while what it found.
#[derive(Debug, Default)]
pub(crate) struct Images {
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    image: Pinned,
    at: Instant,
    changes: u64,
    with_events: bool,
}

impl Known {
    fn holds(&self, news: &ImageNews) -> bool {
        let within = if self.with_events { BELIEVED_WITH_EVENTS } else { BELIEVED_FOR };
        self.changes == news.changes() && self.at.elapsed() < within
    }
}

impl Images {
    /// The image that `reference` means, pulled when it is not here.
    pub(crate) async fn pin(
        &self,
        engine: &Connection,
        news: &ImageNews,
        reference: &str,
    ) -> Result<Pinned, EngineError> {
        let parsed = ImageReference::parse(reference).map_err(|why| image_error(reference, why))?;
        let full = parsed.full();
        let held = self.lock().get(&full).filter(|known| known.holds(news)).map(|known| known.image.clone());
        if let Some(pinned) = held {
            return Ok(pinned);
        }
        // Before the question, so that a change while it is answered counts.
        let (changes, with_events) = (news.changes(), news.is_alive());
        let docker = engine.docker()?;
        let mut pulled = Duration::ZERO;
        let inspected = match docker.inspect_image(&full).await {
            Err(error) if status_of(&error) == Some(404) => {
                let began = Instant::now();
                pull(engine, &parsed).await?;
                pulled = began.elapsed();
                docker.inspect_image(&full).await
            }
            answer => answer,
        };
        let inspected = inspected.map_err(|e| {
            let translated = translate(&format!("look at image {full}"), &e);
            if translated.is_outage() { translated } else { image_error(&full, &translated.message) }
        })?;
        let pinned = pinned(&parsed, &inspected)?;
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(full, Known { image: pinned.clone(), at: Instant::now(), changes, with_events });
        Ok(Pinned { pull: pulled, ..pinned })
    }

    /// Forgets everything, because an image turned out to be gone.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn image_error(reference: &str, why: &str) -> EngineError {
    EngineError::new(EngineErrorKind::Image, format!("image {reference}: {why}"))
}

async fn pull(engine: &Connection, reference: &ImageReference) -> Result<(), EngineError> {
    let full = reference.full();
    tracing::info!(image = %full, "pulling the image");
    let options =
        CreateImageOptionsBuilder::new().from_image(&reference.repository).tag(&reference.version).build();
    let mut progress = engine.patient(SILENT_PULL)?.create_image(Some(options), None, None);
    loop {
        let next = tokio::time::timeout(SILENT_PULL, progress.next()).await;
        match next {
            Err(_) => return Err(image_error(&full, "the pull stands still")),
            Ok(None) => return Ok(()),
            Ok(Some(Ok(step))) => {
                if let Some(error) = step.error_detail.and_then(|detail| detail.message) {
                    return Err(image_error(&full, &format!("it cannot be pulled: {error}")));
                }
                let (done, of) =
                    step.progress_detail.map_or((None, None), |progress| (progress.current, progress.total));
                tracing::debug!(image = %full, layer = ?step.id, status = ?step.status, ?done, ?of, "pull");
            }
            Ok(Some(Err(error))) => {
                let translated = translate(&format!("pull image {full}"), &error);
                return if translated.is_outage() {
                    Err(translated)
                } else {
                    Err(EngineError::new(EngineErrorKind::Image, translated.message))
                };
            }
        }
    }
}

/// Checks what the image brings along, and pins it.
fn pinned(reference: &ImageReference, image: &ImageInspect) -> Result<Pinned, EngineError> {
    let full = reference.full();
    let id = image
        .id
        .clone()
        .filter(|id| !id.is_empty())
        .ok_or_else(|| failed(format!("image {full} has no id")))?;
    if image.os.as_deref().is_some_and(|os| !os.is_empty() && os != "linux") {
        return Err(image_error(&full, "it is no Linux image"));
    }
    let config = image.config.clone().unwrap_or_default();
    if let Some(label) =
        config.labels.unwrap_or_default().keys().find(|label| label.starts_with(LABEL_PREFIX))
    {
        return Err(image_error(&full, &format!("it carries the label {label}, which is reserved")));
    }
    let volumes = config.volumes.unwrap_or_default();
    if volumes.len() > MAX_IMAGE_VOLUMES
        || volumes.iter().any(|v| !v.starts_with('/') || v.contains([':', ',']))
    {
        return Err(image_error(&full, "it declares too many or odd volumes"));
    }
    let digests = image.repo_digests.clone().unwrap_or_default();
    let same_repository =
        digests.iter().find(|d| d.split('@').next().is_some_and(|r| ends_alike(r, &reference.repository)));
    let digest = same_repository.and_then(|d| d.split('@').nth(1)).unwrap_or(&id).to_owned();
    Ok(Pinned { id, digest, volumes, pull: Duration::ZERO })
}

/// `docker.io/library/busybox` and `busybox` are one repository.
fn ends_alike(a: &str, b: &str) -> bool {
    let short = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    };
    short(a) == short(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, full) in [
            ("busybox", "busybox:latest".to_owned()),
            ("justin308/hivemind-worker:latest", "justin308/hivemind-worker:latest".to_owned()),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest".to_owned()),
            ("registry.example.org/x_y/z-1:V1.2_3", "registry.example.org/x_y/z-1:V1.2_3".to_owned()),
            (&format!("python:3@{digest}"), format!("python@{digest}")),
        ] {
            assert_eq!(ImageReference::parse(text).map(|r| r.full()), Ok(full), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let id = format!("sha256:{}", "a".repeat(64));
        for text in [
            "",
            "Upper",
            "a b",
            "-x",
            "a/",
            "/a",
            "a//b",
            "a:",
            "a:-b",
            "a@sha256:12",
            "a@md5:00",
            "../a",
            "a..b",
            "http://x/y",
            "a\n",
            "a;b",
            "$(id)",
            "ex_ample.org/a",
            "x.y:port/a",
            id.as_str(),
        ] {
            assert!(ImageReference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pinning_prefers_the_manifest_digest_of_the_same_repository() {
        let reference = ImageReference::parse("busybox:1").expect("fine");
        let mut image = ImageInspect { id: Some("sha256:id".into()), ..ImageInspect::default() };
        assert_eq!(pinned(&reference, &image).expect("fine").digest, "sha256:id");
        image.repo_digests =
            Some(vec!["other/x@sha256:1".into(), "docker.io/library/busybox@sha256:2".into()]);
        assert_eq!(pinned(&reference, &image).expect("fine").digest, "sha256:2");
    }

    #[test]
    fn images_that_would_confuse_the_worker_are_refused() {
        let reference = ImageReference::parse("x").expect("fine");
        let with = |config| ImageInspect {
            id: Some("sha256:id".into()),
            config: Some(config),
            ..Default::default()
        };
        let labels = HashMap::from([("hivemind.install".to_owned(), "abc".to_owned())]);
        let labelled = with(bollard::models::ImageConfig { labels: Some(labels), ..Default::default() });
        assert_eq!(pinned(&reference, &labelled).expect_err("label").kind, EngineErrorKind::Image);
        let odd =
            with(bollard::models::ImageConfig { volumes: Some(vec!["/a:/b".into()]), ..Default::default() });
        assert_eq!(pinned(&reference, &odd).expect_err("volume").kind, EngineErrorKind::Image);
    }
}
