//! The private engine: one `dockerd` in its own network namespace.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Engine;
use crate::console;
use crate::folders::{Folders, set};
use crate::program::{capture, program, run, succeeds};

/// Sockets, pid files and the log. Short, because a Unix socket's path may have 107 bytes only.
const RUN: &str = "/run/hivemind-test";
/// Images and containers; `HIVEMIND_ENGINE_DATA` names another folder (a disk with room, not an overlay).
const DATA: &str = "/var/lib/hivemind-test";
const NAMESPACE: &str = "hm-engine";
/// A cold start took 0.7 to 0.9 s; a busy machine with leftovers to clean needs much longer.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(50);

struct Places {
    socket: PathBuf,
    pid: PathBuf,
    containerd_pid: PathBuf,
    exec: PathBuf,
    log: PathBuf,
    lock: PathBuf,
}

impl Places {
    fn new() -> Self {
        let run = Path::new(RUN);
        Self {
            socket: run.join("docker.sock"),
            pid: run.join("docker.pid"),
            containerd_pid: run.join("exec/containerd/containerd.pid"),
            exec: run.join("exec"),
            log: run.join("dockerd.log"),
            lock: run.join("lock"),
        }
    }

    fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

/// Starts it unless it answers; returns its address. Several callers at once start one engine.
pub fn start(_folders: &Folders) -> Result<String> {
    let places = Places::new();
    fs::create_dir_all(RUN).with_context(|| format!("cannot make {RUN}"))?;
    let _lock = lock(&places.lock)?;
    if answers(&places.socket) {
        return Ok(places.host());
    }
    console::step("Starting a private Docker engine");
    let starting = running(&places.pid);
    if starting.is_none() {
        // A pid file that outlived its process makes the next start hang.
        forget(&places.pid)?;
        forget(&places.containerd_pid)?;
        namespace()?;
        spawn(&places)?;
    }
    if !wait(PATIENCE, || answers(&places.socket)) {
        let log = fs::read_to_string(&places.log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(8).collect();
        bail!(
            "the engine did not answer within {} s; the end of {}:\n{}",
            PATIENCE.as_secs(),
            places.log.display(),
            tail.into_iter().rev().collect::<Vec<_>>().join("\n")
        );
    }
    Ok(places.host())
}

/// Removes its containers and ends it.
pub fn stop() -> Result<()> {
    let places = Places::new();
    if !Path::new(RUN).exists() {
        console::note("no engine was started here");
        return Ok(());
    }
    let _lock = lock(&places.lock)?;
    let Some(pid) = running(&places.pid) else {
        console::note("the engine is not running");
        return Ok(());
    };
    if answers(&places.socket) {
        // With --live-restore containers outlive the engine: they go first.
        let engine = Engine { host: places.host() };
        let listed = capture(engine.docker().args(["ps", "-aq"]))?;
        let containers: Vec<&str> = listed.split_whitespace().collect();
        if !containers.is_empty() {
            capture(engine.docker().args(["rm", "-f", "-v"]).args(containers))?;
        }
    }
    run(program("kill").args(["-TERM", &pid.to_string()]))?;
    if !wait(Duration::from_secs(30), || running(&places.pid).is_none()) {
        bail!("the engine (process {pid}) did not end within 30 s");
    }
    forget(&places.pid)?;
    forget(&places.containerd_pid)?;
    forget(&places.socket)?;
    console::note("the engine has ended");
    Ok(())
}

fn lock(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

fn namespace() -> Result<()> {
    let mut up = program("ip");
    up.args(["-n", NAMESPACE, "link", "set", "lo", "up"]);
    let file = Path::new("/run/netns").join(NAMESPACE);
    if file.exists() && !succeeds(&mut up) {
        // A name whose namespace is gone.
        std::fs::remove_file(&file)?;
    }
    if !file.exists() {
        run(program("ip").args(["netns", "add", NAMESPACE]))?;
    }
    run(&mut up)
}

fn spawn(places: &Places) -> Result<()> {
    let log = OpenOptions::new().create(true).append(true).open(&places.log)?;
    // nsenter, not `ip netns exec`: the latter remounts /sys, and the engine then finds no cgroups.
    program("nsenter")
        .arg(format!("--net=/run/netns/{NAMESPACE}"))
        .args(["dockerd", "--live-restore", "--log-level", "warn"])
        .args(["--data-root", &set("HIVEMIND_ENGINE_DATA").unwrap_or_else(|| DATA.to_owned())])
        .arg("--exec-root")
        .arg(&places.exec)
        .arg("--pidfile")
        .arg(&places.pid)
        .args(["-H", &places.host()])
        .stdout(log.try_clone()?)
        .stderr(log)
        // Its own group: Ctrl-C at this tool must not end the engine under running containers.
        .process_group(0)
        .spawn()
        .context("cannot start dockerd")?;
    Ok(())
}

/// Whether the engine behind this socket answers its ping.
fn answers(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let patience = Some(Duration::from_secs(5));
    if stream.set_read_timeout(patience).and_then(|()| stream.set_write_timeout(patience)).is_err() {
        return false;
    }
    if stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n").is_err() {
        return false;
    }
    let mut head = [0_u8; 12];
    stream.read_exact(&mut head).is_ok() && head.ends_with(b" 200")
}

/// The process in this pid file, when it lives and is an engine. A zombie is dead.
fn running(pid_file: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(pid_file).ok()?.trim().parse().ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default().to_owned()
    };
    (field("Name:") == "dockerd" && !field("State:").starts_with('Z')).then_some(pid)
}

fn forget(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
    }
}

fn wait(patience: Duration, done: impl Fn() -> bool) -> bool {
    let start = crate::clock::now();
    while !done() {
        if crate::clock::now().duration_since(start) > patience {
            return false;
        }
        std::thread::sleep(TICK);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_of_another_program_is_not_an_engine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        assert_eq!(running(&file), None);
        fs::write(&file, format!("{}\n", std::process::id())).unwrap();
        assert_eq!(running(&file), None, "this test is not dockerd");
        fs::write(&file, "no number").unwrap();
        assert_eq!(running(&file), None);
    }

    #[test]
    fn a_socket_nobody_listens_on_does_not_answer() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!answers(&folder.path().join("none.sock")));
    }
}
