//! Which images tasks may name.
//!
//! A task that could name any image could read whatever lies in the owner's own ones. So the standard image is
//! allowed, and what the owner added to `allowed_images`; nothing else.

use hivemind_worker_core::port::SettingsStore;
use std::sync::Arc;

/// The repository of an image reference: without tag and digest.
fn repository(reference: &str) -> &str {
    let named = reference.split('@').next().unwrap_or_default();
    let last = named.rfind('/').map_or(0, |slash| slash + 1);
    named[last..].find(':').map_or(named, |colon| &named[..last + colon])
}

fn allows(standard: &str, allowed: &str, reference: &str) -> bool {
    let wanted = repository(reference);
    !wanted.is_empty()
        && (wanted == standard || allowed.split(',').map(str::trim).any(|repository| repository == wanted))
}

/// The rule that follows the present settings.
pub(crate) fn rule(settings: Arc<dyn SettingsStore>) -> Arc<hivemind_engine::ImageRule> {
    Arc::new(move |reference: &str| {
        let current = settings.current();
        allows(current.text("worker_image"), current.text("allowed_images"), reference)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_digests_do_not_belong_to_the_repository() {
        for (reference, expected) in [
            ("a/b:1", "a/b"),
            ("a/b@sha256:00", "a/b"),
            ("host:5000/a/b:1@sha256:00", "host:5000/a/b"),
            ("host:5000/a/b", "host:5000/a/b"),
            ("plain", "plain"),
        ] {
            assert_eq!(repository(reference), expected, "{reference}");
        }
    }

    #[test]
    fn only_the_standard_image_and_the_owners_list_are_allowed() {
        for (reference, expected) in [
            ("j/worker:latest", true),
            ("j/worker@sha256:00", true),
            ("python:3", true),
            ("my/secret:latest", false),
            ("j/worker-other:latest", false),
            ("sha256:0123", false),
            ("", false),
        ] {
            assert_eq!(allows("j/worker", "python, other/x", reference), expected, "{reference}");
        }
    }
}
