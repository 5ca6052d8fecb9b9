//! The self-test: our companion, in a container made exactly as a task's, tries to get out and to use up what it was
//! granted. What it tells is checked against what is seen from here: who connected, and how the container ended.

use crate::companion_image::CompanionImage;
use crate::connection::failed;
use crate::container::{Program, configuration};
use crate::engine::DockerEngine;
use crate::failure::translate;
use crate::image::Pinned;
use crate::package::Contents;
use crate::policy;
use crate::run;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateContainerOptionsBuilder;
use hivemind_domain::ids::{InstallId, TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{MIB, Resources};
use hivemind_domain::text::plain_line;
use hivemind_worker_core::port::{Attack, ContainerEvent, Engine, EngineError, EngineErrorKind, Told};
use serde::Deserialize;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The whole self-test takes two or three seconds; much longer and something hangs.
const WITHIN: Duration = Duration::from_secs(120);
/// Fewer attempts than this and the test was cut short.
const LEAST_ATTACKS: usize = 30;
const MOST_ATTACKS: usize = 200;
/// Ended by the watcher for too much on disk.
const DISK_LIMIT: i64 = 153;
/// The attempt that ends the container when it is denied, and the one that must not reach us.
const DISK: &str = "disk";
const LOOPBACK: &str = "host_loopback";

/// One line of the companion.
#[derive(Deserialize)]
struct Line {
    name: String,
    what: String,
    denied: bool,
    evidence: String,
}

impl DockerEngine {
    /// Runs the self-test; `change` is for tests that must see it fail.
    pub(crate) async fn prove_with(
        &self,
        install: &InstallId,
        change: impl FnOnce(&mut ContainerCreateBody) + Send,
    ) -> Result<Vec<Attack>, EngineError> {
        let companion = self.companion.as_ref().filter(|companion| companion.fits());
        let Some(companion) = companion else {
            return Err(failed("the self-test needs the program hivemind-companion beside the worker"));
        };
        let image = CompanionImage::new(Arc::clone(companion)).id(&self.connection).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.and_then(|l| l.set_nonblocking(true).map(|()| l));
        let listener = listener.map_err(|e| failed(format!("the self-test cannot listen: {e}")))?;
        let port =
            listener.local_addr().map_err(|e| failed(format!("the self-test cannot listen: {e}")))?.port();

        let limits = limits();
        let key = TaskKey {
            task: TaskId::new(format!("self-test-{port}")).map_err(|e| failed(e.to_string()))?,
            attempt: 1,
        };
        let command = [policy::COMPANION, "prove", "--loopback", &port.to_string()].map(str::to_owned);
        let program =
            Program { command: &command, folder: "", array: None, companion: true, dependencies: false };
        let image = Pinned { id: image.clone(), digest: image, ..Pinned::default() };
        let mut body = configuration(install, &key, &limits, &image, &program);
        change(&mut body);
        let options = CreateContainerOptionsBuilder::new().build();
        let created = self.connection.docker()?.create_container(Some(options), body).await;
        let container = created.map_err(|e| translate("create the self-test's container", &e))?.id;
        let told = self.tell(&container, companion.open().ok()).await;
        if let Err(error) = self.remove(&container).await {
            tracing::warn!(container, %error, "the self-test's container stays");
        }
        let (lines, code) = told?;
        // Whatever the companion says: a connection that arrived here is one.
        judge(&lines, code, listener.accept().is_ok())
    }

    /// Fills and runs the container; its lines and exit code.
    async fn tell(
        &self,
        container: &str,
        companion: Option<crate::companion::Opened>,
    ) -> Result<(Vec<String>, i64), EngineError> {
        self.upload(container, Contents { companion, ..Contents::default() }).await?;
        let (events, mut told) = mpsc::channel(16);
        let gathering = tokio::spawn(async move {
            let mut lines = Vec::new();
            while let Some(event) = told.recv().await {
                if let ContainerEvent::Line(line) = event
                    && !line.stderr
                    && lines.len() <= MOST_ATTACKS
                {
                    lines.push(line.text);
                }
            }
            lines
        });
        let running = self.run_alone(container, true, Told::default(), events, run::Network::default());
        let late =
            || EngineError::new(EngineErrorKind::Failed, "the self-test did not end within two minutes");
        let exit = tokio::time::timeout(WITHIN, running).await.map_err(|_| late())??;
        let lines = gathering.await.map_err(|e| failed(format!("the self-test was cut short: {e}")))?;
        Ok((lines, exit.code))
    }
}

/// Small, so that using everything up takes a moment and no computer feels it.
fn limits() -> TaskLimits {
    TaskLimits {
        resources: Resources { cpu_millis: 1000, memory_bytes: 96 * MIB, gpus: 0 },
        pids: 48,
        disk_bytes: 32 * MIB,
        timeout: WITHIN,
    }
}

/// The list, as the companion told it and as it was seen from outside.
fn judge(lines: &[String], code: i64, reached: bool) -> Result<Vec<Attack>, EngineError> {
    if lines.len() > MOST_ATTACKS {
        return Err(failed("the self-test told more than it can have tried"));
    }
    let mut attacks = Vec::new();
    for line in lines {
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            return Err(failed(format!("the self-test said something odd: {}", plain_line(line, 100))));
        };
        attacks.push(Attack {
            name: plain_line(&line.name, 40),
            what: plain_line(&line.what, 120),
            denied: line.denied,
            evidence: plain_line(&line.evidence, 200),
        });
    }
    // It ends the container when it is denied, and is told only when it is not.
    if !attacks.iter().any(|attack| attack.name == DISK) {
        if code != DISK_LIMIT {
            return Err(failed(format!("the self-test ended too early, with exit code {code}")));
        }
        attacks.push(Attack {
            name: DISK.to_owned(),
            what: "Fill the disk".to_owned(),
            denied: true,
            evidence: format!("everything was ended at {} MiB", limits().disk_bytes / MIB),
        });
    }
    if attacks.len() < LEAST_ATTACKS {
        return Err(failed(format!("the self-test tried only {} things", attacks.len())));
    }
    if reached {
        for attack in attacks.iter_mut().filter(|attack| attack.name == LOOPBACK) {
            attack.denied = false;
            "a connection from the container arrived at the worker".clone_into(&mut attack.evidence);
        }
    }
    Ok(attacks)
}

#[cfg(test)]
mod tests;
