//! Code that may step outside the compiler's guarantees: only what is listed here.

use super::{Finding, Source};

/// Files with a reason each.
const ALLOWED: &[(&str, &str)] = &[
    ("crates/tray/src/windows/messages.rs", "the message loop that a tray icon on Windows needs"),
    ("crates/engine/src/virtualization.rs", "what Windows knows of the firmware is only told by its API"),
    ("crates/netd/src/windows/library.rs", "loads the WireGuard driver's library once its hash was checked"),
];
/// This file and its like speak about the word.
const ABOUT: &str = "xtask/src/tidy/unsafety.rs";

/// `unsafe`, and the lint switched off, outside the list; and list entries without need.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    check_with(sources, ALLOWED)
}

fn check_with(sources: &[Source], allowed: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.ending() == "rs" && source.path != ABOUT) {
        let first = source.text.lines().position(is_unsafe);
        let listed = allowed.iter().any(|(path, _)| *path == source.path);
        match (first, listed) {
            (Some(line), false) => {
                findings.push(Finding::new(
                    format!("{}:{}", source.path, line + 1),
                    "unsafe code without a listed reason",
                ));
            }
            (None, true) => {
                findings.push(Finding::new(&source.path, "is listed for unsafe code and has none"))
            }
            (Some(_), true) | (None, false) => {}
        }
    }
    findings
}

fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or(line);
    let lint = code.contains("allow(unsafe_code") || code.contains("expect(unsafe_code");
    let word = |at: usize| {
        let before = code[..at].chars().next_back();
        let after = code[at + "unsafe".len()..].trim_start();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "_\"`".contains(letter))
            && ["{", "fn ", "impl ", "extern ", "trait "].iter().any(|next| after.starts_with(next))
    };
    lint || code.match_indices("unsafe").any(|(at, _)| word(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source;

    #[test]
    fn planted_unsafe_code_is_found() {
        for planted in [
            "  unsafe { go() }",
            "pub unsafe fn go() {}",
            "unsafe impl Send for A {}",
            "#![allow(unsafe_code)]",
        ] {
            let sources = [source("crates/a/src/a.rs", planted)];
            assert_eq!(check_with(&sources, &[]).len(), 1, "{planted}");
            assert!(check_with(&sources, &[("crates/a/src/a.rs", "Windows calls")]).is_empty());
        }
    }

    #[test]
    fn the_word_alone_is_no_code() {
        let sources =
            [source("crates/a/src/a.rs", "// unsafe { }\nlet text = \"unsafe path\";\nlet unsafe_path = 1;")];
        assert!(check_with(&sources, &[]).is_empty());
        assert_eq!(check_with(&sources, &[("crates/a/src/a.rs", "none")]).len(), 1);
    }
}
