//! Names that say nothing.

use super::{Finding, Source};

const EMPTY: [&str; 8] = ["util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"];
/// Words before a name that is being declared.
const DECLARES: [&str; 6] = ["struct", "enum", "trait", "class", "interface", "mod"];

/// Files, folders, modules and types with an empty name.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let folders = source.path.rsplit_once('/').map_or("", |(folders, _)| folders);
        for part in folders.split('/').chain([source.stem()]) {
            if EMPTY.contains(&part.to_lowercase().as_str()) {
                findings.push(Finding::new(&source.path, format!("`{part}` says nothing; name what it is")));
            }
        }
        if source.ending() == "rs" || source.ending() == "ts" || source.ending() == "svelte" {
            findings.extend(declared(source));
        }
    }
    findings
}

fn declared(source: &Source) -> impl Iterator<Item = Finding> + '_ {
    source.text.lines().enumerate().filter_map(|(number, line)| {
        let mut words =
            line.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).filter(|w| !w.is_empty());
        let mut before =
            words.by_ref().skip_while(|word| matches!(*word, "pub" | "crate" | "export" | "abstract"));
        before.next().filter(|word| DECLARES.contains(word))?;
        let name = before.next()?;
        let last = last_word(name);
        EMPTY.contains(&last.as_str()).then(|| {
            Finding::new(
                format!("{}:{}", source.path, number + 1),
                format!("`{name}` says nothing; name what it is"),
            )
        })
    })
}

/// The last word of `TaskManager` or `task_manager`, in lower case.
fn last_word(name: &str) -> String {
    let start = name.rfind(|letter: char| letter.is_uppercase() || letter == '_').unwrap_or(0);
    name[start..].trim_start_matches('_').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source;

    #[test]
    fn planted_names_are_found() {
        for planted in [
            source("crates/a/src/util.rs", ""),
            source("crates/common/src/lib.rs", ""),
            source("ui/src/lib/Helpers.ts", ""),
            source("crates/a/src/task.rs", "pub struct TaskManager {"),
            source("crates/a/src/task.rs", "pub(crate) mod task_helpers;"),
            source("ui/src/a.ts", "export class StreamHelper {"),
        ] {
            assert_eq!(check(std::slice::from_ref(&planted)).len(), 1, "{planted:?}");
        }
    }

    #[test]
    fn honest_names_pass() {
        let honest = "use tauri::Manager;\nstruct Ledger;\n// a struct Manager\nmod commons;\n";
        assert!(check(&[source("crates/a/src/ledger.rs", honest)]).is_empty());
    }
}
