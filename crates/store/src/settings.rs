//! The owner's settings: flag before environment before file before built-in value.
//!
//! The file is `settings.toml`, one `key = value` per setting. What its owner wrote around the values stays.

use crate::policy::{policy_file, read_policy};
use crate::{durable, own_file};
use async_trait::async_trait;
use hivemind_domain::settings::{KEYS, Key, Kind, SettingError, Settings, Source, key};
use hivemind_domain::text::plain_line;
use hivemind_domain::trust::TrustLimits;
use hivemind_worker_core::port::{SettingsChangeError, SettingsStore, StoreError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use toml_edit::{DocumentMut, Item, Value};

const MOST_BYTES: u64 = 256 << 10;

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsLoadError {
    /// A key or value is not allowed.
    #[error("{place}: {error}")]
    Invalid {
        /// The file, the variable or the flag.
        place: String,
        /// Key, value and what is allowed.
        error: SettingError,
    },
    /// The file cannot be understood.
    #[error("{place}: {reason}")]
    Syntax {
        /// The file.
        place: String,
        /// Line and reason.
        reason: String,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Settings with their file.
#[derive(Debug)]
pub struct FileSettings {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// What environment and flags say, for good.
    fixed: Vec<(&'static str, String, Source)>,
    current: Mutex<Arc<Settings>>,
    rewriting: Mutex<()>,
    trust: TrustLimits,
    /// Where the settings in force are kept, so that they outlive a mistake in the file.
    good: Option<PathBuf>,
    /// Why the last good settings are in force instead of the file's.
    trouble: Option<SettingsLoadError>,
}

impl FileSettings {
    /// Reads everything. `env` looks up an environment variable; an empty one counts as unset, as compose files
    /// pass them on. `flags` are keys with values, as the command line gave them.
    ///
    /// # Errors
    /// [`SettingsLoadError`] for the first value that cannot be used, naming where it stands.
    pub fn load(
        path: &Path,
        env: impl Fn(&str) -> Option<String>,
        flags: &[(String, String)],
    ) -> Result<Self, SettingsLoadError> {
        let mut inner = Inner::with_fixed(path, env, flags)?;
        let document = inner.read(path)?;
        let settings = inner.evaluate(&document)?;
        inner.current = Mutex::new(Arc::new(settings));
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same for a worker that is to run: where the file cannot be understood, the settings that were in force last
    /// stay so, as `good` keeps them, and [`Self::trouble`] says why. The file is left as it is.
    ///
    /// # Errors
    /// As [`Self::load`], also when no good settings were ever kept: to guess could lend more than the owner allowed.
    pub fn load_or_last_good(
        path: &Path,
        good: &Path,
        env: impl Fn(&str) -> Option<String>,
        flags: &[(String, String)],
    ) -> Result<Self, SettingsLoadError> {
        let mut inner = Inner::with_fixed(path, env, flags)?;
        let read = inner.read(path).and_then(|document| Ok((inner.evaluate(&document)?, document)));
        let settings = match read {
            Ok((settings, document)) => {
                keep_good(good, &document);
                settings
            }
            Err(error @ (SettingsLoadError::Invalid { .. } | SettingsLoadError::Syntax { .. }))
                if good.exists() =>
            {
                let Ok(settings) = inner.read(good).and_then(|document| inner.evaluate(&document)) else {
                    return Err(error);
                };
                inner.trouble = Some(error);
                settings
            }
            Err(error) => return Err(error),
        };
        inner.current = Mutex::new(Arc::new(settings));
        inner.good = Some(good.to_path_buf());
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The settings file; it need not exist.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Why the last good settings are in force instead of the file's.
    #[must_use]
    pub fn trouble(&self) -> Option<&SettingsLoadError> {
        self.inner.trouble.as_ref()
    }
}

/// Keeps them where they differ. Without the copy only a later mistake in the file is less comfortable.
fn keep_good(good: &Path, document: &DocumentMut) {
    let text = document.to_string();
    if text.is_empty() && !good.exists() {
        return;
    }
    let kept = own_file::read_owners(good).and_then(|file| io::read_to_string(file.take(MOST_BYTES + 1)));
    if kept.is_ok_and(|kept| kept == text) {
        return;
    }
    if let Err(error) = durable::replace(good, text.as_bytes()) {
        tracing::warn!(%error, "the settings in force are not kept");
    }
}

impl Inner {
    /// What environment and flags say; the file is yet to be read.
    fn with_fixed(
        path: &Path,
        env: impl Fn(&str) -> Option<String>,
        flags: &[(String, String)],
    ) -> Result<Self, SettingsLoadError> {
        let mut fixed = Vec::new();
        for key in KEYS {
            let Some(name) = key.env else { continue };
            let Some(text) = env(name).filter(|text| !text.trim().is_empty()) else { continue };
            let value = key.check(&text).map_err(|e| invalid(format!("environment variable {name}"), e))?;
            fixed.push((key.name, value, Source::Environment));
        }
        for (name, text) in flags {
            let place = || key(name).and_then(|k| k.flag).map_or_else(|| name.clone(), str::to_owned);
            let mut probe = Settings::default();
            probe.apply(name, text, Source::Flag).map_err(|e| invalid(format!("flag {}", place()), e))?;
            if let Some(key) = key(name) {
                fixed.push((key.name, probe.text(key.name).to_owned(), Source::Flag));
            }
        }
        let trust = read_policy(&policy_file(path))?;
        Ok(Self {
            path: path.to_path_buf(),
            fixed,
            current: Mutex::default(),
            rewriting: Mutex::default(),
            trust,
            good: None,
            trouble: None,
        })
    }
}

#[async_trait]
impl SettingsStore for FileSettings {
    fn current(&self) -> Arc<Settings> {
        Arc::clone(&self.inner.current())
    }

    fn trust_limits(&self) -> TrustLimits {
        self.inner.trust.clone()
    }

    async fn set(&self, key: &str, value: Option<&str>) -> Result<Settings, SettingsChangeError> {
        let inner = Arc::clone(&self.inner);
        let (key, value) = (key.to_owned(), value.map(str::to_owned));
        let work = tokio::task::spawn_blocking(move || inner.set(&key, value.as_deref()));
        work.await.unwrap_or_else(|e| {
            Err(StoreError { disk_full: false, message: format!("work on the disk broke off: {e}") }.into())
        })
    }
}

impl Inner {
    fn current(&self) -> std::sync::MutexGuard<'_, Arc<Settings>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> String {
        plain_line(&self.path.display().to_string(), 300)
    }

    fn set(&self, name: &str, value: Option<&str>) -> Result<Settings, SettingsChangeError> {
        let Some(key) = key(name) else {
            // Says which keys there are.
            Settings::default().apply(name, value.unwrap_or_default(), Source::File)?;
            return Ok(Settings::clone(&self.current()));
        };
        let value = value.map(|text| key.check(text)).transpose()?;
        // Held while the file is rewritten, so that two changes at once both stay. Who reads does not wait for the disk.
        let _alone = self.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
        let bad_file = |e: SettingsLoadError| match e {
            SettingsLoadError::Store(error) => error,
            SettingsLoadError::Invalid { .. } | SettingsLoadError::Syntax { .. } => StoreError {
                disk_full: false,
                message: plain_line(
                    &format!("not changed, because the settings file has to be mended first: {e}"),
                    500,
                ),
            },
        };
        let mut document = self.read(&self.path).map_err(bad_file)?;
        match value {
            Some(value) => {
                let mut new = typed(key, &value);
                // Put into the old one's place, so that the comments before and behind it stay.
                match document.get_mut(key.name) {
                    Some(Item::Value(old)) => {
                        *new.decor_mut() = old.decor().clone();
                        *old = new;
                    }
                    _ => {
                        document.insert(key.name, Item::Value(new));
                    }
                }
            }
            None => {
                document.remove(key.name);
            }
        }
        let settings = self.evaluate(&document).map_err(bad_file)?;
        durable::replace(&self.path, document.to_string().as_bytes())
            .map_err(|e| durable::failed("cannot write", &self.path, &e))?;
        if let Some(good) = &self.good {
            keep_good(good, &document);
        }
        *self.current() = Arc::new(settings.clone());
        Ok(settings)
    }

    /// The file as it is; empty when it does not exist.
    fn read(&self, path: &Path) -> Result<DocumentMut, SettingsLoadError> {
        let mut text = String::new();
        let read = own_file::read_owners(path).and_then(|f| f.take(MOST_BYTES + 1).read_to_string(&mut text));
        match read {
            Ok(_) if text.len() as u64 > MOST_BYTES => {
                let reason = format!("larger than {MOST_BYTES} bytes");
                return Err(SettingsLoadError::Syntax { place: self.place(), reason });
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                return Err(SettingsLoadError::Syntax {
                    place: self.place(),
                    reason: "not UTF-8 text".into(),
                });
            }
            Err(e) => return Err(durable::failed("cannot read", path, &e).into()),
        }
        text.parse().map_err(|e: toml_edit::TomlError| {
            let line = e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
            let line = line.map(|n| format!("line {n}: ")).unwrap_or_default();
            SettingsLoadError::Syntax {
                place: self.place(),
                reason: format!("{line}{}", plain_line(e.message(), 200)),
            }
        })
    }

    fn evaluate(&self, document: &DocumentMut) -> Result<Settings, SettingsLoadError> {
        let mut settings = Settings::default();
        for (name, item) in document.iter() {
            let text = match item.as_value() {
                Some(Value::String(text)) => text.value().clone(),
                Some(Value::Integer(number)) => number.value().to_string(),
                Some(Value::Float(number)) => number.value().to_string(),
                Some(Value::Boolean(flag)) => flag.value().to_string(),
                Some(Value::Datetime(_) | Value::Array(_) | Value::InlineTable(_)) | None => {
                    let allowed = key(name).map_or_else(|| "one plain value".into(), Key::allowed);
                    let value = plain_line(item.to_string().trim(), 80);
                    return Err(invalid(
                        self.place(),
                        SettingError { key: plain_line(name, 80), value, allowed },
                    ));
                }
            };
            settings.apply(name, &text, Source::File).map_err(|e| invalid(self.place(), e))?;
        }
        for (name, value, source) in &self.fixed {
            settings.apply(name, value, *source).map_err(|e| invalid(name.to_string(), e))?;
        }
        Ok(settings)
    }
}

fn invalid(place: String, error: SettingError) -> SettingsLoadError {
    SettingsLoadError::Invalid { place, error }
}

/// The value as its owner would write it: numbers and switches without quotes.
fn typed(key: &Key, value: &str) -> Value {
    match key.kind {
        Kind::Integer { .. } => value.parse::<i64>().map_or_else(|_| value.into(), Value::from),
        Kind::Flag => value.parse::<bool>().map_or_else(|_| value.into(), Value::from),
        Kind::Text { .. }
        | Kind::Url
        | Kind::Cores
        | Kind::Size
        | Kind::Quota
        | Kind::Images
        | Kind::Choice(_)
        | Kind::Hosts
        | Kind::Hours
        | Kind::Plan
        | Kind::Price
        | Kind::Currency => value.into(),
    }
}

#[cfg(test)]
mod tests;
