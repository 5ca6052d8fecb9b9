//! Images: which may run, finding, pulling, pinning, and removing what tasks brought here.

mod ledger;
mod pull;
mod reference;

pub(crate) use ledger::Ledger;
use pull::Pulls;
pub(crate) use reference::ImageReference;

use crate::connection::{Connection, failed};
use crate::events::ImageNews;
use crate::failure::{status_of, translate};
use crate::policy::{LABEL_PREFIX, MAX_IMAGE_VOLUMES};
use bollard::models::ImageInspect;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder};
use hivemind_domain::images::{Decision, ImageRules};
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long an image found here is believed to be the one a tag means while no event would tell otherwise.
/// Containers are made by image id, so that an old belief runs the old image and never something unknown.
const BELIEVED_FOR: Duration = Duration::from_secs(60);
/// The same while events arrive and told of no change.
const BELIEVED_WITH_EVENTS: Duration = Duration::from_secs(3600);
/// References remembered at most.
const REMEMBERED: usize = 64;
/// An image that is here, pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// Content address that containers are made from.
    pub(crate) id: String,
    /// Manifest digest, or the id where there is none.
    pub(crate) digest: String,
    /// Folders that the image declares as volumes.
    pub(crate) volumes: Vec<String>,
    /// Where its Python looks for modules, as its variable says.
    pub(crate) python_path: Option<String>,
    /// How long it was pulled just now; zero when it was here.
    pub(crate) pull: Duration,
    /// Size unpacked.
    pub(crate) bytes: u64,
}

/// Finds and pulls images, and remembers for a short while what it found.
#[derive(Debug, Default)]
pub(crate) struct Images {
    known: Mutex<HashMap<String, Known>>,
    /// What is on its way here.
    pub(crate) pulls: Pulls,
    /// What tasks brought here.
    pub(crate) ledger: Ledger,
    /// Ids of images that containers are being made from, and how many.
    busy: Mutex<HashMap<String, u32>>,
    /// One pull or removal at a time, so that nothing is removed that was just found.
    changing: tokio::sync::Mutex<()>,
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

/// Keeps an image from being removed while a container is made from it.
#[derive(Debug)]
pub(crate) struct Hold<'a> {
    images: &'a Images,
    id: String,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut busy = lock(&self.images.busy);
        if let Some(count) = busy.get_mut(&self.id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                busy.remove(&self.id);
            }
        }
    }
}

impl Images {
    /// The image that `reference` means, if the owner's rules let it run; pulled when it is not here.
    pub(crate) async fn pin(
        &self,
        engine: &Connection,
        news: &ImageNews,
        reference: &str,
        rules: &ImageRules,
    ) -> Result<(Pinned, Hold<'_>), EngineError> {
        let parsed = ImageReference::parse(reference).map_err(|why| image_error(reference, why))?;
        let why = match rules.decide(reference) {
            Decision::Allow => None,
            Decision::Ask => Some("waits for its owner's answer on this computer"),
            Decision::Deny => Some("is not allowed on this computer"),
        };
        if let Some(why) = why {
            let error = EngineError::new(EngineErrorKind::ImageRefused, format!("image {reference} {why}"));
            return Err(error.about(reference));
        }
        let full = parsed.full();
        let held = lock(&self.known).get(&full).filter(|known| known.holds(news)).map(|k| k.image.clone());
        let Some(pinned) = held else { return self.find(engine, news, &parsed, rules).await };
        let hold = self.hold(&pinned.id);
        self.ledger.touch(&pinned.id).await;
        fits(&full, pinned.bytes, rules)?;
        Ok((pinned, hold))
    }

    async fn find(
        &self,
        engine: &Connection,
        news: &ImageNews,
        reference: &ImageReference,
        rules: &ImageRules,
    ) -> Result<(Pinned, Hold<'_>), EngineError> {
        let full = reference.full();
        // Before the question, so that a change while it is answered counts.
        let (mut changes, mut with_events) = (news.changes(), news.is_alive());
        let docker = engine.docker()?;
        let unusable = |error: &bollard::errors::Error| {
            let translated = translate(&format!("look at image {full}"), error);
            if translated.is_outage() { translated } else { image_error(&full, &translated.message) }
        };
        let mut pull = Duration::ZERO;
        let (inspected, _changing) = match docker.inspect_image(&full).await {
            Err(error) if status_of(&error) == Some(404) => {
                let changing = self.changing.lock().await;
                // Somebody else may have brought it meanwhile.
                let here = docker.inspect_image(&full).await;
                let inspected = match here {
                    Err(error) if status_of(&error) == Some(404) => {
                        let began = Instant::now();
                        let brought = self.bring(engine, reference, rules).await?;
                        pull = began.elapsed();
                        (changes, with_events) = (news.changes(), news.is_alive());
                        brought
                    }
                    answer => answer.map_err(|error| unusable(&error))?,
                };
                (inspected, Some(changing))
            }
            answer => (answer.map_err(|error| unusable(&error))?, None),
        };
        let pinned = pinned(reference, &inspected)?;
        let hold = self.hold(&pinned.id);
        fits(&full, pinned.bytes, rules)?;
        self.ledger.touch(&pinned.id).await;
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(full, Known { image: pinned.clone(), at: Instant::now(), changes, with_events });
        Ok((Pinned { pull, ..pinned }, hold))
    }

    /// Pulls an image and notes it as ours, unless its content was here before under another name.
    async fn bring(
        &self,
        engine: &Connection,
        reference: &ImageReference,
        rules: &ImageRules,
    ) -> Result<ImageInspect, EngineError> {
        let full = reference.full();
        let docker = engine.docker()?;
        let options = ListImagesOptionsBuilder::new().all(true).build();
        let before = docker.list_images(Some(options)).await;
        let before: HashSet<String> =
            before.map_err(|e| translate("list the images", &e))?.into_iter().map(|image| image.id).collect();
        self.pulls.pull(engine, reference, rules.max_bytes).await?;
        let inspected =
            docker.inspect_image(&full).await.map_err(|e| translate(&format!("look at image {full}"), &e))?;
        let id = inspected.id.clone().unwrap_or_default();
        let bytes = size_of(&inspected);
        if !before.contains(&id) {
            self.ledger.add(&id, &full, bytes).await;
            if bytes > rules.max_bytes {
                self.discard(engine, &full).await;
            }
        }
        Ok(inspected)
    }

    /// Removes images that tasks brought here, the longest unused first, until they fit the owner's quota. What a
    /// container uses stays, and so does everything that was here before or that somebody else brought.
    pub(crate) async fn tidy(&self, engine: &Connection, quota: u64) {
        if self.ledger.bytes() <= quota {
            return;
        }
        let _changing = self.changing.lock().await;
        for entry in self.ledger.oldest_first() {
            if self.ledger.bytes() <= quota {
                return;
            }
            if lock(&self.busy).contains_key(&entry.id) {
                continue;
            }
            self.discard(engine, &entry.reference).await;
        }
        if self.ledger.bytes() > quota {
            tracing::info!(bytes = self.ledger.bytes(), quota, "images in use are over their quota");
        }
    }

    /// Takes back our name for an image; the engine removes it unless somebody else has another name for it or a
    /// container uses it.
    async fn discard(&self, engine: &Connection, reference: &str) {
        let Ok(docker) = engine.docker() else { return };
        let options = RemoveImageOptionsBuilder::new().force(false).build();
        match docker.remove_image(reference, Some(options), None).await {
            Ok(_) => tracing::info!(image = reference, "an image that was not used for long is removed"),
            Err(error) if status_of(&error) == Some(404) => {}
            Err(error) => {
                tracing::debug!(image = reference, %error, "an image stays");
                return;
            }
        }
        self.forget();
        self.ledger.remove(reference).await;
    }

    fn hold(&self, id: &str) -> Hold<'_> {
        *lock(&self.busy).entry(id.to_owned()).or_default() += 1;
        Hold { images: self, id: id.to_owned() }
    }

    /// Forgets everything, because an image turned out to be gone.
    pub(crate) fn forget(&self) {
        lock(&self.known).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn size_of(image: &ImageInspect) -> u64 {
    image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0)
}

fn fits(full: &str, bytes: u64, rules: &ImageRules) -> Result<(), EngineError> {
    if bytes <= rules.max_bytes { Ok(()) } else { Err(too_large(full, bytes, rules.max_bytes)) }
}

pub(crate) fn too_large(full: &str, bytes: u64, most: u64) -> EngineError {
    let sentence = format!("image {full} has at least {bytes} bytes, the settings allow {most}");
    EngineError::new(EngineErrorKind::ImageTooLarge, sentence)
}

pub(crate) fn image_error(reference: &str, why: &str) -> EngineError {
    EngineError::new(EngineErrorKind::Image, format!("image {reference}: {why}"))
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
    if volumes.len() > MAX_IMAGE_VOLUMES || volumes.iter().any(|volume| !is_plain_path(volume)) {
        return Err(image_error(&full, "it declares too many or odd volumes"));
    }
    let variables = config.env.unwrap_or_default();
    let python_path =
        variables.iter().find_map(|variable| variable.strip_prefix("PYTHONPATH=")).map(str::to_owned);
    let digests = image.repo_digests.clone().unwrap_or_default();
    let same_repository =
        digests.iter().find(|d| d.split('@').next().is_some_and(|r| ends_alike(r, &reference.repository)));
    let digest = same_repository.and_then(|d| d.split('@').nth(1)).unwrap_or(&id).to_owned();
    Ok(Pinned { id, digest, volumes, python_path, pull: Duration::ZERO, bytes: size_of(image) })
}

/// Whether a path means what it says: the engine takes `/work/../data` for `/data`.
fn is_plain_path(path: &str) -> bool {
    let part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains([':', ',']);
    path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part))
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
        let declaring = |path: &str| {
            with(bollard::models::ImageConfig { volumes: Some(vec![path.into()]), ..Default::default() })
        };
        for odd in ["/a:/b", "/a,b", "a", "/", "/work/../data", "/a/./b", "/a//b", "/a/"] {
            assert_eq!(pinned(&reference, &declaring(odd)).expect_err(odd).kind, EngineErrorKind::Image);
        }
        assert_eq!(
            pinned(&reference, &declaring("/var/lib/data")).expect("plain").volumes,
            ["/var/lib/data"]
        );
    }
}
