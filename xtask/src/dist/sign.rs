//! Signatures for Windows: by a command of whoever holds the key, looked at afterwards.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::program::{capture, program, run};

/// Names the command; the file to sign is its last argument, and is signed in its place.
pub const VARIABLE: &str = "HIVEMIND_SIGN";

/// The entry of a program's header that tells where its signature lies, and the word of programs of 64 bits.
const SECURITY: usize = 4;
const PE32_PLUS: u16 = 0x20b;
/// Where Windows Installer keeps the signature of an installer.
const STREAM: &str = "DigitalSignature";

/// Who signs.
pub struct Signer(Vec<String>);

impl Signer {
    /// Nobody where the variable is not set, or empty.
    pub fn from_environment() -> Option<Self> {
        Self::of(&std::env::var(VARIABLE).ok()?)
    }

    /// A program and its arguments, with blanks between.
    pub fn of(command: &str) -> Option<Self> {
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// Signs a program.
    ///
    /// # Errors
    /// When the command fails, or leaves no signature.
    pub fn program(&self, file: &Path) -> Result<()> {
        self.sign(file)?;
        if !is_signed(file)? {
            bail!("{VARIABLE} ended well, and {} bears no signature", file.display());
        }
        Ok(())
    }

    /// Signs an installer.
    ///
    /// # Errors
    /// As [`Self::program`].
    pub fn installer(&self, file: &Path) -> Result<()> {
        self.sign(file)?;
        if !capture(program("msiinfo").arg("streams").arg(file))?.contains(STREAM) {
            bail!("{VARIABLE} ended well, and {} bears no signature", file.display());
        }
        Ok(())
    }

    fn sign(&self, file: &Path) -> Result<()> {
        let (name, arguments) = self.0.split_first().context("no command")?;
        run(program(name).args(arguments).arg(file))
    }
}

/// Whether a program of 64-bit Windows says that it bears a signature. Whose it is, and whether it holds, is for Windows.
///
/// # Errors
/// When it cannot be read, or is no such program.
pub fn is_signed(file: &Path) -> Result<bool> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    signature(&bytes).with_context(|| format!("{} is no program of 64-bit Windows", file.display()))
}

fn signature(bytes: &[u8]) -> Option<bool> {
    let word = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?));
    if !bytes.starts_with(b"MZ") {
        return None;
    }
    let header = usize::try_from(long(0x3c)?).ok()?;
    if bytes.get(header..header.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let optional = header + 24;
    if word(optional)? != PE32_PLUS {
        return None;
    }
    Some(long(optional + 112 + SECURITY * 8 + 4)? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brought;
    use crate::folders::Folders;

    #[test]
    fn a_signature_is_seen_and_its_absence_too() {
        let root = Folders::find().unwrap().root;
        let driver =
            brought::path(&root, "wireguard-nt/examples/wireguard_nt/bin/amd64/wireguard.dll").unwrap();
        let mut bytes = fs::read(driver).unwrap();
        assert_eq!(signature(&bytes), Some(true));
        let header = u32::from_le_bytes(bytes[0x3c..0x40].try_into().unwrap()) as usize;
        bytes[header + 24 + 112 + 32..][..8].fill(0);
        assert_eq!(signature(&bytes), Some(false));
        for length in [0, 2, 0x3f, header + 3, header + 25, header + 24 + 112 + 39] {
            assert_eq!(signature(&bytes[..length]), None, "{length} bytes");
        }
        assert_eq!(signature(b"\x7fELF"), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_command_that_signs_nothing_is_noticed() {
        let root = Folders::find().unwrap().root;
        let driver =
            brought::path(&root, "wireguard-nt/examples/wireguard_nt/bin/amd64/wireguard.dll").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program.exe");
        fs::copy(&driver, &file).unwrap();
        Signer::of("true").unwrap().program(&file).unwrap();
        assert!(Signer::of("false").unwrap().program(&file).is_err());
        let mut bytes = fs::read(&file).unwrap();
        let header = u32::from_le_bytes(bytes[0x3c..0x40].try_into().unwrap()) as usize;
        bytes[header + 24 + 112 + 32..][..8].fill(0);
        fs::write(&file, bytes).unwrap();
        let error = Signer::of(" true  --quietly ").unwrap().program(&file).unwrap_err().to_string();
        assert!(error.contains("bears no signature"), "{error}");
        assert!(Signer::of("  ").is_none());
    }
}
