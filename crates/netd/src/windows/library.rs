//! Loads `wireguard.dll`, and only the one that was looked at when this program was made.
#![expect(unsafe_code, reason = "a library can only be loaded on its caller's word that it is what it says")]

use hivemind_netd_protocol::Refused;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;
use wireguard_nt::Wireguard;

/// The driver's library, version 0.10 for amd64, signed by WireGuard LLC; as it lies in the crate `wireguard-nt` 0.5.
pub const DLL_SHA256: &str = "d2ad6ce25634776f5067fd9d5750a5e3d2add1adde98eb1f56a2df194d0e9cbb";
/// Others may read it meanwhile; nobody may change, replace or delete it.
const SHARE_READ: u32 = 1;
const MOST_BYTES: u64 = 16 << 20;

/// Looks at the library. While the file is held, it stays what it is.
///
/// # Errors
/// [`Refused::Library`] when it is missing or another one, [`Refused::System`] when it cannot be read.
pub fn checked(path: &Path) -> Result<File, Refused> {
    let opened = std::fs::OpenOptions::new().read(true).share_mode(SHARE_READ).open(path);
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refused::Library { found: None },
        _ => system(&error),
    })?;
    let mut hash = Sha256::new();
    let read = io::copy(&mut Read::take(&file, MOST_BYTES), &mut hash).map_err(|error| system(&error))?;
    if read == MOST_BYTES {
        return Err(Refused::Library { found: Some("unknown: it has 16 MiB or more".to_owned()) });
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == DLL_SHA256 {
        return Ok(file);
    }
    Err(Refused::Library { found: Some(found) })
}

fn system(error: &io::Error) -> Refused {
    Refused::System(error.raw_os_error().unwrap_or(0))
}

/// Loads it from beside this program.
///
/// # Errors
/// As [`checked`], and when it does not load.
pub(super) fn load() -> Result<Wireguard, Refused> {
    let own = std::env::current_exe().map_err(|error| system(&error))?;
    let path = own.with_file_name("wireguard.dll");
    let held = checked(&path)?;
    // SAFETY: the bytes are those of the signed library whose functions `wireguard-nt` declares; the handle keeps
    // anybody from putting others in their place before they are loaded.
    let library = unsafe { wireguard_nt::load_from_path(&path) };
    drop(held);
    library.map_err(|error| {
        tracing::warn!(%error, "the driver's library does not load");
        Refused::System(0)
    })
}
