//! The grammar of image references.

/// A checked image reference, such as `registry.example:5000/team/tool:1.2` or `tool@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageReference {
    /// Everything before the tag or digest.
    pub(crate) repository: String,
    /// Tag, or digest with its algorithm; `latest` when none was given.
    pub(crate) version: String,
}

impl ImageReference {
    /// Checks the grammar of Docker's references. Bare image ids are refused: they would let a task name any image
    /// on this computer.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > 512 {
            return Err("a reference has 1 to 512 bytes");
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        if let Some(digest) = digest {
            let hex = digest.strip_prefix("sha256:").ok_or("a digest is sha256:")?;
            if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err("a digest is 64 hexadecimal digits in lower case");
            }
        }
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (rest, None),
        };
        if let Some(tag) = tag {
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let fine = tag.len() <= 128
                && tag.bytes().next().is_some_and(word)
                && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'));
            if !fine {
                return Err("a tag is letters, digits, _ . - and at most 128 of them");
            }
        }
        check_repository(repository)?;
        if repository == "sha256" {
            return Err("an image id is no reference");
        }
        let version = digest.or(tag).unwrap_or("latest").to_owned();
        Ok(Self { repository: repository.to_owned(), version })
    }

    /// The reference in full.
    pub(crate) fn full(&self) -> String {
        let mark = if self.version.starts_with("sha256:") { '@' } else { ':' };
        format!("{}{mark}{}", self.repository, self.version)
    }
}

fn check_repository(repository: &str) -> Result<(), &'static str> {
    let (host, path) = match repository.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, repository),
    };
    if let Some(host) = host {
        let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let name_fine = name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
        if !name_fine || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err("its registry is no host name with an optional port");
        }
    }
    let part_fine = |part: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(part.chars().next())
            && edge(part.chars().next_back())
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
            && !part.contains("..")
            && !part.contains("___")
    };
    if path.split('/').all(part_fine) {
        Ok(())
    } else {
        Err("a name is lower-case letters, digits and . _ - between them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, full) in [
            ("busybox", "busybox:latest".to_owned()),
            ("justin308/hivemind-worker:latest", "justin308/hivemind-worker:latest".to_owned()),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest".to_owned()),
            ("registry.example.org/x_y/z-1:V1.2_3", "registry.example.org/x_y/z-1:V1.2_3".to_owned()),
            (&format!("python:3@{digest}"), format!("python@{digest}")),
        ] {
            assert_eq!(ImageReference::parse(text).map(|r| r.full()), Ok(full), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let id = format!("sha256:{}", "a".repeat(64));
        for text in [
            "",
            "Upper",
            "a b",
            "-x",
            "a/",
            "/a",
            "a//b",
            "a:",
            "a:-b",
            "a@sha256:12",
            "a@md5:00",
            "../a",
            "a..b",
            "http://x/y",
            "a\n",
            "a;b",
            "$(id)",
            "ex_ample.org/a",
            "x.y:port/a",
            id.as_str(),
        ] {
            assert!(ImageReference::parse(text).is_err(), "{text}");
        }
    }
}
