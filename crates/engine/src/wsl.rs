//! Whether Windows lacks what Docker Desktop runs its engine in; used only when no engine answers.

/// Whether there is neither WSL nor Hyper-V. Systems other than Windows need none.
pub(crate) fn is_missing() -> bool {
    platform::is_missing()
}

#[cfg(windows)]
mod platform {
    use winreg::RegKey;
    use winreg::enums::HKEY_LOCAL_MACHINE;

    const SERVICES: &str = r"SYSTEM\CurrentControlSet\Services";
    /// WSL from the Store, WSL as a feature of Windows, Hyper-V. `wsl.exe` itself lies on every Windows.
    const ANY: [&str; 3] = ["WSLService", "LxssManager", "vmms"];

    pub(super) fn is_missing() -> bool {
        // Where services cannot be listed nothing is claimed.
        let Ok(services) = RegKey::predef(HKEY_LOCAL_MACHINE).open_subkey(SERVICES) else { return false };
        let none = |name| services.open_subkey(name).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound);
        ANY.into_iter().all(none)
    }
}

#[cfg(not(windows))]
mod platform {
    pub(super) fn is_missing() -> bool {
        false
    }
}
