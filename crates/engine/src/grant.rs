//! What an attempt is given beyond its box: GPUs by name, and its share of the computer.

use crate::connection::Connection;
use crate::failure::{status_of, translate};
use crate::policy;
use bollard::models::{ContainerCreateBody, ContainerUpdateBody, DeviceRequest};
use hivemind_domain::gpu::is_uuid;
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::priority::Priority;
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// Checks that exactly the granted number of single GPUs is named.
pub(crate) fn check_gpus(gpus: &[String], limits: &TaskLimits) -> Result<(), EngineError> {
    let refused = |why: String| Err(EngineError::new(EngineErrorKind::Gpu, why));
    if gpus.len() != limits.resources.gpus as usize {
        return refused(format!("{} GPUs are granted, {} are named", limits.resources.gpus, gpus.len()));
    }
    match gpus.iter().find(|uuid| !is_uuid(uuid)) {
        Some(odd) => refused(format!("\"{odd}\" names no single GPU")),
        None => Ok(()),
    }
}

/// The engine has nothing to give GPUs with.
pub(crate) fn no_gpus() -> EngineError {
    EngineError::new(
        EngineErrorKind::Gpu,
        "the container engine has no NVIDIA runtime: install the NVIDIA Container Toolkit and start the engine again",
    )
}

/// Gives a container these GPUs and no other.
pub(crate) fn give_gpus(body: &mut ContainerCreateBody, gpus: &[String]) {
    // An image may declare `NVIDIA_VISIBLE_DEVICES=all`, which an engine whose usual runtime is NVIDIA's would
    // follow: what stands here wins over the image.
    let visible = if gpus.is_empty() { "void".to_owned() } else { gpus.join(",") };
    let environment = body.env.get_or_insert_default();
    environment.push(format!("NVIDIA_VISIBLE_DEVICES={visible}"));
    if gpus.is_empty() {
        return;
    }
    environment.push(format!("NVIDIA_DRIVER_CAPABILITIES={}", policy::GPU_CAPABILITIES.join(",")));
    let mut capabilities = vec!["gpu".to_owned()];
    capabilities.extend(policy::GPU_CAPABILITIES.iter().map(|name| (*name).to_owned()));
    body.labels.get_or_insert_default().insert(policy::LABEL_GPUS.to_owned(), gpus.join(","));
    body.host_config.get_or_insert_default().device_requests = Some(vec![DeviceRequest {
        driver: Some("nvidia".to_owned()),
        count: None,
        device_ids: Some(gpus.to_vec()),
        capabilities: Some(vec![capabilities]),
        options: None,
    }]);
}

/// The GPUs that a container's labels name; odd ones are left out.
pub(crate) fn gpus_of(labels: &HashMap<String, String>) -> Vec<String> {
    let named = labels.get(policy::LABEL_GPUS).map(String::as_str).unwrap_or_default();
    named.split(',').filter(|uuid| is_uuid(uuid)).take(policy::MAX_GPUS).map(str::to_owned).collect()
}

/// How the engine weighs disks.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    /// Control groups v2: the engine turns its 10 to 1000 into 1 to 10,000, where 100 is what everybody has.
    v2: AtomicBool,
    /// The engine refused a weight: this kernel has none.
    refused: AtomicBool,
}

impl Weights {
    pub(crate) fn learn(&self, v2: bool) {
        self.v2.store(v2, Ordering::Relaxed);
    }

    /// The engine's weight for a priority; nothing where the kernel has none.
    fn of(&self, priority: Priority) -> Option<u16> {
        if self.refused.load(Ordering::Relaxed) {
            None
        } else if self.v2.load(Ordering::Relaxed) {
            // Never above everybody's: 20 becomes 102, 10 becomes 1.
            Some(match priority {
                Priority::Normal => 20,
                Priority::Lower => 15,
                Priority::Low => 12,
                Priority::Least => 10,
            })
        } else {
            Some(priority.io_weight())
        }
    }
}

/// Gives a running container another share.
pub(crate) async fn prioritise(
    engine: &Connection,
    weights: &Weights,
    container: &str,
    priority: Priority,
) -> Result<(), EngineError> {
    let docker = engine.docker()?;
    let shares = Some(i64::from(priority.cpu_shares()));
    let mut weight = weights.of(priority);
    loop {
        let body = ContainerUpdateBody {
            cpu_shares: shares,
            blkio_weight: weight,
            ..ContainerUpdateBody::default()
        };
        match docker.update_container(container, body).await {
            Ok(()) => return Ok(()),
            Err(error) if matches!(status_of(&error), Some(404 | 409)) => return Ok(()),
            Err(error) if weight.is_some() && status_of(&error).is_some() => {
                // Kernels without a disk scheduler that weighs refuse; the processor's share is what counts.
                tracing::debug!(%error, "the engine takes no weight for disks");
                weights.refused.store(true, Ordering::Relaxed);
                weight = None;
            }
            Err(error) => return Err(translate("change the container's share", &error)),
        }
    }
}

/// Gives a running container so many thousandths of a core.
pub(crate) async fn limit(engine: &Connection, container: &str, cpu_millis: u32) -> Result<(), EngineError> {
    let nano_cpus = Some(i64::from(cpu_millis) * 1_000_000);
    let body = ContainerUpdateBody { nano_cpus, ..ContainerUpdateBody::default() };
    match engine.docker()?.update_container(container, body).await {
        Ok(()) => Ok(()),
        Err(error) if matches!(status_of(&error), Some(404 | 409)) => Ok(()),
        Err(error) => Err(translate("change the container's part of the processor", &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::resources::Resources;

    fn limits(gpus: u32) -> TaskLimits {
        let mut limits = TaskLimits::default();
        limits.resources = Resources { gpus, ..limits.resources };
        limits
    }

    #[test]
    fn gpus_are_asked_for_by_identifier_and_never_by_number() {
        let mut body = ContainerCreateBody::default();
        give_gpus(&mut body, &["GPU-a".to_owned(), "GPU-b".to_owned()]);
        let requests = body.host_config.and_then(|host| host.device_requests).expect("a request");
        let request = requests.first().expect("one");
        assert_eq!((requests.len(), request.count), (1, None));
        assert_eq!(request.device_ids.as_deref(), Some(["GPU-a".to_owned(), "GPU-b".to_owned()].as_slice()));
        let text = serde_json::to_string(request).expect("JSON");
        assert!(!text.contains("all") && !text.contains("Count") && !text.contains("graphics"), "{text}");
        let environment = body.env.expect("environment");
        assert!(environment.contains(&"NVIDIA_VISIBLE_DEVICES=GPU-a,GPU-b".to_owned()), "{environment:?}");
        assert_eq!(gpus_of(&body.labels.expect("labels")), ["GPU-a", "GPU-b"]);
    }

    #[test]
    fn without_gpus_an_image_gets_none_either() {
        let mut body = ContainerCreateBody::default();
        give_gpus(&mut body, &[]);
        assert_eq!(body.env, Some(vec!["NVIDIA_VISIBLE_DEVICES=void".to_owned()]));
        assert!(body.host_config.is_none() && body.labels.is_none());
    }

    #[test]
    fn what_names_no_single_gpu_is_refused() {
        for (gpus, granted) in
            [(vec!["all"], 1), (vec!["0"], 1), (vec![], 1), (vec!["GPU-a"], 0), (vec!["GPU-a,GPU-b"], 1)]
        {
            let gpus: Vec<String> = gpus.into_iter().map(str::to_owned).collect();
            let error = check_gpus(&gpus, &limits(granted)).expect_err("refused");
            assert_eq!(error.kind, EngineErrorKind::Gpu, "{gpus:?}");
        }
        assert!(check_gpus(&["GPU-a".to_owned()], &limits(1)).is_ok() && check_gpus(&[], &limits(0)).is_ok());
        let damaged = HashMap::from([(policy::LABEL_GPUS.to_owned(), "all,GPU-a,,GPU-b;x".to_owned())]);
        assert_eq!(gpus_of(&damaged), ["GPU-a"]);
    }

    #[test]
    fn tasks_never_weigh_more_than_everybody_else() {
        let weights = Weights::default();
        assert_eq!(weights.of(Priority::Normal), Some(500), "control groups v1");
        weights.learn(true);
        let all = [Priority::Normal, Priority::Lower, Priority::Low, Priority::Least].map(|p| weights.of(p));
        assert_eq!(all, [Some(20), Some(15), Some(12), Some(10)]);
        weights.refused.store(true, Ordering::Relaxed);
        assert_eq!(weights.of(Priority::Least), None);
    }
}
