//! Settings in memory.

use crate::lock;
use async_trait::async_trait;
use hivemind_domain::settings::{Settings, Source, key};
use hivemind_worker_core::port::{SettingsChangeError, SettingsStore, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A settings file that may be read-only.
#[derive(Default)]
pub struct FakeSettings {
    file: Mutex<BTreeMap<String, String>>,
    read_only: Mutex<bool>,
}

impl FakeSettings {
    /// Lets the file be written, or no more.
    pub fn set_read_only(&self, read_only: bool) {
        *lock(&self.read_only) = read_only;
    }

    /// Sets a value before the worker starts.
    ///
    /// # Panics
    /// When the value is not allowed.
    pub fn put(&self, name: &str, value: &str) {
        Settings::default().apply(name, value, Source::File).expect("a value that is allowed");
        lock(&self.file).insert(name.to_owned(), value.to_owned());
    }
}

fn read(file: &BTreeMap<String, String>) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in file {
        settings.apply(name, value, Source::File).expect("checked before");
    }
    settings
}

#[async_trait]
impl SettingsStore for FakeSettings {
    fn current(&self) -> Arc<Settings> {
        Arc::new(read(&lock(&self.file)))
    }

    async fn set(&self, name: &str, value: Option<&str>) -> Result<Settings, SettingsChangeError> {
        if *lock(&self.read_only) {
            let message = "the settings file cannot be written".into();
            return Err(StoreError { disk_full: false, message }.into());
        }
        let mut file = lock(&self.file);
        Settings::default().apply(name, value.unwrap_or_default(), Source::File).or_else(|error| {
            // Taking a value out needs no value, but it needs a name.
            if value.is_none() && key(name).is_some() { Ok(()) } else { Err(error) }
        })?;
        let name = name.replace('-', "_");
        match value {
            Some(value) => file.insert(name, value.to_owned()),
            None => file.remove(&name),
        };
        Ok(read(&file))
    }
}
