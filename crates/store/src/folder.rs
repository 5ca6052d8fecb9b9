//! The data folder: one per worker, this user's alone.

use crate::{durable, own_file};
use hivemind_domain::ids::InstallId;
use hivemind_worker_core::port::Spool;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const SETTINGS: &str = "settings.toml";

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system names no home folder.
    #[error("no home folder is known; name a data folder")]
    NoHome,
    /// Somebody else could read or change what lies there.
    #[error("{path} is not safe to use: {why}")]
    Unsafe {
        /// Which folder or file.
        path: PathBuf,
        /// What is wrong, and what would be accepted.
        why: String,
    },
    /// The installation's id cannot be read.
    #[error("{path} is damaged; restore it, or delete it to begin as a new installation")]
    Identity {
        /// The file.
        path: PathBuf,
    },
    /// Another worker uses the folder.
    #[error("a worker is already running{} with the data folder {folder}", .pid.map(|p| format!(" (process {p})")).unwrap_or_default())]
    AlreadyRunning {
        /// The data folder.
        folder: PathBuf,
        /// Its process, where known.
        pid: Option<u32>,
    },
    /// The system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which folder or file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The folders of one installation. All exist, with mode 0700; on Windows they inherit the protection of the
/// user's profile.
#[derive(Debug, Clone)]
pub struct DataFolder {
    data: PathBuf,
    config: PathBuf,
    spool: PathBuf,
    logs: PathBuf,
    debug: PathBuf,
    runtime: PathBuf,
    install: InstallId,
}

impl DataFolder {
    /// Opens or creates the folder. With a path, everything lies below it; without one, data, configuration and
    /// sockets lie where the system wants them for this user.
    ///
    /// # Errors
    /// [`FolderError`] when a folder cannot be made, or belongs to others, or others may write there, or is a
    /// symbolic link.
    pub fn open(path: Option<&Path>) -> Result<Self, FolderError> {
        let (data, config, runtime) = places(path)?;
        let (spool, logs, debug) = (data.join("spool"), data.join("logs"), data.join("debug"));
        for folder in [&data, &config, &runtime, &spool, &logs, &debug] {
            private_folder(folder)?;
        }
        let install = identity(&data)?;
        Ok(Self { data, config, spool, logs, debug, runtime, install })
    }

    /// Where [`Self::settings_file`] would be with this path; nothing is made or looked at.
    #[must_use]
    pub fn settings_place(path: Option<&Path>) -> Option<PathBuf> {
        let (_, config, _) = places(path).ok()?;
        Some(config.join(SETTINGS))
    }

    /// Where the journal and everything else lies.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The settings file; it need not exist.
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.config.join(SETTINGS)
    }

    /// The computer's use over days.
    #[must_use]
    pub fn trend_file(&self) -> PathBuf {
        self.data.join("trend.bin")
    }

    /// The settings that were in force last, as their file had them.
    #[must_use]
    pub fn last_good_settings_file(&self) -> PathBuf {
        self.data.join("settings-last-good.toml")
    }

    /// The book of seconds.
    #[must_use]
    pub fn book_file(&self) -> PathBuf {
        self.data.join("book.jsonl")
    }

    /// The journal.
    #[must_use]
    pub fn journal_file(&self) -> PathBuf {
        self.data.join("journal.sqlite")
    }

    /// Folder of the configuration.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Folder of the output of tasks.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// Folder of what is kept of failed attempts.
    #[must_use]
    pub fn debug(&self) -> &Path {
        &self.debug
    }

    /// Folder of the user's socket. Its path may be longer than the 107 bytes a Unix socket's name can have.
    #[must_use]
    pub fn runtime(&self) -> &Path {
        &self.runtime
    }

    /// This installation, made once.
    #[must_use]
    pub fn install(&self) -> &InstallId {
        &self.install
    }

    /// Where packages and outputs lie.
    #[must_use]
    pub fn spool(&self) -> Spool {
        Spool { folder: self.spool.clone(), install: self.install.clone() }
    }

    /// Makes this process the folder's one worker until the guard is dropped or the process ends.
    ///
    /// # Errors
    /// [`FolderError::AlreadyRunning`] when another process is.
    pub fn lock(&self) -> Result<Lock, FolderError> {
        let path = self.data.join("worker.lock");
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = own_file::open(&mut options, &path).map_err(|e| io_error(&path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // On Windows the locked file cannot be read; then the process stays unknown.
                let _ = (&file).take(16).read_to_string(&mut text);
                return Err(FolderError::AlreadyRunning {
                    folder: self.data.clone(),
                    pid: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(FolderError::Io { path, source }),
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|e| io_error(&path, e))?;
        // It may hold a secret.
        durable::sweep(&self.data);
        Ok(Lock { _file: file })
    }
}

/// Proof that this process is the folder's one worker.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Data, configuration and sockets.
fn places(path: Option<&Path>) -> Result<(PathBuf, PathBuf, PathBuf), FolderError> {
    match path {
        Some(path) => {
            let data = std::path::absolute(path).map_err(|e| io_error(path, e))?;
            Ok((data.clone(), data.join("config"), data.join("run")))
        }
        None => {
            let places =
                directories::ProjectDirs::from("", "", "hivemind-worker").ok_or(FolderError::NoHome)?;
            let data = places.data_local_dir().to_path_buf();
            let runtime = places.runtime_dir().map_or_else(|| data.join("run"), Path::to_path_buf);
            Ok((data, places.config_dir().to_path_buf(), runtime))
        }
    }
}

fn io_error(path: &Path, source: io::Error) -> FolderError {
    FolderError::Io { path: path.to_path_buf(), source }
}

fn private_folder(path: &Path) -> Result<(), FolderError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    // What stands there already is judged as it is: `create` would follow a link.
    if path.symlink_metadata().is_err() {
        builder.create(path).map_err(|e| io_error(path, e))?;
    }
    let found = path.symlink_metadata().map_err(|e| io_error(path, e))?;
    let refuse = |why: &str| Err(FolderError::Unsafe { path: path.to_path_buf(), why: why.to_owned() });
    if found.file_type().is_symlink() {
        return refuse("it is a symbolic link; name the folder itself");
    }
    if !found.is_dir() {
        return refuse("it is not a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        if found.uid() != rustix::process::geteuid().as_raw() {
            return refuse("it belongs to another user");
        }
        let mode = found.mode() & 0o777;
        if mode & 0o022 != 0 {
            return refuse(&format!("others may write there (mode {mode:o}); it must be 700"));
        }
        if mode != 0o700 {
            let only_us = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(path, only_us).map_err(|e| io_error(path, e))?;
        }
        if let Some(open) = path.ancestors().skip(1).find(|a| anybody_may_rename_in(a)) {
            return refuse(&format!(
                "anybody may replace it, because anybody may write to {}",
                open.display()
            ));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn anybody_may_rename_in(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    folder.metadata().is_ok_and(|m| m.mode() & 0o002 != 0 && m.mode() & STICKY == 0)
}

/// Reads the installation's id, or makes it. Two processes that make it at once agree on one.
fn identity(data: &Path) -> Result<InstallId, FolderError> {
    let path = data.join("install-id");
    if path.symlink_metadata().is_err() {
        let made = durable::unique().map_err(|e| io_error(&path, e))?;
        let temporary = data.join(format!(".{made}.tmp"));
        let linked = durable::private_new(&temporary).and_then(|mut file| {
            writeln!(file, "{made}")?;
            file.sync_all()?;
            drop(file);
            // Unlike a rename, this fails when another process was first.
            match std::fs::hard_link(&temporary, &path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        });
        let _ = std::fs::remove_file(&temporary);
        linked.and_then(|()| durable::sync_folder(data)).map_err(|e| io_error(&path, e))?;
    }
    let mut text = String::new();
    // For a moment it has two names, where another process makes it at this very time.
    let read = own_file::read_shared(&path).and_then(|file| file.take(256).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::InvalidData => return Err(FolderError::Identity { path }),
        Err(source) => return Err(FolderError::Io { path, source }),
    }
    let is_ours = |t: &str| t.len() == 32 && t.bytes().all(|b| b.is_ascii_hexdigit());
    let id = Some(text.trim()).filter(|t| is_ours(t)).and_then(|t| InstallId::new(t).ok());
    id.ok_or(FolderError::Identity { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installation_stays_the_same() {
        let at = tempfile::tempdir().unwrap();
        let path = at.path().join("deep/er");
        let first = DataFolder::open(Some(&path)).unwrap();
        let again = DataFolder::open(Some(&path)).unwrap();
        assert_eq!(first.install(), again.install());
        assert!(first.spool().folder.is_dir() && first.logs().is_dir() && first.runtime().is_dir());
        assert!(!first.settings_file().exists());
        let names = std::fs::read_dir(&path).unwrap().count();
        assert_eq!(names, 6, "config, run, spool, logs, debug, install-id and nothing temporary");
    }

    #[test]
    fn many_first_starts_agree_on_one_installation() {
        let at = tempfile::tempdir().unwrap();
        let path = at.path().join("d");
        let ids: Vec<_> = std::thread::scope(|scope| {
            let open = || DataFolder::open(Some(&path)).map(|f| f.install().clone());
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|t| t.join().unwrap().unwrap()).collect()
        });
        assert!(ids.windows(2).all(|w| w[0] == w[1]), "{ids:?}");
    }

    #[test]
    fn one_worker_per_folder() {
        let at = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(Some(at.path())).unwrap();
        let guard = folder.lock().unwrap();
        let error = folder.lock().unwrap_err();
        assert!(matches!(error, FolderError::AlreadyRunning { .. }), "{error}");
        #[cfg(unix)]
        assert!(error.to_string().contains(&format!("(process {})", std::process::id())), "{error}");
        drop(guard);
        folder.lock().unwrap();
    }

    #[test]
    fn a_damaged_identity_is_said_and_kept() {
        let at = tempfile::tempdir().unwrap();
        DataFolder::open(Some(at.path())).unwrap();
        let file = at.path().join("install-id");
        for content in [&b""[..], b"\xff\xfe\n", b"../../etc/passwd\n", b"short\n", &[b'a'; 5000]] {
            std::fs::write(&file, content).unwrap();
            let error = DataFolder::open(Some(at.path())).unwrap_err();
            assert!(matches!(error, FolderError::Identity { .. }), "{error}");
            assert_eq!(std::fs::read(&file).unwrap(), content);
        }
    }

    #[cfg(unix)]
    mod on_unix {
        use super::*;
        use std::os::unix::fs::{PermissionsExt, chown, symlink};

        fn mode(path: &Path) -> u32 {
            path.metadata().unwrap().permissions().mode() & 0o777
        }

        fn set(path: &Path, mode: u32) {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }

        #[test]
        fn every_folder_and_file_is_this_users_alone() {
            let at = tempfile::tempdir().unwrap();
            let path = at.path().join("d");
            let folder = DataFolder::open(Some(&path)).unwrap();
            let _lock = folder.lock().unwrap();
            for part in ["", "config", "run", "spool", "logs", "debug"] {
                assert_eq!(mode(&path.join(part)), 0o700, "{part}");
            }
            for part in ["install-id", "worker.lock"] {
                assert_eq!(mode(&path.join(part)), 0o600, "{part}");
            }
        }

        #[test]
        fn readable_folders_are_closed_and_writable_ones_refused() {
            let at = tempfile::tempdir().unwrap();
            let path = at.path().join("d");
            std::fs::create_dir(&path).unwrap();
            set(&path, 0o755);
            DataFolder::open(Some(&path)).unwrap();
            assert_eq!(mode(&path), 0o700);
            for bad in [0o770, 0o702, 0o777] {
                set(&path, bad);
                let error = DataFolder::open(Some(&path)).unwrap_err();
                assert!(error.to_string().contains("others may write there"), "{error}");
            }
            set(&path, 0o700);
            set(&path.join("spool"), 0o770);
            assert!(DataFolder::open(Some(&path)).is_err());
        }

        #[test]
        fn planted_links_and_files_are_refused() {
            let at = tempfile::tempdir().unwrap();
            let (real, link) = (at.path().join("real"), at.path().join("link"));
            DataFolder::open(Some(&real)).unwrap();
            symlink(&real, &link).unwrap();
            let error = DataFolder::open(Some(&link)).unwrap_err();
            assert!(error.to_string().contains("symbolic link"), "{error}");
            let other = tempfile::tempdir().unwrap();
            for part in ["spool", "logs", "debug", "config", "run"] {
                let (path, moved) = (real.join(part), real.join("moved"));
                std::fs::rename(&path, &moved).unwrap();
                symlink(other.path(), &path).unwrap();
                assert!(DataFolder::open(Some(&real)).is_err(), "{part}");
                std::fs::remove_file(&path).unwrap();
                std::fs::rename(&moved, &path).unwrap();
            }
            let folder = DataFolder::open(Some(&real)).unwrap();
            let victim = other.path().join("victim");
            symlink(&victim, real.join("worker.lock")).unwrap();
            assert!(folder.lock().is_err());
            assert!(!victim.exists(), "the lock followed a link");
            std::fs::rename(real.join("install-id"), &victim).unwrap();
            symlink(&victim, real.join("install-id")).unwrap();
            assert!(DataFolder::open(Some(&real)).is_err());
            let file = at.path().join("file");
            std::fs::write(&file, "").unwrap();
            assert!(DataFolder::open(Some(&file)).is_err());
        }

        #[test]
        fn a_folder_that_anybody_may_swap_is_refused() {
            let at = tempfile::tempdir().unwrap();
            let open = at.path().join("open");
            std::fs::create_dir(&open).unwrap();
            set(&open, 0o777);
            assert!(DataFolder::open(Some(&open.join("d"))).is_err());
            set(&open, 0o1777);
            DataFolder::open(Some(&open.join("d"))).unwrap();
        }

        #[test]
        fn a_folder_of_another_user_is_refused() {
            let at = tempfile::tempdir().unwrap();
            let path = at.path().join("d");
            std::fs::create_dir(&path).unwrap();
            if chown(&path, Some(65_534), None).is_err() {
                eprintln!("SKIPPED a_folder_of_another_user_is_refused: only root can give a folder away");
                return;
            }
            let error = DataFolder::open(Some(&path)).unwrap_err();
            assert!(error.to_string().contains("another user"), "{error}");
        }
    }
}
