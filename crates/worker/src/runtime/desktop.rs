//! What only the program around the worker can do.

use hivemind_control::{
    ApiError, ErrorCode, FootprintView, OwnLogPage, OwnLogQuery, PairingCode, PracticeView,
};
use std::path::Path;

/// What only the program around the worker can do.
pub trait Desktop: Send + Sync + 'static {
    /// Starts the window program unless it runs; a new one begins at this screen.
    fn open_window(&self, screen: Option<&'static str>) -> Result<(), ApiError>;

    /// Lets the worker start at login, or no more.
    fn start_at_login(&self, on: bool) -> Result<(), ApiError>;

    /// Shows a folder of ours in the system's file manager.
    fn open_folder(&self, folder: &Path) -> Result<(), ApiError>;

    /// Makes a one-time code that pairs a browser.
    fn pair(&self) -> Result<PairingCode, ApiError>;

    /// A page of the worker's own log. Waits for the disk.
    fn own_log(&self, _query: &OwnLogQuery) -> Result<OwnLogPage, ApiError> {
        Ok(OwnLogPage::default())
    }

    /// What is on this computer because of the worker. Waits for the disk.
    fn footprint(&self) -> FootprintView {
        FootprintView::default()
    }

    /// Whether browsers are served at the port of the settings; nothing where this program has no page.
    fn serves_browsers(&self) -> Option<bool> {
        None
    }

    /// How far the practice task has come.
    fn practice(&self) -> PracticeView {
        PracticeView::default()
    }

    /// Begins a practice task unless one is under way.
    fn begin_practice(&self) -> Result<PracticeView, ApiError> {
        Err(ApiError::new(ErrorCode::Internal, "there is no practice pool in this program"))
    }
}
