//! Pulls with progress: what is on its way here, how much of it has come, and when it is too much.

use super::{ImageReference, image_error, lock, too_large};
use crate::connection::Connection;
use crate::failure::translate;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use hivemind_worker_core::port::{EngineError, EngineErrorKind, PullProgress};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A pull that tells nothing for this long is given up.
const SILENT_PULL: Duration = Duration::from_secs(120);
/// Layers that are counted; images have at most 127.
const MOST_LAYERS: usize = 256;

/// Bytes of one layer, packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Layer {
    done: u64,
    total: u64,
}

/// The layers of one image, as far as the engine has told about them.
#[derive(Debug, Default)]
struct Layers(HashMap<String, Layer>);

impl Layers {
    fn take(&mut self, step: &CreateImageInfo) {
        let (Some(id), Some(status)) = (&step.id, &step.status) else { return };
        if !self.0.contains_key(id) && self.0.len() >= MOST_LAYERS {
            return;
        }
        let (current, total) =
            step.progress_detail.as_ref().map_or((None, None), |progress| (progress.current, progress.total));
        let bytes = |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok());
        match status.as_str() {
            "Downloading" => {
                let layer = self.0.entry(id.clone()).or_default();
                layer.done = layer.done.max(bytes(current).unwrap_or(0));
                layer.total = layer.total.max(bytes(total).unwrap_or(0)).max(layer.done);
            }
            "Verifying Checksum" | "Download complete" | "Pull complete" => {
                if let Some(layer) = self.0.get_mut(id) {
                    layer.done = layer.total;
                }
            }
            _ => {}
        }
    }

    fn sum(&self) -> Layer {
        self.0.values().fold(Layer::default(), |sum, layer| Layer {
            done: sum.done.saturating_add(layer.done),
            total: sum.total.saturating_add(layer.total),
        })
    }
}

/// What is on its way here.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    listed: Mutex<BTreeMap<String, Layer>>,
    /// Bytes of all pulls since the start.
    moved: AtomicU64,
}

/// Takes a pull off the list when it ends in whatever way.
struct Listed<'a> {
    pulls: &'a Pulls,
    full: String,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        lock(&self.pulls.listed).remove(&self.full);
    }
}

impl Pulls {
    /// Everything on its way, in the order of names.
    pub(crate) fn progress(&self) -> Vec<PullProgress> {
        let listed = lock(&self.listed);
        let progress = listed.iter().map(|(image, layer)| PullProgress {
            image: image.clone(),
            done_bytes: layer.done,
            total_bytes: layer.total,
        });
        progress.collect()
    }

    /// Bytes that were pulled since the start.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Pulls an image; gives up as soon as it is known to have more than `most` bytes, packed.
    pub(super) async fn pull(
        &self,
        engine: &Connection,
        reference: &ImageReference,
        most: u64,
    ) -> Result<(), EngineError> {
        let full = reference.full();
        tracing::info!(image = %full, "pulling the image");
        lock(&self.listed).insert(full.clone(), Layer::default());
        let listed = Listed { pulls: self, full: full.clone() };
        let options = CreateImageOptionsBuilder::new()
            .from_image(&reference.repository)
            .tag(&reference.version)
            .build();
        // Dropping the stream ends the pull in the engine.
        let mut steps = engine.patient(SILENT_PULL)?.create_image(Some(options), None, None);
        let (mut layers, mut done) = (Layers::default(), 0);
        loop {
            match tokio::time::timeout(SILENT_PULL, steps.next()).await {
                Err(_) => return Err(image_error(&full, "the pull stands still")),
                Ok(None) => return Ok(()),
                Ok(Some(Ok(step))) => {
                    if let Some(error) = step.error_detail.as_ref().and_then(|detail| detail.message.as_ref())
                    {
                        return Err(image_error(&full, &format!("it cannot be pulled: {error}")));
                    }
                    layers.take(&step);
                    let sum = layers.sum();
                    self.moved.fetch_add(sum.done.saturating_sub(done), Ordering::Relaxed);
                    done = done.max(sum.done);
                    if sum.total > most {
                        return Err(too_large(&full, sum.total, most));
                    }
                    lock(&self.listed).insert(listed.full.clone(), sum);
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ProgressDetail;

    fn step(id: &str, status: &str, progress: Option<(i64, i64)>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.into()),
            status: Some(status.into()),
            progress_detail: progress
                .map(|(current, total)| ProgressDetail { current: Some(current), total: Some(total) }),
            ..CreateImageInfo::default()
        }
    }

    #[test]
    fn bytes_are_counted_per_layer_and_never_fall() {
        let mut layers = Layers::default();
        for (step, expected) in [
            (step("latest", "Pulling from x", None), (0, 0)),
            (step("a", "Pulling fs layer", None), (0, 0)),
            (step("a", "Downloading", Some((10, 100))), (10, 100)),
            (step("b", "Downloading", Some((5, 50))), (15, 150)),
            (step("a", "Downloading", Some((4, 100))), (15, 150)),
            (step("a", "Download complete", None), (105, 150)),
            (step("a", "Extracting", Some((1, 100))), (105, 150)),
            (step("c", "Already exists", None), (105, 150)),
            (step("b", "Downloading", Some((-5, -7))), (105, 150)),
            (step("b", "Pull complete", None), (150, 150)),
        ] {
            layers.take(&step);
            let sum = layers.sum();
            assert_eq!((sum.done, sum.total), expected, "{step:?}");
        }
    }

    #[test]
    fn a_registry_cannot_fill_the_memory_with_layers() {
        let mut layers = Layers::default();
        for number in 0..10 * MOST_LAYERS {
            layers.take(&step(&format!("l{number}"), "Downloading", Some((1, i64::MAX))));
        }
        assert_eq!(layers.0.len(), MOST_LAYERS);
        assert_eq!(layers.sum().total, u64::MAX, "saturates");
    }
}
