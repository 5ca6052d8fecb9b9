//! Whose a process is.

/// Tells the container of a process.
pub(crate) trait Processes {
    /// Whether this system tells at all.
    fn can_tell(&self) -> bool;

    /// The engine's id of the container in which a process runs; `None` for the owner's own processes and for ones
    /// that have ended.
    fn container_of(&self, pid: u32) -> Option<String>;
}

/// The processes of this computer, where the kernel names their control groups.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemProcesses;

impl Processes for SystemProcesses {
    fn can_tell(&self) -> bool {
        cfg!(target_os = "linux")
    }

    #[cfg(target_os = "linux")]
    fn container_of(&self, pid: u32) -> Option<String> {
        use std::io::Read;
        let mut text = String::new();
        let file = std::fs::File::open(format!("/proc/{pid}/cgroup")).ok()?;
        file.take(MAX_CGROUP_BYTES).read_to_string(&mut text).ok()?;
        container_in(&text)
    }

    #[cfg(not(target_os = "linux"))]
    fn container_of(&self, _pid: u32) -> Option<String> {
        // Windows runs containers in a virtual machine whose processes it does not name.
        None
    }
}

/// Bytes of a process's list of control groups that are read.
#[cfg(target_os = "linux")]
const MAX_CGROUP_BYTES: u64 = 16 * 1024;

/// The container's id in a list of control groups: `/docker/<id>`, `docker-<id>.scope`, `libpod-<id>.scope`.
#[cfg(any(target_os = "linux", test))]
fn container_in(cgroups: &str) -> Option<String> {
    let is_id =
        |part: &&str| part.len() == 64 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = cgroups.lines().filter_map(|line| line.splitn(3, ':').nth(2)).flat_map(|path| {
        path.split('/').map(|part| {
            let part = part.strip_suffix(".scope").unwrap_or(part);
            part.rsplit('-').next().unwrap_or(part)
        })
    });
    parts.rfind(is_id).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_found_in_every_usual_form() {
        let id = "4f721ffbeb929c0906d188f014f0fdac7da44574eec59d3ff9351cff3714a9d4";
        for text in [
            format!("12:cpu,cpuacct:/docker/{id}\n0::/\n"),
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!(
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope/container\n"
            ),
        ] {
            assert_eq!(container_in(&text).as_deref(), Some(id), "{text}");
        }
        for text in ["", "0::/user.slice/user-1000.slice\n", "0::/docker/4f72\n", "nonsense", &"x".repeat(64)]
        {
            assert_eq!(container_in(text), None, "{text}");
        }
    }

    #[test]
    fn our_own_process_is_in_no_container_that_has_ended() {
        assert_eq!(SystemProcesses.container_of(u32::MAX), None);
    }
}
