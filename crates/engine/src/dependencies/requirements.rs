//! `requirements.txt`: names and versions, nothing else.
//!
//! The installer's own format may name other indexes, local files, repositories to clone and variables to put in.
//! Read here, a line is a name with extras, versions, a marker and hashes; everything else is refused with its
//! number. What the installer gets is written anew from what was understood.

use sha2::{Digest, Sha256};

/// Most bytes.
pub(crate) const MAX_BYTES: u64 = 64 * 1024;
/// Most lines.
const MAX_LINES: usize = 200;
const MAX_NAME_BYTES: usize = 100;
const MAX_VERSIONS: usize = 16;
const MAX_VERSION_BYTES: usize = 64;
const MAX_MARKER_BYTES: usize = 256;
const MAX_MARKER_DEPTH: usize = 4;
const MAX_MARKER_WORDS: usize = 24;
const MAX_HASHES: usize = 32;
/// Ends by which the installer takes a name for a file.
const FILE_ENDS: [&str; 12] = [
    ".whl",
    ".zip",
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz",
    ".tar.xz",
    ".txz",
    ".tlz",
    ".tar.lz",
    ".tar.lzma",
];
/// Longest first, so that `==` is not read as `=` twice.
const COMPARISONS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

/// What a package depends on, in its one normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirements {
    lines: Vec<String>,
    hashed: bool,
}

/// A line that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(crate) struct LineRefusal {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Why.
    pub(crate) why: &'static str,
}

impl Requirements {
    /// Reads the file; `None` when it asks for nothing.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, LineRefusal> {
        let whole = |why| LineRefusal { line: 1, why };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(whole("the file is larger than 64 KiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| whole("the file is not UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = Vec::new();
        let mut open: Option<(usize, String)> = None;
        for (number, line) in (1..).zip(text.lines()) {
            if number > MAX_LINES {
                return Err(LineRefusal { line: number, why: "the file has more than 200 lines" });
            }
            if line.chars().any(|c| c.is_control() && c != '\t') || !line.is_ascii() && !is_comment(line) {
                return Err(LineRefusal { line: number, why: "it holds what no requirement holds" });
            }
            let (start, mut logical) = open.take().unwrap_or((number, String::new()));
            let line = without_comment(line);
            if let Some(front) = line.trim_end().strip_suffix('\\') {
                logical.push_str(front);
                logical.push(' ');
                open = Some((start, logical));
                continue;
            }
            logical.push_str(line);
            if let Some(line) = requirement(logical.trim()).map_err(|why| LineRefusal { line: start, why })? {
                lines.push(line);
            }
        }
        if let Some((line, _)) = open {
            return Err(LineRefusal { line, why: "it goes on where the file ends" });
        }
        lines.sort_unstable();
        lines.dedup();
        let hashed = lines.iter().any(|line| line.contains(" --hash="));
        Ok((!lines.is_empty()).then_some(Self { lines, hashed }))
    }

    /// Whether hashes are named: then the installer demands one for everything.
    pub(crate) fn is_hashed(&self) -> bool {
        self.hashed
    }

    /// The file for the installer.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Names the result of installing them in an image from an index.
    pub(crate) fn key(&self, image: &str, index: &str) -> String {
        let mut hash = Sha256::new();
        for part in [image, index, &self.text()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }
}

fn is_comment(line: &str) -> bool {
    without_comment(line).is_ascii()
}

/// A comment begins at the line's start or behind a space.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return line.get(..at).unwrap_or_default();
        }
        before = c;
    }
    line
}

/// One requirement in normal form; nothing for an empty line.
fn requirement(line: &str) -> Result<Option<String>, &'static str> {
    if line.is_empty() {
        return Ok(None);
    }
    if line.starts_with('-') {
        return Err("options are not taken");
    }
    if line.contains("://") || line.contains('@') {
        return Err("addresses and repositories are not taken, only names");
    }
    if line.starts_with('.') || line.contains(['/', '\\']) {
        return Err("files and folders are not taken, only names");
    }
    let (line, hashes) = match line.find(" --") {
        Some(at) => (line.get(..at).unwrap_or_default(), hashes(line.get(at..).unwrap_or_default())?),
        None => (line, Vec::new()),
    };
    let (line, marker) = match line.split_once(';') {
        Some((front, marker)) => (front, Some(check_marker(marker.trim())?)),
        None => (line, None),
    };
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let name = check_name(name)?;
    let rest = rest.trim();
    let (extras, versions) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (extras, versions) = rest.split_once(']').ok_or("its extras do not end")?;
            (check_extras(extras)?, versions.trim())
        }
        None => (String::new(), rest),
    };
    let mut out = format!("{name}{extras}{}", check_versions(versions)?);
    if let Some(marker) = marker {
        out.push_str(&format!(" ; {marker}"));
    }
    for hash in hashes {
        out.push_str(&format!(" --hash={hash}"));
    }
    Ok(Some(out))
}

/// PEP 503: case and the kind of dash play no part.
fn check_name(name: &str) -> Result<String, &'static str> {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if name.len() > MAX_NAME_BYTES || !plain || !edge(name.bytes().next()) || !edge(name.bytes().next_back())
    {
        return Err("it begins with no name of a package");
    }
    let lower = name.to_ascii_lowercase();
    if FILE_ENDS.iter().any(|end| lower.ends_with(end)) {
        return Err("files are not taken, only names");
    }
    let parts: Vec<&str> = lower.split(['.', '_', '-']).filter(|part| !part.is_empty()).collect();
    Ok(parts.join("-"))
}

fn check_extras(text: &str) -> Result<String, &'static str> {
    let mut extras = Vec::new();
    for extra in text.split(',') {
        extras.push(check_name(extra.trim()).map_err(|_| "its extras are none")?);
    }
    extras.sort_unstable();
    extras.dedup();
    if extras.len() > MAX_VERSIONS {
        return Err("it has more than 16 extras");
    }
    Ok(format!("[{}]", extras.join(",")))
}

fn check_versions(text: &str) -> Result<String, &'static str> {
    let text = match text.strip_prefix('(') {
        Some(inner) => inner.strip_suffix(')').ok_or("its versions do not end")?,
        None => text,
    };
    if text.is_empty() {
        return Ok(String::new());
    }
    let mut versions = Vec::new();
    for part in text.split(',') {
        let part = part.trim();
        let comparison = COMPARISONS.iter().find(|c| part.starts_with(**c)).ok_or("its version is none")?;
        let version = part.get(comparison.len()..).unwrap_or_default().trim();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".*+!_-".contains(&b);
        if version.is_empty() || version.len() > MAX_VERSION_BYTES || !version.bytes().all(plain) {
            return Err("its version is none");
        }
        versions.push(format!("{comparison}{version}"));
    }
    if versions.len() > MAX_VERSIONS {
        return Err("it has more than 16 versions");
    }
    versions.sort_unstable();
    Ok(versions.join(","))
}

/// A condition such as `python_version >= "3.8" and sys_platform == "linux"`. Only its size and letters are checked;
/// what it means is the installer's part, in a container.
fn check_marker(text: &str) -> Result<String, &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" \t_.'\"<>=!~(),+-*".contains(&b);
    if text.is_empty() || !text.bytes().all(plain) {
        return Err("its marker is none");
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1).ok_or("its marker is none")?,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if text.len() > MAX_MARKER_BYTES || words.len() > MAX_MARKER_WORDS || deepest > MAX_MARKER_DEPTH {
        return Err("its marker is too large");
    }
    if depth != 0 {
        return Err("its marker is none");
    }
    Ok(words.join(" "))
}

fn hashes(text: &str) -> Result<Vec<String>, &'static str> {
    let mut hashes = Vec::new();
    for word in text.split_ascii_whitespace() {
        let hash = word.strip_prefix("--hash=").ok_or("options other than --hash are not taken")?;
        let (kind, digits) = hash.split_once(':').ok_or("its hash is none")?;
        let wanted = match kind {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return Err("its hash is neither sha256, sha384 nor sha512"),
        };
        if digits.len() != wanted || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("its hash is none");
        }
        hashes.push(hash.to_owned());
    }
    hashes.sort_unstable();
    if hashes.len() > MAX_HASHES {
        return Err("it has more than 32 hashes");
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        Requirements::parse(text.as_bytes()).expect(text).map(|r| r.text()).unwrap_or_default()
    }

    #[test]
    fn the_same_wishes_have_one_form() {
        let hash = "a".repeat(64);
        let text = format!(
            "\u{feff}# tools – für alle\r\nZope.Interface[Test, b] >= 1.0 , <2  # why\n\nnumpy\nNumPy\n\
             a_b~=1.2 ; python_version>='3.8'  and  (sys_platform == \"linux\")\nc (==1.*)\n\
             h==1.0 \\\n    --hash=sha256:{hash}\n"
        );
        let lines = [
            "a-b~=1.2 ; python_version>='3.8' and (sys_platform == \"linux\")",
            "c==1.*",
            &format!("h==1.0 --hash=sha256:{hash}"),
            "numpy",
            "zope-interface[b,test]<2,>=1.0",
        ];
        assert_eq!(read(&text), lines.map(|line| format!("{line}\n")).concat());
        assert_eq!(read("# nothing\n\n   \n"), "");
        let [first, second] =
            ["a\nb\n", "B\n\n# x\nA"].map(|t| Requirements::parse(t.as_bytes()).expect("fine"));
        let [first, second] = [first, second].map(|r| r.expect("some").key("image", "index"));
        assert_eq!(first, second);
        let other = Requirements::parse(b"a\nb").expect("fine").expect("some");
        assert_ne!(first, other.key("other", "index"));
        assert!(!other.is_hashed());
    }

    #[test]
    fn everything_else_is_refused_with_its_line() {
        let long_name = "a".repeat(101);
        let deep = format!("a ; {}x{}", "(".repeat(5), ")".repeat(5));
        let bomb = format!("a ; {}", "x or ".repeat(20));
        let many = format!("a{}", ",<1".repeat(20));
        for line in [
            "--index-url https://evil.example/simple",
            "-i https://evil.example/simple",
            "--extra-index-url=https://evil.example",
            "-f /etc",
            "--find-links .",
            "--trusted-host evil.example",
            "--no-binary :all:",
            "--pre",
            "-r other.txt",
            "-c limits.txt",
            "-e .",
            "-e git+https://evil.example/x#egg=x",
            "git+https://evil.example/x",
            "https://evil.example/x.whl",
            "file:///etc/passwd",
            "x @ https://evil.example/x.whl",
            "x@file:x",
            "./x",
            "../x",
            "/etc/passwd",
            "x/y",
            "c:\\x.whl",
            "x.whl",
            "x.TAR.GZ",
            "x.zip==1",
            "${HOME}",
            "x==${VERSION}",
            "$(id)",
            "x; `id`",
            "x ; os_name == '$x'",
            "x ; ",
            "x ; (a",
            "x ; a)",
            "x==1 --global-option=x",
            "x==1 --config-settings x=y",
            "x==1 --hash=md5:d41d8cd98f00b204e9800998ecf8427e",
            "x==1 --hash=sha256:123",
            "x==1 --hash sha256:123",
            "x=1",
            "x==",
            "x 1.0",
            "x==1 y==2",
            "x[",
            "x[]",
            "x[a b]",
            "x(==1",
            "_x",
            "x-",
            "ünï",
            "x\u{202e}y",
            "x\u{0}",
            "x\u{1b}[31m",
            long_name.as_str(),
            deep.as_str(),
            bomb.as_str(),
            many.as_str(),
        ] {
            let refused = Requirements::parse(format!("fine\n{line}\n").as_bytes()).expect_err(line);
            assert_eq!(refused.line, 2, "{line:?}: {refused}");
        }
        assert_eq!(Requirements::parse(b"a \\\n").expect_err("unfinished").line, 1);
        assert_eq!(Requirements::parse("a\n".repeat(201).as_bytes()).expect_err("long").line, 201);
        assert!(Requirements::parse(&vec![b'#'; 65_537]).is_err());
        assert!(Requirements::parse(b"a\xff").is_err());
    }
}
