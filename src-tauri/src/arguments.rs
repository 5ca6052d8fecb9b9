//! The command line: `hivemind-worker-window --socket PATH [--screen NAME]`. The worker that opens the window knows the
//! path.

use anyhow::bail;
use std::ffi::OsString;
use std::path::PathBuf;

/// No screen has a longer name.
const LONGEST: usize = 20;

/// What the window is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The worker's socket.
    pub(crate) socket: PathBuf,
    /// The screen that is shown first; Home without it.
    pub(crate) screen: Option<String>,
}

pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<Arguments> {
    const USAGE: &str =
        "usage: hivemind-worker-window --socket PATH [--screen NAME] (run `hivemind-worker desktop` instead)";
    let words: Vec<OsString> = arguments.collect();
    let socket = |path: &OsString| (!path.is_empty()).then(|| PathBuf::from(path));
    // It becomes part of an address.
    let screen = |name: &OsString| {
        let name = name.to_str().filter(|name| name.len() <= LONGEST && !name.is_empty())?;
        name.bytes().all(|letter| letter.is_ascii_lowercase()).then(|| name.to_owned())
    };
    let (found, screen) = match words.as_slice() {
        [flag, path] if flag == "--socket" => (socket(path), None),
        [flag, path, other, name] if flag == "--socket" && other == "--screen" => match screen(name) {
            Some(name) => (socket(path), Some(name)),
            None => bail!(USAGE),
        },
        _ => bail!(USAGE),
    };
    match found {
        Some(socket) => Ok(Arguments { socket, screen }),
        None => bail!(USAGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> anyhow::Result<Arguments> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn wants_the_socket_and_takes_a_screen() {
        let socket = PathBuf::from("/run/a b");
        let home = Arguments { socket: socket.clone(), screen: None };
        assert_eq!(parsed(&["--socket", "/run/a b"]).unwrap(), home);
        let health = Arguments { socket, screen: Some("health".into()) };
        assert_eq!(parsed(&["--socket", "/run/a b", "--screen", "health"]).unwrap(), health);
        for wrong in [
            &[][..],
            &["--socket"],
            &["--socket", ""],
            &["-s", "x"],
            &["--socket", "x", "y"],
            &["--socket", "x", "--screen", "../x"],
            &["--socket", "x", "--screen", ""],
            &["--socket", "x", "--screen", "Home"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }
}
