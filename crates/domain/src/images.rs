//! Which images tasks may run in: the owner's three lists, and what they say about a reference.
//!
//! A task that could name any image could read whatever lies in the owner's own ones. So nothing is allowed but the
//! standard image and what the owner listed. What stands on more than one list is denied before it is asked about,
//! and asked about before it is allowed.

use std::collections::BTreeSet;

/// Longest list as a text, in bytes.
pub const MAX_LIST_BYTES: usize = 8192;
/// Longest name on a list, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// What the owner's lists say about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may run.
    Allow,
    /// The owner has to be asked first.
    Ask,
    /// It may not run.
    Deny,
}

/// The owner's answer about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// For the next task that wants it.
    Once,
    /// From now on.
    Always,
    /// Never.
    Never,
}

/// The repository of an image reference: without tag and digest.
#[must_use]
pub fn repository(reference: &str) -> &str {
    let named = reference.split('@').next().unwrap_or_default();
    let last = named.rfind('/').map_or(0, |slash| slash + 1);
    let name = named[last..].find(':').map_or(named, |colon| &named[..last + colon]);
    // `docker.io/library/busybox`, `library/busybox` and `busybox` are one repository.
    let name =
        name.strip_prefix("index.docker.io/").or_else(|| name.strip_prefix("docker.io/")).unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

/// A list of repositories: names, `name/*` for everything below, `*` for everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageList(Vec<String>);

impl ImageList {
    /// Reads names with commas between.
    ///
    /// # Errors
    /// The first part that is no name, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LIST_BYTES {
            return Err(format!("a list has at most {MAX_LIST_BYTES} bytes"));
        }
        let mut names: Vec<String> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let plain = part.strip_suffix("/*").unwrap_or(part);
            let fine = part == "*"
                || (plain.len() <= MAX_NAME_BYTES
                    && !plain.is_empty()
                    && plain
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/' | b':'))
                    && plain.split('/').all(|name| !name.is_empty()));
            if !fine {
                return Err(format!("\"{}\" is no image name", crate::text::plain_line(part, 60)));
            }
            let name = repository(part).to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(Self(names))
    }

    /// Whether the list names the reference's repository.
    #[must_use]
    pub fn names(&self, reference: &str) -> bool {
        let wanted = repository(reference);
        self.0.iter().any(|name| match name.strip_suffix('*') {
            Some("") => true,
            Some(below) => wanted.len() > below.len() && wanted.starts_with(below),
            None => name == wanted,
        })
    }

    /// The list with one more name, as it is written into the settings.
    #[must_use]
    pub fn with(&self, reference: &str) -> Self {
        let name = repository(reference).to_owned();
        let mut names = self.0.clone();
        if !names.contains(&name) {
            names.push(name);
        }
        Self(names)
    }

    /// The list without this very name; what a `*` covers stays covered.
    #[must_use]
    pub fn without(&self, reference: &str) -> Self {
        let name = repository(reference);
        Self(self.0.iter().filter(|held| *held != name).cloned().collect())
    }
}

impl std::fmt::Display for ImageList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// Everything the owner decided about images.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageRules {
    /// Repository of the standard image, which is allowed unless it is denied by name.
    pub standard: String,
    /// Allowed.
    pub allow: ImageList,
    /// To be asked about.
    pub ask: ImageList,
    /// Denied, whatever else is said.
    pub deny: ImageList,
    /// Repositories allowed for one more task.
    pub once: BTreeSet<String>,
    /// Largest image, unpacked, in bytes.
    pub max_bytes: u64,
    /// Room for images that tasks brought here, in bytes.
    pub quota_bytes: u64,
}

impl ImageRules {
    /// Rules of an owner who lets every image run, however large: for tests and measurements.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            allow: ImageList(vec!["*".to_owned()]),
            max_bytes: u64::MAX,
            quota_bytes: u64::MAX,
            ..Self::default()
        }
    }

    /// What the lists say about a reference, the one-time answers left out.
    #[must_use]
    pub fn lasting(&self, reference: &str) -> Decision {
        let wanted = repository(reference);
        // A bare id names whatever lies in the engine.
        if wanted.is_empty() || wanted == "sha256" || self.deny.names(reference) {
            Decision::Deny
        } else if wanted == repository(&self.standard) {
            Decision::Allow
        } else if self.ask.0.iter().any(|name| name == wanted) {
            Decision::Ask
        } else if self.allow.names(reference) {
            Decision::Allow
        } else if self.ask.names(reference) {
            Decision::Ask
        } else {
            Decision::Deny
        }
    }

    /// What holds for the next task that names this reference.
    #[must_use]
    pub fn decide(&self, reference: &str) -> Decision {
        match self.lasting(reference) {
            Decision::Ask if self.once.contains(repository(reference)) => Decision::Allow,
            decision @ (Decision::Allow | Decision::Ask | Decision::Deny) => decision,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(allow: &str, ask: &str, deny: &str) -> ImageRules {
        ImageRules {
            standard: "j/worker".into(),
            allow: ImageList::parse(allow).unwrap(),
            ask: ImageList::parse(ask).unwrap(),
            deny: ImageList::parse(deny).unwrap(),
            ..ImageRules::default()
        }
    }

    #[test]
    fn tags_digests_and_the_usual_registry_do_not_belong_to_the_repository() {
        for (reference, expected) in [
            ("a/b:1", "a/b"),
            ("a/b@sha256:00", "a/b"),
            ("host:5000/a/b:1@sha256:00", "host:5000/a/b"),
            ("host:5000/a/b", "host:5000/a/b"),
            ("docker.io/library/busybox:1", "busybox"),
            ("plain", "plain"),
        ] {
            assert_eq!(repository(reference), expected, "{reference}");
        }
    }

    #[test]
    fn only_the_standard_image_and_the_owners_list_are_allowed() {
        let rules = rules("python, other/x, team/*", "", "");
        for (reference, expected) in [
            ("j/worker:latest", Decision::Allow),
            ("j/worker@sha256:00", Decision::Allow),
            ("docker.io/library/python:3", Decision::Allow),
            ("team/tool:2", Decision::Allow),
            ("team", Decision::Deny),
            ("team/", Decision::Deny),
            ("teams/tool", Decision::Deny),
            ("my/secret:latest", Decision::Deny),
            ("j/worker-other:latest", Decision::Deny),
            ("sha256:0123", Decision::Deny),
            ("", Decision::Deny),
        ] {
            assert_eq!(rules.decide(reference), expected, "{reference}");
        }
    }

    #[test]
    fn denied_wins_and_a_name_that_is_asked_about_is_not_allowed_by_a_star() {
        let rules = rules("*", "big/model", "big/model, evil/*, j/worker");
        assert_eq!(rules.decide("any/thing"), Decision::Allow);
        assert_eq!(rules.decide("evil/a"), Decision::Deny);
        assert_eq!(rules.decide("big/model:1"), Decision::Deny);
        assert_eq!(rules.decide("j/worker"), Decision::Deny, "also the standard image, by name");
        let rules = self::rules("*", "big/model", "");
        assert_eq!(rules.decide("big/model"), Decision::Ask);
    }

    #[test]
    fn an_answer_once_is_for_what_would_be_asked() {
        let mut rules = rules("", "*", "evil/x");
        assert_eq!(rules.decide("new/tool:1"), Decision::Ask);
        rules.once.insert("new/tool".into());
        rules.once.insert("evil/x".into());
        assert_eq!(rules.decide("new/tool:2"), Decision::Allow);
        assert_eq!(rules.lasting("new/tool:2"), Decision::Ask);
        assert_eq!(rules.decide("evil/x"), Decision::Deny);
    }

    #[test]
    fn lists_are_read_written_and_bounded() {
        let list = ImageList::parse(" a/b , python:3,,a/b, host:5000/x/* ").unwrap();
        assert_eq!(list.to_string(), "a/b, python, host:5000/x/*");
        assert_eq!(ImageList::parse(&list.to_string()), Ok(list.clone()));
        assert_eq!(list.with("new/one:2").without("python").to_string(), "a/b, host:5000/x/*, new/one");
        for bad in ["a b", "a;b", "a//b", "/a", "a\nb", "**", "a*", "é"] {
            assert!(ImageList::parse(bad).is_err(), "{bad}");
        }
        assert!(ImageList::parse(&"a,".repeat(MAX_LIST_BYTES)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_denied_never_runs(reference in "[a-z]{1,3}(/[a-z]{1,3}){0,2}(:[0-9])?", once: bool) {
            let mut rules = rules("*", "*", repository(&reference));
            if once {
                rules.once.insert(repository(&reference).to_owned());
            }
            prop_assert_eq!(rules.decide(&reference), Decision::Deny);
        }

        #[test]
        fn any_text_is_decided_without_harm(reference in ".{0,80}", list in ".{0,80}") {
            let rules = ImageRules { allow: ImageList::parse(&list).unwrap_or_default(), ..rules("", "", "") };
            let decision = rules.decide(&reference);
            prop_assert!(decision == rules.lasting(&reference));
        }
    }
}
