//! What a task's Python finds beside the task: its dependencies, and a module that shows its lines as they end.
//!
//! Python holds back what it prints to a pipe, and its own way out (`PYTHONUNBUFFERED`, `python -u`) loses output: it
//! takes a write that was done in part for a whole one, and a write is done in part whenever a program that waits for
//! room in a full pipe is stopped, be it by a signal or by the engine's pause (seen with CPython 3.11: of 200,000
//! lines up to 3,126 were missing). So the output is buffered, and written at the end of each line.

/// Folder in a task's working folder; no package may hold it.
pub(crate) const NAME: &str = ".hivemind-python";
/// What Python runs before any program, where it is not told to run nothing of the kind (`-I`, `-S`): then lines come
/// late, and whole.
pub(crate) const MODULE: &str = ".hivemind-python/sitecustomize.py";
/// Its text.
pub(crate) const TEXT: &str = include_str!("python/sitecustomize.py");
/// Folder of dependencies in a task's working folder; no package may hold it.
pub(crate) const DEPENDENCIES_NAME: &str = ".hivemind-deps";

/// The variable that leads Python to these folders, and to where its image wanted it to look.
pub(crate) fn path_variable(dependencies: bool, image: Option<&str>) -> String {
    let work = crate::policy::WORK_DIR;
    let mut folders = vec![format!("{work}/{NAME}")];
    folders.extend(dependencies.then(|| format!("{work}/{DEPENDENCIES_NAME}")));
    folders.extend(image.filter(|path| !path.is_empty()).map(str::to_owned));
    format!("PYTHONPATH={}", folders.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_looks_at_ours_then_at_the_dependencies_then_where_its_image_wanted() {
        assert_eq!(path_variable(false, None), "PYTHONPATH=/work/.hivemind-python");
        assert_eq!(path_variable(false, Some("")), "PYTHONPATH=/work/.hivemind-python");
        assert_eq!(
            path_variable(true, Some("/opt/a:/opt/b")),
            "PYTHONPATH=/work/.hivemind-python:/work/.hivemind-deps:/opt/a:/opt/b"
        );
        assert!(MODULE.starts_with(NAME));
    }
}
