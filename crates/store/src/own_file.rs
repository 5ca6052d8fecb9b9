//! Opening what lies in our own folder, where somebody may once have planted something else: a link to another file, a
//! pipe that would hold us for ever, a device, a file of another user. It is refused before a byte is read or written.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a file of ours to be read.
///
/// # Errors
/// When it cannot be opened, or is no ordinary file of ours.
pub(crate) fn read(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// Opens a file of ours as `options` say; one that is made is readable by this user only. Nothing may be cut off by
/// `options`: that would happen before the file is looked at.
///
/// # Errors
/// When it cannot be opened, or is no ordinary file of ours.
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = system::open(options, path, true)?;
    system::judge(&file, true)?;
    system::close_to_others(&file)?;
    Ok(file)
}

/// The same as [`read`] for a file that may have a second name, because it is made under one and then given its own.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_shared(path: &Path) -> io::Result<File> {
    let file = system::open(OpenOptions::new().read(true), path, true)?;
    system::judge(&file, false)?;
    Ok(file)
}

/// Opens a file that its owner writes and may keep elsewhere, behind a link: an ordinary file all the same, which
/// nobody else may change.
///
/// # Errors
/// When it cannot be opened, or is something else.
pub(crate) fn read_owners(path: &Path) -> io::Result<File> {
    let file = system::open(OpenOptions::new().read(true), path, false)?;
    system::judge(&file, false)?;
    Ok(file)
}

/// Looks at a file that somebody else will open by its name; one that is not there is fine.
///
/// # Errors
/// When it is no ordinary file of ours.
pub(crate) fn look(path: &Path) -> io::Result<()> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened.map(drop),
    }
}

fn refused(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.into())
}

#[cfg(unix)]
mod system {
    use super::{File, OpenOptions, Path, io, refused};
    use rustix::fs::OFlags;
    use rustix::io::Errno;
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

    pub(super) fn open(options: &mut OpenOptions, path: &Path, no_links: bool) -> io::Result<File> {
        // Opening a pipe without this waits for its other end.
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        if no_links {
            flags |= OFlags::NOFOLLOW;
        }
        let opened = options.mode(0o600).custom_flags(flags.bits().cast_signed()).open(path);
        opened.map_err(|error| match error.raw_os_error() {
            Some(code) if no_links && code == Errno::LOOP.raw_os_error() => refused("it is a symbolic link"),
            Some(code) if code == Errno::NXIO.raw_os_error() => refused("it is no ordinary file"),
            _ => error,
        })
    }

    pub(super) fn judge(file: &File, alone: bool) -> io::Result<()> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(refused("it is no ordinary file"));
        }
        // What root put there, no other user could have planted.
        if found.uid() != 0 && found.uid() != rustix::process::geteuid().as_raw() {
            return Err(refused(format!("it belongs to another user (number {})", found.uid())));
        }
        if found.mode() & 0o002 != 0 {
            return Err(refused(format!("anybody may change it (mode {:o})", found.mode() & 0o777)));
        }
        // What is written to it would be written to the other name too.
        if alone && found.nlink() > 1 {
            return Err(refused("it has a second name elsewhere (a hard link)"));
        }
        Ok(())
    }

    pub(super) fn close_to_others(file: &File) -> io::Result<()> {
        if file.metadata()?.mode() & 0o077 == 0 {
            return Ok(());
        }
        file.set_permissions(Permissions::from_mode(0o600))
    }
}

/// Elsewhere the folder's access list, which is inherited, keeps others out.
#[cfg(not(unix))]
mod system {
    use super::{File, OpenOptions, Path, io, refused};

    pub(super) fn open(options: &mut OpenOptions, path: &Path, _no_links: bool) -> io::Result<File> {
        options.open(path)
    }

    pub(super) fn judge(file: &File, _alone: bool) -> io::Result<()> {
        if file.metadata()?.is_file() { Ok(()) } else { Err(refused("it is no ordinary file")) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the Unix twin can fail")]
    pub(super) fn close_to_others(_file: &File) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_an_ordinary_file_of_ours_is_opened_and_it_is_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(0o664)).unwrap();
        read(&at("file")).unwrap();
        assert_eq!(at("file").metadata().unwrap().permissions().mode() & 0o777, 0o600);
        symlink(at("file"), at("link")).unwrap();
        assert!(read(&at("link")).unwrap_err().to_string().contains("symbolic link"));
        read_owners(&at("link")).unwrap();
        assert!(read(&at("missing")).unwrap_err().kind() == io::ErrorKind::NotFound);
        look(&at("missing")).unwrap();
        std::fs::hard_link(at("file"), at("second")).unwrap();
        for name in ["file", "second"] {
            assert!(look(&at(name)).unwrap_err().to_string().contains("hard link"));
        }
        std::fs::remove_file(at("second")).unwrap();
        std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(0o602)).unwrap();
        for opened in [read(&at("file")), read_owners(&at("file"))] {
            assert!(opened.unwrap_err().to_string().contains("mode 602"));
        }
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let write = || open(OpenOptions::new().append(true), &at("pipe"));
        for opened in [read(&at("pipe")), read_owners(&at("pipe")), write(), read(folder.path())] {
            assert!(opened.unwrap_err().to_string().contains("no ordinary file"));
        }
    }
}
