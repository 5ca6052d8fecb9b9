//! `hivemind.toml`: what a package may say about itself.

use super::PackageError;
use crate::image::ImageReference;
use crate::policy::{MAX_COMMAND_BYTES, MAX_COMMAND_PARTS};
use serde::Deserialize;

/// Its name, in the package's top or in its single top folder.
pub(super) const FILE_NAME: &str = "hivemind.toml";

/// Image and command, and nothing else: no key loosens the box, and unknown keys are refused so that nobody
/// believes that one does.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) image: Option<String>,
    pub(super) command: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    image: Option<String>,
    command: Option<RawCommand>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "command must be a list of texts, or one text for the shell")]
enum RawCommand {
    Shell(String),
    Parts(Vec<String>),
}

pub(super) fn read(path: &str, text: &[u8]) -> Result<Manifest, PackageError> {
    let refuse = |why: String| PackageError::entry("manifest", path, why);
    let text = std::str::from_utf8(text).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
    let raw: Raw = toml::from_str(text)
        .map_err(|e| refuse(format!("it may name image and command: {}", e.message())))?;
    if let Some(image) = &raw.image {
        ImageReference::parse(image).map_err(|why| refuse(format!("image {image:?}: {why}")))?;
    }
    let command = raw.command.map(|command| match command {
        RawCommand::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line],
        RawCommand::Parts(parts) => parts,
    });
    if let Some(command) = &command {
        check_command(command).map_err(|why| refuse(why.to_owned()))?;
    }
    Ok(Manifest { image: raw.image, command })
}

/// Checks a command line from outside.
pub(crate) fn check_command(command: &[String]) -> Result<(), &'static str> {
    if command.first().is_none_or(String::is_empty) {
        return Err("command names no program");
    }
    if command.len() > MAX_COMMAND_PARTS {
        return Err("command has more than 256 parts");
    }
    if command.iter().map(String::len).sum::<usize>() > MAX_COMMAND_BYTES {
        return Err("command has more than 64 KiB");
    }
    if command.iter().any(|part| part.contains('\0')) {
        return Err("command holds a zero byte");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_and_command_are_read() {
        let manifest =
            read("m", b"image = \"python:3.12\"\ncommand = [\"python3\", \"a.py\"]").expect("fine");
        assert_eq!(manifest.image.as_deref(), Some("python:3.12"));
        assert_eq!(manifest.command, Some(vec!["python3".into(), "a.py".into()]));
        let shell = read("m", b"command = \"echo hi > output/x\"").expect("fine");
        assert_eq!(shell.command, Some(vec!["/bin/sh".into(), "-c".into(), "echo hi > output/x".into()]));
        assert_eq!(read("m", b""), Ok(Manifest::default()));
    }

    #[test]
    fn nothing_loosens_the_box() {
        for text in [
            "privileged = true",
            "network = \"host\"",
            "[host]\nmounts = [\"/\"]",
            "user = \"root\"",
            "cap_add = []",
            "image = 5",
            "image = \"UPPER\"",
            "image = \"a b\"",
            "image = \"--help\"",
            "command = []",
            "command = [\"\"]",
            "command = 1",
            "command = [\"a\\u0000\"]",
            "image = \"a\"\nimage = \"b\"",
            "no toml",
        ] {
            let refused = read("hivemind.toml", text.as_bytes()).expect_err(text);
            assert_eq!(
                (refused.rule, refused.entry.as_deref()),
                ("manifest", Some("hivemind.toml")),
                "{text}"
            );
        }
        assert!(read("m", b"\xff").is_err());
    }
}
