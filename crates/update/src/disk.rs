//! The few things that are done to files, each durable when it returns.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// What is done to files. A trait, so that tests can cut the power between any two.
pub trait Disk {
    /// Writes a new file from `content` and makes it durable; an old one of that name is replaced.
    ///
    /// # Errors
    /// As the file system says; what `content` says.
    fn write(&self, at: &Path, content: &mut dyn Read) -> io::Result<()>;
    /// Puts `from` where `to` is, in one step.
    ///
    /// # Errors
    /// As the file system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// As the file system says.
    fn remove(&self, at: &Path) -> io::Result<()>;
    /// Lets programs of this user, and whoever could before, start the file.
    ///
    /// # Errors
    /// As the file system says.
    fn allow_starting(&self, at: &Path, as_this: &Path) -> io::Result<()>;
}

/// The disk of this computer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDisk;

/// Makes what happened in the folder durable. Windows does so by itself.
fn sync_folder(of: &Path) -> io::Result<()> {
    if cfg!(unix)
        && let Some(folder) = of.parent()
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

impl Disk for SystemDisk {
    fn write(&self, at: &Path, content: &mut dyn Read) -> io::Result<()> {
        self.remove(at)?;
        // Made anew: a link that somebody laid here in between is not followed.
        let mut file = OpenOptions::new().write(true).create_new(true).open(at)?;
        io::copy(content, &mut file)?;
        file.flush()?;
        file.sync_all()?;
        sync_folder(at)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        sync_folder(to)
    }

    fn remove(&self, at: &Path) -> io::Result<()> {
        match fs::remove_file(at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync_folder(at),
        }
    }

    fn allow_starting(&self, at: &Path, as_this: &Path) -> io::Result<()> {
        let file = File::open(at)?;
        fs::set_permissions(at, fs::metadata(as_this)?.permissions())?;
        file.sync_all()
    }
}
