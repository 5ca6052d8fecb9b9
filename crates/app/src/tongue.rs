//! Which language this command speaks: the flag, else the owner's setting, else the system's.

use hivemind_store::{DataFolder, FileSettings};
use hivemind_words::Language;
use hivemind_worker_core::port::SettingsStore;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The language of this command line, known before it is read: help and wrong usage are told in it too. Nothing is
/// made on the disk. What is printed for programs is English.
pub(crate) fn of(arguments: &[OsString]) -> Language {
    if has(arguments, "--json") {
        return Language::English;
    }
    let setting = value(arguments, "--language")
        .and_then(|named| named.into_string().ok())
        .or_else(|| setting(arguments))
        .unwrap_or_default();
    Language::choose(&setting, &Language::system_locale())
}

/// What the settings say; nothing where they cannot be read.
fn setting(arguments: &[OsString]) -> Option<String> {
    let named = |name| value(arguments, name).map(PathBuf::from);
    let path = named("--config").or_else(|| {
        let data = named("--data").or_else(|| std::env::var_os("HIVEMIND_DATA").map(PathBuf::from));
        DataFolder::settings_place(data.as_deref())
    })?;
    let settings = FileSettings::load(&path, |name| std::env::var(name).ok(), &[]).ok()?;
    Some(settings.current().text("language").to_owned())
}

/// The arguments that can be flags: what stands behind `--` is none.
fn flags(arguments: &[OsString]) -> impl Iterator<Item = (usize, &OsString)> {
    arguments.iter().enumerate().take_while(|(_, argument)| *argument != OsStr::new("--"))
}

fn has(arguments: &[OsString], name: &str) -> bool {
    flags(arguments).any(|(_, argument)| argument == OsStr::new(name))
}

fn value(arguments: &[OsString], name: &str) -> Option<OsString> {
    flags(arguments).find_map(|(at, argument)| {
        if argument == OsStr::new(name) {
            return arguments.get(at + 1).cloned();
        }
        let (flag, value) = argument.to_str()?.split_once('=')?;
        (flag == name).then(|| value.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_flag_is_found_wherever_it_stands() {
        for text in ["w --language zh-tw status", "w status --language=zh-tw", "w status --language zh-tw"] {
            assert_eq!(of(&line(text)), Language::TraditionalChinese, "{text}");
        }
        assert_eq!(value(&line("w status -- --language zh-tw"), "--language"), None);
        assert_eq!(of(&line("w --language en status")), Language::English);
        assert_eq!(of(&line("w --language zh-tw --json status")), Language::English);
    }

    #[test]
    fn the_setting_speaks_where_no_flag_does() {
        let at = tempfile::tempdir().unwrap();
        let file = at.path().join("s.toml");
        std::fs::write(&file, "language = \"zh-tw\"\n").unwrap();
        let with = |rest: &str| line(&format!("w --config {} {rest}", file.display()));
        assert_eq!(of(&with("status")), Language::TraditionalChinese);
        assert_eq!(of(&with("status --language en")), Language::English);
        let data = at.path().join("data");
        assert_eq!(setting(&line(&format!("w --data {} status", data.display()))).as_deref(), Some("auto"));
        assert!(!data.exists(), "looking makes no folder");
    }
}
