//! Debugging data of failed attempts: a folder for each, under a quota and for some days.
//!
//! No symbolic link is ever followed: what is not a plain folder or a plain file of ours is neither read nor listed,
//! and a link inside a folder is removed as a link.

use crate::durable;
use async_trait::async_trait;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::time::WallMs;
use hivemind_worker_core::port::{Clock, DebugArchive, DebugFolder, DebugLimits, DebugParts, StoreError};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const ABOUT: &str = "about.json";
const OUTPUTS: &str = "outputs.zip";
const DAY_MS: i64 = 86_400_000;
/// Bytes of `about.json` that are read.
const MOST_ABOUT: u64 = 4096;
/// Ends the name of a folder that is not whole yet.
const HALF: &str = ".half";

/// Written last into every folder.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    kept_at_ms: i64,
    /// `kept`, `none`, or `over_quota`.
    outputs: String,
}

/// Debugging data below one folder, which exists and is this user's alone.
#[derive(Clone)]
pub struct FileDebug {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    one_at_a_time: Mutex<()>,
}

/// A whole folder.
struct Kept {
    path: PathBuf,
    at_ms: i64,
    bytes: u64,
}

impl FileDebug {
    /// Below `folder`.
    #[must_use]
    pub fn new(folder: &Path, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner { folder: folder.to_path_buf(), clock, one_at_a_time: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        durable::blocking(move || {
            let _alone = inner.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
            work(&inner).map_err(|e| durable::failed("debugging data in", &inner.folder, &e))
        })
        .await
    }
}

#[async_trait]
impl DebugArchive for FileDebug {
    async fn keep(&self, key: &TaskKey, parts: DebugParts, limits: DebugLimits) -> Result<(), StoreError> {
        let key = key.clone();
        self.on_disk(move |inner| {
            let kept = inner.keep(&key, &parts, limits);
            if let Some(log) = &parts.log {
                // Gone when it was taken along.
                let _ = std::fs::remove_file(log);
            }
            kept?;
            inner.sweep(limits)
        })
        .await
    }

    async fn find(&self, key: &TaskKey) -> Result<Option<DebugFolder>, StoreError> {
        let key = key.clone();
        self.on_disk(move |inner| {
            let folder = inner.folder_of(&key);
            let Some(about) = about(&folder) else { return Ok(None) };
            let mut files = plain_files(&folder)?;
            files.sort();
            Ok(Some(DebugFolder { folder, kept_at: WallMs(about.kept_at_ms), files }))
        })
        .await
    }

    async fn sweep(&self, limits: DebugLimits) -> Result<(), StoreError> {
        self.on_disk(move |inner| {
            inner.remove_halves()?;
            inner.sweep(limits)
        })
        .await
    }
}

/// A folder of this user alone. On Windows the data folder's own rights hold inside it.
fn create_private(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(folder);
    #[cfg(not(unix))]
    std::fs::create_dir(folder)
}

impl Inner {
    fn folder_of(&self, key: &TaskKey) -> PathBuf {
        self.folder.join(format!("{}.{}", key.task, key.attempt))
    }

    fn keep(&self, key: &TaskKey, parts: &DebugParts, limits: DebugLimits) -> io::Result<()> {
        if limits.days == 0 {
            return Ok(());
        }
        let half = self.folder.join(format!("{}{HALF}", durable::unique()?));
        create_private(&half)?;
        let filled = self.fill(&half, parts, limits.quota_bytes).and_then(|fits| {
            if !fits {
                return std::fs::remove_dir_all(&half);
            }
            let target = self.folder_of(key);
            remove_entry(&target)?;
            std::fs::rename(&half, &target)
        });
        if filled.is_err() {
            let _ = std::fs::remove_dir_all(&half);
        }
        filled
    }

    /// Whether it fits into the quota at all.
    fn fill(&self, half: &Path, parts: &DebugParts, quota: u64) -> io::Result<bool> {
        let texts = [
            ("report.json", Some(&parts.report)),
            ("container.json", parts.container.as_ref()),
            ("package.txt", parts.package.as_ref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                durable::private_new(&half.join(name))?.write_all(text.as_bytes())?;
            }
        }
        if let Some(log) = parts.log.as_ref().filter(|log| is_plain(log)) {
            take(log, &half.join("log.txt"))?;
        }
        let used = size_of(half)?;
        let outputs = match parts.outputs.as_ref().filter(|outputs| is_plain(outputs)) {
            None => "none",
            Some(outputs) if used.saturating_add(outputs.symlink_metadata()?.len()) > quota => "over_quota",
            Some(outputs) => {
                let target = half.join(OUTPUTS);
                // The same bytes under a second name, where the file system can.
                if std::fs::hard_link(outputs, &target).is_err() {
                    io::copy(&mut File::open(outputs)?, &mut durable::private_new(&target)?)?;
                }
                "kept"
            }
        };
        let about = About { kept_at_ms: self.clock.now().wall.0, outputs: outputs.to_owned() };
        let text = serde_json::to_vec(&about).map_err(io::Error::other)?;
        durable::private_new(&half.join(ABOUT))?.write_all(&text)?;
        Ok(size_of(half)? <= quota)
    }

    fn remove_halves(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(HALF) {
                remove_entry(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes what is too old, then the oldest until the rest fits.
    fn sweep(&self, limits: DebugLimits) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Some(about) = about(&path) else { continue };
            kept.push(Kept { bytes: size_of(&path)?, at_ms: about.kept_at_ms, path });
        }
        kept.sort_by_key(|kept| kept.at_ms);
        let days = i64::try_from(limits.days).unwrap_or(i64::MAX);
        let now = self.clock.now().wall.0;
        let oldest = now.saturating_sub(days.saturating_mul(DAY_MS));
        let mut sum: u64 = kept.iter().map(|kept| kept.bytes).sum();
        for kept in kept {
            // A clock that was wrong then must not keep it for ever.
            let too_old = limits.days == 0 || kept.at_ms < oldest || kept.at_ms > now.saturating_add(DAY_MS);
            if too_old || sum > limits.quota_bytes {
                std::fs::remove_dir_all(&kept.path)?;
                sum = sum.saturating_sub(kept.bytes);
            }
        }
        Ok(())
    }
}

fn is_plain(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}

/// Moves a file; between file systems it is copied.
fn take(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::rename(from, to).is_err() {
        io::copy(&mut File::open(from)?, &mut durable::private_new(to)?)?;
    }
    #[cfg(unix)]
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// What a whole folder of ours says about itself; nothing for anything else.
fn about(folder: &Path) -> Option<About> {
    let path = folder.join(ABOUT);
    let ours = folder.symlink_metadata().is_ok_and(|found| found.is_dir()) && is_plain(&path);
    if !ours || folder.to_string_lossy().ends_with(HALF) {
        return None;
    }
    let mut text = Vec::new();
    File::open(path).ok()?.take(MOST_ABOUT).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Name and size of the plain files of a folder.
fn plain_files(folder: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.path().symlink_metadata()?;
        if found.is_file() {
            files.push((entry.file_name().to_string_lossy().into_owned(), found.len()));
        }
    }
    Ok(files)
}

fn size_of(folder: &Path) -> io::Result<u64> {
    Ok(plain_files(folder)?.iter().map(|(_, size)| size).sum())
}

/// Removes whatever stands there; a link as the link it is.
fn remove_entry(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
