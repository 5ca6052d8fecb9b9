//! Programs for Windows under Wine, in the prefix that `cargo xtask test` made ready for all packages.

use crate::lock;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};

const WINE: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";
/// Names the folder in which everything is.
const VARIABLE: &str = "HIVEMIND_WINE";
/// Seconds that any program may take. The first one of a test starts what Windows runs in the background.
const PATIENCE: &str = "120";

/// A prefix has one desktop and one list of services: one test at a time has it. Between processes nextest sees to that.
static DESKTOP: Mutex<()> = Mutex::new(());

/// A prefix in use. Everything that runs in it ends with this.
#[derive(Debug)]
pub struct Wine {
    folder: PathBuf,
    _desktop: MutexGuard<'static, ()>,
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// On standard output.
    pub out: String,
    /// On standard error.
    pub err: String,
    /// The code of its end; 124 when it took too long.
    pub code: Option<i32>,
}

impl Wine {
    /// None, with the word for it, where Wine was not made ready.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "a test says so when it is skipped")]
    pub fn find(test: &str) -> Option<Self> {
        let folder = std::env::var_os(VARIABLE).map(PathBuf::from);
        let Some(folder) = folder.filter(|folder| folder.join("prefix").is_dir()) else {
            println!("SKIPPED {test}: no programs for Windows, or no Wine to run them");
            return None;
        };
        Some(Self { folder, _desktop: lock(&DESKTOP) })
    }

    /// Where the prefix and the programs lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path as programs of Windows know it.
    #[must_use]
    pub fn named(path: &Path) -> String {
        format!("Z:{}", path.display().to_string().replace('/', "\\"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("timeout");
        command
            .args([PATIENCE, program])
            .current_dir(&self.folder)
            .env("WINEARCH", "win64")
            .env("WINEPREFIX", self.folder.join("prefix"))
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
            .env("HOME", self.folder.join("home"))
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null());
        command
    }

    /// Starts a program of Windows.
    ///
    /// # Panics
    /// When Wine is not there any more.
    pub fn start(&self, words: &[&str]) -> Child {
        let mut command = self.command(WINE);
        command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("Wine starts")
    }

    /// Runs a program of Windows to its end.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Said {
        let done = self.start(words).wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace('\r', "").trim().to_owned();
        Said { out: text(done.stdout), err: text(done.stderr), code: done.status.code() }
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        for word in ["-k", "-w"] {
            let _ = self.command(SERVER).arg(word).status();
        }
    }
}
