//! Whether this computer can run the virtual machine in which Docker Desktop keeps its engine; used only when the
//! engine does not answer. An engine that runs on the system itself needs none.

/// What stands in the way of a virtual machine here; nothing where none is needed, or none stands in the way.
pub(crate) fn obstacle() -> Option<String> {
    platform::obstacle()
}

#[cfg(target_os = "linux")]
mod platform {
    use std::path::Path;

    const DESKTOP: &str = "/opt/docker-desktop/bin/com.docker.backend";
    const ENGINES: [&str; 4] =
        ["/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd", "/snap/bin/dockerd"];
    const KVM: &str = "/dev/kvm";

    pub(super) fn obstacle() -> Option<String> {
        judge(|path| Path::new(path).exists())
    }

    fn judge(exists: impl Fn(&str) -> bool) -> Option<String> {
        let desktop_alone = exists(DESKTOP) && !ENGINES.iter().any(|engine| exists(engine));
        let off = desktop_alone && !exists(KVM);
        off.then(|| format!("Docker needs virtualization, and it is switched off here ({KVM} is missing)"))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_docker_desktop_alone_needs_it() {
            let told = |there: &[&str]| judge(|path| there.contains(&path));
            assert!(told(&[DESKTOP]).is_some_and(|why| why.contains(KVM)));
            assert_eq!(told(&[DESKTOP, KVM]), None);
            assert_eq!(told(&[DESKTOP, "/usr/bin/dockerd"]), None);
            assert_eq!(told(&[]), None);
        }
    }
}

#[cfg(windows)]
mod platform {
    #![expect(unsafe_code, reason = "what the firmware allows is only told by the Windows API")]

    use windows_sys::Win32::System::Threading::{IsProcessorFeaturePresent, PF_VIRT_FIRMWARE_ENABLED};

    pub(super) fn obstacle() -> Option<String> {
        // SAFETY: takes a number and reads what the system knows of the processor.
        let allowed = unsafe { IsProcessorFeaturePresent(PF_VIRT_FIRMWARE_ENABLED) } != 0;
        // Below a hypervisor, such as the one of WSL, Windows itself is told of no virtualization.
        let off = !allowed && !below_a_hypervisor();
        let why = "Docker needs virtualization, and it is switched off in this computer's firmware";
        off.then(|| why.to_owned())
    }

    /// Bit 31 of ECX in leaf 1, which processors leave 0 and hypervisors set.
    #[cfg(target_arch = "x86_64")]
    fn below_a_hypervisor() -> bool {
        std::arch::x86_64::__cpuid(1).ecx >> 31 == 1
    }

    /// Other processors have no such bit: nothing is claimed there.
    #[cfg(not(target_arch = "x86_64"))]
    fn below_a_hypervisor() -> bool {
        true
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
mod platform {
    pub(super) fn obstacle() -> Option<String> {
        None
    }
}
