//! Saves a text that the page made, such as a table, among the owner's downloads. The web view itself downloads nothing.

use hivemind_control::{ApiError, ErrorCode};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The longest text, in bytes. A receipt takes about 530 of them, a row of a table half as many.
const LONGEST: usize = 64 * 1024 * 1024;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 100;
/// What may be saved: tables, and the ledger of receipts.
const ENDINGS: [&str; 2] = [".csv", ".ledger"];
/// So many files of one name are told apart by a number.
const MOST_OF_A_NAME: u32 = 1000;

/// Writes `text` into a new file of this name among the owner's downloads, and answers its whole path.
#[tauri::command]
pub(crate) async fn save_file(name: String, text: String) -> Result<String, ApiError> {
    // The disk may be slow, and the window must not wait for it.
    let saved = tokio::task::spawn_blocking(move || {
        let folder = folder().ok_or_else(|| {
            ApiError::new(
                ErrorCode::SaveNoFolder,
                "There is neither a folder for downloads nor a home folder.",
            )
        })?;
        save(&folder, &name, &text)
    });
    let path = saved.await.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))??;
    Ok(path.display().to_string())
}

/// The owner's folder for downloads, else the home folder.
fn folder() -> Option<PathBuf> {
    let dirs = directories::UserDirs::new()?;
    let downloads = dirs.download_dir().filter(|folder| folder.is_dir());
    Some(downloads.unwrap_or(dirs.home_dir()).to_owned()).filter(|folder| folder.is_dir())
}

fn save(folder: &Path, name: &str, text: &str) -> Result<PathBuf, ApiError> {
    let (stem, ending) = plain(name).ok_or_else(|| {
        ApiError::new(ErrorCode::InvalidRequest, "This is no plain name of a table or ledger.")
    })?;
    if text.len() > LONGEST {
        let text = format!("{} bytes, allowed are {LONGEST}", text.len());
        return Err(ApiError::new(ErrorCode::SaveTooLarge, text));
    }
    for number in 1..=MOST_OF_A_NAME {
        let numbered = if number == 1 { name.to_owned() } else { format!("{stem} ({number}){ending}") };
        let path = folder.join(numbered);
        match write_new(&path, text) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&path, &error)),
        }
    }
    let text = format!("{} is there {MOST_OF_A_NAME} times.", folder.join(name).display());
    Err(ApiError::new(ErrorCode::SaveRefused, text))
}

/// The name without its ending, and the ending; nothing for a name that could lead elsewhere or hide.
fn plain(name: &str) -> Option<(&str, &str)> {
    let forbidden = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    if name.len() > LONGEST_NAME || name.starts_with(['.', ' ']) || name.contains(forbidden) {
        return None;
    }
    let ending = ENDINGS.into_iter().find(|ending| name.ends_with(ending))?;
    let stem = name.strip_suffix(ending).filter(|stem| !stem.is_empty())?;
    Some((stem, ending))
}

/// What is there already is somebody's: nothing is written over, and no link is followed. A file that cannot be written
/// to its end is taken away again.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        drop(file);
        let _ = std::fs::remove_file(path);
    }
    written
}

fn failed(path: &Path, error: &io::Error) -> ApiError {
    let kind = error.kind();
    let code = if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        ErrorCode::SaveNoSpace
    } else if kind == io::ErrorKind::NotFound {
        ErrorCode::SaveNoFolder
    } else {
        ErrorCode::SaveRefused
    };
    ApiError::new(code, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_new_and_nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let saved: Vec<_> =
            ["one", "two", "three"].map(|text| save(folder.path(), "pay.csv", text).unwrap()).into();
        let named = ["pay.csv", "pay (2).csv", "pay (3).csv"].map(|name| folder.path().join(name));
        assert_eq!(saved, named);
        let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
        assert_eq!(saved.iter().map(read).collect::<Vec<_>>(), ["one", "two", "three"]);
        #[cfg(unix)]
        {
            // A link is somebody's too, also one that leads nowhere.
            std::os::unix::fs::symlink(folder.path().join("target"), folder.path().join("r.ledger")).unwrap();
            assert_eq!(save(folder.path(), "r.ledger", "x").unwrap(), folder.path().join("r (2).ledger"));
            assert!(!folder.path().join("target").exists());
        }
    }

    #[test]
    fn a_name_is_plain_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("{}.csv", "x".repeat(97));
        let names = [
            "",
            ".csv",
            "..csv",
            ".hidden.csv",
            "../up.csv",
            "a/b.csv",
            "a\\b.csv",
            "/etc/x.csv",
            "C:x.csv",
            "two\nlines.csv",
            "nul\0.csv",
            "run.sh",
            "x.csv.exe",
            "csv",
            "x.CSV",
            &long,
            "\u{85}.csv",
            " x.csv",
        ];
        for name in names {
            let error = save(folder.path(), name, "x").unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{name:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "and nothing was made");
        assert!(save(folder.path(), &long[1..], "x").is_ok(), "100 bytes are allowed");
    }

    #[test]
    fn what_cannot_be_saved_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let code = |folder: &Path, text: &str| save(folder, "x.csv", text).unwrap_err().code;
        assert_eq!(code(folder.path(), &"x".repeat(LONGEST + 1)), ErrorCode::SaveTooLarge);
        assert_eq!(code(&folder.path().join("gone"), "x"), ErrorCode::SaveNoFolder);
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(code(&file, "x"), ErrorCode::SaveRefused);
        let full = failed(Path::new("x.csv"), &io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.code, ErrorCode::SaveNoSpace);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_as_such() {
        // The one device that is always full.
        let error = std::fs::write("/dev/full", "x").unwrap_err();
        assert_eq!(failed(Path::new("/dev/full"), &error).code, ErrorCode::SaveNoSpace);
    }
}
