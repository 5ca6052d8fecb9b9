//! The container engine, seen from outside.

use bollard::Docker;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, StatsOptionsBuilder,
};
use futures_util::StreamExt;
use std::collections::HashMap;

/// The standard image; `cargo xtask image` makes it.
const IMAGE: &str = "justin308/hivemind-worker:latest";

#[derive(Clone)]
pub struct Engine {
    pub address: String,
    docker: Docker,
}

impl Engine {
    /// The engine that the environment names, or why there is none.
    pub async fn find() -> Result<Self, String> {
        let named =
            ["HIVEMIND_TEST_DOCKER_HOST", "DOCKER_HOST"].iter().find_map(|name| std::env::var(name).ok());
        let Some(address) = named else {
            return Err("neither HIVEMIND_TEST_DOCKER_HOST nor DOCKER_HOST names an engine".into());
        };
        let Self { address, docker } = Self::at(&address);
        docker.ping().await.map_err(|e| format!("the engine at {address} does not answer: {e}"))?;
        docker.inspect_image(IMAGE).await.map_err(|_| format!("the engine at {address} lacks {IMAGE}"))?;
        Ok(Self { address, docker })
    }

    /// The engine at this address, whether it answers or not.
    pub fn at(address: &str) -> Self {
        let docker = Docker::connect_with_host(address).expect("an address");
        Self { address: address.to_owned(), docker }
    }

    fn labelled(label: &str) -> HashMap<String, Vec<String>> {
        HashMap::from([("label".to_owned(), vec![label.to_owned()])])
    }

    /// Ids of the containers with a label, ended ones included.
    pub async fn containers(&self, label: &str) -> Vec<String> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&Self::labelled(label)).build();
        let found = self.docker.list_containers(Some(options)).await.expect("containers");
        found.into_iter().filter_map(|container| container.id).collect()
    }

    /// Everything with a label: containers, volumes, networks.
    pub async fn everything(&self, label: &str) -> Vec<String> {
        let mut names = self.containers(label).await;
        let options = ListVolumesOptionsBuilder::new().filters(&Self::labelled(label)).build();
        let volumes = self.docker.list_volumes(Some(options)).await.expect("volumes").volumes;
        names.extend(volumes.unwrap_or_default().into_iter().map(|volume| format!("volume {}", volume.name)));
        let options = ListNetworksOptionsBuilder::new().filters(&Self::labelled(label)).build();
        let networks = self.docker.list_networks(Some(options)).await.expect("networks");
        names.extend(networks.into_iter().filter_map(|network| network.name));
        names
    }

    pub async fn inspect(&self, container: &str) -> ContainerInspectResponse {
        self.docker.inspect_container(container, None::<InspectContainerOptions>).await.expect("inspected")
    }

    /// Processor time that a container has used so far.
    pub async fn cpu_ns(&self, container: &str) -> u64 {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut told = self.docker.stats(container, Some(options));
        let told = told.next().await.expect("its use").expect("its use");
        told.cpu_stats.and_then(|cpu| cpu.cpu_usage?.total_usage).expect("processor time")
    }

    /// Removes what a failed test left.
    pub async fn sweep(&self, label: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        for container in self.containers(label).await {
            let _ = self.docker.remove_container(&container, Some(options.clone())).await;
        }
    }
}
