//! The files that people write here.

use anyhow::Result;

use crate::folders::Folders;
use crate::program::{capture, program};

/// Endings of files with rules.
const ENDINGS: [&str; 9] = ["css", "js", "mjs", "proto", "py", "rs", "svelte", "ts", "sql"];
/// Written by tools.
const GENERATED: [&str; 1] = ["ui/src/generated/"];

/// A file of the project, its path with `/` from the top.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    /// The ending of the name, without the dot.
    pub fn ending(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, ending)| ending)
    }

    /// The name without folders and ending.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.split('.').next().unwrap_or(name)
    }
}

/// Files in git, and new ones that git does not ignore.
pub fn read(folders: &Folders) -> Result<Vec<Source>> {
    let listed = capture(program("git").current_dir(&folders.root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut sources = Vec::new();
    for path in
        listed.split('\0').filter(|path| !path.is_empty() && !GENERATED.iter().any(|g| path.starts_with(g)))
    {
        let source = Source { path: path.to_owned(), text: String::new() };
        if !ENDINGS.contains(&source.ending()) {
            continue;
        }
        // A file that was removed and not yet committed is still listed.
        if let Ok(text) = std::fs::read_to_string(folders.root.join(path)) {
            sources.push(Source { text, ..source });
        }
    }
    sources.sort_by(|one, two| one.path.cmp(&two.path));
    sources.dedup_by(|one, two| one.path == two.path);
    Ok(sources)
}
