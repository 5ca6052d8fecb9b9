//! Everything that lies in a working folder when its program starts.

use super::{Package, append_companion, append_folder, append_python, begin_tar, header};
use crate::companion::Opened;
use crate::dependencies::cache::Found;
use std::io::{self, Read, Write};

/// Name of the installer's input.
const REQUIREMENTS: &str = "requirements.txt";

#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) package: Option<Package>,
    pub(crate) companion: Option<Opened>,
    pub(crate) dependencies: Option<Found>,
    /// For an installation.
    pub(crate) requirements: Option<String>,
}

impl Contents {
    /// Bytes of all files together, roughly.
    pub(crate) fn bytes(&self) -> u64 {
        let package = self.package.as_ref().map_or(0, Package::unpacked_bytes);
        package.saturating_add(self.dependencies.as_ref().map_or(0, |found| found.bytes))
    }

    /// Writes the tar stream for the working folder. Blocks.
    pub(crate) fn write_tar<W: Write>(self, into: W) -> io::Result<W> {
        let mut tar = tar::Builder::new(into);
        begin_tar(&mut tar)?;
        append_python(&mut tar)?;
        if let Some(package) = &self.package {
            package.append_to(&mut tar)?;
        }
        if let Some(text) = self.requirements {
            append_folder(&mut tar, "tmp/")?;
            let mut header = header(tar::EntryType::Regular, 0o644);
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, REQUIREMENTS, text.as_bytes())?;
        }
        if let Some(found) = self.dependencies {
            // Kept as the entries of a stream: they go in as they are.
            let copied = io::copy(&mut found.file.take(found.bytes), tar.get_mut())?;
            if copied != found.bytes {
                return Err(io::Error::other("kept dependencies were cut off"));
            }
        }
        append_companion(&mut tar, self.companion)?;
        tar.into_inner()
    }
}
