//! Wine with the programs that `cargo xtask test` made ready, and what the sensors print there.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::Instant;

const WINE: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";
/// Names the folder in which everything is.
const VARIABLE: &str = "HIVEMIND_WINE";
/// Seconds that any program may take. The first one of a test starts what Windows runs in the background.
const PATIENCE: &str = "60";

/// A prefix has one desktop: one test at a time has it. Between processes nextest sees to that.
static DESKTOP: Mutex<()> = Mutex::new(());

/// A prefix in use. Everything that runs in it ends with this.
pub struct Wine {
    folder: PathBuf,
    _desktop: MutexGuard<'static, ()>,
}

impl Wine {
    /// None, with the word for it, where Wine was not made ready.
    pub fn find(test: &str) -> Option<Self> {
        let folder = std::env::var_os(VARIABLE).map(PathBuf::from);
        let Some(folder) = folder.filter(|folder| folder.join("prefix").is_dir()) else {
            println!("SKIPPED {test}: no programs for Windows, or no Wine to run them");
            return None;
        };
        let desktop = DESKTOP.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Self { folder, _desktop: desktop })
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
    pub fn start(&self, words: &[&str]) -> Child {
        self.command(WINE).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What `desk.exe` printed.
    pub fn desk(&self, words: &[&str]) -> String {
        let done = self.start(&[&["desk.exe"], words].concat()).wait_with_output().unwrap();
        assert!(done.status.success(), "desk {words:?} ended with {}", done.status);
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Sends the sensors' window a message: milliseconds it took to answer, and the answer.
    pub fn tell(&self, message: u32, wparam: u32) -> (u64, u64) {
        let said = self.desk(&["tell", &message.to_string(), &wparam.to_string(), "0"]);
        let (took, answer) = said.split_once(' ').unwrap();
        (took.parse().unwrap(), answer.parse().unwrap())
    }

    /// Watches the sensors for so many seconds; returns when they have told something.
    pub fn watch(&self, seconds: u32, words: &[&str]) -> Watched {
        let length = seconds.to_string();
        let mut child = self.start(&[&["senses.exe", &length], words].concat());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let out = BufReader::new(child.stdout.take().unwrap());
        let into = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let told = serde_json::from_str(&line).unwrap_or(Value::String(line));
                into.lock().unwrap().push((Instant::now(), told));
            }
        });
        let watched = Watched { child, lines, reader: Some(reader) };
        watched.waits_for("idle_seconds", Value::is_number);
        watched
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        for word in ["-k", "-w"] {
            let _ = self.command(SERVER).arg(word).status();
        }
    }
}

/// Sensors that are watched.
pub struct Watched {
    child: Child,
    lines: Arc<Mutex<Vec<(Instant, Value)>>>,
    reader: Option<JoinHandle<()>>,
}

impl Watched {
    /// What one sensor told until now, and when.
    pub fn told(&self, sensor: &str) -> Vec<(Instant, Value)> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter_map(|(at, line)| Some((*at, line.get(sensor)?.clone()))).collect()
    }

    /// Waits until what a sensor told last is what is expected; returns when it was told.
    pub fn waits_for(&self, sensor: &str, expected: impl Fn(&Value) -> bool) -> Instant {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some((at, _)) = self.told(sensor).last().filter(|(_, told)| expected(told)) {
                return *at;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{sensor} told only {:?} of {:?}", self.told(sensor), self.lines.lock().unwrap());
    }

    /// Waits for the end; returns what it said besides.
    pub fn ends(mut self) -> String {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success(), "{said}");
        self.reader.take().unwrap().join().unwrap();
        said
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // What it started is ended with everything else in the prefix.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
