//! The UI's seam: it knows its host only through `ui/src/platform`.

use super::{Finding, Source};

const SHELL: &str = "@tauri-apps/";
const SHELL_SEAM: &str = "ui/src/platform/tauri";

/// Imports of the desktop shell outside its seam.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    sources
        .iter()
        .filter(|source| source.path.starts_with("ui/src/") && !in_seam(&source.path))
        .filter(|source| source.text.contains(SHELL))
        .map(|source| Finding::new(&source.path, format!("imports {SHELL}*; only {SHELL_SEAM} may")))
        .collect()
}

fn in_seam(path: &str) -> bool {
    path.strip_prefix(SHELL_SEAM).is_some_and(|rest| rest.starts_with('/') || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source;

    #[test]
    fn a_planted_import_is_found() {
        let text = "import { invoke } from '@tauri-apps/api/core'";
        assert_eq!(check(&[source("ui/src/screens/Home.svelte", text)]).len(), 1);
        assert_eq!(check(&[source("ui/src/platform/tauri-like.ts", text)]).len(), 1);
        assert!(
            check(&[source("ui/src/platform/tauri.ts", text), source("ui/src/platform/tauri/a.ts", text)])
                .is_empty()
        );
    }
}
