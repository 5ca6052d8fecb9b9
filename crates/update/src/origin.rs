//! Where this installation came from, and so who updates it.

use std::path::{Path, PathBuf};

/// A file of this name beside the program says who looks after it; packages bring it along.
pub const MARKER: &str = "installed-by";

/// How the program came here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A package manager brought it and updates it: we never touch it. Its name, such as `deb`.
    Package(String),
    /// An AppImage: one file that we may exchange.
    AppImage(PathBuf),
    /// Windows Installer brought it: an update is an installer that is handed to it.
    Msi,
    /// A checkout, or files that somebody copied: not ours to change.
    Unknown,
}

impl Origin {
    /// Looks at the marker beside the program; `appimage` is the image's path where there is one.
    #[must_use]
    pub fn find(program: &Path, appimage: Option<PathBuf>) -> Self {
        if let Some(image) = appimage.filter(|image| image.is_absolute() && image.is_file()) {
            return Self::AppImage(image);
        }
        let marker = program.parent().map(|folder| folder.join(MARKER));
        let said = marker.and_then(|marker| std::fs::read(marker).ok()).unwrap_or_default();
        let word: String = String::from_utf8_lossy(&said).trim().chars().take(20).collect();
        match word.as_str() {
            "msi" => Self::Msi,
            "" => Self::Unknown,
            other if other.chars().all(|c| c.is_ascii_alphanumeric()) => Self::Package(other.to_owned()),
            _ => Self::Unknown,
        }
    }

    /// What a manifest calls a file for this installation; nothing where we change nothing.
    #[must_use]
    pub fn target(&self) -> Option<String> {
        let arch = std::env::consts::ARCH;
        match self {
            Self::AppImage(_) => Some(format!("{arch}-linux-appimage")),
            Self::Msi => Some(format!("{arch}-windows-msi")),
            Self::Package(_) | Self::Unknown => None,
        }
    }
}
