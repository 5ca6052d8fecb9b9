//! What the engine knows of a container, told to the owner of a failed task.
//!
//! Named fields only: an engine's answer grows with its versions, and what nobody has looked at could hold anything.
//! Variables are told by their names, because an image may carry secrets of its maker in them.

use crate::connection::{Connection, failed};
use crate::failure::{status_of, translate};
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use serde_json::{Map, Value};

const KEPT: &[&str] =
    &["Id", "Name", "Created", "Image", "Path", "Args", "State", "Config", "HostConfig", "Mounts"];
const KEPT_STATE: &[&str] =
    &["Status", "ExitCode", "OOMKilled", "Dead", "Error", "StartedAt", "FinishedAt", "Pid"];
const KEPT_CONFIG: &[&str] =
    &["User", "Env", "Entrypoint", "Cmd", "Image", "WorkingDir", "Labels", "StopSignal", "StopTimeout"];
const KEPT_HOST: &[&str] = &[
    "NetworkMode",
    "CapAdd",
    "CapDrop",
    "Privileged",
    "ReadonlyRootfs",
    "Tmpfs",
    "Memory",
    "MemorySwap",
    "NanoCpus",
    "CpuShares",
    "BlkioWeight",
    "PidsLimit",
    "Ulimits",
    "ShmSize",
    "OomScoreAdj",
    "Init",
    "Runtime",
    "LogConfig",
];
const KEPT_MOUNT: &[&str] = &["Type", "Name", "Destination", "Driver", "RW"];

/// Asks the engine; the answer is JSON for people.
pub(crate) async fn describe(engine: &Connection, container: &str) -> Result<String, EngineError> {
    let answer = match engine.docker()?.inspect_container(container, None).await {
        Ok(answer) => answer,
        Err(error) if status_of(&error) == Some(404) => {
            return Err(EngineError::new(EngineErrorKind::Gone, "the container does not exist any more"));
        }
        Err(error) => return Err(translate("look at the container", &error)),
    };
    let unreadable = |e: serde_json::Error| failed(format!("the engine's answer cannot be told: {e}"));
    let told = kept(serde_json::to_value(answer).map_err(unreadable)?);
    serde_json::to_string_pretty(&told).map_err(unreadable)
}

fn kept(answer: Value) -> Value {
    let mut told = only(answer, KEPT);
    for (part, names) in [("State", KEPT_STATE), ("Config", KEPT_CONFIG), ("HostConfig", KEPT_HOST)] {
        if let Some(value) = told.get_mut(part) {
            *value = Value::Object(only(value.take(), names));
        }
    }
    if let Some(Value::Array(mounts)) = told.get_mut("Mounts") {
        for mount in mounts {
            *mount = Value::Object(only(mount.take(), KEPT_MOUNT));
        }
    }
    if let Some(Value::Array(variables)) = told.get_mut("Config").and_then(|config| config.get_mut("Env")) {
        for variable in variables {
            let name = variable.as_str().and_then(|text| text.split('=').next()).unwrap_or_default();
            *variable = Value::from(format!("{name}=…"));
        }
    }
    Value::Object(told)
}

fn only(value: Value, names: &[&str]) -> Map<String, Value> {
    match value {
        Value::Object(map) => {
            let told = |(name, value): &(String, Value)| names.contains(&name.as_str()) && !value.is_null();
            map.into_iter().filter(told).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_variables_and_unknown_fields_are_left_out() {
        let answer = json!({
            "Id": "c1", "LogPath": "/var/lib/docker/x", "Secrets": "hunter2",
            "State": { "ExitCode": 3, "Health": { "Log": "hunter2" } },
            "Config": { "Env": ["TOKEN=hunter2", "PLAIN"], "Domainname": "hunter2" },
            "HostConfig": { "Memory": 1, "SecurityOpt": ["seccomp=hunter2"] },
            "Mounts": [{ "Destination": "/work", "Source": "/var/lib/docker/volumes/hunter2" }],
        });
        let told = kept(answer);
        assert!(!told.to_string().contains("hunter2") && !told.to_string().contains("/var/lib"), "{told}");
        assert_eq!(told["Config"]["Env"], json!(["TOKEN=…", "PLAIN=…"]));
        assert_eq!((&told["State"]["ExitCode"], &told["HostConfig"]["Memory"]), (&json!(3), &json!(1)));
        assert_eq!(told["Mounts"][0]["Destination"], "/work");
    }
}
