//! The commands of the installation pages: those of blocks marked `sh tried`, each language's the same.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The pages, in the order they are tried.
pub const PAGES: [&str; 2] = ["README.md", "docs/install.zh-TW.md"];
const BEGIN: &str = "```sh tried";
const END: &str = "```";

/// The commands of a page, one in a line, as they stand there.
///
/// # Errors
/// When the page cannot be read, a block does not end, or there is none.
pub fn of_page(root: &Path, page: &str) -> Result<String> {
    let text = fs::read_to_string(root.join(page)).with_context(|| format!("cannot read {page}"))?;
    commands(&text).with_context(|| page.to_owned())
}

fn commands(text: &str) -> Result<String> {
    let mut found = String::new();
    let mut inside = false;
    for line in text.lines() {
        match line.trim_end() {
            BEGIN if inside => bail!("a block begins inside of a block"),
            BEGIN => inside = true,
            END => inside = false,
            command if inside && !command.trim().is_empty() => {
                found.push_str(command);
                found.push('\n');
            }
            _ => {}
        }
    }
    if inside {
        bail!("a block does not end");
    }
    if found.is_empty() {
        bail!("there is no block `{BEGIN}`");
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::Folders;

    #[test]
    fn both_languages_give_the_same_commands() {
        let root = Folders::find().unwrap().root;
        let [english, chinese] = PAGES.map(|page| of_page(&root, page).unwrap());
        assert_eq!(english, chinese);
        for word in
            ["apt-get install", "systemctl --user enable", "hivemind-netd@", "uninstall", "purge", "AppImage"]
        {
            assert!(english.contains(word), "{word}");
        }
    }

    #[test]
    fn other_blocks_are_left_alone() {
        let text = "```sh tried\none\n\ntwo x\n```\n```sh\nthree\n```\n";
        assert_eq!(commands(text).unwrap(), "one\ntwo x\n");
        assert!(commands("```sh\none\n```\n").is_err());
        assert!(commands("```sh tried\none\n").is_err());
    }
}
