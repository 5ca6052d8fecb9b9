//! The TypeScript types of the control API, written from Rust.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::console;
use crate::folders::Folders;
use crate::program::{capture, cargo};

/// Where the UI imports them from.
const FOLDER: &str = "ui/src/generated";
/// Written by the UI's own build, not kept in git.
const FOREIGN: [&str; 1] = ["paraglide"];

/// Writes the files, or with `check` fails where they differ from what would be written.
///
/// # Errors
/// When the exporter fails, or on drift.
pub fn codegen(folders: &Folders, check: bool) -> Result<()> {
    let fresh = tempfile::tempdir()?;
    capture(
        cargo()
            .current_dir(&folders.root)
            .args([
                "run",
                "--quiet",
                "--locked",
                "--package",
                "hivemind-control",
                "--example",
                "export_ts",
                "--",
            ])
            .arg(fresh.path()),
    )
    .context("the types could not be exported")?;
    let wanted = files(fresh.path())?;
    if wanted.is_empty() {
        bail!("the exporter wrote nothing");
    }
    let folder = folders.root.join(FOLDER);
    let present = if folder.is_dir() { files(&folder)? } else { BTreeMap::new() };
    let drift = drift(&wanted, &present);
    if check {
        if drift.is_empty() {
            return Ok(());
        }
        bail!("{FOLDER} is not up to date; run `cargo xtask codegen`:\n  {}", drift.join("\n  "));
    }
    for name in present.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    for (name, text) in &wanted {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if present.get(name) != Some(text) {
            fs::write(path, text)?;
        }
    }
    console::note(&format!("{} files in {FOLDER}, {} changed", wanted.len(), drift.len()));
    Ok(())
}

/// One line per file that differs.
fn drift(wanted: &BTreeMap<PathBuf, String>, present: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, text) in wanted {
        match present.get(name) {
            None => lines.push(format!("missing: {}", name.display())),
            Some(other) if other != text => lines.push(format!("changed: {}", name.display())),
            Some(_) => {}
        }
    }
    lines.extend(
        present
            .keys()
            .filter(|name| !wanted.contains_key(*name))
            .map(|name| format!("not generated any more: {}", name.display())),
    );
    lines
}

fn files(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut found = BTreeMap::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inside) = open.pop() {
        for entry in fs::read_dir(folder.join(&inside))? {
            let entry = entry?;
            let name = inside.join(entry.file_name());
            if FOREIGN.iter().any(|foreign| name == Path::new(foreign)) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                open.push(name);
            } else {
                let text = fs::read_to_string(entry.path())?;
                // A checkout on Windows may carry other line ends.
                found.insert(name, text.replace("\r\n", "\n"));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
        files.iter().map(|(name, text)| (PathBuf::from(name), (*text).to_owned())).collect()
    }

    #[test]
    fn every_kind_of_drift_is_found() {
        let wanted = tree(&[("a.ts", "1"), ("b.ts", "2")]);
        assert!(drift(&wanted, &wanted).is_empty());
        let lines = drift(&wanted, &tree(&[("a.ts", "x"), ("old.ts", "3")]));
        assert_eq!(lines, ["changed: a.ts", "missing: b.ts", "not generated any more: old.ts"]);
    }

    #[test]
    fn the_folder_of_the_message_compiler_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("paraglide")).unwrap();
        fs::create_dir_all(folder.path().join("views")).unwrap();
        fs::write(folder.path().join("paraglide/m.js"), "m").unwrap();
        fs::write(folder.path().join("views/a.ts"), "a\r\n").unwrap();
        assert_eq!(files(folder.path()).unwrap(), tree(&[("views/a.ts", "a\n")]));
    }
}
