//! What a package starts.

use super::PackageError;
use super::content::Content;
use super::directory::ZipEntry;
use super::manifest::{self, FILE_NAME};
use crate::dependencies::requirements::{self, Requirements};
use crate::policy::MAX_MANIFEST_BYTES;
use std::fs::File;
use std::io::Read;

/// Names what a Python program depends on.
const REQUIREMENTS: &str = "requirements.txt";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) image: Option<String>,
    pub(super) command: Option<Vec<String>>,
    pub(super) folder: String,
}

/// Looks in the package's top, then in its single top folder, for a manifest or an entry file.
pub(super) fn choose(file: &File, entries: &[ZipEntry]) -> Result<Start, PackageError> {
    let files: Vec<&str> = entries.iter().filter(|e| !e.is_folder).map(|e| e.path.as_str()).collect();
    for folder in ["", single_top(&files).unwrap_or_default()] {
        let inside = |path: &'_ str| name_in(folder, path).map(str::to_owned);
        let names: Vec<String> = files.iter().filter_map(|path| inside(path)).collect();
        let manifest = entries.iter().find(|e| !e.is_folder && name_in(folder, &e.path) == Some(FILE_NAME));
        let by_entry_file = entry_command(&names);
        if manifest.is_none() && by_entry_file.is_none() {
            continue;
        }
        let named = manifest.map(|entry| read_manifest(file, entry)).transpose()?.unwrap_or_default();
        let command = named.command.or(by_entry_file);
        return Ok(Start { image: named.image, command, folder: folder.to_owned() });
    }
    Ok(Start::default())
}

/// What the package depends on: `requirements.txt` beside what is started.
pub(super) fn requirements(
    file: &File,
    entries: &[ZipEntry],
    folder: &str,
) -> Result<Option<Requirements>, PackageError> {
    let found = entries.iter().find(|e| !e.is_folder && name_in(folder, &e.path) == Some(REQUIREMENTS));
    let Some(entry) = found else { return Ok(None) };
    if entry.size > requirements::MAX_BYTES {
        return Err(PackageError::entry("requirements", &entry.path, "it is larger than 64 KiB"));
    }
    let mut text = Vec::new();
    let read = Content::open(file, entry)?.read_to_end(&mut text);
    read.map_err(|e| PackageError::from_io(&entry.path, &e))?;
    Requirements::parse(&text).map_err(|e| PackageError::entry("requirements", &entry.path, e.to_string()))
}

fn read_manifest(file: &File, entry: &ZipEntry) -> Result<manifest::Manifest, PackageError> {
    if entry.size > MAX_MANIFEST_BYTES {
        return Err(PackageError::entry("manifest", &entry.path, "it is larger than 64 KiB"));
    }
    let mut text = Vec::new();
    let read = Content::open(file, entry)?.read_to_end(&mut text);
    read.map_err(|e| PackageError::from_io(&entry.path, &e))?;
    manifest::read(&entry.path, &text)
}

/// The file's name when it lies directly in `folder`; the empty folder is the top.
fn name_in<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    let name = if folder.is_empty() { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
    (!name.contains('/')).then_some(name)
}

/// The folder that holds everything, the Mac archiver's additions aside.
fn single_top<'a>(files: &[&'a str]) -> Option<&'a str> {
    let mut own = files.iter().filter(|path| !path.starts_with("__MACOSX/") && **path != ".DS_Store");
    let (top, _) = own.next()?.split_once('/')?;
    own.all(|path| path.split_once('/').is_some_and(|(first, _)| first == top)).then_some(top)
}

/// `run.sh`, `run.py`, `main.py`, or the only `*.py`, in that order.
fn entry_command(names: &[String]) -> Option<Vec<String>> {
    let has = |name: &str| names.iter().any(|n| n == name);
    let python = |name: &str| vec!["python3".to_owned(), format!("./{name}")];
    if has("run.sh") {
        return Some(vec!["/bin/sh".to_owned(), "./run.sh".to_owned()]);
    }
    for name in ["run.py", "main.py"] {
        if has(name) {
            return Some(python(name));
        }
    }
    let mut programs = names.iter().filter(|name| name.ends_with(".py"));
    match (programs.next(), programs.next()) {
        (Some(only), None) => Some(python(only)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(names: &[&str]) -> Option<String> {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        entry_command(&names).map(|parts| parts.join(" "))
    }

    #[test]
    fn entry_files_have_an_order() {
        assert_eq!(command(&["main.py", "run.py", "run.sh"]).as_deref(), Some("/bin/sh ./run.sh"));
        assert_eq!(command(&["main.py", "run.py"]).as_deref(), Some("python3 ./run.py"));
        assert_eq!(command(&["a.py", "main.py"]).as_deref(), Some("python3 ./main.py"));
        assert_eq!(command(&["-a.py", "data.csv"]).as_deref(), Some("python3 ./-a.py"));
        assert_eq!(command(&["a.py", "b.py"]), None);
        assert_eq!(command(&["Run.sh", "data.csv"]), None);
    }

    #[test]
    fn only_a_folder_that_holds_everything_is_the_top() {
        assert_eq!(single_top(&["job/main.py", "job/sub/x"]), Some("job"));
        assert_eq!(single_top(&["job/main.py", "__MACOSX/job/._main.py", ".DS_Store"]), Some("job"));
        assert_eq!(single_top(&["job/main.py", "README"]), None);
        assert_eq!(single_top(&["job/main.py", "other/x"]), None);
        assert_eq!(single_top(&[]), None);
    }
}
