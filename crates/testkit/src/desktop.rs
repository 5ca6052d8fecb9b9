//! The program around the worker.

use crate::lock;
use hivemind_control::{ApiError, PairingCode};
use hivemind_worker_core::Desktop;
use std::sync::Mutex;

/// Remembers what it was asked for.
#[derive(Default)]
pub struct FakeDesktop {
    /// In order: `open_window`, `open_window SCREEN`, `start_at_login true`, `start_at_login false`, `open_folder PATH`, `pair`.
    asked: Mutex<Vec<String>>,
}

impl FakeDesktop {
    /// What it was asked for, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

impl Desktop for FakeDesktop {
    fn open_window(&self, screen: Option<&'static str>) -> Result<(), ApiError> {
        lock(&self.asked)
            .push(screen.map_or_else(|| "open_window".to_owned(), |s| format!("open_window {s}")));
        Ok(())
    }

    fn start_at_login(&self, on: bool) -> Result<(), ApiError> {
        lock(&self.asked).push(format!("start_at_login {on}"));
        Ok(())
    }

    fn open_folder(&self, folder: &std::path::Path) -> Result<(), ApiError> {
        lock(&self.asked).push(format!("open_folder {}", folder.display()));
        Ok(())
    }

    fn pair(&self) -> Result<PairingCode, ApiError> {
        lock(&self.asked).push("pair".to_owned());
        Ok(PairingCode {
            url: "http://127.0.0.1:5001/#pair=code-canary".into(),
            expires_in_seconds: 120,
            ..PairingCode::default()
        })
    }
}
