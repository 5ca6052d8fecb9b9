//! A desktop of one's own: a session bus without services, a display, and the promise that no process stays behind.

use crate::patience::until;
use crate::scene::Scene;
use crate::worker::Worker;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub const BROWSER: &[&str] = &["chromedriver", "chromium"];
pub const BUS: &[&str] = &["dbus-daemon"];
pub const WINDOW: &[&str] = &["dbus-daemon", "Xvfb", "WebKitWebDriver"];
/// Services of a desktop, answered by python-dbusmock, and whoever tells what follows.
pub const SIGNALS: &[&str] =
    &["dbus-daemon", "chromedriver", "chromium", crate::mocks::PYTHON, crate::mocks::DBUSMOCK];
/// The same with a display and a window manager.
pub const SIGNALS_X11: &[&str] = &[
    "dbus-daemon",
    "chromedriver",
    "chromium",
    crate::mocks::PYTHON,
    crate::mocks::DBUSMOCK,
    "Xvfb",
    "openbox",
];

/// Only what is on this bus is there: no keyring and no accessibility service of the machine's is started.
const BUS_RULES: &str = r#"<busconfig>
  <type>session</type>
  <listen>ADDRESS</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A process of ours that ends with the value.
pub struct Owned(Child);

impl Owned {
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_owned();
        Self(command.spawn().unwrap_or_else(|e| panic!("{}: {e}", name.display())))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // In order at first: a display leaves its lock behind otherwise.
        if let Some(pid) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        for _ in 0..100 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Stage {
    pub scene: Scene,
    pub name: &'static str,
    display: Option<(String, Owned)>,
    bus: Option<Owned>,
}

impl Stage {
    /// A stage with these programs, or nothing after saying what is missing.
    pub async fn open(name: &'static str, programs: &[&str]) -> Option<Self> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let here =
            |program: &str| std::env::split_paths(&folders).any(|folder| folder.join(program).is_file());
        if let Some(missing) = programs.iter().find(|program| !here(program)) {
            let required = std::env::var("HIVEMIND_REQUIRE_DESKTOP").is_ok_and(|value| value == "1");
            assert!(!required, "a desktop is required: {missing} is not installed");
            println!("SKIPPED {name}: {missing} is not installed");
            return None;
        }
        let scene = Scene::open(name).await?;
        let private = |folder: &str| {
            let path = scene.path(folder);
            std::fs::DirBuilder::new().mode(0o700).create(path).expect("a folder");
        };
        private("desktop-home");
        private("runtime");
        let mut stage = Self { scene, name, display: None, bus: None };
        if programs.contains(&"dbus-daemon") {
            stage.bus = Some(stage.start_bus("bus").await);
        }
        if programs.contains(&"Xvfb") {
            stage.display = Some(stage.start_display());
        }
        Some(stage)
    }

    pub fn bus_address(&self) -> String {
        self.address_of("bus")
    }

    pub fn address_of(&self, bus: &str) -> String {
        format!("unix:path={}", self.scene.path(bus).display())
    }

    /// A bus with this name.
    pub async fn start_bus(&self, name: &str) -> Owned {
        let rules = self.scene.path(&format!("{name}.conf"));
        std::fs::write(&rules, BUS_RULES.replace("ADDRESS", &self.address_of(name))).expect("a file");
        let mut daemon = self.command("dbus-daemon");
        daemon.arg(format!("--config-file={}", rules.display())).args(["--nofork", "--nopidfile"]);
        let bus = Owned::start(&mut daemon);
        let socket = self.scene.path(name);
        until("a bus", Duration::from_secs(20), async || socket.exists().then_some(())).await;
        bus
    }

    fn start_display(&self) -> (String, Owned) {
        let mut server = self.command("Xvfb");
        server.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]);
        server.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Owned::start(&mut server);
        let mut number = String::new();
        BufReader::new(process.0.stdout.take().expect("a pipe")).read_line(&mut number).expect("a display");
        assert!(!number.trim().is_empty(), "Xvfb found no free display");
        (format!(":{}", number.trim()), process)
    }

    /// What programs on this desktop find in their environment, besides home and path.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("LANG", "C.UTF-8".into()),
            ("XDG_RUNTIME_DIR", self.scene.path("runtime").display().to_string()),
        ];
        if self.bus.is_some() {
            variables.push(("DBUS_SESSION_BUS_ADDRESS", self.bus_address()));
        }
        if let Some((display, _)) = &self.display {
            variables.push(("DISPLAY", display.clone()));
        }
        variables
    }

    /// A program on this desktop.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.variables()).env("HOME", self.scene.path("desktop-home"));
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.stdin(Stdio::null());
        command
    }

    /// A worker on this desktop.
    pub async fn worker(&self, master: &str, words: &'static [&'static str]) -> Worker<'_> {
        Worker::open_as(&self.scene, "worker", master, words, &self.variables()).await
    }

    /// The same with more variables.
    pub async fn worker_with(
        &self,
        master: &str,
        words: &'static [&'static str],
        more: &[(&'static str, String)],
    ) -> Worker<'_> {
        let variables = [self.variables(), more.to_vec()].concat();
        Worker::open_as(&self.scene, "worker", master, words, &variables).await
    }

    /// Closes every window of this program as a person does; how many there were.
    pub fn close_windows(&self, program: &str) -> usize {
        crate::screen::close_windows(self.display(), program)
    }

    /// The display's name.
    pub fn display(&self) -> &str {
        &self.display.as_ref().expect("a display").0
    }

    /// Whether our page is painted somewhere on the display.
    pub fn page_is_painted(&self) -> bool {
        crate::screen::page_is_painted(self.display())
    }

    /// Processes of this program on this desktop.
    pub fn running(&self, program: &str) -> Vec<Pid> {
        let is_it = |(_, line): &(Pid, String)| {
            let first = line.split('\0').next().unwrap_or_default();
            Path::new(first).file_name().is_some_and(|name| name == program)
        };
        self.processes().into_iter().filter(is_it).map(|(pid, _)| pid).collect()
    }

    /// Everything that runs on this desktop, known by its environment: process and command line.
    fn processes(&self) -> Vec<(Pid, String)> {
        let mark = self.scene.path("");
        let mark = mark.display().to_string();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
            let Some(pid) =
                entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
            else {
                continue;
            };
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            if String::from_utf8_lossy(&environment).contains(&mark) {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push((pid, String::from_utf8_lossy(&line).into_owned()));
            }
        }
        found
    }

    /// Takes the desktop down and looks whether a program has outlived its time.
    pub async fn close(mut self) {
        drop((self.display.take(), self.bus.take()));
        let mut left = Vec::new();
        for _ in 0..100 {
            left = self.processes();
            if left.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("processes are left over: {left:?}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for _ in 0..50 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            for (pid, _) in left {
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The window program beside the worker.
pub fn window_program() -> PathBuf {
    let program = crate::program::binary().with_file_name("hivemind-worker-window");
    assert!(
        program.is_file(),
        "{} is missing: build it first with `cargo build -p hivemind-window`",
        program.display()
    );
    program
}
