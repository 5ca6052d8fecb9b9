//! The engine's own cycle, without a worker.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::http::{Request, Server};
use super::proxy::Call;
use crate::{clock, console};

/// The same container, made without a worker: what was recorded, played again.
pub struct Raw {
    engine: Server,
    create: Vec<u8>,
    archive: Option<(String, Vec<u8>)>,
    download: String,
}

impl Raw {
    /// What was recorded of one task.
    pub fn from_calls(calls: &[Call], socket: &Path) -> Result<Self> {
        let find = |method: &str, part: &str| {
            calls.iter().find(|call| call.method == method && call.path.contains(part))
        };
        let create = find("POST", "/containers/create").context("no container was created")?;
        let mut body: Value =
            serde_json::from_slice(&create.body).context("the container's configuration")?;
        // Its labels would make the worker take these containers for its own.
        unlabel(&mut body);
        let query =
            |call: &Call| call.path.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        Ok(Self {
            engine: Server::engine(socket),
            create: serde_json::to_vec(&body)?,
            archive: find("PUT", "/archive").map(|call| (query(call), call.body.clone())),
            download: query(find("GET", "/archive").context("no outputs were taken")?),
        })
    }

    /// Milliseconds until one container's outputs are in hand. Its removal is not in it: the worker's own time ends
    /// with the acknowledged result as well, whether or not the container is gone by then.
    pub fn cycle(&self) -> Result<f64> {
        let start = clock::now();
        let json = "application/json";
        let made = self.engine.json(&Request::with("POST", "/containers/create", json, &self.create))?;
        let id = made["Id"].as_str().context("no container id")?.to_owned();
        let outcome = self.life(&id);
        let passed = clock::now().duration_since(start);
        self.engine.send(&Request::new("DELETE", &format!("/containers/{id}?v=true&force=true")))?;
        outcome?;
        Ok(passed.as_secs_f64() * 1000.0)
    }

    fn life(&self, id: &str) -> Result<()> {
        if let Some((query, archive)) = &self.archive {
            let path = format!("/containers/{id}/archive?{query}");
            self.engine.send(&Request::with("PUT", &path, "application/x-tar", archive))?;
        }
        self.engine.send(&Request::with(
            "POST",
            &format!("/containers/{id}/start"),
            "application/json",
            b"",
        ))?;
        let path = format!("/containers/{id}/wait");
        let ended = self.engine.json(&Request::with("POST", &path, "application/json", b""))?;
        if ended["StatusCode"] != serde_json::json!(0) {
            bail!("the raw container ended with {ended}");
        }
        let output =
            self.engine.send(&Request::new("GET", &format!("/containers/{id}/archive?{}", self.download)))?;
        if output.is_empty() {
            console::warning("the raw container left no outputs");
        }
        Ok(())
    }
}

fn unlabel(value: &mut Value) {
    if let Value::Object(map) = value {
        map.remove("Labels");
        map.values_mut().for_each(unlabel);
    } else if let Value::Array(items) = value {
        items.iter_mut().for_each(unlabel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_go_everywhere() {
        let mut body = serde_json::json!({
            "Image": "i", "Labels": { "a": "b" },
            "HostConfig": { "Mounts": [{ "VolumeOptions": { "Labels": { "a": "b" }, "NoCopy": true } }] }
        });
        unlabel(&mut body);
        let want = serde_json::json!({
            "Image": "i", "HostConfig": { "Mounts": [{ "VolumeOptions": { "NoCopy": true } }] }
        });
        assert_eq!(body, want);
    }
}
