//! Files a person can read in one sitting.

use super::{Finding, Source};

/// Above this a file is named.
const WISHED: usize = 400;
/// Above this it fails, unless listed below.
const LIMIT: usize = 800;
/// Longer files, each with the reason why it is better whole.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Files above the limit without a reason, and reasons without a file.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    check_with(sources, EXCEPTIONS)
}

fn check_with(sources: &[Source], exceptions: &[(&str, &str)]) -> Vec<Finding> {
    let long = |source: &&Source| lines(source) > LIMIT;
    let excepted = |path: &str| exceptions.iter().any(|(name, _)| *name == path);
    let mut findings: Vec<Finding> = sources
        .iter()
        .filter(long)
        .filter(|source| !excepted(&source.path))
        .map(|source| Finding::new(&source.path, format!("{} lines; at most {LIMIT}", lines(source))))
        .collect();
    for (path, _) in exceptions {
        if !sources.iter().filter(long).any(|source| source.path == *path) {
            findings.push(Finding::new(*path, "is listed as a long file and is none"));
        }
    }
    findings
}

/// Files above the wished length.
pub fn warnings(sources: &[Source]) -> Vec<Finding> {
    sources
        .iter()
        .filter(|source| (WISHED + 1..=LIMIT).contains(&lines(source)))
        .map(|source| {
            Finding::new(&source.path, format!("{} lines; about {WISHED} are wished for", lines(source)))
        })
        .collect()
}

fn lines(source: &Source) -> usize {
    source.text.lines().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source;

    #[test]
    fn a_planted_long_file_is_found() {
        let sources =
            [source("a.rs", &"x\n".repeat(801)), source("b.rs", &"x\n".repeat(800)), source("c.rs", "x")];
        assert_eq!(check_with(&sources, &[]), [Finding::new("a.rs", "801 lines; at most 800")]);
        assert_eq!(warnings(&sources).len(), 1);
        assert!(check_with(&sources, &[("a.rs", "a table")]).is_empty());
    }

    #[test]
    fn an_exception_ends_with_its_file() {
        assert_eq!(check_with(&[source("a.rs", "x")], &[("a.rs", "a table")]).len(), 1);
    }
}
