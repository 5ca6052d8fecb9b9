//! Names inside packages and results: the same rules both ways.
//!
//! They are stricter than Linux needs, because a zip that means one thing here and another on the requester's
//! Windows or Mac is how files get overwritten.

use crate::policy::{MAX_DEPTH, MAX_ENTRIES, MAX_NAME_BYTES, MAX_PATH_BYTES};
use hivemind_domain::text::plain_line;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use unicode_normalization::UnicodeNormalization;

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathRefusal {
    /// Stable short name of the rule.
    pub(crate) rule: &'static str,
    /// The rule in words.
    pub(crate) why: &'static str,
}

const fn refusal(rule: &'static str, why: &'static str) -> PathRefusal {
    PathRefusal { rule, why }
}

/// Checks one name as an archive holds it. Returns it without the slash that marks a folder, and whether it is one.
pub(crate) fn check_path(raw: &[u8]) -> Result<(&str, bool), PathRefusal> {
    let Ok(text) = std::str::from_utf8(raw) else {
        return Err(refusal("name-encoding", "names must be UTF-8"));
    };
    let (path, is_folder) = match text.strip_suffix('/') {
        Some(path) => (path, true),
        None => (text, false),
    };
    if path.is_empty() && is_folder {
        return Err(refusal("name-absolute", "names must be relative"));
    }
    if path.is_empty() {
        return Err(refusal("name-empty", "a name is empty"));
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(refusal("name-length", "a path has at most 4095 bytes"));
    }
    if path.starts_with('/') {
        return Err(refusal("name-absolute", "names must be relative"));
    }
    if path.contains('\\') {
        return Err(refusal("name-backslash", "names may not hold a backslash"));
    }
    if matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return Err(refusal("name-drive", "names may not begin with a drive letter"));
    }
    if plain_line(path, usize::MAX) != path {
        return Err(refusal("name-control", "names may not hold control or direction characters"));
    }
    if path.split('/').count() > MAX_DEPTH {
        return Err(refusal("name-depth", "at most 64 folders inside one another"));
    }
    path.split('/').try_for_each(check_part)?;
    check_other_readings(path)?;
    Ok((path, is_folder))
}

/// How often a name is percent-decoded: programs that decode twice are old news, four times none has been seen.
const DECODINGS: usize = 3;

/// Names that lead nowhere here, but do for a program that folds compatibility characters (fullwidth dots and
/// slashes) or decodes percent signs.
fn check_other_readings(path: &str) -> Result<(), PathRefusal> {
    let plain = if path.is_ascii() { path.to_owned() } else { path.nfkc().collect() };
    if leads_out(&plain) {
        return Err(refusal(
            "name-lookalike",
            "with compatibility characters read as plain ones it leads out",
        ));
    }
    let mut text = plain.into_bytes();
    for _ in 0..DECODINGS {
        if !text.contains(&b'%') {
            break;
        }
        text = percent_decoded(&text);
        if leads_out(&String::from_utf8_lossy(&text)) {
            return Err(refusal("name-encoded", "with its percent signs decoded it leads out"));
        }
    }
    Ok(())
}

/// Whether a lenient program would leave the folder by this path.
fn leads_out(path: &str) -> bool {
    let mut parts = path.split(['/', '\\']);
    let drive = matches!(path.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    drive
        || path.starts_with(['/', '\\'])
        || parts.any(|part| matches!(part, "." | ".."))
        || path.contains('\0')
}

/// Percent signs decoded once, overlong forms of ASCII characters among them.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                let value = u8::try_from(high * 16 + low).unwrap_or_default();
                match (decoded.last().copied(), value) {
                    (Some(0xC0), 0x80..=0xBF) => {
                        decoded.pop();
                        decoded.push(value & 0x3F);
                    }
                    _ => decoded.push(value),
                }
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

fn check_part(part: &str) -> Result<(), PathRefusal> {
    match part {
        "" => return Err(refusal("name-empty", "a part of the path is empty")),
        "." | ".." => return Err(refusal("name-traversal", "names may not hold . or ..")),
        _ => {}
    }
    if part.len() > MAX_NAME_BYTES {
        return Err(refusal("name-length", "a part of a path has at most 255 bytes"));
    }
    // One character may stand for eighteen: what compares names is to cost no more than they are long.
    if !part.is_ascii() && part.nfkc().map(char::len_utf8).sum::<usize>() > 4 * MAX_NAME_BYTES {
        return Err(refusal("name-length", "a part of a path has at most 1020 bytes when it is spelled out"));
    }
    if part.ends_with(['.', ' ']) {
        return Err(refusal("name-trailing", "names may not end in a dot or a space: Windows drops them"));
    }
    if is_reserved_on_windows(part) {
        return Err(refusal("name-reserved", "the name means a device on Windows"));
    }
    // A colon alone stands in many honest names, such as times.
    if part.contains(":$") || part.contains("::") {
        return Err(refusal("name-stream", "the name means a hidden stream on Windows"));
    }
    Ok(())
}

fn is_reserved_on_windows(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| {
            let mut chars = rest.chars();
            matches!((chars.next(), chars.next()), (Some('1'..='9' | '¹' | '²' | '³'), None))
        })
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$")
        || numbered("COM")
        || numbered("LPT")
}

/// How a part of a path compares on a computer that ignores case and Unicode form. As a hash: one character may
/// fold to eighteen, and memory is to be bounded by the names' own bytes.
fn folded(part: &str) -> [u8; 32] {
    if part.is_ascii() {
        return Sha256::digest(part.to_ascii_lowercase()).into();
    }
    // Through upper case, so that ß and SS, ſ and s, ς and σ meet; from lower case, so that ẞ meets them too.
    let lower: String = part.nfkc().flat_map(char::to_lowercase).collect();
    let upper = lower.to_uppercase();
    let folded: String = upper.to_lowercase().nfkc().collect();
    Sha256::digest(folded).into()
}

/// The paths seen so far, as a tree: each part is kept once, so that memory is bounded by the names' bytes.
#[derive(Debug, Default)]
pub(crate) struct PathTree {
    nodes: HashMap<(usize, [u8; 32]), Node>,
}

#[derive(Debug)]
struct Node {
    id: usize,
    exact: String,
    is_folder: bool,
    /// Named by an entry of its own, not only by what lies inside it.
    named: bool,
}

impl PathTree {
    /// Adds a checked path, and the folders on its way.
    pub(crate) fn add(&mut self, path: &str, is_folder: bool) -> Result<(), PathRefusal> {
        let mut parent = 0;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let wants_folder = !last || is_folder;
            let next = self.nodes.len() + 1;
            match self.nodes.entry((parent, folded(part))) {
                Entry::Vacant(free) => {
                    if next > MAX_ENTRIES {
                        return Err(refusal("entries", "at most 20000 files and folders"));
                    }
                    free.insert(Node {
                        id: next,
                        exact: part.to_owned(),
                        is_folder: wants_folder,
                        named: last,
                    });
                    parent = next;
                }
                Entry::Occupied(mut held) => {
                    let held = held.get_mut();
                    if held.exact != part {
                        return Err(refusal(
                            "name-collision",
                            "two names differ only in case or Unicode form",
                        ));
                    }
                    if held.is_folder != wants_folder {
                        return Err(refusal("name-conflict", "one name is both a file and a folder"));
                    }
                    if last && held.named {
                        return Err(refusal("name-duplicate", "the same name comes twice"));
                    }
                    held.named |= last;
                    parent = held.id;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(raw: &[u8]) -> &'static str {
        check_path(raw).map_or_else(|refused| refused.rule, |_| "fine")
    }

    #[test]
    fn ordinary_names_pass() {
        for name in [
            "main.py",
            "a/b/c.txt",
            "folder/",
            "繁體 中文.txt",
            ".hidden",
            "a..b",
            "com10",
            "console.log",
            "12:30",
            "2026-11-21T12:30:00.csv",
            "100%.txt",
            "a%2Fb.html",
            "%",
            "%e",
            "方案\u{ff1a}最終.txt",
            "1\u{ff0f}2.txt",
            "etc\u{2026}",
        ] {
            assert_eq!(rule(name.as_bytes()), "fine", "{name}");
        }
    }

    #[test]
    fn each_rule_refuses_what_it_is_for() {
        let long_part = "a".repeat(256);
        let long_path = vec!["a".repeat(200); 21].join("/");
        let deep = vec!["a"; 65].join("/");
        for (name, expected) in [
            ("", "name-empty"),
            ("/", "name-absolute"),
            ("/etc/passwd", "name-absolute"),
            ("a//b", "name-empty"),
            ("../a", "name-traversal"),
            ("a/../b", "name-traversal"),
            ("./a", "name-traversal"),
            ("a/.", "name-traversal"),
            ("a\\b", "name-backslash"),
            ("..\\a", "name-backslash"),
            ("C:/a", "name-drive"),
            ("c:a", "name-drive"),
            ("a\0b", "name-control"),
            ("a\nb", "name-control"),
            ("a\u{1b}[2J", "name-control"),
            ("a\u{202e}txt.exe", "name-control"),
            ("a\u{200b}", "name-control"),
            ("a.", "name-trailing"),
            ("a /b", "name-trailing"),
            ("con", "name-reserved"),
            ("x/NUL.txt", "name-reserved"),
            ("LPT1", "name-reserved"),
            ("com¹.log", "name-reserved"),
            ("a.py::$DATA", "name-stream"),
            ("a.py:x:$DATA", "name-stream"),
            ("\u{ff0e}\u{ff0e}/a", "name-lookalike"),
            ("\u{2025}/a", "name-lookalike"),
            ("\u{2024}\u{2024}\u{ff0f}a", "name-lookalike"),
            ("\u{ff0f}etc", "name-lookalike"),
            ("\u{ff23}\u{ff1a}\u{ff3c}a", "name-lookalike"),
            ("%2e%2e/a", "name-encoded"),
            ("%2E%2E%2fa", "name-encoded"),
            ("a%2f..%5cb", "name-encoded"),
            ("%252e%252e%252fa", "name-encoded"),
            ("%c0%ae%c0%ae%c0%afa", "name-encoded"),
            ("%2fetc%2fpasswd", "name-encoded"),
            ("a%00.py", "name-encoded"),
            (&long_part, "name-length"),
            (&"\u{fdfa}".repeat(80), "name-length"),
            (&long_path, "name-length"),
            (&deep, "name-depth"),
        ] {
            assert_eq!(rule(name.as_bytes()), expected, "{name:?}");
        }
        assert_eq!(rule(b"a\xff"), "name-encoding");
    }

    #[test]
    fn collisions_are_seen_across_case_form_and_folders() {
        for (first, second, expected) in [
            ("a.txt", "a.txt", "name-duplicate"),
            ("a.txt", "A.TXT", "name-collision"),
            ("\u{e9}", "e\u{301}", "name-collision"),
            ("stra\u{df}e", "STRASSE", "name-collision"),
            ("stra\u{1e9e}e", "strasse", "name-collision"),
            ("\u{ff41}", "a", "name-collision"),
            ("A/x", "a/y", "name-collision"),
            ("a", "a/b", "name-conflict"),
            ("a/b", "a", "name-conflict"),
        ] {
            let mut tree = PathTree::default();
            tree.add(first, false).expect(first);
            assert_eq!(tree.add(second, false).expect_err(second).rule, expected, "{first} {second}");
        }
        let mut tree = PathTree::default();
        assert_eq!(tree.add("a/b", false), Ok(()));
        assert_eq!(tree.add("a", true), Ok(()), "a folder may be named after what is in it");
        assert_eq!(tree.add("a", true).expect_err("twice").rule, "name-duplicate");
    }

    #[test]
    fn implied_folders_count() {
        let mut tree = PathTree::default();
        let refused = (0..MAX_ENTRIES).find_map(|n| tree.add(&format!("{n}/x"), false).err());
        assert_eq!(refused.map(|r| r.rule), Some("entries"));
        assert!(tree.nodes.len() <= MAX_ENTRIES);
    }
}
