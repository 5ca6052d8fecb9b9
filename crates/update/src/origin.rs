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
    /// Looks at the marker beside the program; `image` is the AppImage's path and where its tree lies, where the
    /// surroundings name both. Another program's image hands its surroundings down to whatever it starts: only the one
    /// that this program lies in counts, and a marker counts for more.
    #[must_use]
    pub fn find(program: &Path, image: Option<(PathBuf, PathBuf)>) -> Self {
        let marker = program.parent().map(|folder| folder.join(MARKER));
        let said = marker.and_then(|marker| std::fs::read(marker).ok()).unwrap_or_default();
        let word: String = String::from_utf8_lossy(&said).trim().chars().take(20).collect();
        match word.as_str() {
            "msi" => Self::Msi,
            "" => match image {
                Some((image, tree)) if lies_in(program, &tree) && image.is_absolute() && image.is_file() => {
                    Self::AppImage(image)
                }
                Some(_) | None => Self::Unknown,
            },
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

fn lies_in(program: &Path, tree: &Path) -> bool {
    let (Ok(program), Ok(tree)) = (program.canonicalize(), tree.canonicalize()) else { return false };
    tree.parent().is_some() && program.starts_with(tree)
}
