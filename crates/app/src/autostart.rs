//! Start at login: an entry of the user's own session, written whole and removed whole.
//!
//! Linux: a desktop entry in `$XDG_CONFIG_HOME/autostart` (Desktop Entry Specification 1.5, Autostart Specification
//! 0.5). Windows: a value below `HKCU\Software\Microsoft\Windows\CurrentVersion\Run`.

use hivemind_control::{ApiError, ErrorCode};
use std::path::{Path, PathBuf};

fn failed(what: &str, error: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("start at login: {what}: {error}"))
}

/// The program to start. Inside an AppImage that is the image itself, whose mount ends with the process.
fn program() -> Result<PathBuf, ApiError> {
    if let Some(image) = std::env::var_os("APPIMAGE").map(PathBuf::from).filter(|path| path.is_file()) {
        return Ok(image);
    }
    std::env::current_exe().map_err(|error| failed("this program does not know where it lies", error))
}

/// Sets or removes the entry for this user.
///
/// # Errors
/// When it cannot be written or removed.
pub(crate) fn set(on: bool, data: Option<&Path>) -> Result<(), ApiError> {
    system::set(on, &program()?, data)
}

/// Where the entry is or would be, and whether it is there; nothing where this user has no such place.
pub(crate) fn entry() -> Option<(String, bool)> {
    system::place()
}

#[cfg(not(windows))]
mod system {
    use super::{ApiError, Path, PathBuf, failed};
    use std::io::Write;

    const NAME: &str = "hivemind-worker.desktop";

    fn folder() -> Result<PathBuf, ApiError> {
        directories::BaseDirs::new()
            .map(|dirs| dirs.config_dir().join("autostart"))
            .ok_or_else(|| failed("this user has no home folder", "none found"))
    }

    pub(super) fn place() -> Option<(String, bool)> {
        let path = folder().ok()?.join(NAME);
        Some((path.display().to_string(), path.is_file()))
    }

    pub(super) fn set(on: bool, program: &Path, data: Option<&Path>) -> Result<(), ApiError> {
        let folder = folder()?;
        let path = folder.join(NAME);
        if !on {
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(failed("the entry cannot be removed", error))
                }
                Ok(()) | Err(_) => Ok(()),
            };
        }
        std::fs::create_dir_all(&folder).map_err(|e| failed("the folder cannot be made", e))?;
        let next = folder.join(format!("{NAME}.new"));
        write_new(&next, &entry(program, data)).map_err(|e| failed("the entry cannot be written", e))?;
        std::fs::rename(&next, &path).map_err(|e| failed("the entry cannot be written", e))
    }

    /// Never through a link or into a pipe that lies there.
    fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        std::fs::File::create_new(path)?.write_all(text.as_bytes())
    }

    fn entry(program: &Path, data: Option<&Path>) -> String {
        let mut exec = format!("{} run --tray", quoted(&program.to_string_lossy()));
        if let Some(data) = data {
            exec.push_str(" --data ");
            exec.push_str(&quoted(&data.to_string_lossy()));
        }
        format!(
            "[Desktop Entry]\nType=Application\nName=HiveMind Worker\nComment=Lend your computer, earn CPT\n\
             Exec={exec}\nIcon=hivemind-worker\nTerminal=false\nX-GNOME-Autostart-enabled=true\n"
        )
    }

    /// An argument of an `Exec` line: quoted as the specification says (`"`, backtick, `$` and `\` escaped, `%`
    /// doubled), and then as a string value of the file, in which every backslash stands twice.
    fn quoted(argument: &str) -> String {
        let mut text = String::from("\"");
        for c in argument.chars() {
            match c {
                '"' | '`' | '$' | '\\' => {
                    text.push('\\');
                    text.push(c);
                }
                '%' => text.push_str("%%"),
                other => text.push(other),
            }
        }
        text.push('"');
        text.replace('\\', "\\\\")
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_lies_in_the_entrys_place_is_not_written_through() {
            let folder = tempfile::tempdir().unwrap();
            let (next, victim) = (folder.path().join("next"), folder.path().join("victim"));
            std::fs::write(&victim, "mine").unwrap();
            std::os::unix::fs::symlink(&victim, &next).unwrap();
            write_new(&next, "entry").unwrap();
            assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
            assert!(next.symlink_metadata().unwrap().is_file());
            std::fs::remove_file(&next).unwrap();
            std::fs::create_dir(&next).unwrap();
            assert!(write_new(&next, "entry").is_err(), "a folder there stays");
        }

        #[test]
        fn odd_paths_are_quoted_twice() {
            assert_eq!(quoted("/opt/a b/x"), "\"/opt/a b/x\"");
            assert_eq!(quoted("a$b\"c`d\\e%"), r#""a\\$b\\"c\\`d\\\\e%%""#);
            let text = entry(Path::new("/o p/w"), Some(Path::new("/d")));
            assert!(text.contains("Exec=\"/o p/w\" run --tray --data \"/d\"\n"), "{text}");
        }
    }
}

#[cfg(windows)]
mod system {
    use super::{ApiError, Path, failed};
    use winreg::RegKey;
    use winreg::enums::HKEY_CURRENT_USER;

    const KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
    const VALUE: &str = "HiveMind Worker";

    pub(super) fn place() -> Option<(String, bool)> {
        let key = RegKey::predef(HKEY_CURRENT_USER).open_subkey(KEY);
        let present = key.is_ok_and(|key| key.get_value::<String, _>(VALUE).is_ok());
        Some((format!(r"HKEY_CURRENT_USER\{KEY}\{VALUE}"), present))
    }

    pub(super) fn set(on: bool, program: &Path, data: Option<&Path>) -> Result<(), ApiError> {
        let (key, _) = RegKey::predef(HKEY_CURRENT_USER)
            .create_subkey(KEY)
            .map_err(|e| failed("the registry cannot be opened", e))?;
        if !on {
            return match key.delete_value(VALUE) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(failed("the entry cannot be removed", error))
                }
                Ok(()) | Err(_) => Ok(()),
            };
        }
        // A path on Windows holds no quotation mark, so quoting it is enough.
        let mut command = format!("\"{}\" run --tray", program.display());
        if let Some(data) = data {
            command.push_str(&format!(" --data \"{}\"", data.display()));
        }
        key.set_value(VALUE, &command).map_err(|e| failed("the entry cannot be written", e))
    }
}
