//! Settings of the system that tasks and the private link depend on. Only read; they are the owner's.

use hivemind_worker_core::port::Tuning;

#[cfg(target_os = "linux")]
pub(crate) fn read() -> Tuning {
    use rustix::process::{Resource, getrlimit};
    let setting = |name: &str| std::fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok();
    Tuning {
        // Nothing is said of a limit where there is none.
        open_files: getrlimit(Resource::Nofile).current,
        swappiness: setting("vm/swappiness"),
        socket_buffer_bytes: setting("net/core/rmem_max"),
    }
}

/// Other systems have no such settings.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read() -> Tuning {
    Tuning::default()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let found = read();
        let said = std::fs::read_to_string("/proc/sys/vm/swappiness").unwrap();
        assert_eq!(found.swappiness, said.trim().parse().ok());
        assert!(found.socket_buffer_bytes.is_none_or(|bytes| bytes >= 2048));
        assert!(found.open_files.is_none_or(|files| files > 2), "{found:?}");
    }
}
