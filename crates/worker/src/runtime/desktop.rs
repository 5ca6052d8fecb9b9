//! What only the program around the worker can do.

use hivemind_control::{
    ApiError, ErrorCode, FootprintView, InviteRequest, OwnLogPage, OwnLogQuery, PairingCode, PracticeView,
    ReceiptsPart, ReceiptsQuery,
};
use hivemind_domain::settings::Settings;
use std::path::Path;

/// How the local network is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LanPage {
    /// Not at all, as its owner wants it.
    Off,
    /// To devices that are paired.
    Served {
        /// Addresses of the page, the likeliest first.
        addresses: Vec<String>,
        /// SHA-256 of its certificate in hexadecimal digits.
        certificate_sha256: String,
    },
    /// Not at all, against its owner's wish.
    Failed {
        /// The port that was wanted.
        port: u16,
        /// Why, as the end of a sentence; nothing when another program has the port.
        why: Option<String>,
    },
}

/// Where the tray icon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrayIcon {
    /// Nowhere: this program was started without one.
    #[default]
    Unwanted,
    /// On its way.
    Coming,
    /// Where the owner sees it.
    Shown,
    /// Nowhere: this desktop has no place for icons now.
    NoHost,
    /// Nowhere: there is no desktop here.
    NoDesktop,
}

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

    /// Makes a one-time link for another browser, or for a device of the local network.
    fn invite(&self, _request: InviteRequest) -> Result<PairingCode, ApiError> {
        Err(ApiError::new(ErrorCode::Internal, "this program serves no page"))
    }

    /// Opens the page's door to the local network at this port, or closes it.
    fn serve_lan(&self, _port: Option<u16>) {}

    /// How the local network is served.
    fn lan(&self) -> LanPage {
        LanPage::Off
    }

    /// A page of the worker's own log. Waits for the disk.
    fn own_log(&self, _query: &OwnLogQuery) -> Result<OwnLogPage, ApiError> {
        Ok(OwnLogPage::default())
    }

    /// A part of the ledger of receipts. Waits for the disk.
    fn receipts(&self, _query: ReceiptsQuery) -> Result<ReceiptsPart, ApiError> {
        Err(ApiError::new(ErrorCode::ReceiptsUnreadable, "this program keeps no receipts"))
    }

    /// What is on this computer because of the worker. Waits for the disk.
    fn footprint(&self) -> FootprintView {
        FootprintView::default()
    }

    /// Whether browsers are served at the port of the settings; nothing where this program has no page.
    fn serves_browsers(&self) -> Option<bool> {
        None
    }

    /// Where the tray icon is.
    fn tray_icon(&self) -> TrayIcon {
        TrayIcon::Unwanted
    }

    /// What the window needs and this system does not have, as far as that is known.
    fn window_lacks(&self) -> Option<&'static str> {
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

/// The port at which the local network is to be served, if it is.
#[must_use]
pub fn lan_port(settings: &Settings) -> Option<u16> {
    let port = u16::try_from(settings.integer("monitor_lan_port")).ok();
    port.filter(|_| settings.flag("monitor_on_lan"))
}
