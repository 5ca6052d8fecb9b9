//! Loads `wireguard.dll`, and only the one that was looked at when this program was made.
#![expect(unsafe_code, reason = "a library can only be loaded on its caller's word that it is what it says")]

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
/// It is missing or another one.
pub fn checked(path: &Path) -> io::Result<File> {
    let file = std::fs::OpenOptions::new().read(true).share_mode(SHARE_READ).open(path)?;
    let mut hash = Sha256::new();
    io::copy(&mut Read::take(&file, MOST_BYTES), &mut hash)?;
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == DLL_SHA256 {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "wireguard.dll is not the one that belongs to this program",
    ))
}

/// Loads it from beside this program.
///
/// # Errors
/// It is missing, another one, or does not load.
pub(super) fn load() -> io::Result<Wireguard> {
    let path = std::env::current_exe()?.with_file_name("wireguard.dll");
    let held = checked(&path)?;
    // SAFETY: the bytes are those of the signed library whose functions `wireguard-nt` declares; the handle keeps
    // anybody from putting others in their place before they are loaded.
    let library = unsafe { wireguard_nt::load_from_path(&path) }.map_err(io::Error::other);
    drop(held);
    library
}
