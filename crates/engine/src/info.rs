//! What an engine is: new enough, how it keeps tasks apart, what is known against its versions.

use crate::connection::failed;
use crate::policy;
use bollard::models::{SystemInfo, SystemVersion};
use hivemind_domain::advisory::{Circumstances, Component, holes};
use hivemind_domain::isolation::Isolation;
use hivemind_domain::text::plain_line;
use hivemind_worker_core::port::{EngineError, EngineErrorKind, EngineInfo};

/// Parts of an engine that are looked at; Docker names four.
const MAX_COMPONENTS: usize = 16;
/// More of a storage driver's name is not kept.
const MAX_DRIVER_BYTES: usize = 32;

/// Checks that the engine is new enough and can filter system calls, and says what it is.
pub(crate) fn describe(version: &SystemVersion, info: &SystemInfo) -> Result<EngineInfo, EngineError> {
    let number = version.version.clone().unwrap_or_else(|| "unknown".to_owned());
    let api = version.api_version.as_deref().and_then(|api| {
        let (major, minor) = api.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    });
    if api.is_none_or(|api| api < policy::MIN_API) {
        let sentence = format!("the container engine {number} is too old: 20.10 or newer is needed");
        return Err(EngineError::new(EngineErrorKind::TooOld, sentence));
    }
    if info.os_type.as_deref().is_some_and(|os| os != "linux") {
        return Err(failed("the container engine runs Windows containers: switch it to Linux containers"));
    }
    let options = info.security_options.clone().unwrap_or_default();
    let has = |name: &str| {
        options.iter().any(|o| o == name || o.split(',').any(|part| part == format!("name={name}")))
    };
    if !has("seccomp") {
        return Err(failed(
            "the container engine cannot filter system calls (seccomp), which the policy needs",
        ));
    }
    let isolation = isolation(info, &has);
    let podman = version.components.iter().flatten().any(|component| component.name.contains("Podman"));
    let name = if podman { "podman" } else { "docker" };
    let runtimes = info.runtimes.iter().flat_map(|runtimes| runtimes.keys());
    let gpus = runtimes.chain(&info.default_runtime).any(|name| name.starts_with("nvidia"));
    let authorization = info
        .plugins
        .as_ref()
        .and_then(|plugins| plugins.authorization.as_ref())
        .is_some_and(|a| !a.is_empty());
    let circumstances = Circumstances { userns: has("userns"), authorization };
    let holes = if podman { Vec::new() } else { holes(&components(version), circumstances) };
    Ok(EngineInfo {
        name: name.to_owned(),
        version: number,
        isolation: isolation.word().to_owned(),
        gpus,
        holes,
        memory_bytes: positive(info.mem_total).unwrap_or(0),
        cpus: positive(info.ncpu).and_then(|cpus| u32::try_from(cpus).ok()).unwrap_or(0),
        storage: plain_line(info.driver.as_deref().unwrap_or_default(), MAX_DRIVER_BYTES),
    })
}

fn positive(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

/// The wall between tasks and computer: what the engine's usual runtime adds, else what the engine itself is.
fn isolation(info: &SystemInfo, has: &dyn Fn(&str) -> bool) -> Isolation {
    let desktop = info.operating_system.as_deref().is_some_and(|os| os.contains("Docker Desktop"));
    let engine = if desktop {
        Isolation::Vm
    } else if has("rootless") {
        Isolation::Rootless
    } else if has("userns") {
        Isolation::Userns
    } else {
        Isolation::Plain
    };
    let runtime = info.default_runtime.as_deref().and_then(Isolation::of_runtime);
    runtime.map_or(engine, |runtime| runtime.max(engine))
}

/// The engine's parts with their versions. Docker Desktop tells its own only in the platform's name.
fn components(version: &SystemVersion) -> Vec<Component> {
    let listed = version.components.iter().flatten();
    let mut components: Vec<Component> = listed
        .take(MAX_COMPONENTS)
        .map(|part| Component { name: part.name.clone(), version: part.version.clone() })
        .collect();
    let platform =
        version.platform.as_ref().and_then(|platform| platform.name.strip_prefix("Docker Desktop "));
    if let Some(desktop) = platform.and_then(|rest| rest.split_whitespace().next()) {
        components.push(Component { name: "Docker Desktop".to_owned(), version: desktop.to_owned() });
    }
    components
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(api: &str) -> SystemVersion {
        SystemVersion {
            version: Some("20.10.24".into()),
            api_version: Some(api.into()),
            ..SystemVersion::default()
        }
    }

    fn info(options: &[&str]) -> SystemInfo {
        SystemInfo {
            security_options: Some(options.iter().map(|o| (*o).to_owned()).collect()),
            os_type: Some("linux".into()),
            ..SystemInfo::default()
        }
    }

    #[test]
    fn the_isolation_is_named() {
        let seccomp = "name=seccomp,profile=default";
        for (options, isolation) in [
            (vec![seccomp], "plain"),
            (vec![seccomp, "name=userns"], "userns"),
            (vec![seccomp, "name=rootless", "name=cgroupns"], "rootless"),
        ] {
            let described = describe(&version("1.41"), &info(&options)).expect("usable");
            assert_eq!((described.name.as_str(), described.isolation.as_str()), ("docker", isolation));
        }
        let mut desktop = info(&[seccomp]);
        desktop.operating_system = Some("Docker Desktop".into());
        assert_eq!(describe(&version("1.45"), &desktop).expect("usable").isolation, "vm");
        let mut gvisor = info(&[seccomp]);
        gvisor.default_runtime = Some("runsc".into());
        assert_eq!(describe(&version("1.45"), &gvisor).expect("usable").isolation, "gvisor");
    }

    #[test]
    fn the_stronger_of_engine_and_runtime_counts() {
        let mut both = info(&["name=seccomp", "name=rootless"]);
        both.default_runtime = Some("runsc".into());
        assert_eq!(describe(&version("1.45"), &both).expect("usable").isolation, "gvisor");
        both.default_runtime = Some("kata-runtime".into());
        assert_eq!(describe(&version("1.45"), &both).expect("usable").isolation, "vm");
        // Installed only: tasks do not run in it.
        both.default_runtime = Some("runc".into());
        both.runtimes = Some(std::collections::HashMap::from([("runsc".to_owned(), Default::default())]));
        assert_eq!(describe(&version("1.45"), &both).expect("usable").isolation, "rootless");
    }

    #[test]
    fn what_containers_can_have_together_is_told() {
        let told = |mem_total, ncpu| {
            let info = SystemInfo { mem_total, ncpu, ..info(&["name=seccomp"]) };
            let described = describe(&version("1.45"), &info).expect("usable");
            (described.memory_bytes, described.cpus)
        };
        assert_eq!(told(Some(2 << 30), Some(4)), (2 << 30, 4));
        for (mem_total, ncpu) in [(None, None), (Some(-1), Some(-4)), (Some(0), Some(i64::MAX))] {
            assert_eq!(told(mem_total, ncpu), (0, 0));
        }
    }

    #[test]
    fn gpus_need_nvidias_runtime() {
        let mut engine = info(&["name=seccomp"]);
        assert!(!describe(&version("1.45"), &engine).expect("usable").gpus);
        engine.runtimes = Some(std::collections::HashMap::from([("nvidia".to_owned(), Default::default())]));
        assert!(describe(&version("1.45"), &engine).expect("usable").gpus);
    }

    #[test]
    fn known_holes_are_named_with_the_part_that_has_them() {
        let told = |json: &str| serde_json::from_str::<SystemVersion>(json).expect("as the engine writes it");
        let fine = info(&["name=seccomp"]);
        let old = told(
            r#"{"Version":"24.0.7","ApiVersion":"1.43","Platform":{"Name":"Docker Engine - Community"},
            "Components":[{"Name":"Engine","Version":"24.0.7"},{"Name":"containerd","Version":"1.6.24"},
            {"Name":"runc","Version":"1.1.9"},{"Name":"docker-init","Version":"0.19.0"}]}"#,
        );
        let holes = describe(&old, &fine).expect("usable").holes;
        let leaky = holes.iter().find(|hole| hole.id == "CVE-2024-21626").expect("Leaky Vessels");
        assert_eq!((leaky.component, leaky.found.as_str(), leaky.mended), ("runc", "1.1.9", "1.1.12"));
        let desktop = told(
            r#"{"Version":"28.1.1","ApiVersion":"1.49","Platform":{"Name":"Docker Desktop 4.41.2 (191736)"},
            "Components":[{"Name":"Engine","Version":"28.1.1"},{"Name":"runc","Version":"1.2.8"}]}"#,
        );
        let named: Vec<_> = describe(&desktop, &fine).expect("usable").holes.iter().map(|h| h.id).collect();
        assert_eq!(named, ["CVE-2025-9074"]);
    }

    #[test]
    fn what_cannot_hold_the_policy_is_refused() {
        let fine = info(&["name=seccomp"]);
        for api in ["1.40", "0.99", "", "x"] {
            assert_eq!(describe(&version(api), &fine).expect_err(api).kind, EngineErrorKind::TooOld);
        }
        assert!(describe(&version("2.0"), &fine).is_ok());
        assert!(describe(&version("1.41"), &info(&["name=apparmor"])).is_err());
    }
}
