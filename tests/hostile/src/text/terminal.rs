//! The command line: the real program as a process of its own, at the real socket of a worker that lets everything
//! through. What it prints must be as many lines as with a harmless text, each of them printable.

use super::fault;
use super::stranger::Stranger;
use hivemind_control::{Control, StatusState};
use hivemind_domain::text::plain_line;
use hivemind_local_api::SocketListener;
use hivemind_store::DataFolder;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// What is asked of the program, and whether its answer holds the text.
const COMMANDS: &[(&[&str], bool)] = &[
    (&["status"], true),
    (&["tasks"], true),
    (&["tasks", "7", "--debug"], true),
    (&["tasks", "7"], true),
    (&["logs", "7"], true),
    (&["timeline"], false),
    (&["doctor"], true),
    (&["earnings"], true),
    (&["hosts", "show"], true),
    (&["images", "show"], true),
    (&["settings", "show"], true),
    (&["metrics"], true),
    (&["prove"], true),
    (&["preset"], true),
    (&["support"], false),
    // Refused, with the text as the reason.
    (&["start"], true),
    (&["--json", "stop"], false),
    (&["--json", "status"], false),
];

/// The longest line, in bytes: as long as a line of a task's output can be.
const LONGEST: usize = 16 * 1024;

/// So much of a text is looked for: none is cut so early.
const BEGINNING: usize = 24;

/// Lines that each command prints with a harmless text, in English and in Chinese.
static HARMLESS: LazyLock<[Vec<usize>; 2]> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    ["en", "zh-tw"].map(|language| {
        let said = ask("harmless", language, &folder.path().join(language)).expect("a harmless text");
        said.iter().map(|said| said.lines().count()).collect()
    })
});

/// What is wrong with what is printed for this text; nothing when all is well.
pub(super) fn judge(text: &str, folder: &Path) -> Option<String> {
    // What is left of a text may be nothing: something stands around it.
    let text = format!("a{text}z");
    for (language, harmless) in ["en", "zh-tw"].into_iter().zip(HARMLESS.iter()) {
        let said = match ask(&text, language, &folder.join(language)) {
            Ok(said) => said,
            Err(why) => return Some(why),
        };
        for ((said, lines), (words, shows)) in said.iter().zip(harmless).zip(COMMANDS) {
            let wrong = || {
                // JSON is as long as it must be.
                let longest = if words.contains(&"--json") { usize::MAX } else { LONGEST };
                if let Some(fault) = said.lines().find_map(|line| fault(line, longest)) {
                    return Some(fault);
                }
                if said.contains('\r') || said.lines().count() != *lines {
                    return Some(format!("{} lines instead of {lines}", said.lines().count()));
                }
                let shown = plain_line(&text, BEGINNING);
                (*shows && !said.contains(&shown)).then(|| format!("nothing of {shown:?}"))
            };
            if let Some(wrong) = wrong() {
                return Some(format!("{} in {language}: {wrong}", words.join(" ")));
            }
            if *words == ["--json", "status"] && !told_whole(said, &text) {
                return Some("JSON lost something".to_owned());
            }
        }
    }
    None
}

/// What is for programs holds every character.
fn told_whole(said: &str, text: &str) -> bool {
    let json: Value = serde_json::from_str(said.trim_end()).unwrap_or_default();
    json["tasks"][0]["name"].as_str().is_some_and(|name| !name.is_empty() && text.starts_with(name))
}

/// Standard output and standard error of every command, one after the other.
fn ask(text: &str, language: &str, home: &Path) -> Result<Vec<String>, String> {
    let program = program()?;
    std::fs::create_dir_all(home).map_err(|error| error.to_string())?;
    let data = home.join("data");
    let socket =
        DataFolder::open(Some(&data)).map_err(|error| error.to_string())?.runtime().join("worker.sock");
    let end = CancellationToken::new();
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let worker: Arc<dyn Control> = Stranger::new(text, StatusState::Yielding, "en");
    let listener = runtime.block_on(SocketListener::bind(&socket)).map_err(|error| error.to_string())?;
    runtime.spawn(listener.serve(worker, end.clone()));
    let start = |words: &[&str]| -> std::io::Result<Child> {
        let mut command = Command::new(&program);
        command.arg("--data").arg(&data).args(["--language", language]).args(words);
        // Nothing of this computer but where programs are.
        command.env_clear().env("HOME", home).env("TMPDIR", home).current_dir(home);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // On Windows no program starts without it.
        if let Some(root) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", root);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    // A few at a time: each waits for the worker more than it works.
    let mut said = Vec::new();
    for some in COMMANDS.chunks(6) {
        let children: Vec<_> = some.iter().map(|(words, _)| start(words)).collect();
        for child in children {
            let output = child.and_then(Child::wait_with_output).map_err(|error| error.to_string())?;
            let both = [output.stdout, output.stderr].concat();
            said.push(String::from_utf8(both).map_err(|error| error.to_string())?);
        }
    }
    end.cancel();
    runtime.shutdown_background();
    Ok(said)
}

/// The program that `HIVEMIND_WORKER_BIN` names, or the one built beside this one.
fn program() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("HIVEMIND_WORKER_BIN") {
        return Ok(named.into());
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let name = format!("hivemind-worker{}", std::env::consts::EXE_SUFFIX);
    // A test lies in `deps` of the folder, this group's own program in the folder itself.
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join(&name));
    beside
        .into_iter()
        .find(|program| program.is_file())
        .ok_or_else(|| "the program is missing: build it first with `cargo build -p hivemind-app`".to_owned())
}
