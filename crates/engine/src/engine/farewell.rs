//! Taking everything of one installation away from the engine.

use super::{DockerEngine, label_filter};
use crate::failure::{status_of, translate};
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
};
use hivemind_domain::ids::InstallId;
use hivemind_worker_core::port::EngineError;
use std::collections::HashMap;

/// What was taken away, and what would not go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Farewell {
    /// Containers removed.
    pub containers: usize,
    /// Volumes removed.
    pub volumes: usize,
    /// Images removed: those that tasks brought here, and our own companion's.
    pub images: usize,
    /// Names of what stays, each with the engine's reason.
    pub left: Vec<String>,
}

impl DockerEngine {
    /// Removes every container and volume of this installation, the images that its tasks brought, and the companion's
    /// image unless another installation's container uses it. Images that were here before stay.
    ///
    /// # Errors
    /// When the engine cannot be asked. What does not go is named in the answer.
    pub async fn forget(&self, install: &InstallId) -> Result<Farewell, EngineError> {
        let docker = self.connection.docker()?;
        let mut farewell = Farewell::default();
        let filters = HashMap::from([("label", vec![label_filter(install)])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = docker.list_containers(Some(options)).await;
        for container in listed.map_err(|e| translate("list the containers", &e))? {
            let Some(id) = container.id else { continue };
            match self.remove_container(&id).await {
                Ok(()) => farewell.containers += 1,
                Err(error) => farewell.left.push(format!("container {id}: {error}")),
            }
        }
        farewell.volumes = self.sweep_volumes(install).await?;
        let mut names: Vec<String> =
            self.images.ledger.oldest_first().into_iter().map(|entry| entry.reference).collect();
        let filters = HashMap::from([("reference", vec!["hivemind-companion".to_owned()])]);
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let listed = docker.list_images(Some(options)).await;
        for image in listed.map_err(|e| translate("list the images", &e))? {
            names.extend(image.repo_tags);
        }
        for name in names {
            let options = RemoveImageOptionsBuilder::new().force(false).build();
            match docker.remove_image(&name, Some(options), None).await {
                Ok(_) => farewell.images += 1,
                // Gone, or in use by somebody else's container: then it is theirs too.
                Err(error) if matches!(status_of(&error), Some(404 | 409)) => {}
                Err(error) => farewell.left.push(format!("image {name}: {error}")),
            }
        }
        Ok(farewell)
    }
}
