//! The command line: `hivemind-worker-window --socket PATH`. The worker that opens the window knows the path.

use anyhow::bail;
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) fn socket(mut arguments: impl Iterator<Item = OsString>) -> anyhow::Result<PathBuf> {
    const USAGE: &str = "usage: hivemind-worker-window --socket PATH (run `hivemind-worker desktop` instead)";
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(flag), Some(path), None) if flag == "--socket" && !path.is_empty() => Ok(path.into()),
        _ => bail!(USAGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> anyhow::Result<PathBuf> {
        socket(arguments.iter().map(OsString::from))
    }

    #[test]
    fn wants_exactly_the_socket() {
        assert_eq!(parse(&["--socket", "/run/a b"]).unwrap(), PathBuf::from("/run/a b"));
        for wrong in [&[][..], &["--socket"], &["--socket", ""], &["-s", "x"], &["--socket", "x", "y"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
